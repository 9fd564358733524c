/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_HASHLIMIT_H
#define SALLY_VERDICT_MATCH_HASHLIMIT_H

/*
 * What hashlimit computes: net/netfilter/xt_hashlimit.c, revision 3. Freestanding; where tables and buckets lie is
 * the caller's (memory.h natively, maps in the kernel).
 */
#include "packet/packet.h"
#include "verdict/match/step.h"

/* Credits a jiffy, of packets and of bytes: the largest powers of two with which a day's fit into 64 and a
 * second's into 32 bits. */
#define HASHLIMIT_PACKET_CREDITS   (UINT64_C(1) << 39)
#define HASHLIMIT_BYTE_CREDITS     (UINT64_C(1) << 24)
#define HASHLIMIT_BYTE_CREDITS_CAP (HASHLIMIT_BYTE_CREDITS * MEMORY_HZ)
_Static_assert(HASHLIMIT_PACKET_CREDITS <= UINT64_MAX / (MEMORY_HZ * 86400) &&
                   HASHLIMIT_PACKET_CREDITS * 2 > UINT64_MAX / (MEMORY_HZ * 86400),
               "credits of packets fit the clock");
_Static_assert(HASHLIMIT_BYTE_CREDITS <= UINT32_MAX / MEMORY_HZ &&
                   HASHLIMIT_BYTE_CREDITS * 2 > UINT32_MAX / MEMORY_HZ,
               "credits of bytes fit the clock");

enum {
    HASHLIMIT_SCALE = 1000000,     /* XT_HASHLIMIT_SCALE_v2 */
    HASHLIMIT_CHUNK_SHIFT = 4,     /* bytes are counted by 16 */
    HASHLIMIT_DEFAULT_SIZE = 8192, /* of a machine with more than 1 GiB */
    HASHLIMIT_DEFAULT_GC_MS = 1000,
    HASHLIMIT_DEFAULT_EXPIRE_MS = 10000,
    HASHLIMIT_PORTS = 4, /* bytes */
};

/* What the kernel program is asked. */
struct hashlimit_asked {
    struct rules_match_hashlimit
        match;      /* the table's, as the first rule that named it has it; above: this one's */
    uint64_t table; /* name_id */
};

/* dsthash_ent. */
struct hashlimit_bucket {
    uint64_t credit, cap, cost;
    uint64_t previous; /* jiffies at which credit was last granted */
    uint64_t expires;  /* jiffies */
    uint64_t rate, burst, current_rate;
    bool over_before; /* with rate match: the last interval was over the rate */
};

static inline uint64_t hashlimit_credits(uint64_t user)
{
    return user * (MEMORY_HZ * HASHLIMIT_PACKET_CREDITS / HASHLIMIT_SCALE);
}

static inline uint32_t hashlimit_byte_cost(uint64_t average)
{
    return (uint32_t)((uint64_t)(uint32_t)average * HASHLIMIT_BYTE_CREDITS_CAP >> 32);
}

/* b is zeroed. */
static inline void hashlimit_begin(struct hashlimit_bucket *b, const struct rules_match_hashlimit *c,
                                   uint64_t now)
{
    b->previous = now;
    if (c->rate_match && c->by_bytes) {
        uint32_t average = (uint32_t)c->average;
        b->rate = (uint64_t)((average ? UINT32_MAX / average : UINT32_MAX) - 1) << HASHLIMIT_CHUNK_SHIFT;
        b->burst = c->burst ? c->burst * b->rate : b->rate;
    } else if (c->rate_match) {
        b->rate = c->average ? HASHLIMIT_SCALE / c->average : 0;
        b->burst = c->burst + b->rate;
    } else if (c->by_bytes) {
        b->credit = HASHLIMIT_BYTE_CREDITS_CAP;
        b->cost = hashlimit_byte_cost(c->average);
        b->cap = c->burst; /* how often an empty bucket may be filled again */
    } else {
        b->credit = b->cap = hashlimit_credits(c->average * c->burst);
        b->cost = hashlimit_credits(c->average);
    }
}

static inline void hashlimit_grant(struct hashlimit_bucket *b, const struct rules_match_hashlimit *c,
                                   uint64_t now)
{
    uint64_t passed = now - b->previous;

    if (passed == 0)
        return;
    if (c->rate_match) {
        uint64_t interval = (uint64_t)c->interval * MEMORY_HZ;
        if (passed < interval)
            return;
        b->previous = now;
        b->over_before = b->current_rate * interval > passed * b->rate;
        b->current_rate = 0;
        return;
    }
    uint64_t before = b->credit, cap = c->by_bytes ? HASHLIMIT_BYTE_CREDITS_CAP : b->cap;
    b->previous = now;
    b->credit += passed * (c->by_bytes ? HASHLIMIT_BYTE_CREDITS : HASHLIMIT_PACKET_CREDITS);
    if (b->credit > cap || (c->by_bytes && b->credit <= before))
        b->credit = cap;
}

/* Is a packet of so many bytes within the limit? */
static inline bool hashlimit_take(struct hashlimit_bucket *b, const struct rules_match_hashlimit *c,
                                  uint32_t length)
{
    if (c->rate_match) {
        b->current_rate += c->by_bytes ? length : 1;
        return !b->over_before && b->current_rate <= b->burst;
    }
    uint64_t cost = b->cost;
    if (c->by_bytes) {
        cost *= (length >> HASHLIMIT_CHUNK_SHIFT) + 1;
        if (cost > HASHLIMIT_BYTE_CREDITS_CAP)
            cost = HASHLIMIT_BYTE_CREDITS_CAP;
        if (b->credit < cost && b->cap) {
            b->cap--;
            b->credit = HASHLIMIT_BYTE_CREDITS_CAP;
        }
    }
    if (b->credit < cost)
        return false;
    b->credit -= cost;
    return true;
}

static inline uint64_t hashlimit_jiffies(uint32_t ms)
{
    return ((uint64_t)ms + MEMORY_JIFFY_MS - 1) / MEMORY_JIFFY_MS;
}

static inline uint64_t hashlimit_expires(const struct rules_match_hashlimit *c, uint64_t now)
{
    return now + hashlimit_jiffies(c->expire ? c->expire : HASHLIMIT_DEFAULT_EXPIRE_MS);
}

/* Jiffies from one htable_gc to the next. */
static inline uint64_t hashlimit_gc(const struct rules_match_hashlimit *c)
{
    return hashlimit_jiffies(c->gc_interval ? c->gc_interval : HASHLIMIT_DEFAULT_GC_MS);
}

/* When htable_gc, which runs each gc_interval from when the table began, ran last: buckets that had expired are
 * gone. */
static inline uint64_t hashlimit_swept(const struct rules_match_hashlimit *c, uint64_t began, uint64_t now)
{
    return now - (now - began) % hashlimit_gc(c);
}

static inline uint32_t hashlimit_most(const struct rules_match_hashlimit *c)
{
    uint32_t size = c->size ? c->size : HASHLIMIT_DEFAULT_SIZE;

    if (c->max == 0)
        return size * 8;
    return c->max < size ? size : c->max;
}

/* ---- what a bucket is of ---- */

static inline void hashlimit_mask(struct packet_address *a, uint8_t prefix)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned bits = prefix > i * 32 ? prefix - i * 32 : 0;
        uint32_t mask;
        wire_write32((uint8_t *)&mask, bits >= 32 ? UINT32_MAX : ~(UINT32_MAX >> bits));
        a->word[i] &= mask;
    }
}

/* address is zeroed. */
static inline void hashlimit_addresses(const struct rules_match_hashlimit *c, const struct packet *p,
                                       struct packet_address address[2])
{
    if (c->mode & RULES_HASH_SRCIP) {
        address[0] = p->source;
        hashlimit_mask(&address[0], c->source_prefix);
    }
    if (c->mode & RULES_HASH_DSTIP) {
        address[1] = p->destination;
        hashlimit_mask(&address[1], c->destination_prefix);
    }
}

/* Where the ports stand that are asked for; 0: none are, or the packet has none. The SPI of IPsec counts as ports
 * (proto_ports_offset). In IPv4 it does not ask whether this is a later fragment; in IPv6 ipv6_skip_exthdr stops at
 * the fragment header. */
static inline uint32_t hashlimit_ports_at(const struct rules_match_hashlimit *c, const struct packet *p)
{
    uint32_t transport = p->fragment_offset ? p->payload : p->transport;

    if (!(c->mode & (RULES_HASH_SRCPORT | RULES_HASH_DSTPORT)) ||
        (p->fragment_offset && p->family == PACKET_IPV6))
        return 0;
    if (p->protocol == PACKET_ESP || packet_has_ports(p->protocol))
        return transport;
    return p->protocol == PACKET_AH && p->family == PACKET_IPV4 ? transport + 4 : 0;
}

/* at: HASHLIMIT_PORTS bytes; port is zeroed. */
static inline void hashlimit_ports(const struct rules_match_hashlimit *c, const uint8_t *at, uint16_t port[2])
{
    if (c->mode & RULES_HASH_SRCPORT)
        port[0] = wire_read16(at);
    if (c->mode & RULES_HASH_DSTPORT)
        port[1] = wire_read16(at + 2);
}

#endif
