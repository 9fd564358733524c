/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_NFT_NAT_H
#define SALLY_VERDICT_NFT_NAT_H

/* What nft's statements of NAT ask for: net/netfilter/nft_nat.c, nft_masq.c, nft_redir.c. */
#include "packet/nat.h"
#include "verdict/nft/value.h"

/* YES with *ret; NO: the rule ends here (a map has nothing for the packet, or it is of the other family); UNKNOWN with
 * *ret_because. */
enum verdict_answer nft_nat_order(const struct nft_statement *s, const struct nft_world *w,
                                  struct nat_order *ret, const char **ret_because);

#endif
