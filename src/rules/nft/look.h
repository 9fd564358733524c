/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_NFT_LOOK_H
#define SALLY_RULES_NFT_LOOK_H

#include "rules/nft/nft.h"

/* Fills in writes, stops and iptables_table of all chains, when all rules have been read. */
void nft_look_at_chains(const struct nft_ruleset *n);

#endif
