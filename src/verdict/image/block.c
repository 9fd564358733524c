/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/block.h"

#include <stdlib.h>
#include <string.h>

void image_block_fini(struct image_block *block)
{
    free(block->bytes);
    *block = (struct image_block){0};
}

/* realloc does not keep an alignment of 64, so growing is by hand. */
static bool resize(struct image_block *block, size_t capacity)
{
    uint8_t *bytes = aligned_alloc(IMAGE_LINE, (capacity + IMAGE_LINE - 1) & ~(size_t)(IMAGE_LINE - 1));

    if (!bytes)
        return false;
    if (block->size)
        memcpy(bytes, block->bytes, block->size);
    free(block->bytes);
    block->bytes = bytes;
    block->capacity = capacity;
    return true;
}

void image_block_reserve(struct image_block *block, size_t size)
{
    if (!block->failed && block->capacity < size)
        block->failed = !resize(block, size);
}

uint32_t image_block_add(struct image_block *block, size_t size, size_t align)
{
    size_t offset = (block->size + align - 1) & ~(align - 1), end = offset + size;

    if (end > UINT32_MAX || end < offset)
        block->failed = true;
    if (!block->failed && end > block->capacity)
        block->failed = !resize(block, end + end / 2 + 4096);
    if (block->failed)
        return 0;
    memset(block->bytes + block->size, 0, end - block->size);
    block->size = end;
    return (uint32_t)offset;
}

uint32_t image_block_put(struct image_block *block, const void *bytes, size_t size)
{
    uint32_t offset = image_block_add(block, size, sizeof(uint64_t));

    if (!block->failed)
        memcpy(image_block_at(block, offset), bytes, size);
    return offset;
}
