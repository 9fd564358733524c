/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_SWEEP_H
#define SALLY_BPF_SWEEP_H

/*
 * What goes by itself: flows whose time is over, without a process that looks after them. One timer, in a map that is
 * pinned (the kernel stops timers of maps that nobody holds), looks at some slots at each tick, and after each round at
 * what else grows old. A round takes about SWEEP_ROUND, or as long as SWEEP_MOST slots every SWEEP_SHORTEST take.
 *
 * Whether a flow's time is over is asked where it matters; the sweep only gives back what it held.
 *
 * The programs here are run by user space (BPF_PROG_TEST_RUN), with a struct bpf_order as their context.
 */
#include "bpf/pool.h"
#include "verdict/match/step.h"

enum {
    SWEEP_MOST = 4096,     /* slots a tick */
    SWEEP_ROUND = 2000,    /* ms */
    SWEEP_SHORTEST = 20,   /* ms between ticks */
    SWEEP_LATE = 10000,    /* ms without a tick: it has stopped */
    SWEEP_BUCKETS = 10000, /* ms between looks at hashlimit's, of which there are many */
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_sweeper);
} sweeper SEC(".maps");

/* ---- slots ---- */

static inline void sweep_slot(uint32_t slot, uint64_t now_ms)
{
    struct bpf_flow *f = bpf_map_lookup_elem(&flows, &slot);

    if (!f)
        return;
    if (!f->flow.serial && f->moves == (uint32_t)SLOT_LOOSE &&
        __sync_val_compare_and_swap(&f->moves, (uint32_t)SLOT_LOOSE, 0) == (uint32_t)SLOT_LOOSE)
        pool_queue(f, slot);
    else if (f->flow.serial && track_has_expired(&f->flow, now_ms))
        pool_end(slot, f->flow.serial, now_ms);
}

/* ---- what else grows old ---- */

struct sweep_time {
    uint64_t now_ms;
};

static long sweep_expected(void *map, const void *key, void *value, void *arg)
{
    const struct track_expectation *e = value;
    const struct sweep_time *time = arg;
    struct bpf_expected_key own = *(const struct bpf_expected_key *)key;

    (void)map;
    if (e->expires <= time->now_ms)
        expected_end(&own, e->master);
    return 0;
}

/* A control connection's goes with its flow; this one's may never have been confirmed. */
static long sweep_control(void *map, const void *key, void *value, void *arg)
{
    const struct bpf_control *control = value;
    uint32_t slot = control->slot, handle = *(const uint32_t *)key;
    const struct bpf_flow *f = bpf_map_lookup_elem(&flows, &slot);

    (void)map;
    (void)arg;
    if (f && f->flow.serial != handle)
        bpf_map_delete_elem(&controls, key);
    return 0;
}

static long sweep_bucket(void *map, const void *key, void *value, void *arg)
{
    const struct bpf_bucket_key *k = key;
    const struct bpf_bucket *b = value;
    const struct sweep_time *time = arg;
    uint64_t number = k->table;
    struct bpf_table *table = bpf_map_lookup_elem(&tables, &number);

    (void)map;
    if (table && b->bucket.expires + table->gc < memory_jiffies(time->now_ms) &&
        !bpf_map_delete_elem(&buckets, key))
        __sync_fetch_and_sub(&table->count, 1);
    return 0;
}

static long sweep_table(void *map, const void *key, void *value, void *arg)
{
    const struct bpf_table *table = value;
    uint64_t *count = arg;

    (void)map;
    (void)key;
    *count += table->count;
    return 0;
}

static inline bool sweep_has_buckets(void)
{
    uint64_t count = 0;

    bpf_for_each_map_elem(&tables, sweep_table, &count, 0);
    return count > 0;
}

GLOBAL int sweep_rest(uint64_t now_ms)
{
    uint32_t zero = 0;
    struct bpf_sweeper *sweep = bpf_map_lookup_elem(&sweeper, &zero);
    struct sweep_time time = {now_ms};

    if (!sweep)
        return 0;
    bpf_for_each_map_elem(&expected, sweep_expected, &time, 0);
    bpf_for_each_map_elem(&controls, sweep_control, &time, 0);
    if (now_ms < sweep->buckets_at || !sweep_has_buckets())
        return 0;
    sweep->buckets_at = now_ms + SWEEP_BUCKETS;
    bpf_for_each_map_elem(&buckets, sweep_bucket, &time, 0);
    return 0;
}

/* ---- ticks ---- */

/* Looks at so many slots. How many ms later it wants to go on. */
GLOBAL int sweep_some(uint64_t now_ms, uint32_t steps)
{
    uint32_t zero = 0;
    struct bpf_sweeper *sweep = bpf_map_lookup_elem(&sweeper, &zero);
    const struct bpf_pool *p = pool_get();
    uint32_t period;
    int i;

    if (!sweep || !p)
        return SWEEP_ROUND;
    LOOP(i, 0, SWEEP_MOST)
    {
        if ((uint32_t)i >= steps || sweep->next >= p->top)
            break;
        sweep_slot(__sync_fetch_and_add(&sweep->next, 1), now_ms);
    }
    period = p->top ? (uint32_t)((uint64_t)SWEEP_ROUND * SWEEP_MOST / p->top) : SWEEP_ROUND;
    if (sweep->next >= p->top) {
        sweep->next = 0;
        sweep->rounds++;
        sweep_rest(now_ms);
    }
    return period > SWEEP_ROUND ? SWEEP_ROUND : period < SWEEP_SHORTEST ? SWEEP_SHORTEST : (int)period;
}

static int sweep_tick(void *map, uint32_t *key, struct bpf_sweeper *sweep)
{
    uint64_t now = bpf_ktime_get_ns() / 1000000, period = (uint64_t)sweep_some(now, SWEEP_MOST);

    (void)map;
    (void)key;
    sweep->ticked = now;
    sweep->error = bpf_timer_start(&sweep->timer, period * 1000000, 0);
    return 0;
}

enum { SWEEP_CLOCK = 1 /* CLOCK_MONOTONIC */ };

/* Starts the timer, whatever it was before. 0, or -errno: -ENOMEM, too, whenever the kernel would have to look for the few
 * bytes of a timer (kmalloc_nolock). Then the next connection tries again. */
GLOBAL int sweep_start(uint64_t now_ms)
{
    uint32_t zero = 0;
    struct bpf_sweeper *sweep = bpf_map_lookup_elem(&sweeper, &zero);
    long r;

    if (!sweep)
        return -ENOENT;
    r = bpf_timer_init(&sweep->timer, &sweeper, SWEEP_CLOCK);
    if (!r || r == -EBUSY) /* EBUSY: it has been */
        r = bpf_timer_set_callback(&sweep->timer, sweep_tick);
    if (!r)
        r = bpf_timer_start(&sweep->timer, SWEEP_SHORTEST * 1000000ULL, 0);
    if (!r)
        sweep->ticked = now_ms;
    sweep->error = r;
    return (int)r;
}

/* A new connection has come, now: should the timer have stopped, for whatever reason, it begins again. */
static inline void sweep_wake(uint64_t now_ms)
{
    uint32_t zero = 0;
    const struct bpf_sweeper *sweep = bpf_map_lookup_elem(&sweeper, &zero);

    if (sweep && now_ms > sweep->ticked + SWEEP_LATE)
        sweep_start(now_ms);
}

SEC("syscall")
int sweep_arm(struct bpf_order *order)
{
    (void)order;
    return sweep_start(bpf_ktime_get_ns() / 1000000);
}

/* A tick, at a time that the caller says. */
SEC("syscall")
int sweep_now(struct bpf_order *order)
{
    return sweep_some(order->now_ms, order->steps);
}

/* Ends the flow in a slot, if it still is the one with this serial. Is it this call that has? */
SEC("syscall")
int forget_flow(struct bpf_order *order)
{
    return pool_end(order->slot, order->serial, order->now_ms);
}

/* The flow of a packet, if it is there: a handle by which it can expect something, whether a helper listens to it or not, and its slot; or
 * -ENOENT. */
static inline int64_t flow_handle(const struct track_tuple *t, uint64_t now_ms, uint32_t *ret_slot)
{
    const struct bpf_settings *settings = settings_get();
    uint64_t key = settings ? pool_key(t, settings) : 0;
    uint32_t *slot = bpf_map_lookup_elem(&flow_index, &key);
    struct bpf_flow *f = slot ? bpf_map_lookup_elem(&flows, slot) : NULL;
    int64_t handle = -ENOENT;

    if (!f)
        return -ENOENT;
    *ret_slot = *slot;
    bpf_spin_lock(&f->lock);
    if (flow_is_used(f) && track_flow_direction(&f->flow, t) < TRACK_DIRECTIONS &&
        !track_has_expired(&f->flow, now_ms)) {
        if (!f->flow.helper_data)
            f->flow.helper_data = f->flow.serial;
        handle = f->flow.helper_data;
    }
    bpf_spin_unlock(&f->lock);
    return handle;
}

/* What it has besides, made if nobody has spoken on it yet. */
static inline struct bpf_control *control_of(uint32_t handle, uint32_t slot)
{
    struct bpf_control *control = bpf_map_lookup_elem(&controls, &handle);
    struct scratch *s = control ? NULL : scratch_claim();

    if (!s)
        return control;
    __builtin_memset(&s->control, 0, sizeof s->control);
    s->control.slot = slot;
    bpf_map_update_elem(&controls, &handle, &s->control, BPF_NOEXIST);
    scratch_give_back(s);
    return bpf_map_lookup_elem(&controls, &handle);
}

static inline bool expected_same(const struct bpf_expected_key *a, const struct bpf_expected_key *b)
{
    return packet_address_equal(&a->source, &b->source) &&
           packet_address_equal(&a->destination, &b->destination) && a->port == b->port &&
           a->zone == b->zone && a->family == b->family;
}

/* A server says what its control connection expects, for so many seconds: what was expected of it before is not any more. 0 or
 * -errno: -EPROTO, who asks is of another version. */
SEC("syscall")
int order_expected(struct bpf_order *order)
{
    const struct bpf_expected_key key = order->expected;
    const struct track_tuple tuple = order->control;
    uint64_t now_ms = bpf_ktime_get_ns() / 1000000;
    uint32_t slot = 0;
    int64_t handle = order->size == sizeof *order ? flow_handle(&tuple, now_ms, &slot) : -EPROTO;
    uint32_t master = (uint32_t)handle;
    struct bpf_control *control = handle > 0 ? control_of(master, slot) : NULL;
    struct track_expectation e = {.source = key.source,
                                  .destination = key.destination,
                                  .port = key.port,
                                  .zone = key.zone,
                                  .family = key.family,
                                  .master = master,
                                  .expires = now_ms + (uint64_t)order->seconds * 1000};

    struct bpf_expected_key was;
    bool is_other;

    if (handle < 0)
        return (int)handle;
    if (!control)
        return -EMFILE;
    /* The same is never gone in between: what comes just then would begin a flow that nobody expected. */
    was = control->expected;
    is_other = control->expects && !expected_same(&was, &key);
    if (bpf_map_update_elem(&expected, &key, &e, BPF_ANY))
        return -EMFILE;
    control->expected = key; /* it ends with the connection */
    control->expects = 1;
    control->ordered = 1; /* and what the helper hears leaves it alone */
    if (is_other)
        expected_end(&was, master);
    expected_tell(&e, BPF_FLOW_NEW);
    return 0;
}

/* Ends the expectation with this key. Is it this call that has? */
SEC("syscall")
int forget_expected(struct bpf_order *order)
{
    struct bpf_expected_key key = order->expected;
    const struct track_expectation *e = bpf_map_lookup_elem(&expected, &key);

    return e && expected_end(&key, e->master);
}

#endif
