/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_INDEX_H
#define SALLY_VERDICT_IMAGE_INDEX_H

#include "base/result.h"
#include "verdict/image/block.h"
#include "verdict/image/format.h"
#include "verdict/image/range.h"

/*
 * Builds the index of one field: walks along the field's values from 0 up, keeps the set of rules that want
 * the value, and writes each set that comes up into the block, equal ones once.
 */

/* From this value on the rule of a bit wants what it did not want before, or the other way round. */
struct image_change {
    struct condition_value at;
    uint32_t bit;
};

/* Sorts changes. Fills *ret except its field. Sets and keys go into block, whose offset none is of the set
 * without rules. bit_count: of the table's rules. 0 or -ENOMEM. */
MUST_USE int image_index_build(struct image_block *block, uint32_t none, unsigned key_bits,
                               struct image_change *changes, size_t count, uint32_t bit_count,
                               struct image_index *ret);

/* Bytes of the keys of a 128-bit index with so many intervals. */
static inline size_t image_sorted_size(uint32_t count)
{
    return (size_t)count * 2 * sizeof(uint64_t) + IMAGE_SLOTS * sizeof(uint32_t);
}

#endif
