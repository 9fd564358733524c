/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_READ_H
#define SALLY_PACKET_READ_H

/*
 * The headers of an IP packet, read one by one. Freestanding: packet_decode natively, and the kernel program.
 * Checksums are the caller's to check: the kernel has done so before its hooks for what came in.
 */
#include "base/bounded.h"
#include "base/wire.h"
#include "packet/extension.h"
#include "packet/packet.h"
#include "packet/source.h"

enum {
    PACKET_IPV4_HEADER = 20,
    PACKET_IPV6_HEADER = 40,
    PACKET_TCP_HEADER = 20,
    PACKET_UDP_HEADER = 8,
    PACKET_ICMP_HEADER = 8,
    PACKET_PORTS = 4,
};

enum packet_result {
    PACKET_READ,
    PACKET_NOT_IP, /* neither version 4 nor 6 */
    PACKET_BROKEN, /* the IP header is cut off or contradicts itself: no router would pass it on */
};

/* The transport header begins and is cut off. */
static inline void packet_set_short(struct packet *p)
{
    p->payload = p->captured;
    p->fault = PACKET_SHORT;
}

/* No transport header: what is asked of it finds nothing to read. */
static inline void packet_set_no_transport(struct packet *p)
{
    p->transport = p->payload = p->captured;
    p->fault = PACKET_SHORT;
}

/* Writes to *p only once the header is known to be sound; then in place, which spares a copy. */
static inline enum packet_result packet_read_ipv4(struct packet_source *s, const uint8_t *at,
                                                  struct packet *p)
{
    uint32_t header = (uint32_t)(at[0] & 15) * 4, total = wire_read16(at + 2);
    uint16_t fragment = wire_read16(at + 6);
    /* A sender that leaves segmentation to its network card shows captures with a length of 0. */
    if (total == 0)
        total = s->size;
    if (header < PACKET_IPV4_HEADER || header > s->size || total < header)
        return PACKET_BROKEN;

    *p = (struct packet){.family = PACKET_IPV4};
    packet_borrow(s, p);
    p->tos = at[1];
    p->length = total;
    p->captured = s->size < total ? s->size : total;
    p->more_fragments = fragment & 0x2000;
    p->fragment_offset = (uint16_t)(fragment << 3);
    p->is_fragment = p->more_fragments || p->fragment_offset;
    p->ttl = at[8];
    p->protocol = at[9];
    __builtin_memcpy(&p->source.word[0], at + 12, 4);
    __builtin_memcpy(&p->destination.word[0], at + 16, 4);
    p->transport = header;
    return PACKET_READ;
}

/* One extension header at p->transport, of the kind p->protocol: both move on. */
static inline void packet_walk_extension(struct packet_source *s, struct packet *p)
{
    uint32_t at = p->transport, left = p->captured - at;
    uint8_t kind = p->protocol;
    const uint8_t *header = left >= EXTENSION_LEAST ? packet_at(s, at, EXTENSION_LEAST) : NULL;

    if (!header || extension_size(kind, header[1]) > left) {
        packet_set_no_transport(p);
        return;
    }
    if (kind == EXTENSION_FRAGMENT) {
        uint16_t fragment = wire_read16(header + 2);
        p->fragment_offset = fragment & 0xfff8;
        p->more_fragments = fragment & 1;
        p->is_fragment = p->more_fragments || p->fragment_offset;
        p->is_atomic = !p->is_fragment;
    }
    p->protocol = header[0];
    p->transport = at + extension_size(kind, header[1]);
}

/* A chain that is cut off, too long, or ends in "no next header" has no transport. */
static inline void packet_walk_extensions(struct packet_source *s, struct packet *p)
{
    BOUNDED_LOOP(n, EXTENSION_COUNT) {
        if (!extension_is_walked(p->protocol) || p->fragment_offset || p->fault)
            break;
        packet_walk_extension(s, p);
    }
    if (!p->fault && !p->fragment_offset &&
        (p->protocol == EXTENSION_NONE || extension_is_walked(p->protocol)))
        packet_set_no_transport(p);
}

static inline enum packet_result packet_read_ipv6(struct packet_source *s, struct packet *p)
{
    const uint8_t *at = s->size >= PACKET_IPV6_HEADER ? packet_at(s, 0, PACKET_IPV6_HEADER) : NULL;
    if (!at)
        return PACKET_BROKEN;
    uint32_t total = (uint32_t)wire_read16(at + 4) + PACKET_IPV6_HEADER;
    /* A jumbogram (RFC 2675) has its length in a hop-by-hop option; what was captured is all there is. */
    if (total == PACKET_IPV6_HEADER && at[6] == EXTENSION_HOP_BY_HOP)
        total = s->size;

    *p = (struct packet){.family = PACKET_IPV6};
    packet_borrow(s, p);
    p->tos = (uint8_t)(wire_read16(at) >> 4);
    p->length = total;
    p->captured = s->size < total ? s->size : total;
    p->protocol = at[6];
    p->ttl = at[7];
    __builtin_memcpy(p->source.word, at + 8, 16);
    __builtin_memcpy(p->destination.word, at + 24, 16);
    p->transport = PACKET_IPV6_HEADER;
    packet_walk_extensions(s, p);
    return PACKET_READ;
}

static inline void packet_read_ports(const uint8_t *at, struct packet *p)
{
    p->source_port = wire_read16(at);
    p->destination_port = wire_read16(at + 2);
}

/* Of SCTP and DCCP; and of a header that is cut off behind them, which is all that an ICMP error must carry of what it
 * answers (net/netfilter/nf_conntrack_proto_*.c). False: not even these are there. */
static inline bool packet_read_only_ports(struct packet_source *s, uint32_t begin, uint32_t there,
                                          struct packet *p)
{
    const uint8_t *at = there >= PACKET_PORTS ? packet_at(s, begin, PACKET_PORTS) : NULL;

    if (at)
        packet_read_ports(at, p);
    return at;
}

static inline void packet_read_tcp(struct packet_source *s, uint32_t begin, uint32_t there, struct packet *p)
{
    const uint8_t *at = there >= PACKET_TCP_HEADER ? packet_at(s, begin, PACKET_TCP_HEADER) : NULL;

    if (!at) {
        packet_read_only_ports(s, begin, there, p);
        packet_set_short(p);
        return;
    }
    packet_read_ports(at, p);
    p->tcp.sequence = wire_read32(at + 4);
    p->tcp.acknowledgement = wire_read32(at + 8);
    p->tcp.header = (uint8_t)((at[12] >> 4) * 4);
    p->tcp.flags = at[13];
    p->tcp.window = wire_read16(at + 14);
    if (p->tcp.header < PACKET_TCP_HEADER || (!p->is_fragment && p->tcp.header > p->length - begin)) {
        p->fault = PACKET_BAD_LENGTH;
        p->payload = p->captured;
        return;
    }
    p->payload = begin + p->tcp.header;
    if (p->payload > p->length) /* a first fragment may end within the options */
        p->payload = p->length;
}

static inline void packet_read_udp(struct packet_source *s, uint32_t begin, uint32_t there, struct packet *p)
{
    const uint8_t *at = there >= PACKET_UDP_HEADER ? packet_at(s, begin, PACKET_UDP_HEADER) : NULL;

    if (!at) {
        packet_read_only_ports(s, begin, there, p);
        packet_set_short(p);
        return;
    }
    packet_read_ports(at, p);
    /* Of UDP-Lite this is how much the checksum covers; 0: all (RFC 3828 section 3.1). */
    uint32_t length = wire_read16(at + 4);
    bool covers_all = p->protocol == PACKET_UDPLITE && length == 0;
    if ((length < PACKET_UDP_HEADER && !covers_all) || (!p->is_fragment && length > p->length - begin))
        p->fault = PACKET_BAD_LENGTH;
    p->payload = begin + PACKET_UDP_HEADER;
}

/* Messages with an identifier: echo, timestamp, information, address mask (RFC 792, 950); echo and node
 * information in IPv6 (RFC 4443, 4620). */
static inline bool packet_icmp_has_id(uint8_t protocol, uint8_t type)
{
    if (protocol == PACKET_ICMPV6)
        return type == 128 || type == 129 || type == 139 || type == 140;
    return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

static inline void packet_read_icmp(struct packet_source *s, uint32_t begin, uint32_t there, struct packet *p)
{
    const uint8_t *at = there >= PACKET_ICMP_HEADER ? packet_at(s, begin, PACKET_ICMP_HEADER) : NULL;

    if (!at) {
        packet_set_short(p);
        return;
    }
    p->icmp.type = at[0];
    p->icmp.code = at[1];
    if (packet_icmp_has_id(p->protocol, at[0]))
        p->icmp.id = wire_read16(at + 4);
    p->payload = begin + PACKET_ICMP_HEADER;
}

static inline void packet_read_transport(struct packet_source *s, struct packet *p)
{
    if (p->fault)
        return;
    if (p->fragment_offset) {
        p->payload = p->transport;
        p->transport = p->captured;
        return;
    }
    if (p->transport > p->captured) {
        packet_set_no_transport(p);
        return;
    }
    uint32_t begin = p->transport, there = p->captured - begin;
    uint8_t protocol = p->protocol;
    p->payload = begin;
    if (protocol == PACKET_TCP)
        packet_read_tcp(s, begin, there, p);
    else if (protocol == PACKET_UDP || protocol == PACKET_UDPLITE)
        packet_read_udp(s, begin, there, p);
    else if (protocol == (p->family == PACKET_IPV4 ? PACKET_ICMP : PACKET_ICMPV6))
        packet_read_icmp(s, begin, there, p);
    else if (packet_has_ports(protocol) && !packet_read_only_ports(s, begin, there, p))
        packet_set_short(p);
}

/* *p is touched only if PACKET_READ. Trouble above IP is no error: see fault. */
static inline enum packet_result packet_read(struct packet_source *s, struct packet *p)
{
    const uint8_t *at = s->size >= PACKET_IPV4_HEADER ? packet_at(s, 0, PACKET_IPV4_HEADER) : NULL;
    enum packet_result r = PACKET_BROKEN;
    bool is_short = !at;

    if (is_short && s->size > 0) /* what it would have been */
        at = packet_at(s, 0, 1);
    if (!at)
        return r;
    uint8_t family = at[0] >> 4;
    if (family != PACKET_IPV4 && family != PACKET_IPV6)
        return PACKET_NOT_IP;
    if (is_short)
        return r;
    r = family == PACKET_IPV4 ? packet_read_ipv4(s, at, p) : packet_read_ipv6(s, p);
    if (r == PACKET_READ)
        packet_read_transport(s, p);
    return r;
}

#endif
