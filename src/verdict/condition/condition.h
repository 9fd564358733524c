/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_CONDITION_CONDITION_H
#define SALLY_VERDICT_CONDITION_CONDITION_H

/*
 * What a rule asks, as a list of conditions, all of which must hold: a field of the packet, of its connection
 * or of the world is a number, and the condition names the numbers that it wants. Freestanding and without
 * pointers. read.h makes the list out of a rule; the linear walk asks one condition after the other, the image
 * turns what it can into classifiers and keeps the rest in its block, the kernel program asks that rest, and
 * diff takes them as sets of packets.
 *
 * What is no number (a set's members, what a limit has counted...) is one condition of the kind CALL: the
 * match itself is asked (match/match.h).
 */
#include <stdbool.h>
#include <stdint.h>

/* Up to 128 bits; shorter ones lie in low. Addresses as one number, the first byte the heaviest; names of
 * interfaces likewise, with zeros behind them, so that those with a common beginning are a range. */
struct condition_value {
    uint64_t high, low;
};

enum condition_field {
    CONDITION_SOURCE,
    CONDITION_DESTINATION,
    CONDITION_PROTOCOL, /* drops an IPv6 packet whose chain of extension headers is cut off before it */
    CONDITION_FRAGMENT, /* 1: a second or further one */
    CONDITION_IN,
    CONDITION_OUT,
    CONDITION_TRANSPORT, /* 1: argument bytes of its header are there; drops a packet that ends before */
    CONDITION_SOURCE_PORT,
    CONDITION_DESTINATION_PORT,
    CONDITION_PORTS, /* high: source, low: destination; either will do */
    CONDITION_FLAGS, /* TCP */
    CONDITION_ICMP,  /* type << 8 | code */
    CONDITION_LENGTH,
    CONDITION_TTL, /* as the hook sees it */
    CONDITION_TOS,
    CONDITION_MARK,
    CONDITION_MAC,
    CONDITION_PKTTYPE,
    CONDITION_STATE, /* one bit of enum rules_state */
    CONDITION_CONNMARK,
    CONDITION_HELPER, /* enum track_helper of the connection that announced this one */
    CONDITION_CT_DIRECTION,
    CONDITION_CT_PROTOCOL,
    CONDITION_CT_SOURCE, /* of the original direction */
    CONDITION_CT_DESTINATION,
    CONDITION_CT_REPLY_SOURCE,
    CONDITION_CT_REPLY_DESTINATION,
    CONDITION_CT_SOURCE_PORT,
    CONDITION_CT_DESTINATION_PORT,
    CONDITION_CT_REPLY_SOURCE_PORT,
    CONDITION_CT_REPLY_DESTINATION_PORT,
    CONDITION_CT_STATUS,  /* enum track_status */
    CONDITION_CT_EXPIRES, /* seconds left */
    CONDITION_NOTHING,    /* of CALL */
    CONDITION_FIELDS
};

enum condition_kind {
    CONDITION_RANGE,   /* from range.first to range.last */
    CONDITION_MASKED,  /* under masked.mask it is masked.wanted */
    CONDITION_ANY_BIT, /* has a bit of masked.mask */
    CONDITION_LIST,    /* in one of list[0...count-1] */
    CONDITION_CALL,
};

enum { CONDITION_LISTED = 15 };
enum { CONDITION_OF_HEADER = 0xffff };

struct condition {
    uint8_t field;    /* enum condition_field */
    uint8_t kind;     /* enum condition_kind */
    bool inverted;    /* it wants the other numbers */
    bool absent;      /* what it answers if there is no such field, inverted or not */
    uint16_t match;   /* which match of the rule it is of; OF_HEADER: of the rule itself */
    uint8_t argument; /* of the field; CALL: enum rules_match_type */
    uint8_t count;    /* LIST */
    union {
        struct {
            struct condition_value first, last;
        } range;
        struct {
            struct condition_value mask, wanted;
        } masked;
        struct {
            uint16_t first, last;
        } list[CONDITION_LISTED];
        uint32_t
            payload; /* CALL, in an image: offset of the match's own struct; 0: the kernel program can't */
    };
};

/* Is told the conditions of a rule, one after the other: false ends that. */
typedef bool condition_visit(void *arg, const struct condition *c);

static inline bool condition_value_less(struct condition_value a, struct condition_value b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

static inline bool condition_value_equal(struct condition_value a, struct condition_value b)
{
    return a.high == b.high && a.low == b.low;
}

static inline bool condition_list_has(const struct condition *c, uint64_t value)
{
    bool found = false;

    for (unsigned i = 0; i < CONDITION_LISTED; i++)
        found |= i < c->count && value >= c->list[i].first && value <= c->list[i].last;
    return found;
}

/* Is it a number that the condition wants? Not of CALL. */
static inline bool condition_wants(const struct condition *c, struct condition_value v)
{
    bool in;

    switch (c->kind) {
    case CONDITION_RANGE:
        in = !condition_value_less(v, c->range.first) && !condition_value_less(c->range.last, v);
        break;
    case CONDITION_MASKED:
        in = (v.high & c->masked.mask.high) == c->masked.wanted.high &&
             (v.low & c->masked.mask.low) == c->masked.wanted.low;
        break;
    case CONDITION_ANY_BIT:
        in = v.low & c->masked.mask.low;
        break;
    default:
        in = condition_list_has(c, v.low) || (c->field == CONDITION_PORTS && condition_list_has(c, v.high));
        break;
    }
    return in != c->inverted;
}

#endif
