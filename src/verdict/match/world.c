/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of the machine besides: addrtype, and net/netfilter/xt_set.c, xt_owner.c. */
#include "verdict/match/addrtype.h"
#include "verdict/match/topic.h"

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

static uint16_t told_of(const struct verdict_packet *p, const struct packet_address *a)
{
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
    uint16_t told = told_of(p, a);

    return p->packet->family == PACKET_IPV4 ? addrtype_of_ipv4(a, told, false) : addrtype_of_ipv6(a, told);
}

static enum verdict_answer ask_type(const struct match_question *q, bool source)
{
    const struct verdict_packet *p = q->p;
    const struct packet_address *a = source ? &p->packet->source : &p->packet->destination;

    return addrtype_ask(&q->match->addrtype, p->packet, source, told_of(p, a));
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
