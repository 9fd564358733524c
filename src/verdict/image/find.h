/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_FIND_H
#define SALLY_VERDICT_IMAGE_FIND_H

/*
 * Looks a field's value up in an image: from an index to a set, and into sets. Freestanding, like format.h.
 *
 * base is where the block begins. In a kernel program the block is one of a map's values, and the program brings its
 * own image_window, which looks whether what is asked for lies in it (and gives NULL if not).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict/image/format.h"

/* Inlined whatever the optimizer thinks, so that they are compiled for what the function around them is
 * compiled for.
 */
#define IMAGE_INLINE inline __attribute__((always_inline))

#ifdef __bpf__

static IMAGE_INLINE const void *image_window(const uint8_t *base, uint64_t offset, uint32_t size);

/* Of the 16 keys of a node, how many are not above key: from the signs of differences, for 16 comparisons would
 * be 65,536 paths to the verifier. */
static IMAGE_INLINE uint32_t image_node_rank(const uint8_t *base, uint64_t offset, int32_t key)
{
    const int32_t *keys = image_window(base, offset, IMAGE_NODE * sizeof(*keys));
    uint32_t rank = 0;

    if (!keys)
        return 1;
    for (unsigned i = 0; i < IMAGE_NODE; i++) {
        int64_t difference = (int64_t)keys[i] - key - 1;
        __asm__ volatile("" : "+r"(difference));
        rank += (uint32_t)((uint64_t)difference >> 63);
    }
    return rank;
}

#else

static IMAGE_INLINE const void *image_at(const uint8_t *base, uint64_t offset)
{
    return base + offset;
}

static IMAGE_INLINE const void *image_window(const uint8_t *base, uint64_t offset, uint32_t size)
{
    (void)size;
    return image_at(base, offset);
}

static IMAGE_INLINE uint32_t image_node_rank(const uint8_t *base, uint64_t offset, int32_t key)
{
    typedef int32_t lanes __attribute__((vector_size(16), may_alias));
    const lanes *k = (const lanes *)(const void *)(base + offset);
    lanes wanted = {key, key, key, key};
    lanes not_above = (k[0] <= wanted) + (k[1] <= wanted) + (k[2] <= wanted) + (k[3] <= wanted);

    return (uint32_t)-(not_above[0] + not_above[1] + not_above[2] + not_above[3]);
}

#endif

static IMAGE_INLINE uint32_t image_read32(const uint8_t *base, uint64_t offset)
{
    const uint32_t *at = image_window(base, offset, sizeof(*at));

    return at ? *at : 0;
}

static IMAGE_INLINE uint64_t image_read64(const uint8_t *base, uint64_t offset)
{
    const uint64_t *at = image_window(base, offset, sizeof(*at));

    return at ? *at : 0;
}

static IMAGE_INLINE uint32_t image_find8(const uint8_t *base, const struct image_index *index, uint8_t value)
{
    return image_read32(base, index->keys + 4 * (uint64_t)value);
}

static IMAGE_INLINE uint32_t image_find16(const uint8_t *base, const struct image_index *index,
                                          uint16_t value)
{
    uint32_t page = image_read32(base, index->keys + 4 * (uint64_t)(value >> 8));

    return image_read32(base, page + 4 * (uint64_t)(value & 0xff));
}

/* The tree is walked without a branch that depends on the value; a node is compared whole. */
static IMAGE_INLINE uint32_t image_find32(const uint8_t *base, const struct image_index *index,
                                          uint32_t value)
{
    int32_t key = (int32_t)(value ^ 0x80000000U);
    uint32_t place = 0, last = index->levels - 1U;

    for (unsigned l = 0; l < IMAGE_LEVELS - 1 && l < last; l++) {
        uint64_t node = index->level[l].keys + place * (uint64_t)(IMAGE_NODE * sizeof(int32_t));

        place = place * IMAGE_NODE + image_node_rank(base, node, key) - 1;
        /* What fills the last node up compares as the greatest value. */
        place = place < index->level[l].count ? place : index->level[l].count - 1;
    }
    uint64_t leaf = index->keys + place * (uint64_t)sizeof(struct image_leaf);
    uint32_t rank = image_node_rank(base, leaf, key);

    return image_read32(base, leaf + offsetof(struct image_leaf, sets) + 4 * (uint64_t)(rank - 1));
}

static IMAGE_INLINE uint32_t image_slot(uint64_t high, uint64_t low)
{
    return (uint32_t)((high * 0x9e3779b97f4a7c15ULL ^ low * 0xbf58476d1ce4e5b9ULL) >> 57) % IMAGE_SLOTS;
}

static IMAGE_INLINE uint32_t image_find128(const uint8_t *base, const struct image_index *index,
                                           uint64_t high, uint64_t low)
{
    uint64_t keys = index->keys, slots = keys + 16 * (uint64_t)index->count;
    uint32_t first = 0, count = index->count;
    uint32_t place = image_read32(base, slots + 4 * (uint64_t)image_slot(high, low));

    if (image_read64(base, keys + 16 * (uint64_t)place) == high &&
        image_read64(base, keys + 16 * (uint64_t)place + 8) == low)
        return image_read32(base, index->sets + 4 * (uint64_t)place);
    for (unsigned n = 0; n < IMAGE_HALVINGS && count > 1; n++) {
        uint32_t half = count / 2;
        uint64_t key = keys + 16 * (uint64_t)(first + half), above = image_read64(base, key);
        uint32_t not_above = (above < high) | ((above == high) & (image_read64(base, key + 8) <= low));

        first += half & -not_above;
        count -= half;
    }
    return image_read32(base, index->sets + 4 * (uint64_t)first);
}

#ifndef __bpf__

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
    const uint64_t *leaves = (const uint64_t *)(const void *)(base + m->leaves);
    uint64_t leaf = leaves[__builtin_popcountll(m->words & ((1ULL << word) - 1))];

    return leaf & -(m->words >> word & 1);
}

#endif

#endif
