/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_NATIVE_EVENT_H
#define SALLY_TRACK_NATIVE_EVENT_H

/* What a tracker tells of: connections and expectations that come and go. */
#include "track/expect.h"
#include "track/reason.h"

enum track_event_type {
    TRACK_FLOW_NEW,     /* entered the table */
    TRACK_FLOW_REPLIED, /* first reply seen */
    TRACK_FLOW_ASSURED,
    TRACK_FLOW_ENDED, /* deleted or expired */
    TRACK_EXPECT_NEW,
    TRACK_EXPECT_REPLACED,  /* by a newer one of the same control connection */
    TRACK_EXPECT_REFRESHED, /* announced again */
    TRACK_EXPECT_USED,      /* flow is the data connection (maybe not yet confirmed) */
    TRACK_EXPECT_EXPIRED,
    TRACK_EXPECT_REMOVED, /* its control connection ended */
    TRACK_EXPECT_MISSED,  /* a port was named on the control channel, and reason says why nothing is expected
                           */
    TRACK_PACKET_DROPPED, /* by the helper; reason */
    TRACK_FLOW_MAPPED,    /* NAT maps an end of it; told by who walks the rules */
};

struct track_event {
    enum track_event_type type;
    enum track_reason reason;
    uint64_t now;
    const struct track_flow *flow; /* or NULL */
    const struct track_expectation
        *expectation; /* or NULL; for MISSED: what would have been expected, as far as it could be read */
};

/* Borrowed arguments, valid during the call; the tracker must not be called from it. */
typedef void track_on_event(void *arg, const struct track_event *event);

#endif
