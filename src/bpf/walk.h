/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_WALK_H
#define SALLY_BPF_WALK_H

/*
 * One table of the image, walked by the kernel: what verdict/image/walk.c does natively, with the same index,
 * conditions and effects (find.h, condition/field.h, effect.h), but a rule at a time and with all that is
 * counted kept in memory, as the verifier wants it.
 */
#include "bpf/match.h"
#include "bpf/tell.h"
#include "verdict/effect.h"
#include "verdict/image/value.h"

/* Of a table's fields from first up to end - 1 each. So few turns the verifier goes through one by one; its own kind of
 * loop (LOOP) calls the kernel at each. */
#define WALK_FIELDS(i, first, end) for (uint32_t i = (first); i < IMAGE_FIELDS && i < (end); i++)

/* ---- looking up ---- */

/* Offset of the set of the packet's value in the index at offset. */
GLOBAL uint32_t walk_find(struct scratch *s, uint32_t offset)
{
    const uint8_t *base = image_base(s);
    const struct image_index *index = image_window(base, offset, sizeof(*index));
    uint8_t state;

    if (!s || !index)
        return 0;
    state = s->walk.has_view ? s->answer.state : TRACK_NONE;
    return image_find(base, index,
                      image_value(&s->packet, s->walk.hook, s->ask.in, s->ask.out, state, index->field));
}

/* Fields from first up to end - 1 of the table. */
GLOBAL int walk_look_up(struct scratch *s, uint32_t first, uint32_t end)
{
    const uint8_t *base = image_base(s);
    const struct image_table *t;
    uint32_t at;

    if (!s || !(t = image_window(base, s->walk.table, sizeof(*t))))
        return 0;
    WALK_FIELDS(i, first, end)
    {
        at = s->walk.table + (uint32_t)offsetof(struct image_table, index) +
             i * (uint32_t)sizeof(struct image_index);
        const struct image_index *index = image_window(base, at, sizeof(*index));
        if (!index)
            break;
        s->walk.sets[i] = s->walk.unsound && !image_is_readable(index->field, t->late) ? 0 : walk_find(s, at);
    }
    return 0;
}

/* All but the main fields, which wait until a rule that comes next asks for one of them: the packet of a known
 * connection is mostly accepted before. */
GLOBAL int walk_look_up_plain(struct scratch *s)
{
    const uint8_t *base = image_base(s);
    const struct image_table *t;
    uint32_t at;

    if (!s || !(t = image_window(base, s->walk.table, sizeof(*t))))
        return 0;
    s->walk.mains_known = false;
    if (t->mains < t->count)
        walk_look_up(s, t->mains, t->count);
    s->walk.joined = 0;
    if (s->walk.unsound)
        return 0;
    s->walk.joined = t->joined;
    WALK_FIELDS(i, 0, t->joins)
    {
        at = s->walk.table + (uint32_t)offsetof(struct image_table, join) +
             i * (uint32_t)sizeof(struct image_index);
        at = walk_find(s, at);
        s->walk.joined = s->walk.joined + at;
    }
    return 0;
}

/* ---- the next rule of a chain ---- */

/* Which of the 64 bits are from first on, and before end (of the same word, or not). */
static inline uint64_t walk_mask(uint32_t word, uint32_t first, uint32_t end)
{
    uint64_t mask = ~0ULL;

    if (word == first / 64)
        mask &= ~0ULL << (first & 63);
    if (word == (end - 1) / 64)
        mask &= ~0ULL >> ((64 - (end & 63)) & 63);
    return mask;
}

static inline uint32_t walk_lowest(uint64_t bits)
{
    return (uint32_t)__builtin_popcountll((bits & -bits) - 1);
}

/* Is the rule of the lowest bit the one that comes next? */
static inline void walk_take(struct scratch *s, const uint8_t *base, const struct image_table *t,
                             uint32_t word)
{
    uint64_t bits = s->walk.bits;
    uint32_t bit = word * IMAGE_WORD + walk_lowest(bits);
    uint32_t number = image_read32(base, t->rules + (uint64_t)bit * sizeof(struct image_rule));

    s->walk.bits = bits & (bits - 1);
    if (number > s->walk.after && number < s->walk.best) {
        s->walk.best = number;
        s->walk.best_bit = bit;
    }
}

/* The rule of the smallest number behind after, of those that the packet wants in a word. */
GLOBAL int walk_word(struct scratch *s)
{
    const uint8_t *base = image_base(s);
    const struct image_table *t;
    uint64_t bits;
    uint32_t word, wild;
    int n;

    if (!s || !(t = image_window(base, s->walk.table, sizeof(*t))))
        return 0;
    word = s->walk.word;
    wild = t->wild_words + word * t->count * 8;
    bits = s->walk.joined ? image_read64(base, s->walk.joined + 8 * (uint64_t)(t->middles + word)) : ~0ULL;
    s->walk.bits = bits & walk_mask(word, s->walk.first, s->walk.end);
    WALK_FIELDS(i, s->walk.place, t->count)
    {
        if (!s->walk.sets[i])
            continue;
        bits = image_read64(base, wild + 8 * (uint64_t)i);
        if (s->walk.middle[i] >> (word & 63) & 1)
            bits |= image_read64(base, s->walk.leaves[i] +
                                           8 * (uint64_t)__builtin_popcountll(s->walk.middle[i] &
                                                                              ((1ULL << (word & 63)) - 1)));
        s->walk.bits = s->walk.bits & bits;
    }
    if (s->walk.bits)
        walk_take(s, base, t, word);
    if (!s->walk.bits)
        return 0; /* mostly: a loop costs some calls of the kernel's */
    LOOP(n, 0, IMAGE_WORD)
    {
        if (!s->walk.bits)
            break;
        walk_take(s, base, t, word);
    }
    return 0;
}

/* Of each set its middle word m, and which leaf words are left of all. */
GLOBAL int walk_middle(struct scratch *s, uint32_t m)
{
    const uint8_t *base = image_base(s);
    const struct image_table *t;
    uint32_t wild;

    if (!s || !(t = image_window(base, s->walk.table, sizeof(*t))))
        return 0;
    wild = t->wild_middles + m * t->count * 8;
    s->walk.words = s->walk.joined ? image_read64(base, s->walk.joined + 8 * (uint64_t)m) : ~0ULL;
    WALK_FIELDS(i, s->walk.place, t->count)
    {
        uint32_t set = s->walk.sets[i];
        if (!set)
            continue;
        uint64_t top = image_read64(base, set), words = 0, leaves = 0;
        uint32_t place = m;
        bool there = t->middles <= IMAGE_DENSE || top >> (m & 63) & 1;
        if (t->middles > IMAGE_DENSE)
            place = (uint32_t)__builtin_popcountll(top & ((1ULL << (m & 63)) - 1));
        uint64_t at = set + sizeof(struct image_set) + (uint64_t)place * sizeof(struct image_middle);
        if (there) {
            words = image_read64(base, at);
            leaves = image_read64(base, at + 8);
        }
        s->walk.middle[i] = words;
        s->walk.leaves[i] = leaves;
        s->walk.words = s->walk.words & (words | image_read64(base, wild + 8 * (uint64_t)i));
    }
    return 0;
}

/* Of bits first...end-1, on which the fields from place on decide: is one the rule of the smallest number behind after
 * and before best? Then it is best. */
GLOBAL int walk_bits(struct scratch *s, uint32_t place, uint32_t first, uint32_t end)
{
    int m, n;

    if (!s || first >= end)
        return 0;
    s->walk.place = place;
    s->walk.first = first;
    s->walk.end = end;
    if (end <= IMAGE_WORD) { /* small tables have one word */
        walk_middle(s, 0);
        s->walk.word = 0;
        if (s->walk.words & 1)
            walk_word(s);
        return 0;
    }
    LOOP(m, 0, WALK_WORDS)
    {
        if ((uint32_t)m < first / 4096)
            continue;
        if ((uint32_t)m > (end - 1) / 4096)
            break;
        walk_middle(s, (uint32_t)m);
        LOOP(n, 0, WALK_WORDS)
        {
            uint64_t words = s->walk.words;
            if (!words)
                break;
            s->walk.words = words & (words - 1);
            s->walk.word = (uint32_t)m * WALK_WORDS + walk_lowest(words);
            if (s->walk.word >= first / 64 && s->walk.word <= (end - 1) / 64)
                walk_word(s);
        }
    }
    return 0;
}

/* Sets best and best_bit to the next rule of the chain behind after; UINT32_MAX: there is none. */
static inline void walk_gather(struct scratch *s, const struct image_table *t,
                               const struct image_chain *chain)
{
    s->walk.best = UINT32_MAX;
    if (chain->last_plain > s->walk.after)
        walk_bits(s, t->mains, chain->first, chain->plain_end);
    if (s->walk.best <= chain->first_main)
        return;
    if (!s->walk.mains_known)
        walk_look_up(s, 0, t->mains);
    s->walk.mains_known = true;
    walk_bits(s, 0, chain->plain_end, chain->end);
}

/* ---- asking ---- */

static inline void walk_describe(struct scratch *s, struct track_view *view, struct verdict_packet *ret)
{
    *view = (struct track_view){.state = (enum track_state)s->answer.state,
                                .direction = (enum track_direction)s->answer.direction,
                                .flow = s->has_flow ? &s->found.flow : NULL};
    *ret = (struct verdict_packet){
        .packet = &s->packet,
        .hook = (enum rules_hook)s->walk.hook,
        .in = s->ask.in,
        .out = s->ask.out,
        .view = s->walk.has_view ? view : NULL,
        .mark = s->walk.mark,
        .pkttype = s->ask.pkttype,
        .unknown = s->ask.no_mac ? VERDICT_NO_MAC : 0,
        .now_ms = s->ask.now_ms,
        .time = s->ask.time,
        .has_connmark = s->walk.has_connmark,
        .connmark = s->walk.connmark,
    };
    __builtin_memcpy(ret->mac, s->ask.mac, sizeof(ret->mac));
}

/* One condition, at offset, that is no CALL. Enum verdict_answer. */
GLOBAL int walk_ask_one(struct scratch *s, uint32_t offset)
{
    const uint8_t *base = image_base(s);
    const struct condition *c = image_window(base, offset, sizeof(*c));
    enum condition_reading reading;
    struct track_view view;
    struct verdict_packet p;

    if (!s || !c)
        return VERDICT_NO;
    walk_describe(s, &view, &p);
    return condition_holds(c, &p, &reading);
}

/* What the sets could not answer of the rule at offset. Enum verdict_answer. */
GLOBAL int walk_ask(struct bpf_nf_ctx *context, struct scratch *s, uint32_t offset)
{
    const uint8_t *base = image_base(s);
    const struct image_rule *rule = image_window(base, offset, sizeof(*rule));
    int i, answer;

    if (!s || !rule)
        return VERDICT_NO;
    LOOP(i, 0, 1024)
    {
        if (i >= rule->count)
            break;
        if (!s->walk.unsound && i < IMAGE_CONDITIONS && !(rule->residual >> (i & 63) & 1))
            continue;
        uint32_t at = image_read32(base, rule->conditions + 4 * (uint64_t)(uint32_t)i);
        const struct condition *c = image_window(base, at, sizeof(*c));
        if (c && (c->field == CONDITION_MAC || c->field == CONDITION_PKTTYPE))
            link_look(context, s);
        answer = c && c->kind == CONDITION_CALL ? match_call(context, s, at, c) : walk_ask_one(s, at);
        if (answer != VERDICT_YES)
            return answer;
    }
    return VERDICT_YES;
}

/* ---- deciding ---- */

/* MARK and its like, the effect at offset. */
GLOBAL int walk_apply(struct scratch *s, uint32_t offset)
{
    const uint8_t *base = image_base(s);
    const struct effect *e = image_window(base, offset, sizeof(*e));
    struct effect_state after = {.work = 0};
    struct track_view view;
    enum effect_view seen;

    if (!s || !e)
        return 0;
    walk_describe(s, &view, &after.packet);
    after.has_template = s->walk.has_template;
    seen = effect_apply(&after, e);
    s->walk.mark = after.packet.mark;
    s->walk.has_connmark = after.packet.has_connmark;
    s->walk.connmark = after.packet.connmark;
    if (seen == EFFECT_VIEW_KEPT)
        return 0;
    s->walk.has_template = true;
    s->template = after.template;
    s->walk.has_view = true;
    s->answer.state = seen == EFFECT_VIEW_TEMPLATE ? TRACK_NEW : TRACK_UNTRACKED;
    s->has_flow = seen == EFFECT_VIEW_TEMPLATE;
    __builtin_memset(&s->found, 0, sizeof(s->found));
    walk_look_up_plain(s);
    return 0;
}

/* place: in the table's counters. */
GLOBAL int walk_count(struct scratch *s, uint32_t place)
{
    const uint8_t *base = image_base(s);
    const struct image_table *t;
    struct rule_count *count;
    uint32_t counter;

    if (!s || !(t = image_window(base, s->walk.table, sizeof(*t))))
        return 0;
    counter = image_read32(base, t->counters + 4 * (uint64_t)place);
    count = bpf_map_lookup_elem(&rule_counts, &counter);
    if (!count)
        return 0;
    __sync_fetch_and_add(&count->packets, 1);
    __sync_fetch_and_add(&count->bytes, s->packet.length);
    return 0;
}

/* The innermost chain was gone through, or left: back to where it was entered, or its hook's policy decides. */
static inline int walk_return(struct scratch *s, uint32_t policy)
{
    s->walk.depth = s->walk.depth - 1;
    if (s->walk.depth > 0)
        return 0;
    walk_count(s, s->walk.policy);
    s->walk.code = policy == RULES_POLICY_DROP ? IMAGE_DROP : IMAGE_ACCEPT;
    s->walk.bit = (uint32_t)IMAGE_NONE;
    return 1;
}

static inline int walk_decide(struct scratch *s, uint8_t code, uint8_t flags, bool hotdrop)
{
    s->walk.code = code;
    s->walk.hotdrop = hotdrop;
    s->walk.bit = s->walk.best_bit;
    s->walk.flags = flags;
    return 1;
}

static inline int walk_enter(struct scratch *s, uint32_t chain, bool is_goto)
{
    uint32_t depth = s->walk.depth;

    if (!is_goto)
        s->walk.depth = depth + 1;
    else
        depth--;
    if (depth >= WALK_DEPTH)
        return walk_decide(s, IMAGE_DROP, 0, false); /* deeper than is followed: closed */
    s->walk.chain[depth] = chain;
    s->walk.done[depth] = 0;
    return 0;
}

/* Looks at the next rule of the innermost chain. 1: it is decided. */
GLOBAL int walk_step(struct bpf_nf_ctx *context, struct scratch *s, uint32_t policy)
{
    const uint8_t *base = image_base(s);
    const struct image_table *t;
    const struct image_chain *chain;
    const struct image_rule *rule;
    uint32_t depth;
    int answer;

    if (!s || !(t = image_window(base, s->walk.table, sizeof(*t))))
        return 1;
    depth = s->walk.depth - 1;
    if (depth >= WALK_DEPTH)
        return 1;
    chain = image_window(base, t->chains + (uint64_t)s->walk.chain[depth] * sizeof(*chain), sizeof(*chain));
    if (!chain)
        return 1;
    s->walk.after = s->walk.done[depth];
    walk_gather(s, t, chain);
    if (s->walk.best == UINT32_MAX)
        return walk_return(s, policy);
    s->walk.done[depth] = s->walk.best;
    uint64_t at = t->rules + (uint64_t)s->walk.best_bit * sizeof(*rule);
    rule = image_window(base, at, sizeof(*rule));
    if (!rule)
        return 1;
    answer = VERDICT_YES;
    if (s->walk.unsound || rule->flags & IMAGE_RESIDUAL)
        answer = walk_ask(context, s, (uint32_t)at);
    if (answer == VERDICT_HOTDROP)
        return walk_decide(s, IMAGE_DROP, 0, true);
    if (answer != VERDICT_YES)
        return 0;
    walk_count(s, s->walk.best_bit);
    if (rule->flags & IMAGE_LOGS)
        tell_log(context, s, s->walk.best_bit);
    switch (rule->action) {
    case IMAGE_ACCEPT:
    case IMAGE_DROP:
    case IMAGE_REJECT:
        s->walk.with = rule->with;
        return walk_decide(s, rule->action, rule->flags, false);
    case IMAGE_RETURN:
        return walk_return(s, policy);
    case IMAGE_JUMP:
    case IMAGE_GOTO:
        return walk_enter(s, rule->chain, rule->action == IMAGE_GOTO);
    case IMAGE_TARGET:
        walk_apply(s, rule->effect);
        return 0;
    default:
        return 0;
    }
}

/* Walks a table (enum rules_table_type) from the chain of the walk's hook. */
GLOBAL int walk_table(struct bpf_nf_ctx *context, struct scratch *s, uint32_t table)
{
    const uint8_t *base = image_base(s);
    const struct image_header *header = image_window(base, 0, sizeof(*header));
    const struct image_table *t;
    const struct image_chain *chain;
    uint32_t builtin, policy;
    int step;

    if (!s || !header || table >= RULES_TABLES)
        return 0;
    s->walk.code = IMAGE_ACCEPT;
    s->walk.hotdrop = false;
    s->walk.bit = (uint32_t)IMAGE_NONE;
    s->walk.has_template = s->walk.has_connmark = false;
    s->walk.table = header->tables[table];
    if (!s->walk.table || s->packet.family != header->family || s->walk.hook > RULES_POSTROUTING)
        return 0;
    t = image_window(base, s->walk.table, sizeof(*t));
    if (!t)
        return 0;
    builtin = t->builtin[s->walk.hook];
    if (builtin == (uint32_t)IMAGE_NONE)
        return 0;
    chain = image_window(base, t->chains + (uint64_t)builtin * sizeof(*chain), sizeof(*chain));
    if (!chain)
        return 0;
    policy = chain->policy;
    s->walk.policy = t->words * IMAGE_WORD + builtin;
    s->walk.unsound = s->packet.fault == PACKET_SHORT || s->packet.fragment_offset;
    walk_look_up_plain(s);
    s->walk.code = IMAGE_DROP; /* until a rule or a policy says otherwise */
    s->walk.depth = 1;
    s->walk.chain[0] = builtin;
    s->walk.done[0] = 0;
    if (walk_step(context, s, policy)) /* mostly: see walk_word */
        return 0;
    LOOP(step, 1, WALK_STEPS)
    {
        if (walk_step(context, s, policy))
            return 0;
    }
    return 0; /* more rules than are followed: closed */
}

#endif
