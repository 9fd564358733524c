/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_FLOW_H
#define SALLY_TRACK_FLOW_H

/*
 * What is known of one connection. Freestanding: shared by the native tracker and the kernel programs.
 * Both tuples and the age come first: finding it asks for no more. With its share of the table it stays under 200
 * bytes, so that a million fit into 200 MB.
 */
#include "packet/packet.h"

enum track_direction { TRACK_ORIGINAL, TRACK_REPLY, TRACK_DIRECTIONS };

/* What a packet is to its connection; include/uapi/linux/netfilter/nf_conntrack_common.h. */
enum track_state {
    TRACK_NONE, /* conntrack has not looked: before it (raw), or nothing tracks here */
    TRACK_INVALID,
    TRACK_NEW,
    TRACK_ESTABLISHED,
    TRACK_RELATED,
    TRACK_UNTRACKED,
};

/* ip_conntrack_status */
enum track_status {
    TRACK_EXPECTED = 1 << 0,
    TRACK_SEEN_REPLY = 1 << 1,
    TRACK_ASSURED = 1 << 2,
    TRACK_CONFIRMED = 1 << 3,
    TRACK_SRC_NAT = 1 << 4,      /* its source is written, as the reply tuple says... */
    TRACK_DST_NAT = 1 << 5,      /* ...or its destination */
    TRACK_SRC_NAT_DONE = 1 << 7, /* it is decided whether */
    TRACK_DST_NAT_DONE = 1 << 8,
    TRACK_DYING = 1 << 9,
    /* Ours: what of an end it was mapped to is not known, because chance or what we were not told decides. The reply
     * tuple has a stand-in there. */
    TRACK_SRC_ADDRESS_OPEN = 1 << 6,
    TRACK_SRC_PORT_OPEN = 1 << 10,
    TRACK_DST_ADDRESS_OPEN = 1 << 11,
    TRACK_DST_PORT_OPEN = 1 << 14,
    TRACK_ASTRAY = 1 << 12,          /* ours: rules that are not evaluated may have it translated */
    TRACK_HELPER_ASSIGNED = 1 << 13, /* by a template (CT --helper), so inherited decisions don't change it */
};

enum track_helper {
    TRACK_HELPER_NONE,
    TRACK_HELPER_FTP,
    TRACK_HELPER_OTHER /* named by CT --helper, not simulated */
};

/* The ends of the packets of one direction. */
struct track_tuple {
    struct packet_address source, destination;
    uint16_t source_port,
        destination_port; /* ICMP: source_port is the id, destination_port is type << 8 | code */
    uint8_t family, protocol;
    uint16_t zone;
};

/* One direction of a TCP connection; nf_conntrack_tcp.h: ip_ct_tcp_state. */
struct track_tcp_side {
    uint32_t end, max_end, max_window, max_ack;
    uint8_t scale, flags; /* enum track_tcp_flag of track/tcp.h */
};

struct track_tcp {
    struct track_tcp_side side[TRACK_DIRECTIONS];
    uint32_t last_sequence, last_ack, last_end;
    uint16_t last_window;
    uint8_t state; /* enum track_tcp_state of track/tcp.h */
    uint8_t last_direction, last_class, retransmissions;
    uint8_t last_scale, last_flags;
};

struct track_flow {
    struct track_tuple tuple; /* of the original direction, as the first packet had it */
    struct track_tuple reply; /* of the other one: its inverse, unless NAT maps an end */
    uint64_t expires;         /* ms on the tracker's clock */
    uint16_t status;          /* enum track_status */
    uint8_t helper;           /* enum track_helper */
    uint8_t expected_by;      /* enum track_helper of the master when this flow was expected */
    uint32_t mark;
    uint32_t master;      /* handle of the control connection that announced this one; 0: none */
    uint32_t helper_data; /* of a flow with a helper: its own handle; 0: none */
    uint32_t serial;      /* of the flow, never used again; for the reader of traces */
    union {
        struct track_tcp tcp;
        struct {
            uint64_t stream_since; /* ms: from then on it is a stream */
        } __attribute__((packed, aligned(4))) udp;
    };
};

_Static_assert(sizeof(struct track_flow) == 168, "with its share of the table under 200 bytes");

#endif
