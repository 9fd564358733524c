/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_EXPECTED_H
#define SALLY_BPF_EXPECTED_H

/* Expectations come and go, and who listens is told. */
#include "bpf/scratch.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_flow_watch);
} expect_watch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, EXPECT_EVENTS);
} expect_events SEC(".maps");

/* What is told of it, to be submitted or discarded; NULL: nobody listens, or there is no room. It is
 * called where the stack is deep: one variable has all keys. */
static inline struct bpf_expect_event *expected_event(const struct track_expectation *e, uint32_t type)
{
    uint32_t key = 0;
    const struct bpf_flow_watch *watch = bpf_map_lookup_elem(&expect_watch, &key);
    struct bpf_pool *p = bpf_map_lookup_elem(&pool, &key);
    struct bpf_expect_event *event;
    const struct bpf_control *control;
    const struct bpf_flow *f = NULL;

    if (!p || !watch || bpf_ktime_get_ns() / 1000000 >= watch->until)
        return NULL;
    event = bpf_ringbuf_reserve(&expect_events, sizeof *event, 0);
    if (!event) {
        __sync_fetch_and_add(&p->unheard_expected, 1);
        return NULL;
    }
    event->type = type;
    event->now_ms = bpf_ktime_get_ns() / 1000000;
    event->expectation = *e;
    key = event->expectation.master;
    control = bpf_map_lookup_elem(&controls, &key);
    if (control) {
        key = control->slot;
        f = bpf_map_lookup_elem(&flows, &key);
    }
    event->has_master = f && f->flow.serial == event->expectation.master;
    if (f)
        event->master = f->flow.tuple;
    else
        __builtin_memset(&event->master, 0, sizeof event->master);
    return event;
}

GLOBAL int expected_tell(const struct track_expectation *e, uint32_t type)
{
    struct bpf_expect_event *event = e ? expected_event(e, type) : NULL;

    if (event)
        bpf_ringbuf_submit(event, 0);
    return 0;
}

/* Ends the one with this key, of the control connection with this handle: one whose time was over may have been another's
 * since, who announced the same. Of several calls, is it this that has? */
GLOBAL int expected_end(const struct bpf_expected_key *key, uint32_t handle)
{
    const struct track_expectation *e = key ? bpf_map_lookup_elem(&expected, key) : NULL;
    struct bpf_expect_event *event;

    if (!e || e->master != handle)
        return false;
    event = expected_event(e, BPF_FLOW_DESTROY);
    if (bpf_map_delete_elem(&expected, key)) {
        if (event)
            bpf_ringbuf_discard(event, 0);
        return false;
    }
    if (event)
        bpf_ringbuf_submit(event, 0);
    return true;
}

#endif
