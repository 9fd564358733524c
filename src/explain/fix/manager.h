/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_MANAGER_H
#define SALLY_EXPLAIN_FIX_MANAGER_H

#include "base/result.h"
#include "explain/fix/attempt.h"

/* Rules that a program makes from settings of its own: what is put beside them by hand is gone when it makes them anew, so where it
 * can say the same, the commands are its own. */

/* "ufw", "firewalld", or NULL: by the chains that only they make. */
const char *fix_manager(const struct rules *r);

/* Does it have to be known which rules the packet came by, to say it to the manager of these rules? (struct story_step, looked) */
bool fix_manager_reads_looked(const struct rules *r);

/* Has the server's ports, which the packet of step did not come in to, opened by the manager, at the server itself: the rule that
 * its command makes is added to the attempt's, and the command remembered. 0; -ENOENT: nobody manages the rules, or its command
 * would be of no use here; -ENOMEM. */
MUST_USE int fix_manager_accept_ports(struct fix_attempt *a, const struct story_step *step,
                                      struct rules_range16 ports);

#endif
