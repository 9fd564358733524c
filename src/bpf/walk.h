/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_WALK_H
#define SALLY_BPF_WALK_H

/*
 * One table of the image, walked by the kernel: what verdict/image/walk.c does natively, with the same index,
 * conditions and effects (find.h, condition/field.h, effect.h), but a rule at a time and with all that is
 * counted kept in memory, as the verifier wants it.
 */
#include "bpf/match.h"
#include "verdict/effect.h"
#include "verdict/image/value.h"

/* ---- looking up ---- */

/* Offset of the set of the packet's value in the index at offset. */
GLOBAL uint32_t walk_find(struct scratch *s, uint32_t offset)
{
    const struct image_index *index = image_window(NULL, offset, sizeof(*index));
    uint8_t state;

    if (!s || !index)
        return 0;
    state = s->walk.has_view ? s->answer.state : TRACK_NONE;
    return image_find(NULL, index,
                      image_value(&s->packet, s->walk.hook, s->ask.in, s->ask.out, state, index->field));
}

GLOBAL int walk_look_up(struct scratch *s)
{
    const struct image_table *t;
    uint32_t at;
    int i;

    if (!s || !(t = image_window(NULL, s->walk.table, sizeof(*t))))
        return 0;
    LOOP(i, 0, IMAGE_FIELDS)
    {
        if (i >= t->count)
            break;
        at = s->walk.table + (uint32_t)offsetof(struct image_table, index) +
             (uint32_t)i * sizeof(struct image_index);
        const struct image_index *index = image_window(NULL, at, sizeof(*index));
        if (!index)
            break;
        s->walk.sets[i] = s->walk.unsound && !image_is_readable(index->field, t->late) ? 0 : walk_find(s, at);
    }
    s->walk.joined = 0;
    if (s->walk.unsound)
        return 0;
    s->walk.joined = t->joined;
    LOOP(i, 0, IMAGE_FIELDS)
    {
        if (i >= t->joins)
            break;
        at = s->walk.table + (uint32_t)offsetof(struct image_table, join) +
             (uint32_t)i * sizeof(struct image_index);
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

/* The rule of the smallest number behind after, of those that the packet wants in a word. */
GLOBAL int walk_word(struct scratch *s)
{
    const struct image_table *t;
    uint64_t bits;
    uint32_t word, wild;
    int i, n;

    if (!s || !(t = image_window(NULL, s->walk.table, sizeof(*t))))
        return 0;
    word = s->walk.word;
    wild = t->wild_words + word * t->count * 8;
    bits = s->walk.joined ? image_read64(NULL, s->walk.joined + 8 * (uint64_t)(t->middles + word)) : ~0ULL;
    s->walk.bits = bits & walk_mask(word, s->walk.first, s->walk.end);
    LOOP(i, 0, IMAGE_FIELDS)
    {
        if (i >= t->count)
            break;
        if (!s->walk.sets[i])
            continue;
        bits = image_read64(NULL, wild + 8 * (uint64_t)(uint32_t)i);
        if (s->walk.middle[i] >> (word & 63) & 1)
            bits |= image_read64(NULL, s->walk.leaves[i] +
                                           8 * (uint64_t)__builtin_popcountll(s->walk.middle[i] &
                                                                              ((1ULL << (word & 63)) - 1)));
        s->walk.bits = s->walk.bits & bits;
    }
    LOOP(n, 0, IMAGE_WORD)
    {
        bits = s->walk.bits;
        if (!bits)
            break;
        s->walk.bits = bits & (bits - 1);
        uint32_t bit = word * IMAGE_WORD + walk_lowest(bits);
        uint32_t number = image_read32(NULL, t->rules + (uint64_t)bit * sizeof(struct image_rule));
        if (number > s->walk.after && number < s->walk.best) {
            s->walk.best = number;
            s->walk.best_bit = bit;
        }
    }
    return 0;
}

/* Of each set its middle word m, and which leaf words are left of all. */
GLOBAL int walk_middle(struct scratch *s, uint32_t m)
{
    const struct image_table *t;
    uint32_t wild;
    int i;

    if (!s || !(t = image_window(NULL, s->walk.table, sizeof(*t))))
        return 0;
    wild = t->wild_middles + m * t->count * 8;
    s->walk.words = s->walk.joined ? image_read64(NULL, s->walk.joined + 8 * (uint64_t)m) : ~0ULL;
    LOOP(i, 0, IMAGE_FIELDS)
    {
        if (i >= t->count)
            break;
        uint32_t set = s->walk.sets[i];
        if (!set)
            continue;
        uint64_t top = image_read64(NULL, set), words = 0, leaves = 0;
        uint32_t place = m;
        bool there = t->middles <= IMAGE_DENSE || top >> (m & 63) & 1;
        if (t->middles > IMAGE_DENSE)
            place = (uint32_t)__builtin_popcountll(top & ((1ULL << (m & 63)) - 1));
        uint64_t at = set + sizeof(struct image_set) + (uint64_t)place * sizeof(struct image_middle);
        if (there) {
            words = image_read64(NULL, at);
            leaves = image_read64(NULL, at + 8);
        }
        s->walk.middle[i] = words;
        s->walk.leaves[i] = leaves;
        s->walk.words = s->walk.words & (words | image_read64(NULL, wild + 8 * (uint64_t)(uint32_t)i));
    }
    return 0;
}

/* Sets best and best_bit to the rule of the smallest number behind after among bits first...end-1. */
GLOBAL int walk_gather(struct scratch *s)
{
    int m, n;

    if (!s)
        return 0;
    s->walk.best = UINT32_MAX;
    if (s->walk.first >= s->walk.end)
        return 0;
    LOOP(m, 0, WALK_WORDS)
    {
        if ((uint32_t)m < s->walk.first / 4096)
            continue;
        if ((uint32_t)m > (s->walk.end - 1) / 4096)
            break;
        walk_middle(s, (uint32_t)m);
        LOOP(n, 0, WALK_WORDS)
        {
            uint64_t words = s->walk.words;
            if (!words)
                break;
            s->walk.words = words & (words - 1);
            s->walk.word = (uint32_t)m * WALK_WORDS + walk_lowest(words);
            if (s->walk.word >= s->walk.first / 64 && s->walk.word <= (s->walk.end - 1) / 64)
                walk_word(s);
        }
    }
    return 0;
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
    const struct condition *c = image_window(NULL, offset, sizeof(*c));
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
    const struct image_rule *rule = image_window(NULL, offset, sizeof(*rule));
    int i, answer;

    if (!s || !rule)
        return VERDICT_NO;
    if (!s->walk.unsound && !(rule->flags & IMAGE_RESIDUAL))
        return VERDICT_YES;
    LOOP(i, 0, 1024)
    {
        if (i >= rule->count)
            break;
        if (!s->walk.unsound && i < IMAGE_CONDITIONS && !(rule->residual >> (i & 63) & 1))
            continue;
        uint32_t at = rule->conditions + (uint32_t)i * (uint32_t)sizeof(struct condition);
        const struct condition *c = image_window(NULL, at, sizeof(*c));
        answer = c && c->kind == CONDITION_CALL ? match_call(context, s, at) : walk_ask_one(s, at);
        if (answer != VERDICT_YES)
            return answer;
    }
    return VERDICT_YES;
}

/* ---- deciding ---- */

/* MARK and its like, the effect at offset. */
GLOBAL int walk_apply(struct scratch *s, uint32_t offset)
{
    const struct effect *e = image_window(NULL, offset, sizeof(*e));
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
    walk_look_up(s);
    return 0;
}

static inline void walk_count(const struct scratch *s, uint32_t bit)
{
    uint32_t place = s->walk.counts + bit;
    struct rule_count *count = bpf_map_lookup_elem(&rule_counts, &place);

    if (!count)
        return;
    __sync_fetch_and_add(&count->packets, 1);
    __sync_fetch_and_add(&count->bytes, s->packet.length);
}

/* The innermost chain was gone through, or left: back to where it was entered, or its hook's policy decides. */
static inline int walk_return(struct scratch *s, uint32_t policy)
{
    s->walk.depth = s->walk.depth - 1;
    if (s->walk.depth > 0)
        return 0;
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
    const struct image_table *t;
    const struct image_chain *chain;
    const struct image_rule *rule;
    uint32_t depth;
    int answer;

    if (!s || !(t = image_window(NULL, s->walk.table, sizeof(*t))))
        return 1;
    depth = s->walk.depth - 1;
    if (depth >= WALK_DEPTH)
        return 1;
    chain = image_window(NULL, t->chains + (uint64_t)s->walk.chain[depth] * sizeof(*chain), sizeof(*chain));
    if (!chain)
        return 1;
    s->walk.first = chain->first;
    s->walk.end = chain->end;
    s->walk.after = s->walk.done[depth];
    walk_gather(s);
    if (s->walk.best == UINT32_MAX)
        return walk_return(s, policy);
    s->walk.done[depth] = s->walk.best;
    uint64_t at = t->rules + (uint64_t)s->walk.best_bit * sizeof(*rule);
    rule = image_window(NULL, at, sizeof(*rule));
    if (!rule)
        return 1;
    answer = walk_ask(context, s, (uint32_t)at);
    if (answer == VERDICT_HOTDROP)
        return walk_decide(s, IMAGE_DROP, 0, true);
    if (answer != VERDICT_YES)
        return 0;
    walk_count(s, s->walk.best_bit);
    switch (rule->action) {
    case IMAGE_ACCEPT:
    case IMAGE_DROP:
    case IMAGE_REJECT:
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

/* Filter's counters come first, then raw's. */
static inline uint32_t walk_counts_of(const struct image_header *header, uint32_t table)
{
    const struct image_table *filter;

    if (table == RULES_FILTER || !header->tables[RULES_FILTER])
        return 0;
    filter = image_window(NULL, header->tables[RULES_FILTER], sizeof(*filter));
    return filter ? filter->words * IMAGE_WORD : 0;
}

/* Walks a table (enum rules_table_type) from the chain of the walk's hook. */
GLOBAL int walk_table(struct bpf_nf_ctx *context, struct scratch *s, uint32_t table)
{
    const struct image_header *header = image_window(NULL, 0, sizeof(*header));
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
    t = image_window(NULL, s->walk.table, sizeof(*t));
    if (!t)
        return 0;
    builtin = t->builtin[s->walk.hook];
    if (builtin == (uint32_t)IMAGE_NONE)
        return 0;
    chain = image_window(NULL, t->chains + (uint64_t)builtin * sizeof(*chain), sizeof(*chain));
    if (!chain)
        return 0;
    policy = chain->policy;
    s->walk.counts = walk_counts_of(header, table);
    s->walk.unsound = s->packet.fault == PACKET_SHORT || s->packet.fragment_offset;
    walk_look_up(s);
    s->walk.code = IMAGE_DROP; /* until a rule or a policy says otherwise */
    s->walk.depth = 1;
    s->walk.chain[0] = builtin;
    s->walk.done[0] = 0;
    LOOP(step, 0, WALK_STEPS)
    {
        if (walk_step(context, s, policy))
            return 0;
    }
    return 0; /* more rules than are followed: closed */
}

#endif
