/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_NFT_MEMORY_H
#define SALLY_RULES_NFT_MEMORY_H

/* Where a rule set lies: blocks that are freed together. */
#include <stddef.h>

#include "base/result.h"

struct nft_memory;

MUST_USE struct nft_memory *nft_memory_new(void);
void nft_memory_free(struct nft_memory **m);
/* Zeroed. NULL: out of memory. */
MUST_USE void *nft_memory_get(struct nft_memory *m, size_t size);
MUST_USE char *nft_memory_text(struct nft_memory *m, const char *text);

#endif
