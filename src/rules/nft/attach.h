/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_NFT_ATTACH_H
#define SALLY_RULES_NFT_ATTACH_H

#include "rules/nft/nft.h"

/*
 * nft's tables put beside iptables' in one rule set. r holds n from then on, in place of what it held. Chains that are hooked
 * where they are not evaluated (ingress, bridges) and may stop or change a packet become what acts beside the rules
 * (struct rules_beside). saved: what iptables-save printed of this machine's iptables-nft, whose tables are then not met a second
 * time; NULL: nobody did. 0 or -ENOMEM.
 */
MUST_USE int nft_attach(struct rules *r, struct nft_ruleset *n, const char *saved, size_t saved_size);
/* The same of what `nft -j list ruleset` prints; if it can't be read, it stands beside the rules. */
MUST_USE int nft_attach_list(struct rules *r, const char *text, size_t size, const char *saved,
                             size_t saved_size);

/* A rule set of a family that has nothing but what nft_read reads; as rules_read. family 0: IPv4, unless all base chains are
 * ip6's. */
MUST_USE int nft_read_rules(const char *text, size_t size, const char *name, uint8_t family,
                            struct rules **ret, struct rules_error *error);

#endif
