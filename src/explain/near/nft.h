/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_NEAR_NFT_H
#define SALLY_EXPLAIN_NEAR_NFT_H

#include "base/result.h"
#include "explain/story.h"

/*
 * Near misses among nft's rules, noted on the story's last step, of a packet p that v says is dropped: rules of the chain that decided
 * which accept, and of which one condition alone does not hold, though it asks for the packet's port; or which stand behind the rule
 * that dropped it. Chains that lead elsewhere are not looked into. 0 or -ENOMEM.
 */
MUST_USE int near_nft_find(struct story *story, const struct verdict_packet *p, const struct verdict *v);

#endif
