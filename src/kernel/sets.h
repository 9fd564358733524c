/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_SETS_H
#define SALLY_KERNEL_SETS_H

/*
 * Members of sets in the kernel program's maps (src/bpf/set.h). A packet sees each set as it was or as it becomes,
 * also if the process that writes is killed at any instant; the next one clears what that left. One at a time may
 * write: the caller has the wall's lock.
 */
#include "base/result.h"
#include "verdict/sets/sets.h"

/* Descriptors of the maps with these names. */
struct kernel_sets_maps {
    int sets, set_heads, members;
};

/*
 * Puts the sets of s into the maps, as far as the program can be asked about them (sets_is_flat), in place of those of
 * the same names; others stay. 0; -E2BIG: there is no room, and what was there stays; another -errno, and then some
 * sets may be new and the rest as they were.
 */
MUST_USE int kernel_sets_write(const struct kernel_sets_maps *maps, const struct sets *s);
/* Which sets are in the maps, by sets_id; the caller's. 0 or -errno. */
MUST_USE int kernel_sets_ids(const struct kernel_sets_maps *maps, uint64_t **ret, size_t *ret_count);

#endif
