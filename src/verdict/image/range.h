/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_RANGE_H
#define SALLY_VERDICT_IMAGE_RANGE_H

#include "base/result.h"
#include "verdict/condition/condition.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sets of values of one header field, as sorted ranges that neither overlap nor touch. 
 */
struct image_range {
    struct condition_value first, last;
};

/* More than that, and the condition is left to be evaluated packet by packet. 128 ranges hold any set of
 * 8-bit values. */
enum { IMAGE_RANGES = 128 };

struct image_ranges {
    size_t count;
    struct image_range at[IMAGE_RANGES];
};

/* The next value; wraps around from the greatest of 128 bits. */
static inline struct condition_value image_value_next(struct condition_value v)
{
    return (struct condition_value){v.high + (v.low == UINT64_MAX), v.low + 1};
}

static inline struct condition_value image_value_before(struct condition_value v)
{
    return (struct condition_value){v.high - (v.low == 0), v.low - 1};
}

/* The greatest value of so many bits, 1...128. */
struct condition_value image_value_most(unsigned bits);

/* All values up to most. */
void image_ranges_all(struct image_ranges *ranges, struct condition_value most);
/* Does it hold all values up to most? */
bool image_ranges_are_all(const struct image_ranges *ranges, struct condition_value most);
/* Sorts and merges what was put into it in any order; drops ranges that end before they begin. */
void image_ranges_normalize(struct image_ranges *ranges);
/* The values up to most that are not in it; -ENOSPC (nothing is changed): too many ranges. */
MUST_USE int image_ranges_invert(struct image_ranges *ranges, struct condition_value most);
/* Keeps what is also in other; -ENOSPC (nothing is changed): too many ranges. */
MUST_USE int image_ranges_intersect(struct image_ranges *ranges, const struct image_ranges *other);

#endif
