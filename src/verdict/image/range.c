/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/range.h"

#include <errno.h>
#include <stdlib.h>

struct condition_value image_value_most(unsigned bits)
{
    if (bits > 64)
        return (struct condition_value){UINT64_MAX >> (128 - bits), UINT64_MAX};
    return (struct condition_value){0, UINT64_MAX >> (64 - bits)};
}

void image_ranges_all(struct image_ranges *ranges, struct condition_value most)
{
    ranges->count = 1;
    ranges->at[0] = (struct image_range){{0, 0}, most};
}

bool image_ranges_are_all(const struct image_ranges *ranges, struct condition_value most)
{
    return ranges->count == 1 && condition_value_equal(ranges->at[0].first, (struct condition_value){0, 0}) &&
           condition_value_equal(ranges->at[0].last, most);
}

static int compare_first(const void *a, const void *b)
{
    const struct image_range *left = a, *right = b;

    return condition_value_less(right->first, left->first) - condition_value_less(left->first, right->first);
}

void image_ranges_normalize(struct image_ranges *ranges)
{
    size_t kept = 0;

    qsort(ranges->at, ranges->count, sizeof(ranges->at[0]), compare_first);
    for (size_t i = 0; i < ranges->count; i++) {
        struct image_range next = ranges->at[i], *last = kept ? &ranges->at[kept - 1] : NULL;

        if (condition_value_less(next.last, next.first))
            continue;
        /* Touching ranges become one; a last value of all ones has no next one. */
        if (last && (!condition_value_less(last->last, next.first) ||
                     condition_value_equal(last->last, image_value_before(next.first)))) {
            if (condition_value_less(last->last, next.last))
                last->last = next.last;
        } else {
            ranges->at[kept++] = next;
        }
    }
    ranges->count = kept;
}

int image_ranges_invert(struct image_ranges *ranges, struct condition_value most)
{
    struct image_ranges result = {0};
    struct condition_value from = {0, 0};
    bool more = true;

    for (size_t i = 0; i < ranges->count; i++) {
        if (condition_value_less(from, ranges->at[i].first)) {
            if (result.count == IMAGE_RANGES)
                return -ENOSPC;
            result.at[result.count++] = (struct image_range){from, image_value_before(ranges->at[i].first)};
        }
        more = condition_value_less(ranges->at[i].last, most);
        from = image_value_next(ranges->at[i].last);
    }
    if (more) {
        if (result.count == IMAGE_RANGES)
            return -ENOSPC;
        result.at[result.count++] = (struct image_range){from, most};
    }
    *ranges = result;
    return 0;
}

int image_ranges_intersect(struct image_ranges *ranges, const struct image_ranges *other)
{
    struct image_ranges result;
    size_t i = 0, j = 0;

    result.count = 0;
    while (i < ranges->count && j < other->count) {
        const struct image_range *a = &ranges->at[i], *b = &other->at[j];
        struct image_range both = {condition_value_less(a->first, b->first) ? b->first : a->first,
                                   condition_value_less(a->last, b->last) ? a->last : b->last};

        if (!condition_value_less(both.last, both.first)) {
            if (result.count == IMAGE_RANGES)
                return -ENOSPC;
            result.at[result.count++] = both;
        }
        if (condition_value_less(a->last, b->last))
            i++;
        else
            j++;
    }
    ranges->count = result.count;
    for (size_t k = 0; k < result.count; k++)
        ranges->at[k] = result.at[k];
    return 0;
}
