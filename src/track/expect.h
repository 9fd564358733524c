/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_EXPECT_H
#define SALLY_TRACK_EXPECT_H

/*
 * A connection that a control connection has announced (net/netfilter/nf_conntrack_expect.c). Freestanding.
 * For FTP all but the source port is known exactly, so no two can ask for the same but be different.
 */
#include "track/flow.h"

struct track_expectation {
    struct packet_address source, destination;
    uint16_t port; /* destination's; any source port */
    uint16_t zone; /* of the control connection */
    uint8_t family;
    uint32_t master; /* handle */
    /* Of a control connection with NAT: the expected one goes where that goes, to this port (nf_nat_ftp.c). */
    bool follows;
    uint8_t direction;   /* enum track_direction in which it was announced */
    uint16_t saved_port; /* that was announced, and is its destination in the end */
    uint64_t expires;
};

/* TCP only. */
static inline bool track_expectation_wants(const struct track_expectation *e, const struct track_tuple *t)
{
    return e->port == t->destination_port && e->family == t->family && e->zone == t->zone &&
           t->protocol == PACKET_TCP && packet_address_equal(&e->source, &t->source) &&
           packet_address_equal(&e->destination, &t->destination);
}

/* Would both be used by the same connection? */
static inline bool track_expectation_clashes(const struct track_expectation *a,
                                             const struct track_expectation *b)
{
    return a->port == b->port && a->family == b->family && a->zone == b->zone &&
           packet_address_equal(&a->source, &b->source) &&
           packet_address_equal(&a->destination, &b->destination);
}

#endif
