/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of the machine besides: net/netfilter/xt_addrtype.c, xt_set.c, xt_owner.c. */
#include <string.h>

#include "base/wire.h"
#include "verdict/match/topic.h"

/* ---- addrtype ---- */

/* RTN_*, of which a mask is asked. */
enum {
    TYPE_UNSPEC = 1 << 0,
    TYPE_UNICAST = 1 << 1,
    TYPE_LOCAL = 1 << 2,
    TYPE_BROADCAST = 1 << 3,
    TYPE_ANYCAST = 1 << 4,
    TYPE_MULTICAST = 1 << 5,
    TYPE_ROUTES = ~(TYPE_UNSPEC | TYPE_UNICAST | TYPE_LOCAL | TYPE_BROADCAST | TYPE_ANYCAST | TYPE_MULTICAST),
};

static bool is_local(const struct verdict_packet *p, const struct packet_address *a)
{
    for (size_t i = 0; i < p->local_count; i++) {
        if (packet_address_equal(&p->local[i], a))
            return true;
    }
    return false;
}

static uint32_t ipv4_of(const struct packet_address *a)
{
    return wire_read32((const uint8_t *)&a->word[0]);
}

/* Could it be the last address of a network that one of ours is in? The length of its prefix is not known. */
static bool is_maybe_broadcast(const struct verdict_packet *p, uint32_t address)
{
    for (size_t i = 0; i < p->local_count; i++) {
        uint32_t local = ipv4_of(&p->local[i]);
        for (unsigned bits = 2; bits < 32; bits++) {
            uint32_t host = (UINT32_C(1) << bits) - 1;
            if ((address & host) == host && (address & ~host) == (local & ~host))
                return true;
        }
    }
    return false;
}

/* inet_dev_addr_type: the types that an address may have; more than one bit if we can't tell. limited: only
 * what belongs to the interface is LOCAL, and we don't know whose it is. */
static uint16_t types_of_ipv4(const struct verdict_packet *p, const struct packet_address *a, bool limited)
{
    uint32_t address = ipv4_of(a);

    if (address >> 24 == 0 || address == UINT32_MAX)
        return TYPE_BROADCAST;
    if (address >> 28 == 0xe)
        return TYPE_MULTICAST;
    if (address >> 24 == 127)
        return (uint16_t)(limited ? TYPE_LOCAL | TYPE_UNICAST : TYPE_LOCAL);
    if (p->unknown & VERDICT_NO_ADDRTYPE)
        return TYPE_LOCAL | TYPE_UNICAST | TYPE_BROADCAST;
    if (is_local(p, a))
        return limited ? TYPE_LOCAL | TYPE_UNICAST : TYPE_LOCAL;
    return is_maybe_broadcast(p, address) ? TYPE_BROADCAST | TYPE_UNICAST : TYPE_UNICAST;
}

static enum verdict_answer in_types(uint16_t may_be, uint16_t asked)
{
    if (!(may_be & asked))
        return VERDICT_NO;
    return may_be & ~asked ? VERDICT_UNKNOWN : VERDICT_YES;
}

static enum verdict_answer match_type_ipv4(const struct verdict_packet *p, const struct packet_address *a,
                                           uint16_t asked, bool limited)
{
    uint16_t may_be = types_of_ipv4(p, a, limited);

    /* A route of another kind (blackhole, prohibit...) could lead to what else is UNICAST. */
    if (may_be & TYPE_UNICAST && asked & TYPE_ROUTES && !(asked & TYPE_UNICAST))
        return VERDICT_UNKNOWN;
    return in_types(may_be, asked);
}

/* match_type6: MULTICAST, UNICAST and UNSPEC are asked of the address itself, and each must hold; then one of
 * LOCAL, ANYCAST and UNREACHABLE, of the routes. */
static enum verdict_answer match_type_ipv6(const struct verdict_packet *p, const struct packet_address *a,
                                           uint16_t asked, bool limited)
{
    static const struct packet_address any;
    static const uint8_t loopback[16] = {[15] = 1};
    const uint8_t *bytes = (const uint8_t *)a->word;
    bool is_any = packet_address_equal(a, &any), is_multicast = bytes[0] == 0xff;
    uint16_t routes = asked & (TYPE_LOCAL | TYPE_ANYCAST | 1 << 7 /* UNREACHABLE */);

    if ((asked & TYPE_MULTICAST && !is_multicast) || (asked & TYPE_UNICAST && (is_multicast || is_any)) ||
        (asked & TYPE_UNSPEC && !is_any))
        return VERDICT_NO;
    if (!routes)
        return VERDICT_YES;
    if (p->unknown & VERDICT_NO_ADDRTYPE)
        return VERDICT_UNKNOWN;
    bool local = is_local(p, a) || memcmp(bytes, loopback, sizeof loopback) == 0;
    if (local && routes & TYPE_LOCAL)
        return limited ? VERDICT_UNKNOWN : VERDICT_YES;
    return routes & ~TYPE_LOCAL ? VERDICT_UNKNOWN : VERDICT_NO;
}

static enum verdict_answer match_type(const struct match_question *q, const struct packet_address *a,
                                      uint16_t asked, bool inverted)
{
    bool limited = q->match->addrtype.flags & (RULES_ADDRTYPE_IFACE_IN | RULES_ADDRTYPE_IFACE_OUT);
    enum verdict_answer answer = q->p->packet->family == PACKET_IPV4
                                     ? match_type_ipv4(q->p, a, asked, limited)
                                     : match_type_ipv6(q->p, a, asked, limited);

    return answer == VERDICT_UNKNOWN ? answer : match_answer((answer == VERDICT_YES) != inverted);
}

enum verdict_answer match_addrtype(const struct match_question *q)
{
    const struct rules_match_addrtype *m = &q->match->addrtype;
    const struct packet *p = q->p->packet;
    enum verdict_answer source = VERDICT_YES, destination = VERDICT_YES;

    if (m->source)
        source = match_type(q, &p->source, m->source, m->flags & RULES_ADDRTYPE_SOURCE_INVERTED);
    if (source != VERDICT_NO && m->destination)
        destination =
            match_type(q, &p->destination, m->destination, m->flags & RULES_ADDRTYPE_DESTINATION_INVERTED);
    if (source == VERDICT_NO || destination == VERDICT_NO)
        return VERDICT_NO;
    if (source == VERDICT_UNKNOWN)
        return match_unknown(q, "what kind of address the source is to this machine");
    if (destination == VERDICT_UNKNOWN)
        return match_unknown(q, "what kind of address the destination is to this machine");
    return VERDICT_YES;
}

/* ---- what is only sometimes known ---- */

enum verdict_answer match_set(const struct match_question *q)
{
    const struct rules_match_set *m = q->match->set;
    const struct verdict_sets *sets = q->p->sets;

    if (!sets || q->p->unknown & VERDICT_NO_SET)
        return match_unknown(q, "the members of a set");
    enum verdict_answer answer = sets->contains(sets->arg, m, q->p);
    if (answer == VERDICT_UNKNOWN)
        return match_unknown(q, "the members of a set");
    if (answer == VERDICT_YES && (m->packets_compare != RULES_SET_NONE || m->bytes_compare != RULES_SET_NONE))
        return match_unknown(q, "the counters of a set's member");
    return match_answer((answer == VERDICT_YES) != m->inverted);
}

enum verdict_answer match_physdev(const struct match_question *q)
{
    return match_unknown(q, "the port of a bridge");
}

/* A packet that has no socket here matches what is asked only in the negative (xt_owner.c: owner_mt). */
static bool matches_without_socket(const struct rules_match_owner *m)
{
    return m->has_uid == m->uid_inverted && m->has_gid == m->gid_inverted &&
           m->has_socket == m->socket_inverted;
}

enum verdict_answer match_owner(const struct match_question *q)
{
    if (q->p->hook != RULES_OUTPUT && q->p->hook != RULES_POSTROUTING)
        return match_answer(matches_without_socket(q->match->owner));
    return match_unknown(q, "the owner of the socket");
}

enum verdict_answer match_opaque(const struct match_question *q)
{
    return match_unknown(q, "an extension that is not evaluated");
}
