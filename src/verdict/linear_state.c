/* SPDX-License-Identifier: BSD-2-Clause */
/* What targets do: net/netfilter/xt_mark.c, xt_connmark.c, xt_CT.c. */
#include <string.h>

#include "verdict/linear.h"

void linear_state_init(struct linear_state *s, const struct verdict_packet *p)
{
    *s = (struct linear_state){.packet = *p};
}

static void apply_mark(struct verdict_packet *p, const struct rules_target_mark *t)
{
    p->mark = (p->mark & ~t->mask) ^ t->value;
    if (t->mask == UINT32_MAX)
        p->unknown &= ~(uint32_t)VERDICT_NO_MARK;
}

static uint32_t shift(const struct rules_target_mark *t, uint32_t value)
{
    if (t->shift >= 32)
        return 0;
    return t->left_shift ? value << t->shift : value >> t->shift;
}

static void set_connmark(struct verdict_packet *p, uint32_t mark, bool known)
{
    p->has_connmark = true;
    p->connmark = mark;
    if (known)
        p->unknown &= ~(uint32_t)VERDICT_NO_CONNMARK;
    else
        p->unknown |= VERDICT_NO_CONNMARK;
}

static void restore_mark(struct verdict_packet *p, const struct rules_target_mark *t, uint32_t connmark)
{
    bool known =
        !(p->unknown & VERDICT_NO_CONNMARK) && (t->nfmask == UINT32_MAX || !(p->unknown & VERDICT_NO_MARK));

    p->mark = (p->mark & ~t->nfmask) ^ shift(t, connmark & t->ctmask);
    if (known)
        p->unknown &= ~(uint32_t)VERDICT_NO_MARK;
    else
        p->unknown |= VERDICT_NO_MARK;
}

/* Without a connection nothing happens; in raw there is none yet. */
static void apply_connmark(struct linear_state *s, const struct rules_target_mark *t)
{
    struct verdict_packet *p = &s->packet;

    if (!p->view || !p->view->flow || s->has_template)
        return;
    uint32_t connmark = p->has_connmark ? p->connmark : p->view->flow->mark;
    bool known = !(p->unknown & VERDICT_NO_CONNMARK);
    switch (t->action) {
    case RULES_MARK_SET:
        set_connmark(p, shift(t, (connmark & ~t->mask) ^ t->value), known || t->mask == UINT32_MAX);
        break;
    case RULES_MARK_SAVE:
        set_connmark(p, (connmark & ~t->ctmask) ^ shift(t, p->mark & t->nfmask),
                     !(p->unknown & VERDICT_NO_MARK) && (known || t->ctmask == UINT32_MAX));
        break;
    default:
        restore_mark(p, t, connmark);
        break;
    }
}

/* What rules behind CT see: a connection that belongs to nobody (nf_ct_tmpl_alloc), state NEW; behind NOTRACK
 * none, UNTRACKED. */
static struct track_flow template_flow;
static const struct track_view template_view = {.state = TRACK_NEW, .flow = &template_flow};
static const struct track_view untracked_view = {.state = TRACK_UNTRACKED};

/* xt_ct_target does nothing to a packet that has a connection or a template already. */
static void apply_ct(struct linear_state *s, const struct rules_target_ct *ct)
{
    if (s->has_template || s->packet.view)
        return;
    s->has_template = true;
    if (!ct || ct->notrack) {
        s->template.notrack = true;
        s->packet.view = &untracked_view;
        return;
    }
    s->template.zone = ct->zone_from_mark ? (uint16_t)s->packet.mark : ct->zone;
    s->template_unknown |=
        (ct->zone_from_mark && s->packet.unknown & VERDICT_NO_MARK) || ct->zone_direction != 0;
    if (ct->helper[0])
        s->template.helper = strcmp(ct->helper, "ftp") == 0 ? TRACK_HELPER_FTP : TRACK_HELPER_OTHER;
    s->packet.view = &template_view;
}

void linear_state_apply(struct linear_state *s, const struct rules_target *target)
{
    switch (target->type) {
    case RULES_TARGET_MARK:
        apply_mark(&s->packet, &target->mark);
        break;
    case RULES_TARGET_CONNMARK:
        apply_connmark(s, &target->mark);
        break;
    case RULES_TARGET_CT:
        apply_ct(s, target->ct);
        break;
    case RULES_TARGET_NOTRACK:
        apply_ct(s, NULL);
        break;
    default:
        break;
    }
}

int linear_target_code(const struct rules_target *target)
{
    switch (target->type) {
    case RULES_TARGET_ACCEPT:
        return VERDICT_ACCEPT;
    case RULES_TARGET_DROP:
        return VERDICT_DROP;
    case RULES_TARGET_REJECT:
        return VERDICT_REJECT;
    case RULES_TARGET_OPAQUE:
        return target->decides ? VERDICT_DEPENDS : -1;
    default:
        return -1;
    }
}

void linear_conclude(const struct verdict_packet *p, enum verdict_code code, const struct rules_chain *chain,
                     const struct rules_rule *rule, struct verdict *ret)
{
    if (chain && !rule)
        code = chain->policy == RULES_POLICY_DROP ? VERDICT_DROP : VERDICT_ACCEPT;
    *ret = (struct verdict){
        .code = code,
        .chain = chain,
        .rule = rule,
        .number = chain && rule ? (uint32_t)(rule - chain->rules) + 1 : 0,
        .mark = p->mark,
        .connmark_set = p->has_connmark,
        .connmark = p->connmark,
        .unknown = p->unknown & (VERDICT_NO_MARK | VERDICT_NO_CONNMARK),
    };
}

void linear_state_conclude(const struct linear_state *s, enum verdict_code code,
                           const struct rules_chain *chain, const struct rules_rule *rule,
                           struct verdict *ret)
{
    linear_conclude(&s->packet, code, chain, rule, ret);
    ret->template = s->template;
}
