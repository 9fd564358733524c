/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_PACKET_H
#define SALLY_PACKET_PACKET_H

/*
 * One IP packet, decoded once. Freestanding: fixed-width types, no libc, no allocation; the tracker and
 * (later) the kernel programs share this struct.
 *
 * Numbers are in host byte order, addresses in network order. Everything points into or copies from the bytes
 * that were decoded; the packet borrows them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address of either family. IPv4 lies in word[0], the other words are zero. Network byte order. */
struct packet_address {
    uint32_t word[4];
};

enum packet_family {
    PACKET_IPV4 = 4,
    PACKET_IPV6 = 6,
};

enum packet_protocol {
    PACKET_ICMP = 1,
    PACKET_TCP = 6,
    PACKET_UDP = 17,
    PACKET_GRE = 47,
    PACKET_ESP = 50,
    PACKET_AH = 51,
    PACKET_ICMPV6 = 58,
    PACKET_DCCP = 33,
    PACKET_SCTP = 132,
    PACKET_UDPLITE = 136,
};

/* RFC 9293 section 3.1, in the order of the wire. */
enum packet_tcp_flag {
    PACKET_FIN = 0x01,
    PACKET_SYN = 0x02,
    PACKET_RST = 0x04,
    PACKET_PSH = 0x08,
    PACKET_ACK = 0x10,
    PACKET_URG = 0x20,
    PACKET_ECE = 0x40,
    PACKET_CWR = 0x80,
};

struct packet_tcp {
    uint32_t sequence, acknowledgement;
    uint16_t window;
    uint8_t flags;
    uint8_t header; /* length of the header with its options, bytes */
};

struct packet_icmp {
    uint8_t type, code;
    uint16_t id; /* of echo and its like; else 0 */
};

/* What is wrong with a packet whose headers could be read so far; the kernel's conntrack calls these INVALID.
 */
enum packet_fault {
    PACKET_SOUND = 0,
    PACKET_SHORT,        /* the transport header is cut off */
    PACKET_BAD_LENGTH,   /* a header's length field contradicts the packet's */
    PACKET_BAD_CHECKSUM, /* TCP, UDP, ICMP, ICMPv6; only if the decoder was asked to look */
};

struct packet {
    uint8_t family;           /* enum packet_family */
    uint8_t protocol;         /* above IP, past IPv6 extension headers */
    uint8_t ttl;              /* hop limit */
    uint8_t tos;              /* traffic class */
    uint8_t fault;            /* enum packet_fault, of the transport header */
    bool is_fragment;         /* neither whole nor reassembled */
    bool is_atomic;           /* IPv6: whole, but behind a fragment header (RFC 6946) */
    uint16_t fragment_offset; /* bytes; a later fragment (> 0) has no transport header */
    bool more_fragments;
    struct packet_address source, destination;
    uint16_t source_port, destination_port; /* TCP, UDP, UDP-Lite, SCTP, DCCP; else 0 */
    union {
        struct packet_tcp tcp;
        struct packet_icmp icmp; /* and ICMPv6 */
    };
    const uint8_t *bytes; /* the IP header */
    uint32_t length;      /* of the IP packet by its header, bytes; what -m length sees */
    uint32_t captured;    /* bytes that are there; less than length in a cut capture */
    uint32_t
        transport; /* offset of the transport header, whole or not, from bytes; captured if there is none */
    uint32_t payload; /* offset of the transport's payload, or of a later fragment's data */
};

/* Not zero: they differ. Without a branch, as it is asked several times of every packet. */
static inline uint32_t packet_address_difference(const struct packet_address *a,
                                                 const struct packet_address *b)
{
    return (a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
           (a->word[3] ^ b->word[3]);
}

static inline bool packet_address_equal(const struct packet_address *a, const struct packet_address *b)
{
    return !packet_address_difference(a, b);
}

/* Is address, under mask, the same as network under mask? */
static inline bool packet_address_under(const struct packet_address *address,
                                        const struct packet_address *network,
                                        const struct packet_address *mask)
{
    return !(((address->word[0] ^ network->word[0]) & mask->word[0]) |
             ((address->word[1] ^ network->word[1]) & mask->word[1]) |
             ((address->word[2] ^ network->word[2]) & mask->word[2]) |
             ((address->word[3] ^ network->word[3]) & mask->word[3]));
}

/* Bytes of the transport's payload that are there. */
static inline uint32_t packet_payload_size(const struct packet *p)
{
    uint32_t end = p->length < p->captured ? p->length : p->captured;

    return p->payload < end ? end - p->payload : 0;
}

static inline bool packet_has_ports(uint8_t protocol)
{
    return protocol == PACKET_TCP || protocol == PACKET_UDP || protocol == PACKET_UDPLITE ||
           protocol == PACKET_SCTP || protocol == PACKET_DCCP;
}

#endif
