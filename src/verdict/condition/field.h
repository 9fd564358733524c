/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_CONDITION_FIELD_H
#define SALLY_VERDICT_CONDITION_FIELD_H

/*
 * The number that a packet has in a field (condition.h), and whether a condition holds. Freestanding, like
 * condition.h: natively and in the kernel program the same text.
 */
#include "base/wire.h"
#include "packet/extension.h"
#include "track/tuple.h"
#include "verdict/condition/condition.h"
#include "verdict/verdict.h"

enum condition_reading {
    CONDITION_READ,
    CONDITION_ABSENT,   /* it has none */
    CONDITION_HIDDEN,   /* we are not told: match/match.c says what */
    CONDITION_BROKEN,   /* the packet ends before it: VERDICT_HOTDROP */
    CONDITION_UNCAUGHT, /* the capture ends before it */
};

static inline struct condition_value condition_value_address(const struct packet_address *a, uint8_t family)
{
    const uint8_t *at = (const uint8_t *)a->word;

    if (family != PACKET_IPV6)
        return (struct condition_value){0, wire_read32(at)};
    return (struct condition_value){(uint64_t)wire_read32(at) << 32 | wire_read32(at + 4),
                                    (uint64_t)wire_read32(at + 8) << 32 | wire_read32(at + 12)};
}

/* In a kernel program a name is RULES_INTERFACE bytes, with zeros behind it. */
static inline struct condition_value condition_value_name(const char *name)
{
    uint64_t half[2] = {0, 0};

#ifdef __bpf__
    __builtin_memcpy(half, name, sizeof(half));
    return (struct condition_value){__builtin_bswap64(half[0]), __builtin_bswap64(half[1])};
#endif

    for (unsigned i = 0; i < RULES_INTERFACE && name[i]; i++)
        half[i / 8] |= (uint64_t)(uint8_t)name[i] << (56 - i % 8 * 8);
    return (struct condition_value){half[0], half[1]};
}

/* The states that -m conntrack asks for beside those. */
static inline uint8_t condition_nat_bits(uint16_t status)
{
    return (uint8_t)((status & TRACK_SRC_NAT ? RULES_STATE_SNAT : 0) |
                     (status & TRACK_DST_NAT ? RULES_STATE_DNAT : 0));
}

/* As bits of enum rules_state, by enum track_state. A packet that conntrack did not look at is INVALID too
 * (net/netfilter/xt_conntrack.c). */
static inline uint8_t condition_state_bit(uint8_t state)
{
    static const uint8_t bits[] = {
        [TRACK_NONE] = RULES_STATE_INVALID,    [TRACK_INVALID] = RULES_STATE_INVALID,
        [TRACK_NEW] = RULES_STATE_NEW,         [TRACK_ESTABLISHED] = RULES_STATE_ESTABLISHED,
        [TRACK_RELATED] = RULES_STATE_RELATED, [TRACK_UNTRACKED] = RULES_STATE_UNTRACKED,
    };

    return state < sizeof(bits) ? bits[state] : 0;
}

/* ip_forward and ip6_forward have counted it down when the packet meets FORWARD. */
static inline bool condition_is_counted_down(const struct verdict_packet *p)
{
    return p->hook == RULES_FORWARD || (p->routed && p->hook == RULES_POSTROUTING);
}

static inline uint8_t condition_ttl(const struct verdict_packet *p)
{
    return p->written.has_ttl ? p->written.ttl : (uint8_t)(p->packet->ttl - condition_is_counted_down(p));
}

static inline bool condition_is_hidden_ttl(const struct verdict_packet *p)
{
    return p->unknown & VERDICT_NO_TTL || (p->unknown & VERDICT_NO_SHAPE && !p->written.has_ttl);
}

static inline uint8_t condition_tos(const struct verdict_packet *p)
{
    return (uint8_t)((p->packet->tos & ~p->written.tos_mask) | p->written.tos);
}

/* Those of its bits that are not known. */
static inline uint8_t condition_hidden_tos(const struct verdict_packet *p)
{
    if (p->unknown & VERDICT_NO_TOS)
        return UINT8_MAX;
    return p->unknown & VERDICT_NO_SHAPE ? (uint8_t)~p->written.tos_mask : 0;
}

/* The bytes are not as they came. */
static inline bool condition_is_rewritten(const struct verdict_packet *p)
{
    return p->unknown & (VERDICT_NO_TTL | VERDICT_NO_TOS | VERDICT_NO_TCP) || p->written.has_ttl ||
           p->written.tos_mask || p->written.has_mss;
}

/* Could the packet still go by this name, if the interface is not known? It is not lo: who does not know the
 * interface has a packet from elsewhere. */
static inline bool condition_asks_loopback(const struct condition *c)
{
    struct condition_value lo = {(uint64_t)'l' << 56 | (uint64_t)'o' << 48, 0};

    return condition_value_equal(c->range.first, lo) && condition_value_equal(c->range.last, lo);
}

static inline enum condition_reading condition_interface(const struct condition *c, const char *name,
                                                         bool has, bool hidden, struct condition_value *ret)
{
    *ret = (struct condition_value){0, 0};
    if (!has)
        return CONDITION_READ;
    if (hidden)
        return condition_asks_loopback(c) ? CONDITION_READ : CONDITION_HIDDEN;
    if (name)
        *ret = condition_value_name(name);
    return CONDITION_READ;
}

/* The decoder leaves an extension header as protocol only if the chain of headers is cut off there; then
 * ip6_packet_match can't find the protocol that the rule asks for. */
static inline bool condition_is_cut_chain(const struct packet *p)
{
    return p->family == PACKET_IPV6 && extension_is_walked(p->protocol);
}

/* Bytes first...first+size-1 of the packet, as skb_header_pointer finds them. */
static inline enum condition_reading condition_bytes(const struct packet *p, uint32_t first, uint32_t size)
{
    if (first <= p->captured && size <= p->captured - first)
        return CONDITION_READ;
    return first > p->length || size > p->length - first ? CONDITION_BROKEN : CONDITION_UNCAUGHT;
}

/* A fragment of TCP that begins at byte 8 could overwrite the flags of a header already let through (RFC
 * 1858); the kernel counts in units of 8 for IPv4 only. Other fragments have no header to ask. */
static inline enum condition_reading condition_transport(const struct condition *c, const struct packet *p,
                                                         struct condition_value *ret)
{
    *ret = (struct condition_value){0, p->fragment_offset == 0};
    if (p->fragment_offset == 0)
        return condition_bytes(p, p->transport, c->argument);
    return p->fragment_offset == 8 && p->family == PACKET_IPV4 && c->argument == 20 ? CONDITION_BROKEN
                                                                                    : CONDITION_READ;
}

/* Only what came in by Ethernet has such an address; loopback and packets of this machine have none. */
static inline enum condition_reading condition_mac(const struct verdict_packet *p, uint64_t *ret)
{
    bool loopback = p->in && p->in[0] == 'l' && p->in[1] == 'o' && p->in[2] == '\0';

    if (p->hook == RULES_OUTPUT || p->hook == RULES_POSTROUTING)
        return CONDITION_ABSENT;
    if (!(p->unknown & VERDICT_NO_IN) && loopback)
        return CONDITION_ABSENT;
    *ret = (uint64_t)wire_read16(p->mac) << 32 | wire_read32(p->mac + 2);
    return p->unknown & VERDICT_NO_MAC ? CONDITION_HIDDEN : CONDITION_READ;
}

static inline enum condition_reading condition_hidden(const struct verdict_packet *p, uint32_t unknown)
{
    return p->unknown & unknown ? CONDITION_HIDDEN : CONDITION_READ;
}

/* What lies in the packet and around it. */
static inline enum condition_reading
condition_read_packet(const struct condition *c, const struct verdict_packet *p, struct condition_value *ret)
{
    const struct packet *packet = p->packet;

    switch (c->field) {
    case CONDITION_SOURCE:
        *ret = condition_value_address(&packet->source, packet->family);
        return condition_hidden(p, VERDICT_NO_SOURCE);
    case CONDITION_DESTINATION:
        *ret = condition_value_address(&packet->destination, packet->family);
        return condition_hidden(p, VERDICT_NO_DESTINATION);
    case CONDITION_PROTOCOL:
        ret->low = packet->protocol;
        if (!condition_is_cut_chain(packet))
            return CONDITION_READ;
        return packet->captured == packet->length ? CONDITION_BROKEN : CONDITION_UNCAUGHT;
    case CONDITION_FRAGMENT:
        ret->low = packet->fragment_offset > 0;
        return CONDITION_READ;
    case CONDITION_IN:
        return condition_interface(c, p->in, p->hook <= RULES_FORWARD, p->unknown & VERDICT_NO_IN, ret);
    case CONDITION_OUT:
        return condition_interface(c, p->out, p->hook >= RULES_FORWARD, p->unknown & VERDICT_NO_OUT, ret);
    case CONDITION_TRANSPORT:
        return condition_transport(c, packet, ret);
    case CONDITION_SOURCE_PORT:
        ret->low = packet->source_port;
        return condition_hidden(p, VERDICT_NO_SOURCE_PORT);
    case CONDITION_DESTINATION_PORT:
        ret->low = packet->destination_port;
        return condition_hidden(p, VERDICT_NO_DESTINATION_PORT);
    case CONDITION_PORTS:
        *ret = (struct condition_value){packet->source_port, packet->destination_port};
        return condition_hidden(p, VERDICT_NO_SOURCE_PORT | VERDICT_NO_DESTINATION_PORT);
    case CONDITION_FLAGS:
        ret->low = packet->tcp.flags;
        return p->unknown & VERDICT_NO_TCP && c->masked.mask.low & (PACKET_ECE | PACKET_CWR)
                   ? CONDITION_HIDDEN
                   : CONDITION_READ;
    case CONDITION_ICMP:
        ret->low = (uint64_t)packet->icmp.type << 8 | packet->icmp.code;
        return CONDITION_READ;
    case CONDITION_LENGTH:
        ret->low = packet->length; /* any at all: see read_interface */
        return p->unknown & (VERDICT_NO_TCP | VERDICT_NO_SHAPE) && c->range.last.low <= UINT16_MAX
                   ? CONDITION_HIDDEN
                   : CONDITION_READ;
    case CONDITION_TTL:
        ret->low = condition_ttl(p);
        return condition_is_hidden_ttl(p) ? CONDITION_HIDDEN : CONDITION_READ;
    case CONDITION_TOS:
        ret->low = condition_tos(p);
        return condition_hidden_tos(p) & c->masked.mask.low ? CONDITION_HIDDEN : CONDITION_READ;
    case CONDITION_MARK:
        ret->low = p->mark;
        return p->unknown & VERDICT_NO_MARK && c->masked.mask.low ? CONDITION_HIDDEN : CONDITION_READ;
    case CONDITION_MAC:
        return condition_mac(p, &ret->low);
    default: /* PKTTYPE; PACKET_HOST until it reaches the device */
        ret->low = p->hook == RULES_OUTPUT ? 0 : p->pkttype;
        return p->hook != RULES_OUTPUT && p->unknown & VERDICT_NO_PKTTYPE ? CONDITION_HIDDEN : CONDITION_READ;
    }
}

/* Seconds left. One that is not confirmed has no running timer, which reads as 0. */
static inline uint64_t condition_expires(const struct track_flow *flow, uint64_t now)
{
    return flow->status & TRACK_CONFIRMED && flow->expires > now ? (flow->expires - now) / 1000 : 0;
}

/* What conntrack knows of the packet's connection. */
static inline enum condition_reading condition_read_flow(const struct condition *c,
                                                         const struct verdict_packet *p,
                                                         const struct track_flow *flow,
                                                         struct condition_value *ret)
{
    bool address = c->field <= CONDITION_CT_REPLY_DESTINATION;
    uint32_t which = c->field - (address ? CONDITION_CT_SOURCE : CONDITION_CT_SOURCE_PORT);
    /* Both have four fields: source and destination, then the reply's. */
    const struct track_tuple *t = track_flow_tuple(flow, which & 2 ? TRACK_REPLY : TRACK_ORIGINAL);

    switch (c->field) {
    case CONDITION_CONNMARK:
        ret->low = p->has_connmark ? p->connmark : flow->mark;
        return p->unknown & VERDICT_NO_CONNMARK && c->masked.mask.low ? CONDITION_HIDDEN : CONDITION_READ;
    case CONDITION_HELPER: /* argument: a helper of a certain name is asked for */
        ret->low = flow->expected_by;
        if (flow->expected_by == TRACK_HELPER_NONE)
            return CONDITION_ABSENT;
        return c->argument && flow->expected_by == TRACK_HELPER_OTHER ? CONDITION_HIDDEN : CONDITION_READ;
    case CONDITION_CT_DIRECTION:
        ret->low = p->view->direction;
        return CONDITION_READ;
    case CONDITION_CT_PROTOCOL:
        ret->low = flow->tuple.protocol;
        return CONDITION_READ;
    case CONDITION_CT_SOURCE:
    case CONDITION_CT_DESTINATION:
    case CONDITION_CT_REPLY_SOURCE:
    case CONDITION_CT_REPLY_DESTINATION:
        *ret = condition_value_address(which & 1 ? &t->destination : &t->source, t->family);
        return which & 2 ? condition_hidden(p, VERDICT_NO_TUPLE) : CONDITION_READ;
    case CONDITION_CT_STATUS:
        ret->low = flow->status;
        return CONDITION_READ;
    case CONDITION_CT_EXPIRES:
        ret->low = condition_expires(flow, p->now_ms);
        return CONDITION_READ;
    default: /* CT_SOURCE_PORT...CT_REPLY_DESTINATION_PORT */
        ret->low = which & 1 ? t->destination_port : t->source_port;
        return which & 2 ? condition_hidden(p, VERDICT_NO_TUPLE) : CONDITION_READ;
    }
}

static inline enum condition_reading
condition_read_field(const struct condition *c, const struct verdict_packet *p, struct condition_value *ret)
{
    const struct track_view *view = p->view;

    *ret = (struct condition_value){0, 0};
    if (c->field < CONDITION_STATE)
        return condition_read_packet(c, p, ret);
    if (c->field == CONDITION_STATE) {
        ret->low = condition_state_bit(view ? (uint8_t)view->state : TRACK_NONE);
        if (view && view->flow)
            ret->low |= condition_nat_bits(view->flow->status);
        return CONDITION_READ;
    }
    return view && view->flow ? condition_read_flow(c, p, view->flow, ret) : CONDITION_ABSENT;
}

/* Does it hold? Not of CALL. UNKNOWN: *ret_reading says why (HIDDEN or UNCAUGHT). */
static inline enum verdict_answer condition_holds(const struct condition *c, const struct verdict_packet *p,
                                                  enum condition_reading *ret_reading)
{
    struct condition_value value;
    enum condition_reading reading = condition_read_field(c, p, &value);
    bool yes = c->absent;

    *ret_reading = reading;
    if (reading == CONDITION_BROKEN)
        return VERDICT_HOTDROP;
    if (reading == CONDITION_HIDDEN || reading == CONDITION_UNCAUGHT)
        return VERDICT_UNKNOWN;
    if (reading == CONDITION_READ)
        yes = condition_wants(c, value);
    return yes ? VERDICT_YES : VERDICT_NO;
}

#endif
