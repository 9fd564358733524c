/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_NFT_WALK_H
#define SALLY_VERDICT_NFT_WALK_H

/*
 * One base chain of nft's walked for one packet, as nft_do_chain does (net/netfilter/nf_tables_core.c): a rule is statements one
 * after the other, of which one that does not hold ends it; accept ends this base chain alone. What an UNKNOWN statement leaves
 * open is followed all ways (ways.h). A chain of type nat that maps says so in ret->nat.
 */
#include "rules/nft/nft.h"
#include "verdict/verdict.h"

void nft_walk(const struct nft_chain *chain, const struct verdict_packet *p, struct verdict_memory *memory,
              const struct verdict_trace *trace, struct verdict *ret);

/* Does what a match asks hold of the packet, for who looks at rules one by one? */
enum verdict_answer nft_match_holds(const struct nft_statement *match, const struct verdict_packet *p,
                                    struct verdict_memory *memory, const char **ret_because);

/* Does the rule answer with a TCP reset? */
bool nft_rule_resets(const struct nft_rule *rule);

#endif
