/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_POOL_H
#define SALLY_BPF_POOL_H

/*
 * Where flows lie: a slot of the pool "flows", and an entry of "flow_index" that leads to it.
 *
 * Life of a slot: it is free (its serial is 0, and its number is in the queue "free_slots", or was never used: from
 * pool->top on); taken by one CPU, which writes a flow into it; entered in the index; CONFIRMED, and from then on it may
 * be evicted and swept. It ends when somebody sets DYING under its lock. That one, and nobody else, takes the entry out
 * of the index and gives the slot back: since the index lets no second entry in under a number, the one that is taken out
 * is the flow's own, and can't have become another's.
 *
 * Who has a slot's number from the index does not know whether the slot has changed hands since: whose it is, is asked
 * under the lock. No two locks are held at once.
 *
 * Established connections need no table of their own: who has to go for another is looked for slot by slot, from where
 * it was last found on, and never is one that is assured. The sweep (sweep.h), too, goes by slots; so whatever becomes
 * of the index or the queue, it comes by every flow.
 */
#include <linux/errno.h>

#include "bpf/expected.h"

enum {
    SLOT_NONE = -1,
    SLOT_LOOSE = -1,  /* in moves: it is free, and the queue did not take it */
    POOL_PROBES = 64, /* slots that are looked at for one to evict; as many as natively */
    POOL_YOUNG = 8,   /* the newest eighth of all flows is spared, if there is somebody else */
};

static inline struct bpf_pool *pool_get(void)
{
    uint32_t zero = 0;

    return bpf_map_lookup_elem(&pool, &zero);
}

/* Never 0. */
static inline uint32_t pool_serial(struct bpf_pool *p)
{
    uint32_t serial = __sync_fetch_and_add(&p->serial, 1) + 1;

    return serial ? serial : __sync_fetch_and_add(&p->serial, 1) + 1;
}

/* Under its lock: does the slot have a flow, whether or not it may already be evicted? */
static inline bool flow_is_used(const struct bpf_flow *f)
{
    return f->flow.serial && !(f->flow.status & TRACK_DYING);
}

/* ---- who listens ---- */

/* Tells of the flow in the slot, which may change meanwhile, if somebody listens; enum bpf_flow_event_type. */
GLOBAL int pool_tell(uint32_t slot, uint32_t type, uint64_t now_ms)
{
    uint32_t zero = 0;
    const struct bpf_flow_watch *watch = bpf_map_lookup_elem(&flow_watch, &zero);
    struct bpf_pool *p = pool_get();
    struct bpf_flow *f = bpf_map_lookup_elem(&flows, &slot);
    struct bpf_flow_event *e;

    if (!p || !f || !watch || now_ms >= watch->until)
        return 0;
    e = bpf_ringbuf_reserve(&flow_events, sizeof *e, 0);
    if (!e) {
        __sync_fetch_and_add(&p->unheard, 1);
        return 0;
    }
    e->type = type;
    e->spare = 0;
    e->now_ms = now_ms;
    e->flow = f->flow;
    __builtin_memcpy(e->packets, f->packets, sizeof e->packets);
    __builtin_memcpy(e->bytes, f->bytes, sizeof e->bytes);
    bpf_ringbuf_submit(e, 0);
    return 0;
}

/* ---- taken and given back ---- */

static inline void pool_queue(struct bpf_flow *f, uint32_t slot)
{
    if (bpf_map_push_elem(&free_slots, &slot, 0))
        f->moves = (uint32_t)SLOT_LOOSE;
}

/* Of packets of both directions. */
static inline uint64_t pool_key(const struct track_tuple *t, const struct bpf_settings *settings)
{
    struct track_tuple key;

    track_tuple_key(t, &key);
    return track_tuple_number(&key, &settings->track.config.key);
}

/* Whoever calls it has it to himself. */
GLOBAL int pool_give_back(uint32_t slot)
{
    struct bpf_pool *p = pool_get();
    struct bpf_flow *f = bpf_map_lookup_elem(&flows, &slot);

    if (!p || !f)
        return 0;
    bpf_spin_lock(&f->lock);
    f->flow.serial = f->moves = f->flow.status = 0;
    bpf_spin_unlock(&f->lock);
    pool_queue(f, slot);
    __sync_fetch_and_sub(&p->used, 1);
    return 0;
}

/* SLOT_NONE: there is none. */
static inline uint32_t pool_take(struct bpf_pool *p)
{
    uint32_t slot;

    if (bpf_map_pop_elem(&free_slots, &slot)) {
        slot = p->top;
        if (!bpf_map_lookup_elem(&flows, &slot))
            return (uint32_t)SLOT_NONE;
        slot = __sync_fetch_and_add(&p->top, 1);
    }
    if (!bpf_map_lookup_elem(&flows, &slot))
        return (uint32_t)SLOT_NONE;
    __sync_fetch_and_add(&p->used, 1);
    return slot;
}

/* ---- flows that end ---- */

/* The expectation of a control connection goes with it. */
static inline void control_end(uint32_t handle)
{
    struct bpf_control *control = bpf_map_lookup_elem(&controls, &handle);

    if (!control)
        return;
    if (control->expects)
        expected_end(&control->expected, handle);
    bpf_map_delete_elem(&controls, &handle);
}

/* The flow that the caller has made DYING leaves. */
GLOBAL int pool_bury(uint32_t slot, uint64_t now_ms)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_flow *f = bpf_map_lookup_elem(&flows, &slot);
    uint64_t key;

    if (!f || !settings)
        return 0;
    pool_tell(slot, BPF_FLOW_DESTROY, now_ms);
    key = pool_key(&f->flow.tuple, settings);
    bpf_map_delete_elem(&flow_index, &key);
    if (f->flow.helper_data)
        control_end(f->flow.helper_data);
    pool_give_back(slot);
    return 0;
}

/* Ends the flow with this serial, if it is still there and nobody else does. Is it this caller who has? */
GLOBAL int pool_end(uint32_t slot, uint32_t serial, uint64_t now_ms)
{
    struct bpf_flow *f = bpf_map_lookup_elem(&flows, &slot);
    uint32_t mine = false;

    if (!f)
        return false;
    bpf_spin_lock(&f->lock);
    if (flow_is_used(f) && f->flow.serial == serial && f->flow.status & TRACK_CONFIRMED) {
        f->flow.status |= TRACK_DYING;
        mine = true;
    }
    bpf_spin_unlock(&f->lock);
    if (mine)
        pool_bury(slot, now_ms);
    return mine;
}

/* ---- room for another ---- */

/* A flow that is not assured, or whose time is over, goes (nf_conntrack_core.c: early_drop, which looks among some
 * neighbours as well). Those that came last are spared if there is another: they may be about to be answered. */
GLOBAL int pool_evict(uint64_t now_ms)
{
    struct bpf_pool *p = pool_get();
    uint32_t slot, serial, spared = (uint32_t)SLOT_NONE, spared_serial = 0;
    int i;

    if (!p)
        return false;
    LOOP(i, 0, POOL_PROBES)
    {
        slot = __sync_fetch_and_add(&p->hand, 1);
        if (p->top)
            slot %= p->top;
        const struct bpf_flow *f = bpf_map_lookup_elem(&flows, &slot);
        if (!f || !f->flow.serial)
            continue;
        bool is_over = track_has_expired(&f->flow, now_ms);
        serial = f->flow.serial;
        if (f->flow.status & TRACK_ASSURED && !is_over)
            continue;
        if (!is_over && p->serial - serial < p->top / POOL_YOUNG) {
            if (spared == (uint32_t)SLOT_NONE || (int32_t)(serial - spared_serial) < 0) {
                spared = slot;
                spared_serial = serial;
            }
            continue;
        }
        if (pool_end(slot, serial, now_ms)) {
            __sync_fetch_and_add(&p->evicted, 1);
            return true;
        }
    }
    if (spared == (uint32_t)SLOT_NONE || !pool_end(spared, spared_serial, now_ms))
        return false;
    __sync_fetch_and_add(&p->evicted, 1);
    return true;
}

/* Is there room for one more flow, now or because another has to go for it? */
static inline bool pool_has_room(struct bpf_pool *p, uint32_t most, uint64_t now_ms)
{
    if (p->used < most || pool_evict(now_ms))
        return true;
    __sync_fetch_and_add(&p->refused, 1);
    return false;
}

#endif
