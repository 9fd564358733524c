/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -m set and -j SET: net/netfilter/xt_set.c. What rules have put in or taken out is remembered beside the members that
 * were given, and goes before them.
 */
#include "verdict/match/topic.h"
#include "verdict/memory.h"

static const char UNKNOWN_MEMBERS[] = "the members of a set";

static struct memory_key key_of(const struct verdict_set_key *k)
{
    return (struct memory_key){.kind = MEMORY_SET_MEMBER,
                               .owner = k->set,
                               .address = {k->address[0], k->address[1]},
                               .port = {k->port[0], k->port[1]}};
}

/* By what rules have done. NO: they have not touched it; HOTDROP: it is not in the set any more. */
static enum verdict_answer ask_memory(const struct match_question *q, const struct rules_set_element *element)
{
    const struct verdict_sets *sets = q->p->sets;
    struct verdict_set_key own;
    enum verdict_answer answer = sets->element(sets->arg, element, q->p, &own);

    if (answer == VERDICT_UNKNOWN) /* a list of sets, say */
        return memory_has(q->memory, MEMORY_SET_MEMBER) ? VERDICT_UNKNOWN : VERDICT_NO;
    if (answer == VERDICT_NO)
        return VERDICT_NO;
    const struct memory_key key = key_of(&own);
    const struct memory_entry *e = memory_find(q->memory, &key);
    if (!e)
        return VERDICT_NO;
    if (e->tainted)
        return VERDICT_UNKNOWN;
    bool ended = e->element.expires_ms && e->element.expires_ms <= q->p->now_ms;
    return e->element.is_deleted || ended ? VERDICT_HOTDROP : VERDICT_YES;
}

enum verdict_answer match_set(const struct match_question *q)
{
    const struct rules_match_set *m = q->match->set;
    const struct verdict_sets *sets = q->p->sets;

    if (!sets || q->p->unknown & VERDICT_NO_SET)
        return match_unknown(q, UNKNOWN_MEMBERS);
    enum verdict_answer answer = ask_memory(q, &m->element);
    if (answer == VERDICT_NO)
        answer = sets->contains(sets->arg, m, q->p);
    if (answer == VERDICT_UNKNOWN)
        return match_unknown(q, UNKNOWN_MEMBERS);
    if (answer == VERDICT_YES && (m->packets_compare != RULES_SET_NONE || m->bytes_compare != RULES_SET_NONE))
        return match_unknown(q, "the counters of a set's member");
    return match_answer((answer == VERDICT_YES) != m->inverted);
}

/* ---- -j SET ---- */

struct set_change {
    const struct rules_target_set *target;
    const struct rules_set_element *element;
    bool adds;
};

/* A member is there already, by what was given or by what rules did. */
static enum verdict_answer is_member(const struct match_question *q, const struct rules_set_element *element)
{
    const struct rules_match_set as_match = {.element = *element};
    enum verdict_answer answer = ask_memory(q, element);

    if (answer == VERDICT_NO)
        answer = q->p->sets->contains(q->p->sets->arg, &as_match, q->p);
    return answer == VERDICT_HOTDROP ? VERDICT_NO : answer;
}

static uint64_t end_of(const struct set_change *c, const struct verdict_set_key *own, uint64_t now_ms)
{
    uint32_t seconds = c->target->has_timeout ? c->target->timeout : own->timeout_s;

    return c->adds && own->has_timeout && seconds ? now_ms + seconds * 1000ULL : 0;
}

/* false: which members there are is not known from here on. */
static bool change(const struct match_question *q, const struct set_change *c)
{
    const struct verdict_sets *sets = q->p->sets;
    struct verdict_set_key own;
    enum verdict_answer answer, in;

    if (!sets || q->p->unknown & VERDICT_NO_ENDS)
        return false;
    answer = sets->element(sets->arg, c->element, q->p, &own);
    if (answer != VERDICT_YES)
        return answer == VERDICT_NO;
    in = is_member(q, c->element);
    if (in == VERDICT_YES && c->adds && !c->target->exist)
        return true;
    if (own.has_network && !c->adds)
        return false;
    bool is_maybe_full = c->adds && in != VERDICT_YES && memory_count(q->memory) >= own.room;
    if (is_maybe_full && own.makes_room)
        return false;
    const struct memory_key key = key_of(&own);
    struct memory_entry *e = memory_find(q->memory, &key);
    if (!e)
        e = memory_add(q->memory, &key);
    if (!e)
        return false;
    e->tainted = is_maybe_full || verdict_memory_in_doubt(q->memory) ||
                 (in == VERDICT_UNKNOWN && c->adds && !c->target->exist);
    e->element.is_deleted = !c->adds;
    e->element.expires_ms = end_of(c, &own, q->p->now_ms);
    return true;
}

bool match_change_sets(const struct rules_target_set *target, const struct verdict_packet *p,
                       struct verdict_memory *memory)
{
    const struct match_question q = {.p = p, .memory = memory};
    const struct set_change changes[] = {{target, &target->add, true}, {target, &target->del, false}};
    bool known = true;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        known &= !changes[i].element->dimensions || change(&q, &changes[i]);
    return known;
}
