/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_HEADERS_H
#define SALLY_VERDICT_MATCH_HEADERS_H

/* What is asked of IPv6's chain of headers: net/ipv6/netfilter/ip6t_ipv6header.c, ip6t_rt.c. Freestanding. */
#include "base/bounded.h"
#include "packet/extension.h"
#include "packet/source.h"
#include "rules/model.h"

/* As ip6t_ipv6header.h has them. */
enum headers_bit {
    HEADERS_PROTOCOL = 1,
    HEADERS_NONE = 2,
    HEADERS_ESP = 4,
    HEADERS_AUTHENTICATION = 8,
    HEADERS_FRAGMENT = 16,
    HEADERS_ROUTING = 32,
    HEADERS_DESTINATION = 64,
    HEADERS_HOP_BY_HOP = 128,
};

enum { HEADERS_AT_NEXT = 6, HEADERS_FIRST = 40, HEADERS_BASE = 40 };

/* What the kernel program is asked of -m rt: --rt-type alone. */
struct headers_routing {
    uint8_t type;
    bool inverted;
};

/* A chain that is walked: in memory, for the verifier. */
struct headers {
    uint32_t at;
    uint8_t bits;    /* enum headers_bit of those passed */
    uint8_t kind;    /* of what stands at `at` */
    uint8_t routing; /* the type of the first routing header */
    bool unreadable;
};

static inline uint8_t headers_bit(uint8_t kind)
{
    switch (kind) {
    case EXTENSION_HOP_BY_HOP:
        return HEADERS_HOP_BY_HOP;
    case EXTENSION_ROUTING:
        return HEADERS_ROUTING;
    case EXTENSION_FRAGMENT:
        return HEADERS_FRAGMENT;
    case EXTENSION_AUTHENTICATION:
        return HEADERS_AUTHENTICATION;
    case EXTENSION_DESTINATION:
        return HEADERS_DESTINATION;
    case EXTENSION_NONE:
        return HEADERS_NONE;
    case PACKET_ESP:
        return HEADERS_ESP;
    default:
        return HEADERS_PROTOCOL;
    }
}

/* One header. What follows a fragment's is its data, which may be anything. */
static inline void headers_step(struct packet_source *source, const struct packet *p, struct headers *h)
{
    uint32_t at = h->at;
    uint8_t kind = h->kind;
    const uint8_t *header = NULL;

    if (at <= p->captured && p->captured - at >= EXTENSION_LEAST)
        header = packet_at(source, at, EXTENSION_LEAST);
    if (!header || (kind == EXTENSION_FRAGMENT && (header[2] || header[3] & 0xf8))) {
        h->unreadable = true;
        return;
    }
    if (kind == EXTENSION_ROUTING && !(h->bits & HEADERS_ROUTING))
        h->routing = header[2];
    h->bits |= headers_bit(kind);
    h->at = at + extension_size(kind, header[1]);
    h->kind = header[0];
}

/* Walks them all. false: the packet's, or the capture's, end comes before the last of them. */
static inline bool headers_walk(struct packet_source *source, const struct packet *p, struct headers *h)
{
    const uint8_t *base = p->captured >= HEADERS_BASE ? packet_at(source, 0, HEADERS_BASE) : NULL;

    if (!base)
        return false;
    h->at = HEADERS_FIRST;
    h->bits = h->routing = 0;
    h->kind = base[HEADERS_AT_NEXT];
    h->unreadable = false;
    BOUNDED_LOOP(n, EXTENSION_COUNT) {
        if (!extension_is_walked(h->kind) || h->unreadable)
            break;
        headers_step(source, p, h);
    }
    if (h->unreadable || extension_is_walked(h->kind) || h->at > p->length)
        return false;
    h->bits |= headers_bit(h->kind);
    return true;
}

static inline bool headers_are(const struct rules_match_ipv6header *m, uint8_t bits)
{
    if (m->soft) /* with "!" all bits are inverted, of which those asked for count */
        return !((bits ^ m->headers ^ (m->inverted ? 0xff : 0)) & m->headers);
    return (bits == m->headers) != m->inverted;
}

static inline bool headers_route(const struct headers_routing *m, const struct headers *h)
{
    return h->bits & HEADERS_ROUTING && (h->routing == m->type) != m->inverted;
}

/* Does a kept extension of that name ask for a header of IPv6? Native. */
bool headers_is_asked_by(const char *match);
/* Are an extension's words no more than --rt-type? Native. */
bool headers_routing_read(const struct rules_match_opaque *m, struct headers_routing *ret);

#endif
