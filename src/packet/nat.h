/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_NAT_H
#define SALLY_PACKET_NAT_H

/*
 * What a rule of NAT asks for: the range that one end of a connection is to be mapped into
 * (include/uapi/linux/netfilter/nf_nat.h: struct nf_nat_range2). iptables' targets and nft's statements are read into
 * this, and nothing behind them knows which of the two it was. Freestanding.
 */
#include "packet/packet.h"

/* Which end of the packet is written. */
enum nat_manip { NAT_SOURCE, NAT_DESTINATION };

enum nat_kind {
    NAT_NONE,
    NAT_MAP, /* into range */
    NAT_REDIRECT, /* to this machine: the address of the interface that the packet came in by; range's ports alone */
    NAT_MASQUERADE, /* from this machine: the address of the interface that it leaves by; range's ports alone */
};

enum nat_flag { /* NF_NAT_RANGE_* */
                NAT_MAPS_ADDRESSES = 1 << 0,
                NAT_MAPS_PORTS = 1 << 1,
                NAT_RANDOM = 1 << 2,
                NAT_PERSISTENT = 1 << 3,
                NAT_RANDOM_FULLY = 1 << 4,
                NAT_OFFSET = 1 << 5, /* the n-th port from port_base on becomes the n-th of the range */
                NAT_NETMAP = 1 << 6, /* the bits in which first and last agree are written, the others stay */
};

struct nat_order {
    uint8_t kind;                      /* enum nat_kind */
    uint8_t manip;                     /* enum nat_manip */
    uint8_t flags;                     /* enum nat_flag */
    struct packet_address first, last; /* MAPS_ADDRESSES; network order */
    uint16_t port_first, port_last;    /* MAPS_PORTS; of ICMP the id */
    uint16_t port_base;                /* OFFSET */
};

/* NETMAP: the bits that are written. */
static inline struct packet_address nat_netmask(const struct nat_order *nat)
{
    struct packet_address mask;

    for (uint32_t w = 0; w < 4; w++)
        mask.word[w] = ~(nat->first.word[w] ^ nat->last.word[w]);
    return mask;
}

#endif
