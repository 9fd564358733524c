/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_KNOWN_H
#define SALLY_VERDICT_IMAGE_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What lies in a block already, by a hash of it, so that what is the same is written once. All zeros: nothing. */
struct image_known {
    struct image_known_place {
        uint64_t hash;
        uint32_t offset; /* 0: free place */
    } *places;
    size_t count, size; /* size: a power of 2 */
};

/* Is what lies at offset what is looked for? */
typedef bool image_known_is(const void *arg, uint32_t offset);

/* Where it is, or (offset 0) where the caller notes the offset that it gives it; until the next call. NULL: out of memory. */
struct image_known_place *image_known_find(struct image_known *known, uint64_t hash, image_known_is *is,
                                           const void *arg);
void image_known_fini(struct image_known *known);

/* The finalizer of splitmix64: a number for each number that looks random. */
static inline uint64_t image_known_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

#endif
