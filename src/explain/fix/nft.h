/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_NFT_H
#define SALLY_EXPLAIN_FIX_NFT_H

#include "base/result.h"
#include "explain/fix/attempt.h"
#include "rules/nft/nft.h"

/* What makers (makers.c) do in nft's language, each carried out on the attempt's rules and remembered. 0; -ENOENT: there is no way
 * to; -ENOMEM. */

/* Did a rule of nft's decide about the packet? */
bool fix_nft_decides(const struct story_step *step);
/* Has the machine nft's rules, and none of iptables'? */
bool fix_nft_is_all(const struct rules *r);

/* Before the rule that decided, or at the end of the chain whose policy did. */
MUST_USE int fix_nft_accept_ports(struct fix_attempt *a, const struct story_step *step,
                                  struct rules_range16 ports);
/* The rule alone, at the end of a chain of the attempt's: from the client to these ports. */
MUST_USE int fix_nft_append_ports(struct fix_attempt *a, const struct nft_chain *chain, const char *protocol,
                                  struct rules_range16 ports);
MUST_USE int fix_nft_accept_echo(struct fix_attempt *a, const struct story_step *step);
/* Both messages of neighbour discovery. */
MUST_USE int fix_nft_accept_neighbours(struct fix_attempt *a, const struct story_step *step);
MUST_USE int fix_nft_accept_states(struct fix_attempt *a, const struct story_step *step, bool related);
/* The helper, by a table of its own. */
MUST_USE int fix_nft_helper(struct fix_attempt *a);

#endif
