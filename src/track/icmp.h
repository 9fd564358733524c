/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_ICMP_H
#define SALLY_TRACK_ICMP_H

/*
 * ICMP errors: whose packet they complain of. Freestanding.
 * net/netfilter/nf_conntrack_proto_icmp.c: nf_conntrack_inet_error.
 */
#include "base/bounded.h"
#include "base/wire.h"
#include "packet/extension.h"
#include "packet/source.h"
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

/* The packet that an error carries: its headers, up to end, and how far they are read. */
struct track_inner {
    uint32_t begin, end, at;
    struct track_tuple tuple;
};

/* size bytes from `at` on, if the error carries them. */
static inline const uint8_t *track_inner_at(struct packet_source *s, const struct track_inner *in,
                                            uint32_t at, uint32_t size)
{
    return at <= in->end && size <= in->end - at ? packet_at(s, at, size) : NULL;
}

/* Past the inner packet's extension headers; as ipv6_skip_exthdr does. false: no transport header to be
 * found. */
static inline bool track_inner6_skip(struct packet_source *s, struct track_inner *in)
{
    BOUNDED_LOOP(n, EXTENSION_COUNT) {
        uint8_t kind = in->tuple.protocol;
        if (!extension_is_walked(kind))
            break;
        const uint8_t *header = track_inner_at(s, in, in->at, EXTENSION_LEAST);
        if (!header || (kind == EXTENSION_FRAGMENT && (wire_read16(header + 2) & 0xfff8)))
            return false;
        in->at += extension_size(kind, header[1]);
        in->tuple.protocol = header[0];
    }
    return in->tuple.protocol != EXTENSION_NONE && !extension_is_walked(in->tuple.protocol);
}

/* The transport's part of the inner packet's tuple. */
static inline bool track_inner_transport(struct packet_source *s, struct track_inner *in)
{
    struct track_tuple *t = &in->tuple;

    if (track_has_ports(t->protocol)) {
        const uint8_t *at = track_inner_at(s, in, in->at, 4);
        if (!at)
            return false;
        t->source_port = wire_read16(at);
        t->destination_port = wire_read16(at + 2);
    } else if (track_is_icmp(t->protocol)) {
        const uint8_t *at = track_inner_at(s, in, in->at, TRACK_ICMP_HEADER);
        if (!at)
            return false;
        t->source_port = wire_read16(at + 4);
        t->destination_port = wire_read16(at);
    }
    return in->at <= in->end;
}

/* in->tuple of the packet from in->begin to in->end. false: it can't be read. */
static inline bool track_inner_read(struct packet_source *s, uint8_t family, uint16_t zone,
                                    struct track_inner *in)
{
    struct track_tuple *t = &in->tuple;
    const uint8_t *at;

    *t = (struct track_tuple){.family = family, .zone = zone};
    if (family == PACKET_IPV6) {
        at = track_inner_at(s, in, in->begin, 40);
        if (!at)
            return false;
        t->source = track_address_read(at + 8, family);
        t->destination = track_address_read(at + 24, family);
        t->protocol = at[6];
        in->at = in->begin + 40;
        return track_inner6_skip(s, in) && track_inner_transport(s, in);
    }
    at = track_inner_at(s, in, in->begin, 20);
    /* A later fragment has no ports to go by. */
    if (!at || (wire_read16(at + 6) & 0x1fff))
        return false;
    t->source = track_address_read(at + 12, family);
    t->destination = track_address_read(at + 16, family);
    t->protocol = at[9];
    in->at = in->begin + (uint32_t)(at[0] & 15) * 4;
    return track_inner_transport(s, in);
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
static inline enum track_redirect track_icmp6_redirect(struct packet_source *s, const struct packet *p,
                                                       uint32_t *ret_offset)
{
    const uint8_t *at;
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
    at = end - option >= 2 ? packet_at(s, option, 2) : NULL;
    if (!at || at[1] == 0)
        return TRACK_REDIRECT_INVALID;
    if (at[0] != TRACK_ND_REDIRECTED)
        return TRACK_REDIRECT_PLAIN;
    *ret_offset = option + TRACK_ND_REDIRECTED_HEADER;
    return TRACK_REDIRECT_INNER;
}

#endif
