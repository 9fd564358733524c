/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_TUPLE_H
#define SALLY_TRACK_TUPLE_H

/*
 * Tuples: what makes two packets belong to one connection (net/netfilter/nf_conntrack_core.c). Freestanding.
 */
#include "track/flow.h"
#include "track/icmp_type.h"

/* Both of these: not zero if they differ. No branches: what would be mispredicted costs more than all of it.
 */
static inline uint32_t track_kind_difference(const struct track_tuple *a, const struct track_tuple *b)
{
    return (uint32_t)((a->family ^ b->family) | (a->protocol ^ b->protocol) | (a->zone ^ b->zone));
}

static inline uint32_t track_ends_difference(const struct track_tuple *a, const struct track_tuple *b)
{
    return packet_address_difference(&a->source, &b->source) |
           packet_address_difference(&a->destination, &b->destination) |
           (uint32_t)((a->source_port ^ b->source_port) | (a->destination_port ^ b->destination_port));
}

static inline bool track_tuple_equal(const struct track_tuple *a, const struct track_tuple *b)
{
    return !(track_ends_difference(a, b) | track_kind_difference(a, b));
}

static inline bool track_is_icmp(uint8_t protocol)
{
    return protocol == PACKET_ICMP || protocol == PACKET_ICMPV6;
}

/* How the other side's packets look. false: of an ICMP message that has no answer. */
static inline bool track_tuple_invert(const struct track_tuple *t, struct track_tuple *ret)
{
    struct track_tuple inverse = *t;
    uint8_t answer;

    inverse.source = t->destination;
    inverse.destination = t->source;
    inverse.source_port = t->destination_port;
    inverse.destination_port = t->source_port;
    if (track_is_icmp(t->protocol)) {
        if (!track_icmp_answer(t->protocol, (uint8_t)(t->destination_port >> 8), &answer))
            return false;
        inverse.source_port = t->source_port;
        inverse.destination_port = (uint16_t)(answer << 8 | (t->destination_port & 0xff));
    }
    *ret = inverse;
    return true;
}

/* Is end a before end b in the order that makes both directions look alike? */
static inline bool track_end_before(const struct packet_address *a, uint16_t a_port,
                                    const struct packet_address *b, uint16_t b_port)
{
    for (uint32_t w = 0; w < 4; w++) {
        if (a->word[w] != b->word[w])
            return a->word[w] < b->word[w];
    }
    return a_port < b_port;
}

/* The same for a tuple and its inverse, to find a flow by: the one whose first end comes first, of ICMP the
 * question's. */
static inline void track_tuple_key(const struct track_tuple *t, struct track_tuple *ret)
{
    bool inverse = track_end_before(&t->destination, t->destination_port, &t->source, t->source_port);

    if (track_is_icmp(t->protocol))
        inverse = !track_icmp_may_begin(t->protocol, (uint8_t)(t->destination_port >> 8));
    *ret = *t;
    if (inverse)
        track_tuple_invert(t, ret);
}

/* A flow begins with packets of this tuple. Nothing else says what the reply tuple is: who translates addresses
 * changes it behind this. */
static inline void track_flow_name(struct track_flow *flow, const struct track_tuple *t)
{
    flow->tuple = *t;
    if (track_tuple_invert(t, &flow->reply))
        return;
    flow->reply = *t;
    flow->reply.source = t->destination;
    flow->reply.destination = t->source;
}

/* How the packets of one direction look. */
static inline const struct track_tuple *track_flow_tuple(const struct track_flow *flow,
                                                         enum track_direction direction)
{
    return direction == TRACK_ORIGINAL ? &flow->tuple : &flow->reply;
}

/* Which direction of a flow t is a packet of; TRACK_DIRECTIONS: of none. A flow whose two directions look the same
 * (from a port to itself) answers REPLY: that is the one that the kernel's table finds first. */
static inline enum track_direction track_flow_direction(const struct track_flow *flow,
                                                        const struct track_tuple *t)
{
    uint32_t original = track_ends_difference(&flow->tuple, t),
             reply = track_ends_difference(&flow->reply, t);

    if (track_kind_difference(&flow->tuple, t) | (!!original & !!reply))
        return TRACK_DIRECTIONS;
    return reply ? TRACK_ORIGINAL : TRACK_REPLY;
}

/* Which protocols' ports conntrack knows. DCCP's tracker went with Linux 6.16. */
static inline bool track_has_ports(uint8_t protocol)
{
    return protocol == PACKET_TCP || protocol == PACKET_UDP || protocol == PACKET_UDPLITE ||
           protocol == PACKET_SCTP;
}

/* false: the transport header is too short to have one. */
static inline bool track_tuple_read(const struct packet *p, uint16_t zone, struct track_tuple *ret)
{
    struct track_tuple t = {
        .source = p->source,
        .destination = p->destination,
        .family = p->family,
        .protocol = p->protocol,
        .zone = zone,
    };

    if (p->fault == PACKET_SHORT && !(p->source_port | p->destination_port))
        return false;
    if (track_has_ports(p->protocol)) {
        t.source_port = p->source_port;
        t.destination_port = p->destination_port;
    } else if (track_is_icmp(p->protocol)) {
        t.source_port = p->icmp.id;
        t.destination_port = (uint16_t)(p->icmp.type << 8 | p->icmp.code);
    }
    *ret = t;
    return true;
}

#endif
