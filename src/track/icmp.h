/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_ICMP_H
#define SALLY_TRACK_ICMP_H

/*
 * ICMP errors: whose packet they complain of. Freestanding.
 * net/netfilter/nf_conntrack_proto_icmp.c: nf_conntrack_inet_error.
 */
#include "packet/extension.h"
#include "packet/wire.h"
#include "track/tuple.h"

enum {
    TRACK_ICMP_HEADER = 8,
    TRACK_ICMP6_REDIRECT_BODY = 32, /* target and destination address behind the header */
    TRACK_ND_REDIRECTED = 4,        /* option: the packet that was redirected (RFC 4861 section 4.6.3) */
    TRACK_ND_REDIRECTED_HEADER = 8,
};

static inline struct packet_address track_address_read(const uint8_t *at, uint8_t family)
{
    struct packet_address a = {{0, 0, 0, 0}};

    for (uint32_t w = 0; w < (family == PACKET_IPV6 ? 4u : 1u); w++)
        __builtin_memcpy(&a.word[w], at + 4 * w, 4);
    return a;
}

/* Past the inner packet's extension headers; as ipv6_skip_exthdr does. false: no transport header to be
 * found. */
static inline bool track_inner6_skip(const uint8_t *at, uint32_t size, uint32_t *offset, uint8_t *next)
{
    for (uint32_t n = 0; n < EXTENSION_COUNT && extension_is_walked(*next); n++) {
        if (*offset > size || size - *offset < EXTENSION_LEAST)
            return false;
        const uint8_t *header = at + *offset;
        if (*next == EXTENSION_FRAGMENT && (wire_read16(header + 2) & 0xfff8))
            return false;
        *offset += extension_size(*next, header[1]);
        *next = header[0];
    }
    return *next != EXTENSION_NONE && !extension_is_walked(*next);
}

/* The transport's part of the inner packet's tuple, from size bytes at `at`. */
static inline bool track_inner_transport(const uint8_t *at, uint32_t size, struct track_tuple *t)
{
    if (track_has_ports(t->protocol)) {
        if (size < 4)
            return false;
        t->source_port = wire_read16(at);
        t->destination_port = wire_read16(at + 2);
    } else if (track_is_icmp(t->protocol)) {
        if (size < TRACK_ICMP_HEADER)
            return false;
        t->source_port = wire_read16(at + 4);
        t->destination_port = wire_read16(at);
    }
    return true;
}

/* The tuple of the packet of which size bytes lie at `at`. false: it can't be read. */
static inline bool track_inner_read(const uint8_t *at, uint32_t size, uint8_t family, uint16_t zone,
                                    struct track_tuple *ret)
{
    struct track_tuple t = {.family = family, .zone = zone};
    uint32_t transport;

    if (family == PACKET_IPV6) {
        if (size < 40)
            return false;
        t.source = track_address_read(at + 8, family);
        t.destination = track_address_read(at + 24, family);
        t.protocol = at[6];
        transport = 40;
        if (!track_inner6_skip(at, size, &transport, &t.protocol))
            return false;
    } else {
        /* A later fragment has no ports to go by. */
        if (size < 20 || (wire_read16(at + 6) & 0x1fff))
            return false;
        t.source = track_address_read(at + 12, family);
        t.destination = track_address_read(at + 16, family);
        t.protocol = at[9];
        transport = (uint32_t)(at[0] & 15) * 4;
    }
    if (transport > size || !track_inner_transport(at + transport, size - transport, &t))
        return false;
    *ret = t;
    return true;
}

/* Where in an ICMP message the packet begins that it complains of; 0: it complains of none. */
static inline uint32_t track_icmp_inner_offset(const struct packet *p)
{
    if (track_icmp_is_error(p->protocol, p->icmp.type))
        return p->transport + TRACK_ICMP_HEADER;
    return 0;
}

enum track_redirect {
    TRACK_REDIRECT_PLAIN,   /* says nothing of a connection */
    TRACK_REDIRECT_INVALID, /* nobody may send it */
    TRACK_REDIRECT_INNER,   /* carries the packet, at *ret_offset */
};

/* A redirect must come from the next router itself (RFC 4861 section 8.1); what conntrack makes of it. */
static inline enum track_redirect track_icmp6_redirect(const struct packet *p, uint32_t *ret_offset)
{
    uint32_t end = p->length < p->captured ? p->length : p->captured;
    uint32_t option = p->transport + TRACK_ICMP_HEADER + TRACK_ICMP6_REDIRECT_BODY;
    struct packet_address source = p->source;
    uint8_t first[2];

    if (end < option)
        return TRACK_REDIRECT_INVALID;
    if (p->icmp.code != 0)
        return TRACK_REDIRECT_PLAIN;
    __builtin_memcpy(first, &source.word[0], 2);
    if (p->ttl != 255 || first[0] != 0xfe || (first[1] & 0xc0) != 0x80)
        return TRACK_REDIRECT_INVALID;
    if (end - option < 2 || p->bytes[option + 1] == 0)
        return TRACK_REDIRECT_INVALID;
    if (p->bytes[option] != TRACK_ND_REDIRECTED)
        return TRACK_REDIRECT_PLAIN;
    *ret_offset = option + TRACK_ND_REDIRECTED_HEADER;
    return TRACK_REDIRECT_INNER;
}

#endif
