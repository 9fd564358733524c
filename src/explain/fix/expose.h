/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_EXPOSE_H
#define SALLY_EXPLAIN_FIX_EXPOSE_H

#include "base/result.h"
#include "explain/play/settings.h"

/* What other rules let in that these did not: new TCP connections, counted over all 65,536 ports. */
struct fix_exposure {
    uint64_t ports;     /* newly admitted for somebody */
    bool to_anywhere;   /* of them, some for whoever asks; else only for one end of the session */
    bool outgoing_only; /* nothing is let in; the machine may open more connections itself */
};

/* old and new with the firewall and the addresses of play. 0 or -ENOMEM. */
MUST_USE int fix_expose(struct wall_rules *old, struct wall_rules *new, const struct play *play,
                        struct fix_exposure *ret);

#endif
