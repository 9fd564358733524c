/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_NATIVE_HELPER_H
#define SALLY_TRACK_NATIVE_HELPER_H

/* The FTP helper over the tracker's storage; what it makes of what it hears is in track/hear.h. With it NAT's
 * (net/netfilter/nf_nat_ftp.c), which writes the address that the other side knows into what is announced. */
#include "packet/rewrite.h"
#include "track/native/store.h"

/* The helper reads a packet of a flow that it is assigned to, and that state was found for. false: it drops the
 * packet, and *ret_reason says why. What is rewritten is then copy's packet. */
MUST_USE bool helper_hear(struct tracker *t, const struct packet *packet, struct packet_copy *copy,
                          enum track_state state, enum track_direction direction,
                          const struct track_flow *flow, enum track_reason *ret_reason);
/* What the segment acknowledges, in the numbers that the other side sent with; tcp_in_window does that first. */
void helper_unshift(const struct tracker *t, const struct track_flow *flow, enum track_direction direction,
                    struct track_segment *s);
/* Tells of announcements on TCP flows that have no helper. */
void helper_note_unheard(struct tracker *t, const struct packet *packet, enum track_direction direction,
                         const struct track_flow *flow);

#endif
