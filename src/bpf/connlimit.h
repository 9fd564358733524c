/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_CONNLIMIT_H
#define SALLY_BPF_CONNLIMIT_H

/*
 * -m connlimit: net/netfilter/nf_conncount.c, at a cost that does not grow with the limit.
 *
 * Of each rule and masked address the map "limited" has a count, and "limited_slots" the connections that make it up,
 * numbered from 0; "limited_flows" says whether one is among them. Connections that ended stay until their number
 * decides: only when the count says that a limit is passed are they looked for, so many at a time and on from where the
 * last look ended, and the last one takes the place of one that goes. So nothing has to be told when a connection ends,
 * and no count can be left behind: addresses whose connections have all ended go when others come, two for each, by the
 * queue of all of them.
 *
 * An address is changed by who holds its busy mark.
 */
#include "bpf/pool.h"
#include "track/tcp_state.h"
#include "track/tuple.h"

enum {
    LIMITED = 65536, /* addresses */
    LIMITED_FLOWS = 131072,
    CONNLIMIT_LOOK = 128,   /* connections of an address that one packet looks for */
    CONNLIMIT_ALL = 65536,  /* likewise, in a test run, which is compared with one that looks at all */
    CONNLIMIT_SWEEP = 8,    /* likewise, of another address */
    CONNLIMIT_OTHERS = 2,   /* those others, when a new one comes */
    CONNLIMIT_WAIT = 4096,  /* tries to get the busy mark */
    CONNLIMIT_YOUNG_MS = 8, /* another processor may still be about to confirm it: 2 jiffies */
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, LIMITED);
    __type(key, struct bpf_limited_key);
    __type(value, struct bpf_limited);
} limited SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, LIMITED_FLOWS);
    __type(key, struct bpf_limited_slot_key);
    __type(value, struct bpf_limited_slot);
} limited_slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, LIMITED_FLOWS);
    __type(key, struct bpf_limited_flow_key);
    __type(value, uint32_t);
} limited_flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, LIMITED);
    __type(value, struct bpf_limited_key);
} limited_queue SEC(".maps");

/* ---- one connection ---- */

/* Is there such a connection, and is it open? nf_conncount.c counts neither what is gone nor TCP that is closed. */
static inline bool connlimit_is_alive(struct scratch *s, const struct track_tuple *tuple)
{
    const struct bpf_settings *settings = settings_get();
    const struct bpf_flow *f;
    const uint32_t *slot;

    if (!settings)
        return false;
    s->limit.found = pool_key(tuple, settings);
    slot = bpf_map_lookup_elem(&flow_index, &s->limit.found);
    f = slot ? bpf_map_lookup_elem(&flows, slot) : NULL;
    if (!f || !flow_is_used(f) || track_flow_direction(&f->flow, tuple) >= TRACK_DIRECTIONS ||
        track_has_expired(&f->flow, s->ask.now_ms))
        return false;
    return f->flow.tuple.protocol != PACKET_TCP ||
           (f->flow.tcp.state != TRACK_TCP_TIME_WAIT && f->flow.tcp.state != TRACK_TCP_CLOSE);
}

/* Has the connection in a slot ended? s->limit.slot is a copy. That of this packet has not: an earlier rule has counted
 * it, and it is confirmed behind the rules. */
static inline bool connlimit_has_ended(struct scratch *s)
{
    if (s->has_flow && s->fresh && track_tuple_equal(&s->limit.slot.tuple, &s->found.flow.tuple))
        return false;
    if (connlimit_is_alive(s, &s->limit.slot.tuple))
        return false;
    return !s->ask.is_live || s->limit.slot.processor == bpf_get_smp_processor_id() ||
           s->ask.now_ms - s->limit.slot.since >= CONNLIMIT_YOUNG_MS;
}

/* ---- one address: s->limit.slot_key.of ---- */

/* false: it can't be had within the time that a packet has. */
static inline bool connlimit_hold(struct bpf_limited *l)
{
    int i;

    LOOP(i, 0, CONNLIMIT_WAIT)
    {
        if (!__sync_lock_test_and_set(&l->busy, 1))
            return true;
    }
    return false;
}

static inline void connlimit_release(struct bpf_limited *l)
{
    __sync_lock_test_and_set(&l->busy, 0);
}

/* The slot at the cursor goes, and the last one takes its place. */
static inline void connlimit_remove(struct scratch *s, struct bpf_limited *l)
{
    uint32_t at = s->limit.slot_key.slot, last = l->count - 1;
    const struct bpf_limited_slot *moved;

    s->limit.flow_key.of = s->limit.slot_key.of;
    s->limit.flow_key.tuple = s->limit.slot.tuple;
    bpf_map_delete_elem(&limited_flows, &s->limit.flow_key);
    s->limit.slot_key.slot = last;
    moved = bpf_map_lookup_elem(&limited_slots, &s->limit.slot_key);
    if (moved && last != at) {
        s->limit.slot = *moved;
        s->limit.slot_key.slot = at;
        bpf_map_update_elem(&limited_slots, &s->limit.slot_key, &s->limit.slot, BPF_ANY);
        s->limit.slot_key.slot = last;
    }
    bpf_map_delete_elem(&limited_slots, &s->limit.slot_key);
    l->count = last;
}

/* Looks at the slot at the cursor. false: there is none. */
GLOBAL int connlimit_look(struct scratch *s)
{
    const struct bpf_limited_slot *slot;
    struct bpf_limited *l;
    uint32_t cursor;

    if (!s)
        return false;
    l = bpf_map_lookup_elem(&limited, &s->limit.slot_key.of);
    if (!l || !l->count)
        return false;
    cursor = l->cursor < l->count ? l->cursor : 0;
    s->limit.slot_key.slot = cursor;
    l->cursor = cursor + 1;
    slot = bpf_map_lookup_elem(&limited_slots, &s->limit.slot_key);
    if (slot)
        s->limit.slot = *slot;
    if (slot && !connlimit_has_ended(s))
        return true;
    l->cursor = cursor;
    connlimit_remove(s, l);
    return true;
}

/* Those of an address that ended go, as far as `most` looks find them. */
static inline void connlimit_clear(struct scratch *s, uint32_t most)
{
    int i;

    LOOP(i, 0, most)
    {
        if (!connlimit_look(s))
            break;
    }
}

/* ---- other addresses ---- */

/* The next address of the queue: if nothing is left of it, it goes. false: the queue is empty. */
GLOBAL int connlimit_sweep(struct scratch *s)
{
    struct bpf_limited *l;
    bool is_empty = false;

    if (!s || bpf_map_pop_elem(&limited_queue, &s->limit.slot_key.of))
        return false;
    l = bpf_map_lookup_elem(&limited, &s->limit.slot_key.of);
    if (!l)
        return true;
    if (!__sync_lock_test_and_set(&l->busy, 1)) {
        connlimit_clear(s, CONNLIMIT_SWEEP);
        is_empty = !l->count;
        l->gone = is_empty;
        if (is_empty)
            bpf_map_delete_elem(&limited, &s->limit.slot_key.of);
        connlimit_release(l);
    }
    if (!is_empty)
        bpf_map_push_elem(&limited_queue, &s->limit.slot_key.of, BPF_ANY);
    return true;
}

static inline void connlimit_sweep_others(struct scratch *s)
{
    int i;

    LOOP(i, 0, CONNLIMIT_OTHERS)
    {
        if (!connlimit_sweep(s))
            break;
    }
}

/* The count of s->limit.key, made now if need be; NULL: there is no room. */
static inline struct bpf_limited *connlimit_find(struct scratch *s)
{
    struct bpf_limited NONE = {0};
    struct bpf_limited *l = bpf_map_lookup_elem(&limited, &s->limit.key);

    if (l)
        return l;
    if (s->ask
            .is_live) /* else it is compared with one that looks at an address only when that is asked about */
        connlimit_sweep_others(s);
    if (!bpf_map_update_elem(&limited, &s->limit.key, &NONE, BPF_NOEXIST))
        bpf_map_push_elem(&limited_queue, &s->limit.key, BPF_ANY);
    return bpf_map_lookup_elem(&limited, &s->limit.key);
}

/* ---- a packet ---- */

/* Is the packet's connection, s->limit.tuple, counted? */
static inline bool connlimit_has(struct scratch *s)
{
    s->limit.flow_key.of = s->limit.key;
    s->limit.flow_key.tuple = s->limit.tuple;
    return bpf_map_lookup_elem(&limited_flows, &s->limit.flow_key);
}

/* false: there is no room. */
static inline bool connlimit_join(struct scratch *s, struct bpf_limited *l)
{
    static const uint32_t YES = 1;

    s->limit.slot_key.of = s->limit.key;
    s->limit.slot_key.slot = l->count;
    s->limit.slot.tuple = s->limit.tuple;
    s->limit.slot.since = s->ask.now_ms;
    s->limit.slot.processor = bpf_get_smp_processor_id();
    if (bpf_map_update_elem(&limited_slots, &s->limit.slot_key, &s->limit.slot, BPF_ANY))
        return false;
    connlimit_has(s); /* writes the key */
    if (bpf_map_update_elem(&limited_flows, &s->limit.flow_key, &YES, BPF_ANY)) {
        bpf_map_delete_elem(&limited_slots, &s->limit.slot_key);
        return false;
    }
    l->count++;
    return true;
}

/* How many connections there are with this one, which is counted from now on; UINT32_MAX: there is no room. Of those
 * that ended as many may be among them as don't matter to the limit. */
static inline uint32_t connlimit_count(struct scratch *s, uint32_t limit)
{
    struct bpf_limited *l;
    uint32_t count = UINT32_MAX;
    bool has;

    l = connlimit_find(s);
    if (!l || !connlimit_hold(l))
        return count;
    has = connlimit_has(s);
    if (l->count + !has > limit) {
        s->limit.slot_key.of = s->limit.key;
        connlimit_clear(s, s->ask.is_live ? CONNLIMIT_LOOK : CONNLIMIT_ALL);
        has = connlimit_has(s);
    }
    if (!l->gone)
        count = l->count + !has;
    if (count != UINT32_MAX && !has && !connlimit_join(s, l))
        count = UINT32_MAX;
    connlimit_release(l);
    return count;
}

/* What is counted, and for whom. false: nothing can be made of the packet. */
static inline bool connlimit_know(struct scratch *s, const struct rules_match_connlimit *m, uint32_t offset)
{
    const struct image_header *header = image_window(image_base(s), 0, sizeof(*header));
    struct bpf_limited_key *key = &s->limit.key;

    if (s->has_flow)
        s->limit.tuple = s->found.flow.tuple;
    else if (!track_tuple_read(&s->packet, 0, &s->limit.tuple))
        return false;
    __builtin_memset(key, 0, sizeof(*key));
    key->offset = offset;
    key->serial = header ? header->serial : 0;
    key->zone = s->limit.tuple.zone;
    key->address = m->by_destination ? s->packet.destination : s->packet.source;
    for (unsigned w = 0; w < 4; w++)
        key->address.word[w] &= m->mask.word[w];
    return true;
}

/* Enum verdict_answer. offset: of the condition, by which it is known. Before connections are known it can't be
 * asked. */
GLOBAL int match_connlimit(struct scratch *s, uint32_t offset, uint32_t payload)
{
    const struct rules_match_connlimit *m = image_window(image_base(s), payload, sizeof(*m));
    uint32_t count;

    if (!s || !m || !s->walk.has_view || !connlimit_know(s, m, offset))
        return VERDICT_HOTDROP;
    count = connlimit_count(s, m->limit);
    if (count == UINT32_MAX)
        return VERDICT_HOTDROP;
    return (count > m->limit) == m->above ? VERDICT_YES : VERDICT_NO;
}

#endif
