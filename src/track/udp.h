/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_UDP_H
#define SALLY_TRACK_UDP_H

/*
 * How long connections without states are remembered. Freestanding.
 * net/netfilter/nf_conntrack_proto_{udp,gre,icmp,generic}.c
 */
#include "track/flow.h"

enum {
    TRACK_UDP_STREAM_AFTER = 2000, /* ms: who still talks then isn't just asking for a name */
};

struct track_ages {
    uint32_t alone, both; /* seconds: before and after a reply */
};

/* Seconds until the flow expires; *assured is set when it becomes so. first: this packet began the flow. */
static inline uint32_t track_udp_age(struct track_flow *flow, bool first, uint64_t now_ms,
                                     const struct track_ages *ages, bool *assured)
{
    if (first)
        flow->udp.stream_since = now_ms + TRACK_UDP_STREAM_AFTER;
    if (!(flow->status & TRACK_SEEN_REPLY) || now_ms <= flow->udp.stream_since)
        return ages->alone;
    *assured = true;
    return ages->both;
}

/* GRE and UDP-Lite: the reply alone makes the difference. */
static inline uint32_t track_pair_age(const struct track_flow *flow, const struct track_ages *ages,
                                      bool *assured)
{
    if (!(flow->status & TRACK_SEEN_REPLY))
        return ages->alone;
    *assured = true;
    return ages->both;
}

#endif
