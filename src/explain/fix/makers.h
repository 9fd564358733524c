/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_MAKERS_H
#define SALLY_EXPLAIN_FIX_MAKERS_H

#include "base/result.h"
#include "explain/fix/attempt.h"

/* The ways of repairing an FTP session. */
extern const struct fix_maker fix_ftp_makers[];
extern const size_t fix_ftp_maker_count;

/* An admit: opens what step's packet asks for when it begins a connection (a port of the server, or echo
 * requests), and what belongs to connections that are open. */
MUST_USE int fix_admit_common(struct fix_attempt *a, const struct story_step *step);

/* Admits neighbour discovery, a message of which step stops. As a maker's admit. */
MUST_USE int fix_admit_neighbours(struct fix_attempt *a, const struct story_step *step);

#endif
