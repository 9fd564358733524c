/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_ADDRTYPE_H
#define SALLY_VERDICT_MATCH_ADDRTYPE_H

/*
 * What addrtype computes: net/netfilter/xt_addrtype.c. Freestanding. What an address is to the machine the caller
 * says: one of enum addrtype, or several if that is not known.
 */
#include "base/wire.h"
#include "verdict/verdict.h"

/* RTN_*, of which a mask is asked. */
enum addrtype {
    ADDRTYPE_UNSPEC = 1 << 0,
    ADDRTYPE_UNICAST = 1 << 1,
    ADDRTYPE_LOCAL = 1 << 2,
    ADDRTYPE_BROADCAST = 1 << 3,
    ADDRTYPE_ANYCAST = 1 << 4,
    ADDRTYPE_MULTICAST = 1 << 5,
    ADDRTYPE_UNREACHABLE = 1 << 7,
    ADDRTYPE_ROUTES = ~(ADDRTYPE_UNSPEC | ADDRTYPE_UNICAST | ADDRTYPE_LOCAL | ADDRTYPE_BROADCAST |
                        ADDRTYPE_ANYCAST | ADDRTYPE_MULTICAST),
};

/* Does it ask for no more than what is one type by itself, if it is known which addresses are the machine's? */
static inline bool addrtype_is_plain(const struct rules_match_addrtype *m)
{
    return !(m->flags & (RULES_ADDRTYPE_IFACE_IN | RULES_ADDRTYPE_IFACE_OUT)) &&
           !((m->source | m->destination) & (ADDRTYPE_ROUTES | ADDRTYPE_ANYCAST));
}

/* inet_dev_addr_type: the types that an address may have; more than one bit if we can't tell. limited: only
 * what belongs to the interface is LOCAL, and we don't know whose it is. */
static inline uint16_t addrtype_of_ipv4(const struct packet_address *a, uint16_t told, bool limited)
{
    uint32_t address = wire_read32((const uint8_t *)&a->word[0]);

    if (address >> 24 == 0 || address == UINT32_MAX)
        return ADDRTYPE_BROADCAST;
    if (address >> 28 == 0xe)
        return ADDRTYPE_MULTICAST;
    if (address >> 24 == 127)
        told = ADDRTYPE_LOCAL;
    return limited && told == ADDRTYPE_LOCAL ? ADDRTYPE_LOCAL | ADDRTYPE_UNICAST : told;
}

/* What fib_lookup6 finds of an address that is told apart as far as told says: other routes than to hosts may be there. */
static inline uint16_t addrtype_of_ipv6(const struct packet_address *a, uint16_t told)
{
    const uint8_t *bytes = (const uint8_t *)a->word;
    uint32_t rest = a->word[0] | a->word[1] | a->word[2];

    if (told == ADDRTYPE_LOCAL || (!rest && wire_read32(bytes + 12) == 1))
        return ADDRTYPE_LOCAL;
    told &= (uint16_t)~ADDRTYPE_BROADCAST;
    return told | ADDRTYPE_ANYCAST | ADDRTYPE_UNREACHABLE | (bytes[0] == 0xff ? ADDRTYPE_MULTICAST : 0);
}

static inline enum verdict_answer addrtype_ask_ipv4(const struct packet_address *a, uint16_t asked,
                                                    uint16_t told, bool limited)
{
    uint16_t may_be = addrtype_of_ipv4(a, told, limited);

    /* A route of another kind (blackhole, prohibit...) could lead to what else is UNICAST. */
    if (may_be & ADDRTYPE_UNICAST && asked & ADDRTYPE_ROUTES && !(asked & ADDRTYPE_UNICAST))
        return VERDICT_UNKNOWN;
    if (!(may_be & asked))
        return VERDICT_NO;
    return may_be & ~asked ? VERDICT_UNKNOWN : VERDICT_YES;
}

/* match_type6: MULTICAST, UNICAST and UNSPEC are asked of the address itself, and each must hold; then one of
 * LOCAL, ANYCAST and UNREACHABLE, of the routes. */
static inline enum verdict_answer addrtype_ask_ipv6(const struct packet_address *a, uint16_t asked,
                                                    uint16_t told, bool limited)
{
    const uint8_t *bytes = (const uint8_t *)a->word;
    uint32_t rest = a->word[0] | a->word[1] | a->word[2];
    bool is_any = !(rest | a->word[3]), is_multicast = bytes[0] == 0xff;
    uint16_t routes = asked & (ADDRTYPE_LOCAL | ADDRTYPE_ANYCAST | ADDRTYPE_UNREACHABLE);

    if ((asked & ADDRTYPE_MULTICAST && !is_multicast) ||
        (asked & ADDRTYPE_UNICAST && (is_multicast || is_any)) || (asked & ADDRTYPE_UNSPEC && !is_any))
        return VERDICT_NO;
    if (!routes)
        return VERDICT_YES;
    if (told & ADDRTYPE_LOCAL && told != ADDRTYPE_LOCAL)
        return VERDICT_UNKNOWN;
    bool local = told == ADDRTYPE_LOCAL || (!rest && wire_read32(bytes + 12) == 1);
    if (local && routes & ADDRTYPE_LOCAL)
        return limited ? VERDICT_UNKNOWN : VERDICT_YES;
    return routes & ~ADDRTYPE_LOCAL ? VERDICT_UNKNOWN : VERDICT_NO;
}

/* Of a packet's source, or its destination. told: what that is to the machine. */
static inline enum verdict_answer addrtype_ask(const struct rules_match_addrtype *m, const struct packet *p,
                                               bool source, uint16_t told)
{
    const struct packet_address *a = source ? &p->source : &p->destination;
    uint16_t asked = source ? m->source : m->destination;
    bool limited = m->flags & (RULES_ADDRTYPE_IFACE_IN | RULES_ADDRTYPE_IFACE_OUT),
         inverted =
             m->flags & (source ? RULES_ADDRTYPE_SOURCE_INVERTED : RULES_ADDRTYPE_DESTINATION_INVERTED);
    enum verdict_answer answer;

    if (!asked)
        return VERDICT_YES;
    answer = p->family == PACKET_IPV4 ? addrtype_ask_ipv4(a, asked, told, limited)
                                      : addrtype_ask_ipv6(a, asked, told, limited);
    if (answer == VERDICT_UNKNOWN)
        return answer;
    return (answer == VERDICT_YES) != inverted ? VERDICT_YES : VERDICT_NO;
}

#endif
