/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_WATCH_H
#define SALLY_KERNEL_WATCH_H

/*
 * What the wall of this network namespace drops, and what its rules log: counted always, and one by one for who watches
 * (bpf/drop.h). Several may watch at once. Who dies while it watches costs the wall nothing three seconds later.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "bpf/drop.h"
#include "kernel/wall.h"

/* ---- counters ---- */

/* Adds up all processors'. 0, or -errno with *error. */
MUST_USE int kernel_drop_counts(const struct kernel_wall *wall, struct bpf_drop_count ret[BPF_DROPS],
                                struct kernel_error *error);
/* "policy", "table-full": of a cause, for programs. */
const char *kernel_drop_name(uint32_t cause);
/* "by a policy", "the table of connections is full": for people. */
const char *kernel_drop_text(uint32_t cause);

/* ---- one by one ---- */

struct kernel_watch;

/* kinds: enum bpf_told_kind, bits. -ENOENT: no wall stands; -EBUSY: too many watch already. */
MUST_USE int kernel_watch_open(uint32_t kinds, struct kernel_watch **ret, struct kernel_error *error);
/* Calls take with each packet that was told until now; if there is none, waits for one, at most so many milliseconds
 * (and at most a second). 0, -EINTR, or -errno with *error; -ENOENT: the wall is down. */
MUST_USE int kernel_watch_next(struct kernel_watch *watch, int milliseconds,
                               void (*take)(void *arg, const struct bpf_told *told), void *arg,
                               struct kernel_error *error);
/* Does anybody take what rules log? */
bool kernel_watch_logs(struct kernel_wall *wall);
/* NULL is none. */
void kernel_watch_close(struct kernel_watch **watch);
/* The wall that is watched. */
const struct kernel_wall *kernel_watch_wall(const struct kernel_watch *watch);

/* Which rule or policy a packet met; what is pointed to is the watch's, until rules were replaced a few times more. */
struct kernel_watch_rule {
    const struct rules *rules;
    const struct rules_chain *chain;
    const struct rules_rule *rule; /* NULL: the policy */
    uint32_t number;               /* in its chain, 1...; 0: the policy */
};

/* False: none did, or those rules are gone already and nobody has read them. */
MUST_USE bool kernel_watch_find(struct kernel_watch *watch, const struct bpf_told *told,
                                struct kernel_watch_rule *ret);

#endif
