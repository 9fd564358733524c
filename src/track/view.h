/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_VIEW_H
#define SALLY_TRACK_VIEW_H

/* What conntrack says of one packet. Freestanding. */
#include "track/flow.h"
#include "track/reason.h"

/* What tracker_begin (track/native/tracker.h) found. flow stays valid until abandon, or until the begin after a commit that let it
 * pass; NULL when INVALID or UNTRACKED. */
struct track_view {
    enum track_state state;
    enum track_direction direction;
    enum track_reason reason; /* why INVALID, else TRACK_OK */
    struct track_flow *flow;
    bool fresh; /* this packet began the flow: it is not in the table yet */
    bool drop;  /* conntrack itself drops the packet (NF_DROP): table full */
};

#endif
