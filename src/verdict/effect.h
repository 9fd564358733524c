/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_EFFECT_H
#define SALLY_VERDICT_EFFECT_H

/*
 * What targets do that let the packet go on: net/netfilter/xt_mark.c, xt_connmark.c, xt_CT.c. Freestanding; an
 * effect is flat, so that an image can hold it.
 */
#include "verdict/condition/field.h"
#include "verdict/verdict.h"

enum effect_kind {
    EFFECT_NONE,
    EFFECT_UNKNOWN, /* of a target that is not evaluated and ends the walk */
    EFFECT_MARK,
    EFFECT_CONNMARK_SET,
    EFFECT_CONNMARK_SAVE,    /* the packet's mark becomes the connection's */
    EFFECT_CONNMARK_RESTORE, /* the other way round */
    EFFECT_CT,
    EFFECT_NOTRACK,
    EFFECT_TTL,    /* value, as change says (enum rules_ttl_change) */
    EFFECT_TOS,    /* tos = (tos & ~mask) ^ value */
    EFFECT_MSS,    /* value is the most */
    EFFECT_CHANGE, /* of what value says (enum verdict_ignorance), by a target that is not evaluated */
};

struct effect {
    uint8_t kind; /* enum effect_kind */
    uint8_t shift;
    bool left_shift;
    uint8_t change;
    bool zone_from_mark, zone_one_way;
    uint8_t helper; /* enum track_helper */
    uint16_t zone;
    uint32_t value, mask, ctmask, nfmask;
};

/* What the rules so far did to the packet. */
struct effect_state {
    struct verdict_packet packet; /* as the next rule sees it; its view is the walker's to change, below */
    struct track_template template;
    bool has_template;     /* the first CT or NOTRACK counts */
    bool template_unknown; /* a rule that is UNKNOWN may have made it */
    uint32_t work;         /* rules looked at before; see VERDICT_WORK */
};

/* What rules behind it see as the packet's connection. */
enum effect_view {
    EFFECT_VIEW_KEPT,
    EFFECT_VIEW_TEMPLATE,  /* behind CT one that belongs to nobody (nf_ct_tmpl_alloc), state NEW */
    EFFECT_VIEW_UNTRACKED, /* behind NOTRACK none */
};

static inline uint32_t effect_shift(const struct effect *e, uint32_t value)
{
    if (e->shift >= 32)
        return 0;
    return e->left_shift ? value << e->shift : value >> e->shift;
}

static inline void effect_mark(struct verdict_packet *p, const struct effect *e)
{
    p->mark = (p->mark & ~e->mask) ^ e->value;
    if (e->mask == UINT32_MAX)
        p->unknown &= ~(uint32_t)VERDICT_NO_MARK;
}

static inline void effect_set_connmark(struct verdict_packet *p, uint32_t mark, bool known)
{
    p->has_connmark = true;
    p->connmark = mark;
    if (known)
        p->unknown &= ~(uint32_t)VERDICT_NO_CONNMARK;
    else
        p->unknown |= VERDICT_NO_CONNMARK;
}

static inline void effect_restore_mark(struct verdict_packet *p, const struct effect *e, uint32_t connmark)
{
    bool known =
        !(p->unknown & VERDICT_NO_CONNMARK) && (e->nfmask == UINT32_MAX || !(p->unknown & VERDICT_NO_MARK));

    p->mark = (p->mark & ~e->nfmask) ^ effect_shift(e, connmark & e->ctmask);
    if (known)
        p->unknown &= ~(uint32_t)VERDICT_NO_MARK;
    else
        p->unknown |= VERDICT_NO_MARK;
}

/* Without a connection nothing happens; in raw there is none yet. */
static inline void effect_connmark(struct effect_state *s, const struct effect *e)
{
    struct verdict_packet *p = &s->packet;

    if (!p->view || !p->view->flow || s->has_template)
        return;
    uint32_t connmark = p->has_connmark ? p->connmark : p->view->flow->mark;
    bool known = !(p->unknown & VERDICT_NO_CONNMARK);
    if (e->kind == EFFECT_CONNMARK_SET)
        effect_set_connmark(p, effect_shift(e, (connmark & ~e->mask) ^ e->value),
                            known || e->mask == UINT32_MAX);
    else if (e->kind == EFFECT_CONNMARK_SAVE)
        effect_set_connmark(p, (connmark & ~e->ctmask) ^ effect_shift(e, p->mark & e->nfmask),
                            !(p->unknown & VERDICT_NO_MARK) && (known || e->ctmask == UINT32_MAX));
    else
        effect_restore_mark(p, e, connmark);
}

/* xt_ct_target does nothing to a packet that has a connection or a template already. */
static inline enum effect_view effect_ct(struct effect_state *s, const struct effect *e)
{
    if (s->has_template || s->packet.view)
        return EFFECT_VIEW_KEPT;
    s->has_template = true;
    if (e->kind == EFFECT_NOTRACK) {
        s->template.notrack = true;
        return EFFECT_VIEW_UNTRACKED;
    }
    s->template.zone = e->zone_from_mark ? (uint16_t)s->packet.mark : e->zone;
    s->template_unknown |= (e->zone_from_mark && s->packet.unknown & VERDICT_NO_MARK) || e->zone_one_way;
    s->template.helper = (enum track_helper)e->helper;
    return EFFECT_VIEW_TEMPLATE;
}

/* net/netfilter/xt_HL.c. More than was there is more than nothing: the TTL of a packet that is made up stays what its
 * sender has chosen. */
static inline void effect_ttl(struct verdict_packet *p, const struct effect *e)
{
    uint32_t ttl = condition_ttl(p);

    if (e->change != RULES_TTL_SET && condition_is_hidden_ttl(p)) {
        p->unknown |= e->change == RULES_TTL_DEC ? VERDICT_NO_TTL : 0;
        return;
    }
    if (e->change == RULES_TTL_SET)
        ttl = e->value;
    else if (e->change == RULES_TTL_INC)
        ttl = ttl + e->value > UINT8_MAX ? UINT8_MAX : ttl + e->value;
    else
        ttl = ttl > e->value ? ttl - e->value : 0;
    p->unknown &= ~(uint32_t)VERDICT_NO_TTL;
    p->written.has_ttl = true;
    p->written.ttl = (uint8_t)ttl;
}

/* xt_DSCP.c. What is not known of it and not written stays unknown. */
static inline void effect_tos(struct verdict_packet *p, const struct effect *e)
{
    uint8_t known = (uint8_t)~condition_hidden_tos(p), mask = (uint8_t)e->mask;

    p->written.tos = (uint8_t)((condition_tos(p) & ~mask) ^ (uint8_t)e->value);
    p->written.tos_mask = known | mask;
    p->written.tos &= p->written.tos_mask;
    if (p->written.tos_mask == UINT8_MAX)
        p->unknown &= ~(uint32_t)VERDICT_NO_TOS;
}

/* Not of UNKNOWN. Who calls it gives the packet the view that it returns. */
static inline enum effect_view effect_apply(struct effect_state *s, const struct effect *e)
{
    switch (e->kind) {
    case EFFECT_MARK:
        effect_mark(&s->packet, e);
        return EFFECT_VIEW_KEPT;
    case EFFECT_CONNMARK_SET:
    case EFFECT_CONNMARK_SAVE:
    case EFFECT_CONNMARK_RESTORE:
        effect_connmark(s, e);
        return EFFECT_VIEW_KEPT;
    case EFFECT_CT:
    case EFFECT_NOTRACK:
        return effect_ct(s, e);
    case EFFECT_TTL:
        effect_ttl(&s->packet, e);
        return EFFECT_VIEW_KEPT;
    case EFFECT_TOS:
        effect_tos(&s->packet, e);
        return EFFECT_VIEW_KEPT;
    case EFFECT_CHANGE:
        s->packet.unknown |= e->value;
        return EFFECT_VIEW_KEPT;
    default:
        return EFFECT_VIEW_KEPT;
    }
}

#endif
