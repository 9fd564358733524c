/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_NFT_PRINT_H
#define SALLY_RULES_NFT_PRINT_H

#include <stdio.h>

#include "rules/nft/nft.h"

/* Between print.c (statements, rules) and print_expr.c. Errors of out are for who closes it. */
void nft_put_expr(FILE *out, const struct nft_expr *e);
/* A set's name, or its elements in braces. */
void nft_put_set(FILE *out, const struct nft_set *set);
void nft_put_elements(FILE *out, const struct nft_set *set);
void nft_put_verdict(FILE *out, const struct nft_verdict *v);
/* "1h30m" */
void nft_put_span(FILE *out, uint64_t ms);
/* Left, what compares, and right, as nft writes them. */
void nft_put_match(FILE *out, const struct nft_statement *s);

#endif
