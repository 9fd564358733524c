/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_NATIVE_NAT_H
#define SALLY_TRACK_NATIVE_NAT_H

/*
 * What a connection's ends are mapped to (net/netfilter/nf_nat_core.c). Rules say once what they want of an end, with
 * the connection's first packet; what that leads to stands in the reply tuple, and all further packets are written by
 * the two tuples.
 */
#include "packet/nat.h"
#include "track/native/store.h"

/*
 * Between tracker_begin and tracker_commit, of a flow that is new: maps an end, so that no other connection's packets
 * look alike (nf_nat_setup_info); order NULL: nothing is asked but that (nf_nat_alloc_null_binding). Of REDIRECT and
 * MASQUERADE the caller has made MAP. What only chance decides, is decided somehow, and the flow's status says which
 * part of the end is open (TRACK_SRC_PORT_OPEN...).
 */
void nat_map(struct tracker *t, struct track_flow *flow, enum nat_manip manip, const struct nat_order *order);
/* Is it decided what becomes of this end? */
bool nat_is_mapped(const struct track_flow *flow, enum nat_manip manip);
/* What a packet becomes where this end is written: *ret, of which the manip's end counts (nf_nat_packet). false: it
 * stays. */
bool nat_rewrites(const struct track_flow *flow, enum track_direction direction, enum nat_manip manip,
                  struct track_tuple *ret);

/* An expected connection goes where its control connection goes (nf_nat_follow_master). */
void nat_follow(struct tracker *t, struct track_flow *flow, const struct track_flow *master,
                const struct track_expectation *e);

#endif
