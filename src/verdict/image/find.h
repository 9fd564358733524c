/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_FIND_H
#define SALLY_VERDICT_IMAGE_FIND_H

/*
 * Looks a field's value up in an image: from an index to a set, and into sets. Freestanding, like
 * format.h. base is the start of the block.
 */
#include <stdbool.h>
#include <stdint.h>

#include "verdict/image/format.h"

/* Inlined whatever the optimizer thinks, so that they are compiled for what the function around them is
 * compiled for.
 */
#define IMAGE_INLINE inline __attribute__((always_inline))

static IMAGE_INLINE const void *image_at(const uint8_t *base, uint64_t offset)
{
    return base + offset;
}

static IMAGE_INLINE uint32_t image_find8(const uint8_t *base, const struct image_index *index, uint8_t value)
{
    return ((const uint32_t *)image_at(base, index->keys))[value];
}

static IMAGE_INLINE uint32_t image_find16(const uint8_t *base, const struct image_index *index,
                                          uint16_t value)
{
    const uint32_t *pages = image_at(base, index->keys);

    return ((const uint32_t *)image_at(base, pages[value >> 8]))[value & 0xff];
}

/* Of the keys of a node, how many are not above key. */
static IMAGE_INLINE uint32_t image_node_rank(const int32_t *keys, int32_t key)
{
    typedef int32_t lanes __attribute__((vector_size(16), may_alias));
    const lanes *k = (const lanes *)(const void *)keys;
    lanes wanted = {key, key, key, key};
    lanes not_above = (k[0] <= wanted) + (k[1] <= wanted) + (k[2] <= wanted) + (k[3] <= wanted);

    return (uint32_t)-(not_above[0] + not_above[1] + not_above[2] + not_above[3]);
}

/* The tree is walked without a branch that depends on the value; a node is compared whole. */
static IMAGE_INLINE uint32_t image_find32(const uint8_t *base, const struct image_index *index,
                                          uint32_t value)
{
    int32_t key = (int32_t)(value ^ 0x80000000U);
    uint32_t place = 0, last = index->levels - 1U;

    for (unsigned l = 0; l < last && l < IMAGE_LEVELS; l++) {
        const int32_t *keys = (const int32_t *)image_at(base, index->level[l].keys) + place * IMAGE_NODE;

        place = place * IMAGE_NODE + image_node_rank(keys, key) - 1;
        /* What fills the last node up compares as the greatest value. */
        place = place < index->level[l].count ? place : index->level[l].count - 1;
    }
    const struct image_leaf *leaf = (const struct image_leaf *)image_at(base, index->keys) + place;
    uint32_t rank = image_node_rank(leaf->keys, key);

    return leaf->sets[rank - 1];
}

static IMAGE_INLINE uint32_t image_slot(uint64_t high, uint64_t low)
{
    return (uint32_t)((high * 0x9e3779b97f4a7c15ULL ^ low * 0xbf58476d1ce4e5b9ULL) >> 57) % IMAGE_SLOTS;
}

static IMAGE_INLINE uint32_t image_find128(const uint8_t *base, const struct image_index *index,
                                           uint64_t high, uint64_t low)
{
    const uint64_t *keys = image_at(base, index->keys);
    uint32_t first = 0, count = index->count;
    uint32_t place = ((const uint32_t *)(keys + 2 * (uint64_t)count))[image_slot(high, low)];

    if (keys[2 * (uint64_t)place] == high && keys[2 * (uint64_t)place + 1] == low)
        return ((const uint32_t *)image_at(base, index->sets))[place];
    while (count > 1) {
        uint32_t half = count / 2;
        const uint64_t *key = keys + 2 * (uint64_t)(first + half);
        uint32_t not_above = (key[0] < high) | ((key[0] == high) & (key[1] <= low));

        first += half & -not_above;
        count -= half;
    }
    return ((const uint32_t *)image_at(base, index->sets))[first];
}

/* A middle word of set, or one without rules. */
static IMAGE_INLINE const struct image_middle *image_set_middle(const struct image_set *set, unsigned middle,
                                                                bool dense)
{
    static const struct image_middle none;

    if (dense)
        return &set->middle[middle];
    if (!(set->top >> middle & 1))
        return &none;
    return &set->middle[__builtin_popcountll(set->top & ((1ULL << middle) - 1))];
}

/* One of its 64 leaf words. Without a branch: if there is none, what is read in its place (the block ends
 * with a word to spare) is thrown away. */
static IMAGE_INLINE uint64_t image_middle_bits(const uint8_t *base, const struct image_middle *m,
                                               unsigned word)
{
    const uint64_t *leaves = image_at(base, m->leaves);
    uint64_t leaf = leaves[__builtin_popcountll(m->words & ((1ULL << word) - 1))];

    return leaf & -(m->words >> word & 1);
}

#endif
