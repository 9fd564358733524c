/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk follows all ways at once that UNKNOWN rules leave open, in time that grows as the rules do: a rule
 * that is UNKNOWN and would decide notes its verdict as a possible outcome, and the walk goes on behind it; a
 * chain that is maybe entered is walked, and the walk goes on behind the jump with what both ways have in
 * common. At the end it is known, if all outcomes agree, and else depends on the rule that opened another
 * one.
 */
#include "verdict/linear.h"

#include "rules/rules.h"

enum { CODES = VERDICT_DEPENDS + 1 };

/* A rule in its chain. */
struct place {
    const struct rules_chain *chain;
    const struct rules_rule *rule;
};

struct outcome {
    bool possible, hotdrop;
    struct place at;
    struct place culprit; /* the UNKNOWN rule that opened the way; rule NULL: none, it is certain */
    const char *because;
};

struct walk {
    struct verdict_memory *memory;
    const struct verdict_trace *trace;
    bool count;
    uint32_t work;
    const struct match_answer *given; /* by the rule that is next, or NULL: it is to be asked */
    struct effect_state state;        /* what all ways that are still walked have in common */
    bool maybe;                       /* the walk is in a part that is maybe not reached... */
    bool ended;                       /* ...or behind one that has maybe ended it */
    struct place doubt;               /* the rule that made it so */
    const char *because;
    struct place first; /* the first UNKNOWN rule that changed anything */
    const char *first_because;
    struct outcome outcomes[CODES];
    enum verdict_code last; /* outcome of the way on which no UNKNOWN rule matched */
    bool concluded;
    struct effect_state result; /* what all outcomes have in common */
};

enum way { WAY_ENDED, WAY_FELL }; /* FELL: maybe, or certainly, back to the chain before */

static bool is_uncertain(const struct walk *w)
{
    return w->maybe || w->ended;
}

/* What is the same in both. */
static void join_states(struct effect_state *s, const struct effect_state *other)
{
    const struct verdict_packet *p = &other->packet;

    if (s->packet.mark != p->mark)
        s->packet.unknown |= VERDICT_NO_MARK;
    if (s->packet.has_connmark != p->has_connmark || s->packet.connmark != p->connmark)
        s->packet.unknown |= VERDICT_NO_CONNMARK;
    s->packet.unknown |= p->unknown & VERDICT_CHANGEABLE;
    s->template_unknown |= other->template_unknown || s->has_template != other->has_template ||
                           s->template.notrack != other->template.notrack ||
                           s->template.zone != other->template.zone ||
                           s->template.helper != other->template.helper;
}

static void note_outcome(struct walk *w, enum verdict_code code, struct place at, struct place culprit,
                         const char *because, bool hotdrop)
{
    struct outcome *o = &w->outcomes[code];

    if (w->concluded)
        join_states(&w->result, &w->state);
    else
        w->result = w->state;
    w->concluded = true;
    w->last = code;
    /* Of outcomes alike the last is told, which is the one that is certain if any is. */
    if (o->possible && o->culprit.rule)
        culprit = o->culprit, because = o->because;
    *o = (struct outcome){
        .possible = true, .hotdrop = hotdrop, .at = at, .culprit = culprit, .because = because};
}

/* A target that is not evaluated and ends the walk. */
static const char *what_decides(const struct rules_rule *rule)
{
    if (rule->target.opaque.changes & RULES_CHANGES_ADDRESSES)
        return "where the connection is sent instead (NAT), which is not evaluated";
    return "what an extension that is not evaluated decides";
}

static enum way end_certain(struct walk *w, enum verdict_code code, struct place at, bool hotdrop)
{
    const char *because = w->because;

    if (code == VERDICT_DEPENDS)
        because = at.rule ? what_decides(at.rule) : LINEAR_NO_POLICY;

    note_outcome(w, code, at, is_uncertain(w) ? w->doubt : (struct place){0}, because, hotdrop);
    w->ended = true;
    return WAY_ENDED;
}

static void open_doubt(struct walk *w, struct place at, const char *because)
{
    if (!is_uncertain(w)) {
        w->doubt = at;
        w->because = because;
    }
    if (!w->first.rule) {
        w->first = at;
        w->first_because = because;
    }
}

static void apply(struct walk *w, const struct rules_target *target)
{
    struct effect effect;

    linear_effect_read(target, &effect);
    linear_state_apply(&w->state, &effect);
}

static enum way walk_chain(struct walk *w, const struct rules_chain *chain, size_t next, unsigned depth);

/* A rule that maybe matches: its effect joins what is, and the walk goes on behind it. *fell: some way
 * returned. */
static void walk_unknown(struct walk *w, struct place at, const char *because, bool hotdrop, unsigned depth,
                         bool *fell, struct effect_state *fell_state)
{
    const struct rules_target *target = &at.rule->target;
    int code = hotdrop ? VERDICT_DROP : linear_target_code(target);
    struct effect_state before = w->state;
    bool maybe = w->maybe;

    if (code >= 0) {
        open_doubt(w, at, because);
        note_outcome(w, (enum verdict_code)code, at, at, because, hotdrop);
        w->ended = true;
        return;
    }
    if (target->type == RULES_TARGET_NONE || target->type == RULES_TARGET_LOG ||
        target->type == RULES_TARGET_NFLOG)
        return;
    open_doubt(w, at, because);
    bool falls =
        target->type == RULES_TARGET_RETURN || (target->type == RULES_TARGET_CHAIN && target->is_goto);
    if (target->type == RULES_TARGET_CHAIN) {
        w->maybe = true;
        enum way way = walk_chain(w, target->chain, 0, depth + 1);
        w->maybe = maybe;
        if (way == WAY_ENDED) {
            w->state = before;
            return;
        }
    } else if (target->type != RULES_TARGET_RETURN) {
        apply(w, target);
    }
    if (!falls) {
        join_states(&w->state, &before);
        return;
    }
    if (*fell)
        join_states(fell_state, &w->state);
    else
        *fell_state = w->state;
    *fell = true;
    w->state = before;
    w->maybe = true; /* until the end of this chain */
}

static void count_rule(struct rules_rule *rule, const struct walk *w)
{
    if (!w->count || is_uncertain(w))
        return;
    rule->counters.packets++;
    rule->counters.bytes += w->state.packet.packet->length;
}

/* Back from a chain to where it was entered, joining the ways that returned before. */
static enum way leave_chain(struct walk *w, enum way way, bool maybe, bool fell,
                            const struct effect_state *fell_state)
{
    w->maybe = maybe;
    if (!fell)
        return way;
    if (way == WAY_ENDED)
        w->state = *fell_state;
    else
        join_states(&w->state, fell_state);
    return WAY_FELL;
}

static struct match_answer look_at(struct walk *w, struct place at)
{
    struct match_answer a;

    if (w->given) {
        a = *w->given;
        w->given = NULL;
        return a;
    }
    verdict_memory_doubt(w->memory, is_uncertain(w));
    a = match_rule(at.rule, &w->state.packet, w->memory);
    if (w->trace)
        w->trace->rule(w->trace->arg, at.chain, at.rule, (uint32_t)(at.rule - at.chain->rules) + 1, a.answer);
    return a;
}

static enum way walk_too_long(struct walk *w, struct place at, const char *because)
{
    note_outcome(w, VERDICT_DEPENDS, at, at, because, false);
    w->ended = true;
    return WAY_ENDED;
}

/* MARK and its like. A connection's zone that the mark gives, or that is of one direction only, is not known.
 */
static void apply_certain(struct walk *w, struct place at)
{
    apply(w, &at.rule->target);
    if (w->state.template_unknown && !w->first.rule) {
        w->first = at;
        w->first_because = "the zone of the connection";
    }
}

/* A rule that matches. true: the chain is left, *ret_way says how; else *here is where it goes on. A goto
 * goes on in the other chain: whoever entered this one is where that one returns to. */
static bool walk_certain(struct walk *w, struct place at, unsigned depth, struct linear_place *here,
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
    bool maybe = w->maybe, fell = false, left = false;
    struct effect_state fell_state;
    enum way way = WAY_FELL;

    while (!left && here.next < here.chain->count) {
        struct place at = {here.chain, &here.chain->rules[here.next++]};
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
            walk_unknown(w, at, a.because, a.hotdrop, depth, &fell, &fell_state);
            break;
        case VERDICT_HOTDROP:
            way = end_certain(w, VERDICT_DROP, at, true);
            left = true;
            break;
        default:
            break;
        }
    }
    return leave_chain(w, way, maybe, fell, &fell_state);
}

static void end_by_policy(struct walk *w, const struct rules_chain *chain)
{
    struct place at = {chain, NULL};

    if (w->count && !is_uncertain(w)) {
        struct rules_counters *counters = &((struct rules_chain *)(uintptr_t)chain)->counters;
        counters->packets++;
        counters->bytes += w->state.packet.packet->length;
    }
    end_certain(w, linear_policy(chain), at, false);
}

/* The outcome that is not as the last one, or NULL. */
static const struct outcome *find_other(const struct walk *w)
{
    if (w->outcomes[VERDICT_DEPENDS].possible)
        return &w->outcomes[VERDICT_DEPENDS];
    for (int code = 0; code < VERDICT_DEPENDS; code++) {
        if (w->outcomes[code].possible && code != (int)w->last)
            return &w->outcomes[code];
    }
    return NULL;
}

static void tell(const struct walk *w, enum verdict_code code, struct place at, struct verdict *ret)
{
    linear_state_conclude(&w->result, code, at.chain, at.rule, ret);
    ret->code = code;
}

static void conclude(const struct walk *w, struct verdict *ret)
{
    const struct outcome *last = &w->outcomes[w->last], *other = find_other(w);

    if (other) {
        tell(w, VERDICT_DEPENDS, other->culprit.rule ? other->culprit : other->at, ret);
        ret->because = other->because;
    } else if (w->result.template_unknown) {
        tell(w, VERDICT_DEPENDS, w->first, ret);
        ret->because = w->first_because;
    } else {
        tell(w, w->last, last->at, ret);
        ret->hotdrop = last->hotdrop;
    }
}

void linear_resume(const struct effect_state *s, const struct rules_chain *builtin,
                   const struct linear_place *places, unsigned depth, const struct match_answer *first,
                   struct verdict_memory *memory, bool count, const struct verdict_trace *trace,
                   struct verdict *ret)
{
    struct walk w = {
        .memory = memory, .trace = trace, .count = count, .work = s->work, .given = first, .state = *s};
    enum way way = WAY_FELL;

    for (unsigned i = depth; i > 0 && way == WAY_FELL; i--)
        way = walk_chain(&w, places[i - 1].chain, places[i - 1].next, i);
    if (way == WAY_FELL)
        end_by_policy(&w, builtin);
    verdict_memory_doubt(memory, false);
    conclude(&w, ret);
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
