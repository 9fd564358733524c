/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_BLOCK_H
#define SALLY_VERDICT_IMAGE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing block of bytes that is filled from front to back. Offsets stay valid while it grows, pointers
 * don't. Running out of memory, or past 4 GiB, makes it fail for good: what is added then is lost, and
 * offsets are 0.
 */
struct image_block {
    uint8_t *bytes;
    size_t size, capacity;
    bool failed;
};

enum { IMAGE_LINE = 64 }; /* of the processor's cache; the block begins with one */

void image_block_fini(struct image_block *block);
/* Room for size bytes in all, so that up to there it need not grow, which is copying. Memory that is not written to is
 * not taken from anybody. */
void image_block_reserve(struct image_block *block, size_t size);
/* Room for size zero bytes at a multiple of align (a power of 2). */
uint32_t image_block_add(struct image_block *block, size_t size, size_t align);
/* A copy of size bytes, at a multiple of 8. */
uint32_t image_block_put(struct image_block *block, const void *bytes, size_t size);

static inline void *image_block_at(const struct image_block *block, uint32_t offset)
{
    return block->bytes + offset;
}

#endif
