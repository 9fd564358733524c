/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/heap.h"

#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LARGE = 2 << 20, LEAST = 2 * LARGE };

/* Up to where large pages begin. Nobody writes to it. */
static void *spared;

/* All that malloc gives comes from one piece of memory then, whose end is where the pages are that are asked for. */
void heap_expect(size_t bytes)
{
    if (bytes < LEAST || !mallopt(M_MMAP_MAX, 0) || !mallopt(M_TRIM_THRESHOLD, INT_MAX))
        return;
    char *memory = malloc(bytes);
    size_t before = -(uintptr_t)memory % LARGE;

    if (memory)
        (void)madvise(memory + before, bytes - before, MADV_HUGEPAGE);
    free(memory);
    if (memory && !spared)
        spared = malloc(before);
}
