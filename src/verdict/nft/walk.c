/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/nft/walk.h"

#include <string.h>

#include "verdict/linear.h"
#include "verdict/match/step.h"
#include "verdict/nft/nat.h"
#include "verdict/nft/state.h"
#include "verdict/nft/value.h"

enum { MAYBE_VERDICTS = 32 }; /* of a verdict map whose key is not known */

struct walk {
    struct verdict_memory *memory;
    const struct verdict_trace *trace;
    uint32_t work;
    struct ways ways;
};

/* A rule that is being walked. */
struct rule_walk {
    struct walk *w;
    const struct nft_rule *rule;
    struct way_place at;
    struct way_fall fall; /* ways on which the rule did not hold */
    unsigned depth;
    bool told;
};

/* What becomes of the way on which a rule, or a statement, holds. */
enum step {
    STEP_ON,     /* to the next statement, or rule */
    STEP_BREAK,  /* to the next rule */
    STEP_ENDED,  /* nowhere: it has ended */
    STEP_RETURN, /* back to where the chain was entered */
};

static enum way walk_chain(struct walk *w, const struct nft_chain *chain, unsigned depth);

static void tell(struct rule_walk *r, enum verdict_answer answer)
{
    const struct verdict_trace *trace = r->w->trace;

    if (!r->told && trace && trace->nft_rule)
        trace->nft_rule(trace->arg, r->rule,
                        r->fall.fell && answer == VERDICT_YES ? VERDICT_UNKNOWN : answer);
    r->told = true;
}

/* The rule maybe does not hold: that way goes on behind it. */
static enum step maybe_break(struct rule_walk *r, const char *because)
{
    struct effect_state before = r->w->ways.state;
    struct verdict_help help = r->w->ways.help;

    ways_doubt(&r->w->ways, &r->at, because);
    ways_fall(&r->w->ways, &r->fall, &before, &help);
    return STEP_ON;
}

static enum step hold(struct rule_walk *r, enum verdict_answer answer, const char *because)
{
    if (answer == VERDICT_UNKNOWN)
        return maybe_break(r, because);
    return answer == VERDICT_YES ? STEP_ON : STEP_BREAK;
}

static enum step end(struct rule_walk *r, enum verdict_code code, const char *because,
                     const struct nat_order *nat)
{
    struct way_end e = {.code = code, .at = r->at, .because = because};

    if (nat)
        e.nat = *nat;
    tell(r, VERDICT_YES);
    ways_end(&r->w->ways, &e);
    return STEP_ENDED;
}

/* ---- verdicts ---- */

static enum step enter(struct rule_walk *r, const struct nft_verdict *v)
{
    enum way way;

    if (!v->chain)
        return end(r, VERDICT_DEPENDS, "what a chain holds that is not declared", NULL);
    tell(r, VERDICT_YES);
    way = walk_chain(r->w, v->chain, r->depth + 1);
    if (way == WAY_ENDED)
        return STEP_ENDED;
    return v->code == NFT_GOTO ? STEP_RETURN : STEP_BREAK;
}

static enum step decide(struct rule_walk *r, const struct nft_verdict *v)
{
    switch (v->code) {
    case NFT_ACCEPT:
        return end(r, VERDICT_ACCEPT, NULL, NULL);
    case NFT_DROP:
        return end(r, VERDICT_DROP, NULL, NULL);
    case NFT_RETURN:
        return STEP_RETURN;
    case NFT_CONTINUE:
        tell(r, VERDICT_YES);
        return STEP_BREAK;
    default:
        return enter(r, v);
    }
}

/* A verdict that a map maybe has for the packet; chain_fall: of ways that leave the chain by it. */
static void decide_maybe(struct rule_walk *r, const struct nft_verdict *v, struct way_fall *chain_fall)
{
    struct ways *ways = &r->w->ways;
    struct effect_state before = ways->state;
    struct verdict_help help = ways->help;
    bool maybe = ways->maybe;
    enum step step;

    if (v->code == NFT_ACCEPT || v->code == NFT_DROP) {
        ways_maybe_end(ways, &(struct way_end){.code = v->code == NFT_DROP ? VERDICT_DROP : VERDICT_ACCEPT,
                                               .at = r->at,
                                               .because = ways->because});
        return;
    }
    ways->maybe = true;
    step = decide(r, v);
    ways->maybe = maybe;
    if (step == STEP_ENDED) {
        ways->state = before;
        ways->help = help;
    } else if (step == STEP_RETURN) {
        ways_fall(ways, chain_fall, &before, &help);
    } else {
        ways_join(ways, &before, &help);
    }
}

static bool same_verdict(const struct nft_verdict *a, const struct nft_verdict *b)
{
    return a->code == b->code && a->chain == b->chain;
}

/* Verdicts that the map maybe has for key, each once. false: more than are followed. */
static bool collect(const struct nft_set *set, const struct nft_value *key, const struct nft_verdict **ret,
                    size_t *ret_count)
{
    size_t count = 0, same;

    for (size_t i = 0; i < set->count; i++) {
        const struct nft_element *e = &set->elements[i];

        if (!e->verdict || (e->key->kind != NFT_EXPR_ANY && nft_element_has(e, key) == VERDICT_NO))
            continue;
        for (same = 0; same < count && !same_verdict(ret[same], e->verdict); same++)
            ;
        if (same < count)
            continue;
        if (count == MAYBE_VERDICTS)
            return false;
        ret[count++] = e->verdict;
    }
    *ret_count = count;
    return true;
}

static enum step decide_by_map(struct rule_walk *r, const struct nft_statement *s,
                               struct way_fall *chain_fall)
{
    const struct nft_world world = {&r->w->ways.state.packet, r->w->memory};
    const struct nft_verdict *maybe[MAYBE_VERDICTS];
    const struct nft_element *element = NULL;
    const char *because = "which verdict a map has for the packet";
    struct nft_value key;
    size_t count = 0;

    nft_evaluate(s->vmap.key, &world, &key);
    if (key.absent == VERDICT_YES)
        return STEP_BREAK;
    enum verdict_answer found = nft_lookup(s->vmap.set, &key, &world, &element, &because);
    if (found == VERDICT_YES && key.absent == VERDICT_NO && element && element->verdict)
        return decide(r, element->verdict);
    if (found == VERDICT_NO)
        return STEP_BREAK;
    because = key.because ? key.because : because;
    ways_doubt(&r->w->ways, &r->at, because);
    tell(r, VERDICT_UNKNOWN);
    if (!collect(s->vmap.set, &key, maybe, &count))
        ways_maybe_end(&r->w->ways,
                       &(struct way_end){.code = VERDICT_DEPENDS, .at = r->at, .because = because});
    for (size_t i = 0; i < count; i++)
        decide_maybe(r, maybe[i], chain_fall);
    return STEP_BREAK;
}

/* ---- what a packet is made ---- */

static void apply(struct rule_walk *r, const struct effect *e)
{
    linear_state_apply(&r->w->ways.state, e);
    if (r->w->ways.state.template_unknown && !way_place_is_rule(&r->w->ways.first)) {
        r->w->ways.first = r->at;
        r->w->ways.first_because = "the zone of the connection";
    }
}

static void change(struct rule_walk *r, uint32_t ignorance)
{
    apply(r, &(struct effect){.kind = EFFECT_CHANGE, .value = ignorance});
}

static uint8_t zone_direction(const struct nft_expr *key)
{
    return key->field.direction;
}

static void set_zone(struct rule_walk *r, const struct nft_expr *key, const struct nft_value *value)
{
    apply(r, &(struct effect){.kind = EFFECT_CT,
                              .zone = (uint16_t)value->part[0].value,
                              .zone_one_way =
                                  zone_direction(key) != NFT_DIRECTION_NONE || value->part[0].hidden});
}

/* Rewritten in a way that nothing behind can be sure of. */
static void lead_astray(struct rule_walk *r, const char *because)
{
    change(r, VERDICT_CHANGEABLE);
    ways_doubt(&r->w->ways, &r->at, because);
    ways_maybe_end(&r->w->ways, &(struct way_end){.code = VERDICT_DEPENDS, .at = r->at, .because = because});
}

/* tcp option maxseg size */
static bool is_mss(const struct nft_field *f)
{
    return f->base == TCP_OPTION_MSS && f->bits == 16;
}

/* Nobody on the way of the packet decides by it but rules that ask for just that. */
static bool is_of_no_account(const struct nft_field *f)
{
    static const char *const names[] = {"id", "flowlabel", "urgptr"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (f->what == NFT_WHAT_BYTES && strcmp(f->name, names[i]) == 0)
            return true;
    }
    return false;
}

static void set_known(struct rule_walk *r, const struct nft_expr *key, const struct nft_value *value)
{
    struct effect e = {.value = (uint32_t)value->part[0].value, .mask = UINT32_MAX};
    bool hidden = value->part[0].hidden;
    unsigned shift;

    switch (key->field.row->what) {
    case NFT_WHAT_MARK:
        e.kind = EFFECT_MARK;
        apply(r, &e);
        if (hidden)
            change(r, VERDICT_NO_MARK);
        break;
    case NFT_WHAT_CT_MARK:
        e.kind = EFFECT_CONNMARK_SET;
        apply(r, &e);
        if (hidden)
            change(r, VERDICT_NO_CONNMARK);
        break;
    case NFT_WHAT_CT_ZONE:
        set_zone(r, key, value);
        break;
    case NFT_WHAT_TTL:
        e = (struct effect){.kind = EFFECT_TTL, .change = RULES_TTL_SET, .value = e.value};
        apply(r, &e);
        change(r, hidden ? VERDICT_NO_TTL : 0);
        r->w->ways.hops = r->at;
        break;
    case NFT_WHAT_DSCP:
    case NFT_WHAT_ECN:
        shift = key->field.row->what == NFT_WHAT_DSCP ? 2 : 0;
        e = (struct effect){.kind = EFFECT_TOS,
                            .value = e.value << shift,
                            .mask = ((1U << key->field.row->bits) - 1) << shift};
        apply(r, &e);
        change(r, hidden ? VERDICT_NO_TOS : 0);
        break;
    case NFT_WHAT_TCP_OPTION:
        e.kind = EFFECT_MSS;
        if (hidden || !is_mss(key->field.row))
            change(r, VERDICT_NO_TCP);
        else
            apply(r, &e);
        break;
    default:
        if (is_of_no_account(key->field.row))
            change(r, VERDICT_NO_BYTES);
        else
            lead_astray(r, "what a rule writes into the packet, which is not evaluated");
        break;
    }
}

/* nft_payload_set_eval, nft_exthdr_tcp_set_eval: what is to be written must be there, if it is a part of the packet; of an
 * option of TCP it is enough that it is TCP's. old: what it is. */
static bool is_missing(const struct rule_walk *r, const struct nft_expr *key, const struct nft_value *old)
{
    const struct nft_field *f = key->kind == NFT_EXPR_FIELD ? key->field.row : NULL;

    if (f && f->what == NFT_WHAT_TCP_OPTION)
        return !nft_has_tcp(&r->w->ways.state.packet);
    return f && f->header && old->absent == VERDICT_YES;
}

static enum step set_field(struct rule_walk *r, const struct nft_statement *s)
{
    const struct nft_world world = {&r->w->ways.state.packet, r->w->memory};
    const struct nft_expr *key = s->field.key;
    struct nft_value old, value;

    if (key->kind == NFT_EXPR_UNKNOWN && nft_field_is_harmless(key->text))
        return STEP_ON;
    nft_evaluate(s->field.value, &world, &value);
    nft_evaluate(key, &world, &old);
    if (value.absent == VERDICT_YES || is_missing(r, key, &old))
        return STEP_BREAK;
    if (value.absent == VERDICT_UNKNOWN)
        maybe_break(r, value.because);
    if (key->kind == NFT_EXPR_FIELD && key->field.row->what == NFT_WHAT_TCP_OPTION &&
        old.absent == VERDICT_YES)
        return STEP_ON; /* without that option */
    if (key->kind == NFT_EXPR_FIELD)
        set_known(r, key, &value);
    else
        lead_astray(r, "what a rule writes into the packet, which is not evaluated");
    return STEP_ON;
}

/* nft_ct_helper_obj_eval: only of a connection that begins, and the first one counts. */
static void set_helper(struct rule_walk *r, const struct nft_object *o)
{
    const struct effect_state *state = &r->w->ways.state;
    const struct track_view *view = state->packet.view;
    struct verdict_help *help = &r->w->ways.help;

    if (!view || !view->flow || state->has_template || !view->fresh ||
        view->flow->status & TRACK_HELPER_ASSIGNED)
        return;
    if (!o) {
        help->unknown = true;
        return;
    }
    if (view->flow->tuple.protocol != o->helper.protocol || help->set ||
        !(state->packet.packet->family == PACKET_IPV6 ? o->helper.for_ipv6 : o->helper.for_ipv4))
        return;
    help->set = true;
    help->helper = strcmp(o->helper.type, "ftp") == 0 ? TRACK_HELPER_FTP : TRACK_HELPER_OTHER;
}

/* nft_objref_map_eval: what the map has for the packet; nothing, and the rule does not hold. */
static enum step set_helper_by_map(struct rule_walk *r, const struct nft_expr *by)
{
    const struct nft_world world = {&r->w->ways.state.packet, r->w->memory};
    const char *because = "which helper a map has for the packet";
    const struct nft_element *element = NULL;
    struct nft_value key;

    nft_evaluate(by->map.key, &world, &key);
    if (key.absent == VERDICT_YES)
        return STEP_BREAK;
    enum verdict_answer found = nft_lookup(by->map.set, &key, &world, &element, &because);
    if (found == VERDICT_NO)
        return STEP_BREAK;
    bool known = found == VERDICT_YES && key.absent == VERDICT_NO && element && element->data &&
                 element->data->kind == NFT_EXPR_OBJECT;
    set_helper(r, known ? element->data->object : NULL);
    return known ? STEP_ON : maybe_break(r, because);
}

static enum step reject(struct rule_walk *r, const struct nft_statement *s)
{
    static const uint8_t families[] = {[NFT_REJECT_ICMP] = PACKET_IPV4, [NFT_REJECT_ICMPV6] = PACKET_IPV6};
    const struct packet *p = r->w->ways.state.packet.packet;

    if ((s->reject.with == NFT_REJECT_RESET && p->protocol != PACKET_TCP) ||
        (s->reject.with != NFT_REJECT_RESET && s->reject.with != NFT_REJECT_ICMPX &&
         families[s->reject.with] != p->family))
        return STEP_BREAK; /* nft asks for that itself */
    return end(r, VERDICT_REJECT, NULL, NULL);
}

static enum step map_address(struct rule_walk *r, const struct nft_statement *s)
{
    const struct nft_world world = {&r->w->ways.state.packet, r->w->memory};
    const char *because = NULL;
    struct nat_order order = {0};

    switch (nft_nat_order(s, &world, &order, &because)) {
    case VERDICT_YES:
        return end(r, VERDICT_ACCEPT, NULL, &order);
    case VERDICT_UNKNOWN:
        return end(r, VERDICT_DEPENDS, because, NULL);
    default:
        return STEP_BREAK;
    }
}

static enum step meet_unknown(struct rule_walk *r, const struct nft_statement *s)
{
    if (s->unknown.matches)
        return maybe_break(r, s->unknown.because);
    if (s->unknown.ends)
        return end(r, VERDICT_DEPENDS, s->unknown.because, NULL);
    if (s->unknown.rewrites)
        lead_astray(r, s->unknown.because);
    return STEP_ON;
}

/* ---- what is asked ---- */

/* Of a set its elements; of numbers all that the right side is. */
static enum verdict_answer compare(const struct nft_statement *s, const struct nft_value *left,
                                   const struct nft_world *w, const char **ret_because)
{
    const struct nft_expr *right = s->match.right;
    struct nft_part flags = left->part[0];
    struct nft_value wanted;
    const struct nft_element *element;
    nft_number last;

    if (right->kind == NFT_EXPR_SET)
        return nft_lookup(right->set, left, w, &element, ret_because);
    if (right->kind == NFT_EXPR_CONCAT)
        return nft_element_has(&(struct nft_element){.key = right}, left);
    nft_evaluate(right, w, &wanted);
    if (wanted.part[0].hidden || wanted.absent != VERDICT_NO || left->count != 1) {
        *ret_because = wanted.because ? wanted.because : *ret_because;
        return VERDICT_UNKNOWN;
    }
    last = right->kind == NFT_EXPR_VALUE ? right->value.last : wanted.part[0].value;
    switch (s->match.comparison) {
    case NFT_LESS:
        return wanted.part[0].value ? nft_part_within(left->part, 0, wanted.part[0].value - 1) : VERDICT_NO;
    case NFT_LESS_EQUAL:
        return nft_part_within(left->part, 0, wanted.part[0].value);
    case NFT_MORE:
        return ~wanted.part[0].value ? nft_part_within(left->part, wanted.part[0].value + 1, ~(nft_number)0)
                                     : VERDICT_NO;
    case NFT_MORE_EQUAL:
        return nft_part_within(left->part, wanted.part[0].value, ~(nft_number)0);
    case NFT_ANY_OF:
    case NFT_NONE_OF:
        flags.value &= wanted.part[0].value;
        flags.hidden &= wanted.part[0].value;
        return nft_part_within(&flags, 1, ~(nft_number)0);
    default:
        return nft_part_within(left->part, wanted.part[0].value, last);
    }
}

/* "fib saddr . iif oif missing", that is: is there any? */
static bool asks_existence(const struct nft_statement *s)
{
    return s->match.left->kind == NFT_EXPR_FIB && s->match.left->fib.result != NFT_FIB_TYPE &&
           s->match.right->type == NFT_TYPE_BOOLEAN;
}

enum verdict_answer nft_match_holds(const struct nft_statement *s, const struct verdict_packet *p,
                                    struct verdict_memory *memory, const char **ret_because)
{
    const struct nft_world world = {p, memory};
    struct nft_value left;
    enum verdict_answer answer;

    nft_evaluate(s->match.left, &world, &left);
    if (left.absent == VERDICT_YES)
        return VERDICT_NO;
    if (asks_existence(s) && !left.part[0].hidden)
        left.part[0].value = left.part[0].value != 0;
    *ret_because = left.because ? left.because : "the elements of a set";
    answer = compare(s, &left, &world, ret_because);
    if (answer != VERDICT_UNKNOWN &&
        (s->match.comparison == NFT_UNEQUAL || s->match.comparison == NFT_NONE_OF))
        answer = answer == VERDICT_YES ? VERDICT_NO : VERDICT_YES;
    return left.absent == VERDICT_UNKNOWN && answer == VERDICT_YES ? VERDICT_UNKNOWN : answer;
}

static enum step match(struct rule_walk *r, const struct nft_statement *s)
{
    const char *because = NULL;
    enum verdict_answer answer = nft_match_holds(s, &r->w->ways.state.packet, r->w->memory, &because);

    return hold(r, answer, because);
}

typedef enum verdict_answer ask_function(const struct nft_question *q);

static enum step ask(struct rule_walk *r, const struct nft_statement *s, uint32_t index,
                     ask_function *function)
{
    const struct nft_world world = {&r->w->ways.state.packet, r->w->memory};
    const char *because = NULL;
    const struct nft_question q = {
        .world = &world, .rule = r->rule, .statement = s, .index = index, .because = &because};
    enum verdict_answer answer;

    verdict_memory_doubt(r->w->memory, ways_are_uncertain(&r->w->ways));
    answer = function(&q);
    verdict_memory_doubt(r->w->memory, false);
    if (answer == VERDICT_HOTDROP)
        return end(r, VERDICT_DROP, NULL, NULL);
    return hold(r, answer, because);
}

/* ---- rules and chains ---- */

static enum step meet(struct rule_walk *r, const struct nft_statement *s, uint32_t index,
                      struct way_fall *chain_fall)
{
    switch (s->kind) {
    case NFT_DO_MATCH:
        return match(r, s);
    case NFT_DO_VERDICT:
        return decide(r, &s->verdict);
    case NFT_DO_VMAP:
        return decide_by_map(r, s, chain_fall);
    case NFT_DO_LIMIT:
        return ask(r, s, index, nft_state_limit);
    case NFT_DO_QUOTA:
        return ask(r, s, index, nft_state_quota);
    case NFT_DO_COUNT:
        return ask(r, s, index, nft_state_count);
    case NFT_DO_SET:
        return ask(r, s, index, nft_state_set);
    case NFT_DO_REJECT:
        return reject(r, s);
    case NFT_DO_NAT:
        return map_address(r, s);
    case NFT_DO_SET_FIELD:
        return set_field(r, s);
    case NFT_DO_NOTRACK:
        apply(r, &(struct effect){.kind = EFFECT_NOTRACK});
        return STEP_ON;
    case NFT_DO_HELPER:
        if (!s->name)
            return set_helper_by_map(r, s->helper.by);
        set_helper(r, s->object);
        return STEP_ON;
    case NFT_DO_UNKNOWN:
        return meet_unknown(r, s);
    default: /* counters and logs */
        return STEP_ON;
    }
}

/* RETURN: the chain is left, and all ways but those in *chain_fall with it. ENDED: likewise. */
static enum step walk_rule(struct walk *w, const struct nft_rule *rule, unsigned depth,
                           struct way_fall *chain_fall)
{
    struct rule_walk r = {.w = w,
                          .rule = rule,
                          .at = {.nft_chain = rule->chain, .nft_rule = rule},
                          .fall = {.fell = false},
                          .depth = depth};
    bool maybe = w->ways.maybe;
    enum step step = STEP_ON;
    uint32_t index = 0;

    for (const struct nft_statement *s = rule->statements; s && step == STEP_ON; s = s->next)
        step = meet(&r, s, index++, chain_fall);
    tell(&r, step == STEP_BREAK ? VERDICT_NO : VERDICT_YES);
    if (step == STEP_RETURN && r.fall.fell) {
        w->ways.maybe = maybe;
        ways_fall(&w->ways, chain_fall, &r.fall.state, &r.fall.help);
        return STEP_ON;
    }
    if (step == STEP_RETURN)
        return step;
    maybe |= chain_fall->fell; /* some of the verdicts of a map have left the chain */
    return ways_leave(&w->ways, step == STEP_ENDED ? WAY_ENDED : WAY_FELL, maybe, &r.fall) == WAY_ENDED
               ? STEP_ENDED
               : STEP_ON;
}

static enum way too_long(struct walk *w, const struct nft_rule *rule, const char *because)
{
    ways_maybe_end(&w->ways, &(struct way_end){.code = VERDICT_DEPENDS,
                                               .at = {.nft_chain = rule->chain, .nft_rule = rule},
                                               .because = because});
    return WAY_ENDED;
}

static enum way walk_chain(struct walk *w, const struct nft_chain *chain, unsigned depth)
{
    struct way_fall fall = {.fell = false};
    bool maybe = w->ways.maybe;
    enum way way = WAY_FELL;
    enum step step = STEP_ON;

    for (size_t i = 0; i < chain->count && step == STEP_ON; i++) {
        if (depth > VERDICT_DEPTH || w->work++ >= VERDICT_WORK) {
            way = too_long(w, chain->rules[i],
                           depth > VERDICT_DEPTH ? "chains nested deeper than is followed"
                                                 : "more rules than are followed for one packet");
            break;
        }
        step = walk_rule(w, chain->rules[i], depth, &fall);
    }
    if (step == STEP_ENDED)
        way = WAY_ENDED;
    return ways_leave(&w->ways, way, maybe, &fall);
}

void nft_walk(const struct nft_chain *chain, const struct verdict_packet *p, struct verdict_memory *memory,
              const struct verdict_trace *trace, struct verdict *ret)
{
    struct walk w = {.memory = memory, .trace = trace};

    linear_state_init(&w.ways.state, p);
    if (walk_chain(&w, chain, 1) == WAY_FELL)
        ways_end(&w.ways, &(struct way_end){.code = chain->drops ? VERDICT_DROP : VERDICT_ACCEPT,
                                            .at = {.nft_chain = chain}});
    verdict_memory_doubt(memory, false);
    linear_ways_conclude(&w.ways, ret);
    ret->number = ret->nft_rule ? ret->nft_rule->number : 0;
    ret->work = w.work;
}

bool nft_rule_resets(const struct nft_rule *rule)
{
    for (const struct nft_statement *s = rule->statements; s; s = s->next) {
        if (s->kind == NFT_DO_REJECT)
            return s->reject.with == NFT_REJECT_RESET;
    }
    return false;
}
