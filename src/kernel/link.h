/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_LINK_H
#define SALLY_KERNEL_LINK_H

#include "base/result.h"
#include "kernel/load.h"

/* Where a wall stands among netfilter's hooks (enum nf_inet_hooks), for both families. Before filter, whose priority
 * is 0: nat's are around it (-100, 100), and so packets of both directions have the same addresses here. */
enum { LINK_PRIORITY = -1, LINKS = 6 };
/* Behind filter: what drops packets that were to be rejected (kernel/reject.h). IPv4's come first. */
enum { LINK_CLOSER_PRIORITY = 1, LINK_CLOSERS = 6 };

struct link_place {
    const char *name; /* of its pin */
    uint8_t family, hook;
    int8_t priority;
};

extern const struct link_place link_places[LINKS], link_closers[LINK_CLOSERS];

/* Attaches program at a place of this process's network namespace, behind whatever puts fragments together. A
 * descriptor, or -errno with *error. */
MUST_USE int link_attach(int program, const struct link_place *place, struct kernel_error *error);

#endif
