/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_DIFF_CONDITIONS_H
#define SALLY_EXPLAIN_DIFF_CONDITIONS_H

#include "base/result.h"
#include "explain/diff/region.h"

/* A growing list of conditions. */
struct diff_conditions {
    struct diff_condition *list; /* owned, with what they point to */
    uint16_t count;
};

/* Adds all that a rule asks. Multiport's "either side" is an or: such a rule becomes two, the second with
 * either set (false: the source's ports, true: the destination's). forwarded: the rule sees a TTL that is one
 * less than when the packet came (ip_forward counts it down before the hook). 0 or -ENOMEM. */
MUST_USE int diff_conditions_of(const struct rules *r, const struct rules_chain *chain,
                                const struct rules_rule *rule, bool either, bool forwarded,
                                struct diff_names *names, struct diff_conditions *ret);
/* Is that rule two? */
bool diff_conditions_are_two(const struct rules_rule *rule);
/* Adds that connection tracking knows the packet. 0 or -ENOMEM. */
MUST_USE int diff_conditions_tracked(struct diff_conditions *ret);
/* Appends copies. 0 or -ENOMEM. */
MUST_USE int diff_conditions_append(struct diff_conditions *to, const struct diff_conditions *from);
void diff_conditions_clear(struct diff_conditions *c);

#endif
