/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_NFT_STATE_H
#define SALLY_VERDICT_NFT_STATE_H

/*
 * What nft's statements remember between packets: net/netfilter/nft_limit.c, nft_quota.c, nft_connlimit.c, nft_dynset.c. It lies in
 * the caller's struct verdict_memory, a rule's by its serial and the statement's number, an object's and a set's by theirs. In doubt
 * (verdict_memory_doubt) nothing is remembered, and what would have been answers UNKNOWN.
 */
#include "verdict/nft/value.h"

/* What is asked, and of which rule's how manieth statement. */
struct nft_question {
    const struct nft_world *world;
    const struct nft_rule *rule;
    const struct nft_statement *statement;
    uint32_t index;
    const char **because;      /* set on UNKNOWN */
    const struct nft_set *set; /* of a statement that each element of a set has for itself; or NULL */
    const struct nft_value *element;
};

/* Does the packet pass? HOTDROP: it is dropped (ct count of a packet without a connection). */
enum verdict_answer nft_state_limit(const struct nft_question *q);
enum verdict_answer nft_state_quota(const struct nft_question *q);
enum verdict_answer nft_state_count(const struct nft_question *q);

/* add, update or delete: carried out, and whether the rule goes on. */
enum verdict_answer nft_state_set(const struct nft_question *q);
/* Is key, by what rules have added, in a set? HOTDROP: it has been deleted. NO: they have not touched it. */
enum verdict_answer nft_state_lookup(const struct nft_set *set, const struct nft_value *key,
                                     const struct nft_world *w, const char **ret_because);

#endif
