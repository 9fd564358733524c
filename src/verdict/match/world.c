/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of the machine besides: addrtype, the way back, and net/netfilter/xt_owner.c. */

#include <string.h>

#include "base/wire.h"
#include "host/host.h"
#include "verdict/match/addrtype.h"
#include "verdict/match/topic.h"

enum { LINK_LOCAL = 0xfe80 };

/* ---- addrtype ---- */

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

/* Of an address that host_has_address says is none of the machine's: what its table "local" has; 0: can't be told. */
static uint16_t type_by_routes(const struct verdict_packet *p, const struct packet_address *a)
{
    const struct host_question q = {.family = p->packet->family, .destination = *a};
    struct host_way way;

    host_route(p->host, &q, &way);
    if (way.fate == HOST_FORWARD || (way.fate == HOST_NOWHERE && p->packet->family == PACKET_IPV4))
        return ADDRTYPE_UNICAST;
    return way.fate == HOST_SPECIAL && p->packet->family == PACKET_IPV4 ? ADDRTYPE_BROADCAST : 0;
}

/* The one type that an address certainly has, or 0. The anycast address of a subnet's routers has no bits behind its prefix (RFC 4291,
 * section 2.6.1). */
static uint16_t type_by_host(const struct verdict_packet *p, const struct packet_address *a)
{
    bool is_maybe_anycast = p->packet->family == PACKET_IPV6 && !(a->word[2] | a->word[3]);
    enum host_answer own = p->host ? host_has_address(p->host, p->packet->family, a) : HOST_CANT_TELL;

    if (own == HOST_CANT_TELL || is_maybe_anycast)
        return 0;
    return own == HOST_YES ? ADDRTYPE_LOCAL : type_by_routes(p, a);
}

static uint16_t told_of(const struct verdict_packet *p, const struct packet_address *a)
{
    uint16_t type = type_by_host(p, a);

    if (type)
        return type;
    if (p->unknown & VERDICT_NO_ADDRTYPE)
        return ADDRTYPE_LOCAL | ADDRTYPE_UNICAST | ADDRTYPE_BROADCAST;
    if (is_local(p, a))
        return ADDRTYPE_LOCAL;
    if (p->packet->family == PACKET_IPV4 && is_maybe_broadcast(p, ipv4_of(a)))
        return ADDRTYPE_BROADCAST | ADDRTYPE_UNICAST;
    return ADDRTYPE_UNICAST;
}

uint16_t match_address_type(const struct verdict_packet *p, const struct packet_address *a)
{
    uint16_t told = p->packet->family == PACKET_IPV4 ? addrtype_of_ipv4(a, told_of(p, a), false)
                                                     : addrtype_of_ipv6(a, told_of(p, a));
    bool special = told == ADDRTYPE_MULTICAST || told == ADDRTYPE_BROADCAST || told & ADDRTYPE_MULTICAST;
    uint16_t type = special ? 0 : type_by_host(p, a);

    return type ? type : told;
}

static enum verdict_answer ask_type(const struct match_question *q, bool source)
{
    const struct verdict_packet *p = q->p;
    const struct packet_address *a = source ? &p->packet->source : &p->packet->destination;
    struct rules_match_addrtype m = q->match->addrtype;

    /* The table "local", of which alone it asks, has none of those: blackhole, prohibit... */
    if (p->packet->family == PACKET_IPV4 && type_by_host(p, a))
        *(source ? &m.source : &m.destination) &= (uint16_t)~ADDRTYPE_ROUTES;
    if ((source ? q->match->addrtype.source : q->match->addrtype.destination) &&
        !(source ? m.source : m.destination))
        return match_answer(m.flags &
                            (source ? RULES_ADDRTYPE_SOURCE_INVERTED : RULES_ADDRTYPE_DESTINATION_INVERTED));
    return addrtype_ask(&m, p->packet, source, told_of(p, a));
}

enum verdict_answer match_addrtype(const struct match_question *q)
{
    enum verdict_answer source = ask_type(q, true), destination = ask_type(q, false);

    if (source == VERDICT_NO || destination == VERDICT_NO)
        return VERDICT_NO;
    if (source == VERDICT_UNKNOWN)
        return match_unknown(q, "what kind of address the source is to this machine");
    if (destination == VERDICT_UNKNOWN)
        return match_unknown(q, "what kind of address the destination is to this machine");
    return VERDICT_YES;
}

/* ---- the way back ---- */

static bool has_link_local(const struct host *h, const char *interface)
{
    size_t count;
    const struct host_address *all = host_addresses(h, &count);

    for (size_t i = 0; i < count; i++) {
        if (all[i].family == PACKET_IPV6 && strcmp(all[i].interface, interface) == 0 &&
            wire_read16((const uint8_t *)all[i].address.word) == LINK_LOCAL)
            return true;
    }
    return false;
}

/* Would a packet to the source leave by the interface that this one came in by? IPv6 looks for routes of that interface alone, so
 * that another one which is better is no answer. */
enum verdict_answer match_leads_back(const struct verdict_packet *p, uint32_t mark, bool by_any)
{
    const struct packet *packet = p->packet;
    bool six = packet->family == PACKET_IPV6;
    struct host_question q = {.family = packet->family, .destination = packet->source, .mark = mark};
    struct host_way way;

    if (six && wire_read16((const uint8_t *)packet->source.word) == LINK_LOCAL)
        return has_link_local(p->host, p->in) ? VERDICT_YES : VERDICT_UNKNOWN;
    if (host_has_address(p->host, packet->family, &packet->destination) == HOST_YES)
        q.source = packet->destination;
    host_route(p->host, &q, &way);
    switch (way.fate) {
    case HOST_FORWARD:
        if (by_any || strcmp(way.out, p->in) == 0)
            return VERDICT_YES;
        return six || !way.out[0] ? VERDICT_UNKNOWN : VERDICT_NO;
    case HOST_LOCAL:
    case HOST_NOWHERE:
        return VERDICT_NO;
    case HOST_SPECIAL:
        return six ? VERDICT_UNKNOWN : VERDICT_NO;
    default:
        return VERDICT_UNKNOWN;
    }
}

static bool is_nobody(const struct packet_address *a)
{
    return !(a->word[0] | a->word[1] | a->word[2] | a->word[3]);
}

static enum verdict_answer ask_way_back(const struct verdict_packet *p, const struct rules_match_rpfilter *m)
{
    if (p->unknown & VERDICT_NO_IN)
        return VERDICT_UNKNOWN;
    if (strcmp(p->in, "lo") == 0)
        return VERDICT_YES;
    if (!p->host || is_nobody(&p->packet->source) || (m->valid_mark && p->unknown & VERDICT_NO_MARK))
        return VERDICT_UNKNOWN;
    if (m->accept_local && host_has_address(p->host, p->packet->family, &p->packet->source) != HOST_NO)
        return VERDICT_UNKNOWN;
    return match_leads_back(p, m->valid_mark ? p->mark : 0, m->loose);
}

enum verdict_answer match_rpfilter(const struct match_question *q)
{
    const struct rules_match_rpfilter *m = &q->match->rpfilter;
    enum verdict_answer answer = ask_way_back(q->p, m);

    if (answer == VERDICT_UNKNOWN)
        return match_unknown(q, MATCH_WAY_UNKNOWN);
    return match_answer((answer == VERDICT_YES) != m->inverted);
}

/* ---- what is only sometimes known ---- */

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

enum verdict_answer match_told_unknown(const struct match_question *q)
{
    return match_unknown(q, q->match->unknown);
}
