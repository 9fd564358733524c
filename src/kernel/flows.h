/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_FLOWS_H
#define SALLY_KERNEL_FLOWS_H

/*
 * The kernel program's connections and expectations, read and ended by user space while packets pass (src/bpf/pool.h
 * says how they lie). Time is that of the program's hooks: milliseconds of CLOCK_MONOTONIC (flows_clock).
 *
 * A listing is no picture of one moment: what comes or goes meanwhile may be in it or not. What was there all the time
 * is in it once, and each connection is whole.
 */
#include <stdbool.h>

#include "base/result.h"
#include "bpf/maps.h"

/* Descriptors, which stay the caller's. Each is that of the map or program with its name. */
struct kernel_flows {
    int flows, pool, flow_watch, flow_events, expect_watch, expect_events, expected, controls;
    int forget_flow, forget_expected, sweep_now, sweep_arm;
};

/* Where a connection lies, for as long as it is there. */
struct flows_place {
    uint32_t slot, serial;
};

/* Returns false to stop. What is pointed to is the caller's during the call only. */
typedef bool flows_see(void *arg, const struct flows_place *place, const struct bpf_flow *flow);
/* master NULL: its control connection is gone. */
typedef bool expectations_see(void *arg, const struct track_expectation *e, const struct track_flow *master);
typedef void flows_hear(void *arg, const struct bpf_flow_event *event);
typedef void expectations_hear(void *arg, const struct bpf_expect_event *event);

/* Opens them all by name; open returns a descriptor or -errno. 0, or -errno of the first that isn't there, whose name is
 * *ret_name then; none is left open. */
MUST_USE int flows_open(struct kernel_flows *ret, int (*open)(void *arg, const char *name, bool is_program),
                        void *arg, const char **ret_name);
/* Closes the descriptors; for callers who got them by flows_open from an open that makes new ones. */
void flows_close(struct kernel_flows *k);

uint64_t flows_clock(void);

/* All connections that are confirmed and whose time is not over. 0 or -errno. */
MUST_USE int flows_each(const struct kernel_flows *k, uint64_t now_ms, flows_see *see, void *arg);
/* Slots in use: connections, and those whose time is over but which nobody has come by yet. 0 or -errno. */
MUST_USE int flows_pool(const struct kernel_flows *k, struct bpf_pool *ret);
/* Ends the connection, if it is still there. 1: it was ended; 0: it had ended before; or -errno. */
MUST_USE int flows_end(const struct kernel_flows *k, const struct flows_place *place);

/* All expectations whose time is not over. 0 or -errno. */
MUST_USE int expectations_each(const struct kernel_flows *k, uint64_t now_ms, expectations_see *see,
                               void *arg);
/* 1: it was there, 0: it was not; or -errno. */
MUST_USE int expectations_end(const struct kernel_flows *k, const struct track_expectation *e);

/* Starts the timer that sweeps, once the maps are pinned. 0 or -errno. */
MUST_USE int flows_sweep(const struct kernel_flows *k);

/* Hears of connections that come, change and go, from now on, for ms or until stop says so, whichever comes first; ms < 0:
 * no end. One process at a time: events are told once. *ret_lost: so many could not be told meanwhile. 0 or -errno. */
MUST_USE int flows_watch(const struct kernel_flows *k, int ms, bool (*stop)(void *arg), flows_hear *hear,
                         void *arg, uint64_t *ret_lost);
/* The same of expectations, which one more process can listen to. */
MUST_USE int expectations_watch(const struct kernel_flows *k, int ms, bool (*stop)(void *arg),
                                expectations_hear *hear, void *arg, uint64_t *ret_lost);

#endif
