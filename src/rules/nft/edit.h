/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_NFT_EDIT_H
#define SALLY_RULES_NFT_EDIT_H

#include "rules/nft/nft.h"

/* Rule sets that differ from n by what a command adds; n stays as it is. 0 with *ret, which has one holder; -EINVAL: what is
 * added is no JSON of nft's; -ENOENT: there is no such chain or rule; -ENOMEM. */

/* "nft insert rule ... handle": a rule of these statements (a JSON list's elements) before a rule, or, NULL, at the chain's end. */
MUST_USE int nft_edit_rule(const struct nft_ruleset *n, const struct nft_chain *chain,
                           const struct nft_rule *before, const char *statements, struct nft_ruleset **ret);
/* "nft add": objects as the list has them (a JSON list's elements). */
MUST_USE int nft_edit_add(const struct nft_ruleset *n, const char *objects, struct nft_ruleset **ret);

#endif
