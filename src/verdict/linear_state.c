/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "verdict/linear.h"
#include "verdict/match/topic.h"

enum { DSCP_MASK = 0xfc }; /* of the TOS field */

void linear_state_init(struct effect_state *s, const struct verdict_packet *p)
{
    *s = (struct effect_state){.packet = *p};
}

static void read_ct(const struct rules_target_ct *ct, struct effect *ret)
{
    if (ct->notrack) {
        ret->kind = EFFECT_NOTRACK;
        return;
    }
    ret->kind = EFFECT_CT;
    ret->zone = ct->zone;
    ret->zone_from_mark = ct->zone_from_mark;
    ret->zone_one_way = ct->zone_direction != 0;
    if (ct->helper[0])
        ret->helper = strcmp(ct->helper, "ftp") == 0 ? TRACK_HELPER_FTP : TRACK_HELPER_OTHER;
}

static void read_mark(const struct rules_target_mark *t, enum effect_kind kind, struct effect *ret)
{
    *ret = (struct effect){.kind = (uint8_t)kind,
                           .shift = t->shift,
                           .left_shift = t->left_shift,
                           .value = t->value,
                           .mask = t->mask,
                           .ctmask = t->ctmask,
                           .nfmask = t->nfmask};
}

static void read_ttl(const struct rules_target_ttl *t, struct effect *ret)
{
    *ret = (struct effect){.kind = EFFECT_TTL, .change = t->change, .value = t->ttl};
}

static void read_tos(uint8_t value, uint8_t mask, struct effect *ret)
{
    *ret = (struct effect){.kind = EFFECT_TOS, .value = value, .mask = mask};
}

/* The MTU of the path is not asked for. */
static void read_mss(const struct rules_target_tcpmss *t, struct effect *ret)
{
    if (t->clamp)
        *ret = (struct effect){.kind = EFFECT_CHANGE, .value = VERDICT_NO_TCP};
    else
        *ret = (struct effect){.kind = EFFECT_MSS, .value = t->mss};
}

/* What rules behind a target that is not evaluated can't know. */
static uint32_t changed(uint16_t changes)
{
    static const struct {
        uint16_t change;
        uint32_t unknown;
    } rows[] = {
        {RULES_CHANGES_MARK, VERDICT_NO_MARK}, {RULES_CHANGES_SETS, VERDICT_NO_SET},
        {RULES_CHANGES_TTL, VERDICT_NO_TTL},   {RULES_CHANGES_TOS, VERDICT_NO_TOS},
        {RULES_CHANGES_TCP, VERDICT_NO_TCP},
    };
    uint32_t unknown = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        unknown |= changes & rows[i].change ? rows[i].unknown : 0;
    return unknown;
}

static void read_opaque(const struct rules_target *target, struct effect *ret)
{
    ret->value = changed(target->opaque.changes);
    if (target->decides)
        ret->kind = EFFECT_UNKNOWN;
    else if (ret->value)
        ret->kind = EFFECT_CHANGE;
}

void linear_effect_read(const struct rules_target *target, struct effect *ret)
{
    static const enum effect_kind connmarks[] = {[RULES_MARK_SET] = EFFECT_CONNMARK_SET,
                                                 [RULES_MARK_SAVE] = EFFECT_CONNMARK_SAVE,
                                                 [RULES_MARK_RESTORE] = EFFECT_CONNMARK_RESTORE};

    *ret = (struct effect){.kind = EFFECT_NONE};
    switch (target->type) {
    case RULES_TARGET_MARK:
        read_mark(&target->mark, EFFECT_MARK, ret);
        break;
    case RULES_TARGET_CONNMARK:
        read_mark(&target->mark, connmarks[target->mark.action], ret);
        break;
    case RULES_TARGET_CT:
        read_ct(target->ct, ret);
        break;
    case RULES_TARGET_NOTRACK:
        ret->kind = EFFECT_NOTRACK;
        break;
    case RULES_TARGET_TTL:
    case RULES_TARGET_HL:
        read_ttl(&target->ttl, ret);
        break;
    case RULES_TARGET_TOS:
        read_tos(target->tos.value, target->tos.mask, ret);
        break;
    case RULES_TARGET_DSCP:
        read_tos((uint8_t)(target->dscp << 2), DSCP_MASK, ret);
        break;
    case RULES_TARGET_TCPMSS:
        read_mss(&target->tcpmss, ret);
        break;
    case RULES_TARGET_SET: /* and its members: see linear.c */
        *ret = (struct effect){.kind = EFFECT_CHANGE, .value = target->set->map_mark ? VERDICT_NO_MARK : 0};
        break;
    case RULES_TARGET_OPAQUE:
        read_opaque(target, ret);
        break;
    default:
        break;
    }
}

void linear_state_apply(struct effect_state *s, const struct effect *e)
{
    static struct track_flow template_flow;
    static const struct track_view views[] = {
        [EFFECT_VIEW_TEMPLATE] = {.state = TRACK_NEW, .flow = &template_flow},
        [EFFECT_VIEW_UNTRACKED] = {.state = TRACK_UNTRACKED},
    };
    enum effect_view view = EFFECT_VIEW_KEPT;

    if (e->kind == EFFECT_MSS)
        match_write_mss(&s->packet, (uint16_t)e->value);
    else
        view = effect_apply(s, e);

    if (view != EFFECT_VIEW_KEPT)
        s->packet.view = &views[view];
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
        return rules_target_is_nat(target) ? VERDICT_ACCEPT : -1;
    }
}

enum verdict_code linear_policy(const struct rules_chain *chain)
{
    if (chain->undeclared)
        return VERDICT_DEPENDS;
    return chain->policy == RULES_POLICY_DROP ? VERDICT_DROP : VERDICT_ACCEPT;
}

void linear_conclude(const struct verdict_packet *p, enum verdict_code code, const struct rules_chain *chain,
                     const struct rules_rule *rule, struct verdict *ret)
{
    if (chain && !rule)
        code = linear_policy(chain);
    *ret = (struct verdict){
        .code = code,
        .chain = chain,
        .rule = rule,
        .number = chain && rule ? (uint32_t)(rule - chain->rules) + 1 : 0,
        .mark = p->mark,
        .connmark_set = p->has_connmark,
        .connmark = p->connmark,
        .written = p->written,
        .unknown = p->unknown & VERDICT_CHANGEABLE,
        .because = code == VERDICT_DEPENDS ? LINEAR_NO_POLICY : NULL,
    };
}

void linear_state_conclude(const struct effect_state *s, enum verdict_code code,
                           const struct rules_chain *chain, const struct rules_rule *rule,
                           struct verdict *ret)
{
    linear_conclude(&s->packet, code, chain, rule, ret);
    ret->template = s->template;
    ret->template_unknown = s->template_unknown;
}

void linear_ways_conclude(const struct ways *w, struct verdict *ret)
{
    const struct way_end end = ways_conclude(w);

    linear_state_conclude(&w->result, end.code, end.at.chain, end.at.rule, ret);
    ret->code = end.code;
    ret->nft_chain = end.at.nft_chain;
    ret->nft_rule = end.at.nft_rule;
    ret->because = end.because;
    ret->hotdrop = end.hotdrop;
    ret->nat = end.nat;
    ret->hops = w->hops;
    ret->help = w->result_help;
}
