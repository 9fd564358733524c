/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_EXPOSE_H
#define SALLY_EXPLAIN_FIX_EXPOSE_H

#include "base/result.h"
#include "explain/play/settings.h"

/*
 * What other rules let in that these did not: beginnings of connections, counted over all 65,536 ports, on every
 * way on which a packet comes to a chain that was changed. Both rule sets are asked, so what stands before the
 * change counts. A packet of which it can't be told any more that it is dropped counts as let in.
 */
struct fix_exposure {
    uint64_t ports;   /* newly admitted for somebody, on the way that the session goes */
    bool to_anywhere; /* of them, some for whoever asks; else only for one end of the session */
    uint64_t
        beside; /* on the other way: to machines behind a firewall that stands on one of the ends, or to the
                           firewall's own machine if it stands between them */
    uint64_t outgoing;        /* that the machine may open more connections to */
    uint64_t announced;       /* that announced (RELATED) connections newly come to */
    bool pings, pings_beside; /* echo requests, likewise */
    bool
        is_sampled; /* rules look at ports in a way of their own, and not each was asked for: numbers are about right */
};

/* old and new with the firewall and the addresses of play; what new has beyond old are rules that commands added to
 * a copy of old. announced: those are counted, too. 0 or -ENOMEM. */
MUST_USE int fix_expose(struct wall_rules *old, struct wall_rules *new, const struct play *play,
                        bool announced, struct fix_exposure *ret);

#endif
