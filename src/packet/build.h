/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_BUILD_H
#define SALLY_PACKET_BUILD_H

#include "base/result.h"
#include "packet/packet.h"

/* What to write into a new packet. Zero means: ttl 64, no options, no payload. */
struct packet_recipe {
    uint8_t family, protocol;
    uint8_t ttl, tos;
    struct packet_address source, destination;
    uint16_t source_port, destination_port;
    struct packet_tcp tcp; /* header is computed from the options */
    uint16_t mss;          /* TCP option on a SYN; 0: none */
    int8_t window_scale;   /* TCP option on a SYN; -1: none */
    bool sack_permitted;
    struct packet_icmp icmp;
    uint16_t icmp_sequence;
    const void *payload; /* of the transport; for ICMP errors the inner packet */
    size_t payload_size;
};

enum { PACKET_LONGEST = 65535 };

/* Writes the packet with lengths and checksums into buffer. Returns its size, or -EMSGSIZE. */
MUST_USE int packet_build(const struct packet_recipe *recipe, void *buffer, size_t capacity);

#endif
