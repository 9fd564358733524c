/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_SETS_MEMBER_H
#define SALLY_VERDICT_SETS_MEMBER_H

/*
 * Members of sets as keys of one hash table, as ipset has them (net/netfilter/ipset/ip_set_hash_gen.h): a set knows
 * which lengths of prefixes its members have, and a packet is looked for once with each. Freestanding.
 */
#include "base/bounded.h"
#include "verdict/name_id.h"
#include "verdict/verdict.h"

enum {
    SETS_PARTS = 3,
    SETS_SHAPES = 256, /* of a set */
    SETS_LISTED = 32,  /* sets in a list */
    SETS_EXTRA = 16,   /* bytes of a name of an interface, a hardware address or a mark */
    SETS_MAC_SIZE = 6,
    SETS_MARK_SIZE = 4,
};

/* What a part of an element is; a type is a string of these. */
enum sets_part_kind {
    SETS_ADDRESS = 'a',
    SETS_NETWORK = 'n',
    SETS_PORT = 'p',      /* with its protocol */
    SETS_BARE_PORT = 'b', /* of TCP or UDP */
    SETS_INTERFACE = 'i',
    SETS_MAC = 'm',
    SETS_MARK = 'k',
    SETS_SET = 's',
};

/* How much of a packet is looked for: bits of both addresses, and bytes of what else there is. */
struct sets_shape {
    uint8_t prefix[2], extra;
};

struct sets_member_key {
    uint32_t version; /* of the set's members: those before are others */
    uint16_t port;
    uint8_t protocol;
    struct sets_shape shape;
    uint8_t spare[2];
    struct packet_address address[2];
    uint8_t extra[SETS_EXTRA];
};

enum sets_member_value { SETS_MEMBER = 1, SETS_NOMATCH = 2 };

/* What is known of a set. A list has no members but other sets. */
struct sets_head {
    uint8_t parts[SETS_PARTS + 1]; /* enum sets_part_kind, then 0 */
    uint8_t family;                /* 0: of any */
    uint8_t listed;
    uint16_t shapes;
    uint32_t mark_mask;
    struct packet_address mask;           /* what of an address counts */
    uint64_t list[SETS_LISTED];           /* ids */
    struct sets_shape shape[SETS_SHAPES]; /* what decides comes first */
};

/* What the kernel program is asked. */
struct set_asked {
    uint64_t id;
    struct rules_match_set match;
};

static inline uint64_t sets_id(const char *name)
{
    return name_id(0, name);
}

/* What of a packet sets ask for: flat, and in memory, for the verifier. Of two, the destination's comes first, as bits
 * of rules_match_set.source_bits say it. */
struct sets_facts {
    struct packet_address address[2];
    uint16_t port[2];
    bool has_ports; /* or needs none */
    uint8_t family, protocol;
    bool has_mac;
    uint8_t mac[SETS_MAC_SIZE];
    uint8_t name[2][SETS_EXTRA]; /* zero: none */
    uint32_t mark;
};

/* A packet as the members of a set are looked for. */
struct sets_question {
    struct sets_member_key whole; /* before it is cut to a shape */
    struct sets_member_key key;
    bool has_extra; /* else only members that ask for none of it */
};

/* A name of an interface; what stands behind its NUL is 0. In a kernel program it is already. */
static inline void sets_copy_name(uint8_t ret[SETS_EXTRA], const char *name)
{
#ifdef __bpf__
    __builtin_memcpy(ret, name, SETS_EXTRA);
#else
    for (unsigned i = 0; i < SETS_EXTRA && name && name[i]; i++)
        ret[i] = (uint8_t)name[i];
#endif
}

/* get_port of ip_set_getport.c: fragments have none; of ICMP it is type and code; of protocols without ports it is
 * 0. */
static inline bool sets_port(const struct packet *p, bool source, uint16_t *ret)
{
    bool icmp = p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6;
    bool ports = packet_has_ports(p->protocol) && p->protocol != PACKET_DCCP;

    *ret = 0;
    if ((icmp || ports) && (p->fragment_offset || p->fault == PACKET_SHORT))
        return false;
    if (icmp)
        *ret = (uint16_t)(p->icmp.type << 8 | p->icmp.code);
    else if (ports)
        *ret = source ? p->source_port : p->destination_port;
    return true;
}

static inline void sets_know(struct sets_facts *f, const struct verdict_packet *p)
{
    __builtin_memset(f, 0, sizeof(*f));
    f->family = p->packet->family;
    f->protocol = p->packet->protocol;
    f->address[0] = p->packet->destination;
    f->address[1] = p->packet->source;
    f->has_ports = sets_port(p->packet, false, &f->port[0]) && sets_port(p->packet, true, &f->port[1]);
    f->has_mac = p->hook != RULES_OUTPUT && p->hook != RULES_POSTROUTING;
    __builtin_memcpy(f->mac, p->mac, SETS_MAC_SIZE);
    sets_copy_name(f->name[0], p->out);
    sets_copy_name(f->name[1], p->in);
    f->mark = p->mark;
}

/* Bits behind the prefix become 0. */
BOUNDED_PART int sets_cut_address(struct packet_address *a, uint32_t prefix)
{
    BOUNDED_NEEDS(a);
    for (uint32_t w = 0; w < 4; w++) {
        uint32_t left = prefix > 32 * w ? prefix - 32 * w : 0;
        uint32_t mask = left >= 32 ? UINT32_MAX : ~(UINT32_MAX >> left);
        uint8_t bytes[4] = {(uint8_t)(mask >> 24), (uint8_t)(mask >> 16), (uint8_t)(mask >> 8),
                            (uint8_t)mask};
        uint32_t wire;

        __builtin_memcpy(&wire, bytes, sizeof(wire));
        a->word[w] &= wire;
    }
    return 0;
}

BOUNDED_PART int sets_cut_extra(struct sets_member_key *key, uint32_t size)
{
    BOUNDED_NEEDS(key);
    for (uint32_t i = 0; i < SETS_EXTRA; i++)
        key->extra[i] = i < size ? key->extra[i] : 0;
    return 0;
}

static inline bool sets_is_address(uint8_t part)
{
    return part == SETS_ADDRESS || part == SETS_NETWORK;
}

/* What part of the set's type asks of the packet's side. slot: which address of the key. false: the packet is in no
 * set of this type. */
BOUNDED_PART int sets_ask_part(struct sets_question *q, const struct sets_head *head,
                               const struct sets_facts *f, uint32_t part, uint32_t place)
{
    uint32_t side = place & 1, slot = place >> 1 & 1, mark;

    BOUNDED_NEEDS(q);
    BOUNDED_NEEDS(head);
    BOUNDED_NEEDS(f);
    switch (part) {
    case SETS_ADDRESS:
    case SETS_NETWORK:
        for (uint32_t w = 0; w < 4; w++)
            q->whole.address[slot].word[w] = f->address[side].word[w] & head->mask.word[w];
        return true;
    case SETS_PORT:
        q->whole.protocol = f->protocol;
        q->whole.port = f->port[side];
        return f->has_ports;
    case SETS_BARE_PORT:
        q->whole.port = f->port[side];
        return (f->protocol == PACKET_TCP || f->protocol == PACKET_UDP) && f->has_ports;
    case SETS_INTERFACE:
        __builtin_memcpy(q->whole.extra, f->name[side], SETS_EXTRA);
        q->has_extra = f->name[side][0] != 0;
        return q->has_extra;
    case SETS_MAC:
        __builtin_memcpy(q->whole.extra, f->mac, SETS_MAC_SIZE);
        q->has_extra = f->has_mac;
        return true;
    default: /* MARK */
        mark = f->mark & head->mark_mask;
        __builtin_memcpy(q->whole.extra, &mark, SETS_MARK_SIZE);
        q->has_extra = true;
        return true;
    }
}

/* Could the packet be in a set of this head, asked as match asks? Then q is what it is looked for with. */
static inline bool sets_ask(struct sets_question *q, const struct sets_head *head,
                            const struct rules_match_set *match, const struct sets_facts *f)
{
    uint32_t slot = 0;

    __builtin_memset(q, 0, sizeof(*q));
    if (head->family && head->family != f->family)
        return false;
    for (uint32_t i = 0; i < SETS_PARTS; i++) {
        uint8_t part = head->parts[i];
        if (!part)
            break;
        if (i >= match->element.dimensions)
            return false;
        if (!sets_ask_part(q, head, f, part, (match->element.source_bits >> i & 1) | slot << 1))
            return false;
        slot += sets_is_address(part);
    }
    return true;
}

/* Cuts the question to a shape. false: the packet has not what members of this shape ask for. */
static inline bool sets_cut(struct sets_question *q, const struct sets_shape *shape)
{
    if (shape->extra && !q->has_extra)
        return false;
    q->key = q->whole;
    q->key.shape = *shape;
    sets_cut_address(&q->key.address[0], shape->prefix[0]);
    sets_cut_address(&q->key.address[1], shape->prefix[1]);
    sets_cut_extra(&q->key, shape->extra);
    return true;
}

/* ip_set_test: is the packet in, where the member that it was found by says this? --return-nomatch turns it round. */
static inline bool sets_says(const struct sets_head *head, const struct rules_match_set *match,
                             uint32_t value)
{
    bool networks = false;

    for (uint32_t i = 0; i < SETS_PARTS; i++)
        networks |= head->parts[i] == SETS_NETWORK;
    return (value == SETS_NOMATCH) == (match->return_nomatch && networks);
}

#endif
