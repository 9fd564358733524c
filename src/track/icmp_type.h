/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_ICMP_TYPE_H
#define SALLY_TRACK_ICMP_TYPE_H

/*
 * What kind of ICMP message begins, answers or breaks a connection. Freestanding.
 * net/netfilter/nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c; RFC 792, 950, 4443, 4620, 4861, 3810.
 */
#include "packet/packet.h"

enum track_icmp_type {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACHABLE = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER_PROBLEM = 12,
    ICMP4_TIMESTAMP = 13,
    ICMP4_TIMESTAMP_REPLY = 14,
    ICMP4_INFORMATION = 15,
    ICMP4_INFORMATION_REPLY = 16,
    ICMP4_MASK = 17,
    ICMP4_MASK_REPLY = 18, /* the last one that conntrack has heard of */

    ICMP6_INFORMATIONAL = 128, /* below: errors */
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_MLD_QUERY = 130, /* to */
    ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
    ICMP6_REDIRECT = 137,
    ICMP6_NODE_QUERY = 139,
    ICMP6_NODE_REPLY = 140,
    ICMP6_MLD2_REPORT = 143,
};

/* Questions and answers; the first of each pair is what a connection may begin with. */
static inline bool track_icmp_answer(uint8_t protocol, uint8_t type, uint8_t *ret)
{
    static const uint8_t pairs[][3] = {
        {PACKET_ICMP, ICMP4_ECHO, ICMP4_ECHO_REPLY},
        {PACKET_ICMP, ICMP4_TIMESTAMP, ICMP4_TIMESTAMP_REPLY},
        {PACKET_ICMP, ICMP4_INFORMATION, ICMP4_INFORMATION_REPLY},
        {PACKET_ICMP, ICMP4_MASK, ICMP4_MASK_REPLY},
        {PACKET_ICMPV6, ICMP6_ECHO, ICMP6_ECHO_REPLY},
        {PACKET_ICMPV6, ICMP6_NODE_QUERY, ICMP6_NODE_REPLY},
    };

    for (uint32_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (pairs[i][0] != protocol || (pairs[i][1] != type && pairs[i][2] != type))
            continue;
        *ret = pairs[i][1] == type ? pairs[i][2] : pairs[i][1];
        return true;
    }
    return false;
}

static inline bool track_icmp_may_begin(uint8_t protocol, uint8_t type)
{
    if (protocol == PACKET_ICMPV6)
        return type == ICMP6_ECHO || type == ICMP6_NODE_QUERY;
    return type == ICMP4_ECHO || type == ICMP4_TIMESTAMP || type == ICMP4_INFORMATION || type == ICMP4_MASK;
}

/* Does it carry the packet that it complains of? */
static inline bool track_icmp_is_error(uint8_t protocol, uint8_t type)
{
    if (protocol == PACKET_ICMPV6)
        return type < ICMP6_INFORMATIONAL;
    return type == ICMP4_UNREACHABLE || type == ICMP4_SOURCE_QUENCH || type == ICMP4_REDIRECT ||
           type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER_PROBLEM;
}

/* Neighbour discovery and multicast listeners: without them IPv6 doesn't work at all, so they are UNTRACKED.
 */
static inline bool track_icmp6_is_untracked(uint8_t type)
{
    return (type >= ICMP6_MLD_QUERY && type <= ICMP6_NEIGHBOUR_ADVERTISEMENT) || type == ICMP6_MLD2_REPORT;
}

#endif
