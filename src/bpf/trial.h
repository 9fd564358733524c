/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_TRIAL_H
#define SALLY_BPF_TRIAL_H

/*
 * Rules on trial: unless somebody says in time that they are to stay, a timer lets those of before count again. It
 * is the kernel's, so that nothing that happens to the process that waits, to its terminal or to the network can
 * keep the old rules away.
 */
#include "bpf/scratch.h"

enum { CLOCK_BOOTTIME = 7 }; /* goes on while the machine sleeps */

struct trial_timer {
    struct bpf_timer timer;
};

/* By family, as bpf_state.trial. The kernel stops timers of a map that no descriptor and no pin holds. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2);
    __type(key, uint32_t);
    __type(value, struct trial_timer);
} trials SEC(".maps");

/* 0 or 1, so that the verifier sees it: what lay on the stack as a map's key is any number to Linux 6.12. */
static inline uint32_t trial_family(uint32_t family)
{
    asm volatile("" : "+r"(family));
    return family & 1;
}

static int trial_is_over(void *map, uint32_t *family, struct trial_timer *timer)
{
    uint32_t zero = 0, which = trial_family(*family), phase;
    struct bpf_state *now = bpf_map_lookup_elem(&state, &zero);

    (void)map;
    (void)timer;
    if (!now)
        return 0;
    phase = __sync_val_compare_and_swap(&now->trial[which].phase, BPF_ON_TRIAL, BPF_RETURNING);
    if (phase != BPF_ON_TRIAL && phase != BPF_RETURNING)
        return 0;
    now->generation[which] = now->trial[which].generation;
    __sync_val_compare_and_swap(&now->trial[which].phase, BPF_RETURNING, BPF_RETURNED);
    return 0;
}

/* From now on the rules that count now will return. Run by who is about to let others count; 0 or -errno. */
SEC("syscall")
int trial(struct bpf_trial_order *order)
{
    uint32_t zero = 0, family = order->is_ipv6 != 0;
    struct bpf_state *now = bpf_map_lookup_elem(&state, &zero);
    struct trial_timer *timer = bpf_map_lookup_elem(&trials, &family);
    uint32_t which = trial_family(family);
    long r;

    if (!now || !timer)
        return -1;
    r = bpf_timer_init(&timer->timer, &trials, CLOCK_BOOTTIME);
    if (r && r != -EBUSY) /* EBUSY: it has been; -ENOMEM: see sweep_start */
        return (int)r;
    bpf_timer_cancel(&timer->timer); /* and waits: no callback of an earlier trial looks at this one */
    r = bpf_timer_set_callback(&timer->timer, trial_is_over);
    if (r)
        return (int)r;
    now->trial[which].generation = now->generation[which];
    now->trial[which].until = bpf_ktime_get_boot_ns() + order->nanoseconds;
    __sync_lock_test_and_set(&now->trial[which].phase, BPF_ON_TRIAL);
    return (int)bpf_timer_start(&timer->timer, order->nanoseconds, 0);
}

#endif
