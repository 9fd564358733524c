/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/flows.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/load.h"

enum {
    BATCH = 1024,       /* elements fetched at once */
    WATCH_AHEAD = 5000, /* ms that a listener is believed to be there */
    WATCH_AGAIN = 1000, /* ms after which it says so again */
    WATCH_TURN = 200,   /* ms between questions whether to stop */
};

/* ---- descriptors ---- */

struct descriptor {
    const char *name;
    size_t at; /* in struct kernel_flows */
    bool is_program;
};

static const struct descriptor DESCRIPTORS[] = {
    {"flows", offsetof(struct kernel_flows, flows), false},
    {"pool", offsetof(struct kernel_flows, pool), false},
    {"flow_watch", offsetof(struct kernel_flows, flow_watch), false},
    {"flow_events", offsetof(struct kernel_flows, flow_events), false},
    {"expect_watch", offsetof(struct kernel_flows, expect_watch), false},
    {"expect_events", offsetof(struct kernel_flows, expect_events), false},
    {"expected", offsetof(struct kernel_flows, expected), false},
    {"controls", offsetof(struct kernel_flows, controls), false},
    {"forget_flow", offsetof(struct kernel_flows, forget_flow), true},
    {"forget_expected", offsetof(struct kernel_flows, forget_expected), true},
    {"sweep_now", offsetof(struct kernel_flows, sweep_now), true},
    {"sweep_arm", offsetof(struct kernel_flows, sweep_arm), true},
};
enum { DESCRIPTOR_COUNT = sizeof(DESCRIPTORS) / sizeof(DESCRIPTORS[0]) };

static int *descriptor_in(struct kernel_flows *k, const struct descriptor *d)
{
    return (int *)((char *)k + d->at);
}

void flows_close(struct kernel_flows *k)
{
    for (unsigned i = 0; i < DESCRIPTOR_COUNT; i++) {
        int *fd = descriptor_in(k, &DESCRIPTORS[i]);
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
    }
}

int flows_open(struct kernel_flows *ret, int (*open)(void *arg, const char *name, bool is_program), void *arg,
               const char **ret_name)
{
    struct kernel_flows k;

    memset(&k, 0xff, sizeof(k)); /* none */
    for (unsigned i = 0; i < DESCRIPTOR_COUNT; i++) {
        int fd = open(arg, DESCRIPTORS[i].name, DESCRIPTORS[i].is_program);
        if (fd < 0) {
            *ret_name = DESCRIPTORS[i].name;
            flows_close(&k);
            return fd;
        }
        *descriptor_in(&k, &DESCRIPTORS[i]) = fd;
    }
    *ret = k;
    return 0;
}

uint64_t flows_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- a map, some elements at a time ---- */

struct batch {
    int map;
    uint32_t key_size, value_size;
    uint64_t flags; /* BPF_F_LOCK */
    uint8_t *keys, *values;
    uint32_t count; /* elements that were fetched */
    uint64_t at;    /* where it goes on: opaque */
    bool has_begun, ended;
};

static int batch_begin(struct batch *b, int map, uint64_t flags)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);

    if (bpf_obj_get_info_by_fd(map, &info, &size) < 0)
        return -errno;
    *b = (struct batch){.map = map, .key_size = info.key_size, .value_size = info.value_size, .flags = flags};
    b->keys = calloc(BATCH, b->key_size);
    b->values = calloc(BATCH, b->value_size);
    return b->keys && b->values ? 0 : -ENOMEM;
}

static void batch_end(struct batch *b)
{
    free(b->keys);
    free(b->values);
}

/* 0, and count elements, of which the last ended; or -errno. */
static int batch_fetch(struct batch *b)
{
    LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = b->flags);
    uint64_t next = 0;

    b->count = BATCH;
    if (bpf_map_lookup_batch(b->map, b->has_begun ? &b->at : NULL, &next, b->keys, b->values, &b->count,
                             &options) < 0) {
        if (errno != ENOENT)
            return -errno;
        b->ended = true;
    }
    b->at = next;
    b->has_begun = true;
    return 0;
}

/* ---- connections ---- */

int flows_pool(const struct kernel_flows *k, struct bpf_pool *ret)
{
    uint32_t zero = 0;

    return bpf_map_lookup_elem(k->pool, &zero, ret) < 0 ? -errno : 0;
}

static bool is_there(const struct bpf_flow *f, uint64_t now_ms)
{
    return f->flow.serial && (f->flow.status & (TRACK_CONFIRMED | TRACK_DYING)) == TRACK_CONFIRMED &&
           f->flow.expires > now_ms;
}

/* False: see has had enough. */
static bool see_batch(const struct batch *b, uint64_t now_ms, flows_see *see, void *arg)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct bpf_flow f;
        struct flows_place place;

        memcpy(&f, b->values + (size_t)i * b->value_size, sizeof(f));
        memcpy(&place.slot, b->keys + (size_t)i * b->key_size, sizeof(place.slot));
        place.serial = f.flow.serial;
        if (is_there(&f, now_ms) && !see(arg, &place, &f))
            return false;
    }
    return true;
}

int flows_each(const struct kernel_flows *k, uint64_t now_ms, flows_see *see, void *arg)
{
    struct bpf_pool pool;
    struct batch b = {0};
    int r = flows_pool(k, &pool);

    if (r < 0)
        return r;
    r = batch_begin(&b, k->flows, BPF_F_LOCK);
    /* Behind top no slot has ever been used. */
    for (uint64_t seen = 0; r == 0 && !b.ended && seen < pool.top; seen += b.count) {
        r = batch_fetch(&b);
        if (r == 0 && !see_batch(&b, now_ms, see, arg))
            break;
    }
    batch_end(&b);
    return r;
}

int flows_end(const struct kernel_flows *k, const struct flows_place *place)
{
    struct bpf_order order = {.now_ms = flows_clock(), .slot = place->slot, .serial = place->serial};

    return kernel_program_run(k->forget_flow, &order, sizeof(order));
}

int flows_sweep(const struct kernel_flows *k)
{
    struct bpf_order order = {0};

    return kernel_program_run(k->sweep_arm, &order, sizeof(order));
}

/* ---- expectations ---- */

/* The control connection with this handle. False: it is gone. */
static bool find_master(const struct kernel_flows *k, uint32_t handle, struct bpf_flow *ret)
{
    struct bpf_control control;

    return bpf_map_lookup_elem(k->controls, &handle, &control) == 0 &&
           bpf_map_lookup_elem_flags(k->flows, &control.slot, ret, BPF_F_LOCK) == 0 &&
           ret->flow.serial == handle;
}

static bool see_expectations(const struct kernel_flows *k, const struct batch *b, uint64_t now_ms,
                             expectations_see *see, void *arg)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct track_expectation e;
        struct bpf_flow master;

        memcpy(&e, b->values + (size_t)i * b->value_size, sizeof(e));
        if (e.expires <= now_ms)
            continue;
        if (!see(arg, &e, find_master(k, e.master, &master) ? &master.flow : NULL))
            return false;
    }
    return true;
}

int expectations_each(const struct kernel_flows *k, uint64_t now_ms, expectations_see *see, void *arg)
{
    struct batch b = {0};
    int r = batch_begin(&b, k->expected, 0);

    while (r == 0 && !b.ended) {
        r = batch_fetch(&b);
        if (r == 0 && !see_expectations(k, &b, now_ms, see, arg))
            break;
    }
    batch_end(&b);
    return r;
}

int expectations_end(const struct kernel_flows *k, const struct track_expectation *e)
{
    struct bpf_order order = {.now_ms = flows_clock(),
                              .expected = {.source = e->source,
                                           .destination = e->destination,
                                           .port = e->port,
                                           .zone = e->zone,
                                           .family = e->family}};

    return kernel_program_run(k->forget_expected, &order, sizeof(order));
}

/* ---- events ---- */

/* Of one kind: where they come, and who is told. */
struct listener {
    int watch, events; /* maps */
    flows_hear *hear;
    expectations_hear *hear_expected;
    void *arg;
    bool is_deaf; /* yet */
};

static int hear(void *context, void *data, size_t size)
{
    const struct listener *l = context;
    struct bpf_flow_event flow;
    struct bpf_expect_event expected;

    if (l->is_deaf)
        return 0;
    if (l->hear && size >= sizeof(flow)) {
        memcpy(&flow, data, sizeof(flow));
        l->hear(l->arg, &flow);
    } else if (l->hear_expected && size >= sizeof(expected)) {
        memcpy(&expected, data, sizeof(expected));
        l->hear_expected(l->arg, &expected);
    }
    return 0;
}

static int say_until(const struct listener *l, uint64_t until)
{
    struct bpf_flow_watch watch = {until};
    uint32_t zero = 0;

    return bpf_map_update_elem(l->watch, &zero, &watch, BPF_ANY) < 0 ? -errno : 0;
}

static int listen_on(const struct listener *l, struct ring_buffer *ring, uint64_t end,
                     bool (*stop)(void *arg))
{
    uint64_t said = 0;

    for (uint64_t now = flows_clock(); now < end && !(stop && stop(l->arg)); now = flows_clock()) {
        int r = 0;
        if (now >= said + WATCH_AGAIN || !said) {
            r = say_until(l, now + WATCH_AHEAD);
            said = now;
        }
        if (r == 0)
            r = ring_buffer__poll(ring, end - now < WATCH_TURN ? (int)(end - now) : WATCH_TURN);
        if (r < 0 && r != -EINTR)
            return r;
    }
    return 0;
}

static int watch(struct listener *l, int ms, bool (*stop)(void *arg))
{
    struct ring_buffer *ring = ring_buffer__new(l->events, hear, l, NULL);
    int r;

    if (!ring)
        return -errno;
    /* What a listener before us was told and did not hear. */
    l->is_deaf = true;
    r = ring_buffer__consume(ring);
    l->is_deaf = false;
    if (r >= 0)
        r = listen_on(l, ring, ms < 0 ? UINT64_MAX : flows_clock() + (uint64_t)ms, stop);
    if (r == 0)
        r = say_until(l, 0);
    if (r == 0 && ring_buffer__consume(ring) < 0)
        r = -EIO;
    ring_buffer__free(ring);
    return r;
}

int flows_watch(const struct kernel_flows *k, int ms, bool (*stop)(void *arg), flows_hear *take, void *arg,
                uint64_t *ret_lost)
{
    struct listener l = {.watch = k->flow_watch, .events = k->flow_events, .hear = take, .arg = arg};
    struct bpf_pool before, after;
    int r = flows_pool(k, &before);

    if (r == 0)
        r = watch(&l, ms, stop);
    if (r == 0)
        r = flows_pool(k, &after);
    if (r == 0)
        *ret_lost = after.unheard - before.unheard;
    return r;
}

int expectations_watch(const struct kernel_flows *k, int ms, bool (*stop)(void *arg), expectations_hear *take,
                       void *arg, uint64_t *ret_lost)
{
    struct listener l = {
        .watch = k->expect_watch, .events = k->expect_events, .hear_expected = take, .arg = arg};
    struct bpf_pool before, after;
    int r = flows_pool(k, &before);

    if (r == 0)
        r = watch(&l, ms, stop);
    if (r == 0)
        r = flows_pool(k, &after);
    if (r == 0)
        *ret_lost = after.unheard_expected - before.unheard_expected;
    return r;
}
