/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/nft/memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024, ALIGN = alignof(max_align_t) };

struct block {
    struct block *next;
    size_t used, size;
    alignas(ALIGN) char bytes[];
};

struct nft_memory {
    struct block *blocks; /* the first has room, if any has */
};

struct nft_memory *nft_memory_new(void)
{
    return calloc(1, sizeof(struct nft_memory));
}

void nft_memory_free(struct nft_memory **m)
{
    if (!*m)
        return;
    for (struct block *b = (*m)->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(*m);
    *m = NULL;
}

void *nft_memory_get(struct nft_memory *m, size_t size)
{
    struct block *b = m->blocks;

    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (!b || b->size - b->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;

        b = calloc(1, sizeof(*b) + room);
        if (!b)
            return NULL;
        b->size = room;
        b->next = m->blocks;
        m->blocks = b;
    }
    void *at = b->bytes + b->used;
    b->used += size;
    return at;
}

char *nft_memory_text(struct nft_memory *m, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = nft_memory_get(m, size);

    return copy ? memcpy(copy, text, size) : NULL;
}
