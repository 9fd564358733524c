/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_ABLE_MEET_H
#define SALLY_KERNEL_ABLE_MEET_H

/* How deep, and through how many rules, a packet may have to be followed (bpf/limits.h). */
#include "base/result.h"
#include "rules/model.h"

/* Beyond what the kernel program follows: a rule that leads too deep, or a built-in chain from which too many rules
 * are met. */
struct able_beyond {
    const struct rules_chain *chain;
    const struct rules_rule *rule;
    bool is_deep;
};

struct able_meeting {
    struct able_beyond *beyond;
    unsigned count, capacity;
};

/* Of a table without loops that a packet can reach (rules_table_check). 0 and *ret, which able_meeting_fini empties,
 * or -ENOMEM. How many rules one packet meets is not exact: it may be fewer. */
MUST_USE int able_meet(const struct rules_table *t, uint8_t family, struct able_meeting *ret);
void able_meeting_fini(struct able_meeting *m);

#endif
