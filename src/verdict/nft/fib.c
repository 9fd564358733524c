/* SPDX-License-Identifier: BSD-2-Clause */
/* net/ipv4/netfilter/nft_fib_ipv4.c, net/ipv6/netfilter/nft_fib_ipv6.c: what routes say of a packet's ends. */
#include <string.h>

#include "host/host.h"
#include "verdict/condition/field.h"
#include "verdict/match/addrtype.h"
#include "verdict/match/topic.h"
#include "verdict/nft/value.h"

enum { LOCAL = 2, NAME_BITS = 128 };

/* ---- types of addresses ---- */

static void be_type(struct nft_value *ret, uint16_t may_be)
{
    for (unsigned type = 0; type < 16; type++) {
        if (may_be == 1 << type) {
            nft_be(ret, type);
            return;
        }
    }
    nft_be_hidden(ret, 32, "what kind of address it is to this machine");
    ret->part[0].excludes = !(may_be & ADDRTYPE_LOCAL);
    ret->part[0].excluded = LOCAL;
}

/* ---- the way back ---- */

/* "fib saddr . iif oif": the interface, or 0. */
static void be_way_back(const struct nft_expr *e, const struct verdict_packet *p, struct nft_value *ret)
{
    bool by_mark = e->fib.flags & NFT_FIB_MARK, loops = strcmp(p->in, "lo") == 0;
    bool is_nobody = !(p->packet->source.word[0] | p->packet->source.word[1] | p->packet->source.word[2] |
                       p->packet->source.word[3]);
    enum verdict_answer answer = VERDICT_UNKNOWN;

    nft_be_hidden(ret, NAME_BITS, MATCH_WAY_UNKNOWN);
    if (p->unknown & VERDICT_NO_IN || p->hook > RULES_FORWARD || (by_mark && p->unknown & VERDICT_NO_MARK) ||
        is_nobody)
        return;
    if (loops && p->hook == RULES_PREROUTING)
        answer = VERDICT_YES;
    else if (p->host)
        answer = match_leads_back(p, by_mark ? p->mark : 0, false);
    struct condition_value name = condition_value_name(p->in);
    if (answer == VERDICT_YES)
        nft_be(ret, (nft_number)name.high << 64 | name.low);
    else if (answer == VERDICT_NO)
        nft_be(ret, 0);
}

void nft_fib_value(const struct nft_expr *e, const struct verdict_packet *p, struct nft_value *ret)
{
    uint8_t ways = e->fib.flags & (NFT_FIB_IIF | NFT_FIB_OIF | NFT_FIB_DADDR | NFT_FIB_SADDR);

    if (e->fib.result == NFT_FIB_TYPE && !(e->fib.flags & (NFT_FIB_IIF | NFT_FIB_OIF | NFT_FIB_MARK)))
        be_type(ret, match_address_type(p, e->fib.flags & NFT_FIB_SADDR ? &p->packet->source
                                                                        : &p->packet->destination));
    else if (e->fib.result != NFT_FIB_TYPE && ways == (NFT_FIB_SADDR | NFT_FIB_IIF))
        be_way_back(e, p, ret);
    else
        nft_be_hidden(ret, e->bits, MATCH_WAY_UNKNOWN);
}
