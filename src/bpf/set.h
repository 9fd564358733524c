/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_SET_H
#define SALLY_BPF_SET_H

/*
 * -m set: members lie in the map "members", under the version of their set that "sets" names. Whoever changes a set
 * writes its members under a new version, then names that, so that a packet sees a set before or after a change, and
 * nothing between. How a packet is looked for is in verdict/sets/member.h.
 */
#include "bpf/link.h"
#include "bpf/scratch.h"
#include "verdict/sets/member.h"

enum { SETS = 1024, MEMBERS = 1 << 20 };

/* Versions, by sets_id. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, SETS);
    __type(key, uint64_t);
    __type(value, uint32_t);
} sets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 2 * SETS); /* old and new, while they are changed */
    __type(key, uint32_t);
    __type(value, struct sets_head);
} set_heads SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, MEMBERS);
    __type(key, struct sets_member_key);
    __type(value, uint32_t);
} members SEC(".maps");

/* The member that decides of s->set, of a version of a set; 0: none. Enum sets_member_value. */
GLOBAL uint32_t set_find(struct scratch *s, uint32_t version)
{
    const struct sets_head *head = bpf_map_lookup_elem(&set_heads, &version);
    int i;

    if (!s || !head)
        return 0;
    LOOP(i, 0, SETS_SHAPES)
    {
        if (i >= head->shapes)
            break;
        struct sets_shape shape = head->shape[i];
        if (!sets_cut(&s->set.question, &shape))
            continue;
        s->set.question.key.version = version;
        const uint32_t *value = bpf_map_lookup_elem(&members, &s->set.question.key);
        if (value)
            return *value;
    }
    return 0;
}

static inline bool set_needs_mac(const struct sets_head *head)
{
    return head->parts[0] == SETS_MAC || head->parts[1] == SETS_MAC;
}

/* A version of a set that is no list. */
static inline bool set_has(struct bpf_nf_ctx *context, struct scratch *s, const struct rules_match_set *m,
                           uint32_t version)
{
    const struct sets_head *head = bpf_map_lookup_elem(&set_heads, &version);
    uint32_t value;

    if (!head || !head->parts[0])
        return false;
    if (set_needs_mac(head)) {
        link_look(context, s);
        __builtin_memcpy(s->set.facts.mac, s->ask.mac, SETS_MAC_SIZE);
    }
    if (!sets_ask(&s->set.question, head, m, &s->set.facts))
        return false;
    value = set_find(s, version);
    return value && sets_says(head, m, value);
}

static inline void set_know(struct scratch *s)
{
    struct verdict_packet p = {.packet = &s->packet,
                               .hook = (enum rules_hook)s->walk.hook,
                               .in = s->ask.in,
                               .out = s->ask.out,
                               .mark = s->walk.mark};

    sets_know(&s->set.facts, &p);
    __builtin_memcpy(s->set.facts.mac, s->ask.mac, SETS_MAC_SIZE);
}

/* Enum verdict_answer. A set that nobody loaded holds nothing that could be known: closed rather than open. Of a list
 * its sets are asked behind itself, which has no members. */
GLOBAL int match_set(struct bpf_nf_ctx *context, struct scratch *s, uint32_t payload)
{
    const struct set_asked *m = image_window(image_base(s), payload, sizeof(*m));
    const uint32_t *version = m ? bpf_map_lookup_elem(&sets, &m->id) : NULL;
    const struct sets_head *head = version ? bpf_map_lookup_elem(&set_heads, version) : NULL;
    bool has = false;
    int i;

    if (!s || !head)
        return VERDICT_HOTDROP;
    set_know(s);
    LOOP(i, 0, SETS_LISTED + 1)
    {
        if (i > head->listed || has)
            break;
        if (i > 0)
            version = bpf_map_lookup_elem(&sets, &head->list[(i - 1) & (SETS_LISTED - 1)]);
        has = version && set_has(context, s, &m->match, *version);
    }
    return has != m->match.inverted ? VERDICT_YES : VERDICT_NO;
}

#endif
