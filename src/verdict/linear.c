/* SPDX-License-Identifier: BSD-2-Clause */
/* iptables' rules one after the other, all ways at once that are open (ways.h). */
#include "verdict/linear.h"

#include "rules/rules.h"
#include "verdict/match/topic.h"

struct walk {
    struct verdict_memory *memory;
    const struct verdict_trace *trace;
    bool count;
    uint32_t work;
    const struct match_answer *given; /* by the rule that is next, or NULL: it is to be asked */
    struct ways ways;
};

/* A target that is not evaluated and ends the walk. */
static const char *what_decides(const struct rules_rule *rule)
{
    if (rule->target.opaque.changes & RULES_CHANGES_ADDRESSES)
        return "where the connection is sent instead (NAT), which is not evaluated";
    return "what an extension that is not evaluated decides";
}

/* What a target of NAT asks for: of NETMAP the hook tells which end. */
static struct nat_order order_of(const struct walk *w, const struct rules_rule *rule)
{
    enum rules_hook hook = w->ways.state.packet.hook;
    struct nat_order order = {0};

    if (!rule || !rules_target_is_nat(&rule->target))
        return order;
    order = *rule->target.nat;
    if (rule->target.type == RULES_TARGET_NETMAP && (hook == RULES_POSTROUTING || hook == RULES_INPUT))
        order.manip = NAT_SOURCE;
    return order;
}

static enum way end_certain(struct walk *w, enum verdict_code code, struct way_place at, bool hotdrop)
{
    const char *because = code != VERDICT_DEPENDS ? NULL : at.rule ? what_decides(at.rule) : LINEAR_NO_POLICY;

    return ways_end(&w->ways, &(struct way_end){.code = code,
                                                .at = at,
                                                .because = because,
                                                .hotdrop = hotdrop,
                                                .nat = order_of(w, hotdrop ? NULL : at.rule)});
}

static void apply(struct walk *w, struct way_place at)
{
    const struct rules_target *target = &at.rule->target;
    struct effect effect;

    linear_effect_read(target, &effect);
    linear_state_apply(&w->ways.state, &effect);
    if (target->type == RULES_TARGET_SET && !match_change_sets(target->set, &w->ways.state.packet, w->memory))
        w->ways.state.packet.unknown |= VERDICT_NO_SET;
    if (rules_target_changes(target) & RULES_CHANGES_TTL)
        w->ways.hops = at;
}

static enum way walk_chain(struct walk *w, const struct rules_chain *chain, size_t next, unsigned depth);

/* A rule that maybe matches: its effect joins what is, and the walk goes on behind it. */
static void walk_unknown(struct walk *w, struct way_place at, const struct match_answer *a, unsigned depth,
                         struct way_fall *fall)
{
    const struct rules_target *target = &at.rule->target;
    int code = a->hotdrop ? VERDICT_DROP : linear_target_code(target);
    struct effect_state before = w->ways.state;
    bool maybe = w->ways.maybe;

    if (code >= 0) {
        ways_doubt(&w->ways, &at, a->because);
        ways_maybe_end(&w->ways, &(struct way_end){.code = (enum verdict_code)code,
                                                   .at = at,
                                                   .because = a->because,
                                                   .hotdrop = a->hotdrop,
                                                   .nat = order_of(w, a->hotdrop ? NULL : at.rule)});
        return;
    }
    if (target->type == RULES_TARGET_NONE || target->type == RULES_TARGET_LOG ||
        target->type == RULES_TARGET_NFLOG)
        return;
    ways_doubt(&w->ways, &at, a->because);
    bool falls =
        target->type == RULES_TARGET_RETURN || (target->type == RULES_TARGET_CHAIN && target->is_goto);
    if (target->type == RULES_TARGET_CHAIN) {
        w->ways.maybe = true;
        enum way way = walk_chain(w, target->chain, 0, depth + 1);
        w->ways.maybe = maybe;
        if (way == WAY_ENDED) {
            w->ways.state = before;
            return;
        }
    } else if (target->type != RULES_TARGET_RETURN) {
        verdict_memory_doubt(w->memory, true);
        apply(w, at);
    }
    if (falls)
        ways_fall(&w->ways, fall, &before, &w->ways.help); /* no target of iptables' sets that */
    else
        ways_join(&w->ways, &before, &w->ways.help);
}

static void count_rule(struct rules_rule *rule, const struct walk *w)
{
    if (!w->count || ways_are_uncertain(&w->ways))
        return;
    rule->counters.packets++;
    rule->counters.bytes += w->ways.state.packet.packet->length;
}

static struct match_answer look_at(struct walk *w, struct way_place at)
{
    struct match_answer a;

    if (w->given) {
        a = *w->given;
        w->given = NULL;
        return a;
    }
    verdict_memory_doubt(w->memory, ways_are_uncertain(&w->ways));
    a = match_rule(at.rule, &w->ways.state.packet, w->memory);
    if (w->trace)
        w->trace->rule(w->trace->arg, at.chain, at.rule, (uint32_t)(at.rule - at.chain->rules) + 1, a.answer);
    return a;
}

static enum way walk_too_long(struct walk *w, struct way_place at, const char *because)
{
    ways_maybe_end(&w->ways, &(struct way_end){.code = VERDICT_DEPENDS, .at = at, .because = because});
    return WAY_ENDED;
}

/* MARK and its like. A connection's zone that the mark gives, or that is of one direction only, is not known.
 */
static void apply_certain(struct walk *w, struct way_place at)
{
    apply(w, at);
    if (w->ways.state.template_unknown && !w->ways.first.rule) {
        w->ways.first = at;
        w->ways.first_because = "the zone of the connection";
    }
}

/* A rule that matches. true: the chain is left, *ret_way says how; else *here is where it goes on. A goto
 * goes on in the other chain: whoever entered this one is where that one returns to. */
static bool walk_certain(struct walk *w, struct way_place at, unsigned depth, struct linear_place *here,
                         enum way *ret_way)
{
    const struct rules_target *target = &at.rule->target;
    int code = linear_target_code(target);

    count_rule(&at.chain->rules[at.rule - at.chain->rules], w);
    if (code >= 0) {
        *ret_way = end_certain(w, (enum verdict_code)code, at, false);
        return true;
    }
    if (target->type == RULES_TARGET_RETURN)
        return true;
    if (target->type != RULES_TARGET_CHAIN) {
        apply_certain(w, at);
        return false;
    }
    if (target->is_goto) {
        *here = (struct linear_place){target->chain, 0};
        return false;
    }
    *ret_way = walk_chain(w, target->chain, 0, depth + 1);
    return *ret_way == WAY_ENDED;
}

/* From rule next of chain to its end or a verdict. */
static enum way walk_chain(struct walk *w, const struct rules_chain *chain, size_t next, unsigned depth)
{
    struct linear_place here = {chain, next};
    bool maybe = w->ways.maybe, left = false;
    struct way_fall fall = {.fell = false};
    enum way way = WAY_FELL;

    while (!left && here.next < here.chain->count) {
        struct way_place at = {.chain = here.chain, .rule = &here.chain->rules[here.next++]};
        if (w->work++ >= VERDICT_WORK || depth > VERDICT_DEPTH) {
            way = walk_too_long(w, at,
                                depth > VERDICT_DEPTH ? "chains nested deeper than is followed"
                                                      : "more rules than are followed for one packet");
            break;
        }
        struct match_answer a = look_at(w, at);
        switch (a.answer) {
        case VERDICT_YES:
            left = walk_certain(w, at, depth, &here, &way);
            break;
        case VERDICT_UNKNOWN:
            walk_unknown(w, at, &a, depth, &fall);
            break;
        case VERDICT_HOTDROP:
            way = end_certain(w, VERDICT_DROP, at, true);
            left = true;
            break;
        default:
            break;
        }
    }
    return ways_leave(&w->ways, way, maybe, &fall);
}

static void end_by_policy(struct walk *w, const struct rules_chain *chain)
{
    struct way_place at = {.chain = chain};

    if (w->count && !ways_are_uncertain(&w->ways)) {
        struct rules_counters *counters = &((struct rules_chain *)(uintptr_t)chain)->counters;
        counters->packets++;
        counters->bytes += w->ways.state.packet.packet->length;
    }
    end_certain(w, linear_policy(chain), at, false);
}

void linear_resume(const struct effect_state *s, const struct rules_chain *builtin,
                   const struct linear_place *places, unsigned depth, const struct match_answer *first,
                   struct verdict_memory *memory, bool count, const struct verdict_trace *trace,
                   struct verdict *ret)
{
    struct walk w = {.memory = memory,
                     .trace = trace,
                     .count = count,
                     .work = s->work,
                     .given = first,
                     .ways = {.state = *s}};
    enum way way = WAY_FELL;

    for (unsigned i = depth; i > 0 && way == WAY_FELL; i--)
        way = walk_chain(&w, places[i - 1].chain, places[i - 1].next, i);
    if (way == WAY_FELL)
        end_by_policy(&w, builtin);
    verdict_memory_doubt(memory, false);
    linear_ways_conclude(&w.ways, ret);
    ret->work = w.work - s->work;
}

void linear_walk(struct rules *r, enum rules_table_type table, const struct verdict_packet *p,
                 struct verdict_memory *memory, bool count, const struct verdict_trace *trace,
                 struct verdict *ret)
{
    const struct linear_place start = {rules_chain_at(r, table, p->hook), 0};
    struct effect_state s;

    linear_state_init(&s, p);
    if (start.chain)
        linear_resume(&s, start.chain, &start, 1, NULL, memory, count, trace, ret);
    else
        linear_state_conclude(&s, VERDICT_ACCEPT, NULL, NULL, ret);
}
