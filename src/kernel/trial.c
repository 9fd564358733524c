/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/pins.h"
#include "kernel/standing.h"

/*
 * A trial is a word of the wall's state and a timer in the kernel (bpf/trial.h). Who ends it swaps the word, and only one
 * can: so that rules are not kept that have gone, nor a late "yes" taken for one.
 */

enum { NANOSECONDS = 1000000000 };

int trial_begin(const struct kernel_wall *wall, unsigned family, unsigned seconds, struct kernel_error *error)
{
    struct bpf_trial_order order = {.nanoseconds = (uint64_t)seconds * NANOSECONDS,
                                    .is_ipv6 = family == WALL_IPV6};
    int program = pins_get(wall->folder, "trial");
    int r = program < 0 ? program : kernel_program_run(program, &order, sizeof(order));

    if (program >= 0)
        close(program);
    return r ? kernel_refuse(
                   error, KERNEL_FAILS, r,
                   "the timer that would let the old rules return can't be started: %s; nothing was "
                   "changed",
                   strerror(-r))
             : 0;
}

bool trial_goes_on(const struct kernel_wall *wall, unsigned family)
{
    uint32_t phase = __atomic_load_n(&wall->state->trial[family].phase, __ATOMIC_ACQUIRE);

    return phase == BPF_ON_TRIAL || phase == BPF_RETURNING;
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_BOOTTIME, &time);
    return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

enum wall_trial kernel_wall_trial(const struct kernel_wall *wall, enum packet_family family,
                                  unsigned *ret_seconds)
{
    static const enum wall_trial trials[] = {
        [BPF_NO_TRIAL] = WALL_NO_TRIAL, [BPF_ON_TRIAL] = WALL_ON_TRIAL, [BPF_RETURNING] = WALL_ON_TRIAL,
        [BPF_RETURNED] = WALL_RETURNED, [BPF_KEPT] = WALL_KEPT,
    };
    const struct bpf_trial *trial = &wall->state->trial[wall_family((uint8_t)family)];
    uint32_t phase = __atomic_load_n(&trial->phase, __ATOMIC_ACQUIRE);
    uint64_t time = now();

    if (phase >= sizeof(trials) / sizeof(trials[0]))
        return WALL_NO_TRIAL;
    if (ret_seconds && trials[phase] == WALL_ON_TRIAL)
        *ret_seconds =
            trial->until > time ? (unsigned)((trial->until - time + NANOSECONDS - 1) / NANOSECONDS) : 0;
    return trials[phase];
}

static bool swap(struct bpf_trial *trial, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(&trial->phase, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

int kernel_wall_end_trial(struct kernel_wall *wall, enum packet_family family, bool keep)
{
    unsigned f = wall_family((uint8_t)family);
    struct bpf_trial *trial = &wall->state->trial[f];

    if (!swap(trial, BPF_ON_TRIAL, keep ? BPF_KEPT : BPF_RETURNING))
        return -ENOENT;
    if (keep)
        return 0;
    __atomic_store_n(&wall->state->generation[f], trial->generation, __ATOMIC_SEQ_CST);
    (void)swap(trial, BPF_RETURNING, BPF_RETURNED); /* or the timer did, which came meanwhile */
    return 0;
}
