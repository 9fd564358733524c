/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_CONNTRACK_H
#define SALLY_TESTS_ORACLE_CONNTRACK_H

#include "oracle.h"

/* The kernel's connection table of this network namespace, over ctnetlink. Ends the program when netlink
 * fails. */
struct conntrack;

struct conntrack *conntrack_open(void);
void conntrack_close(struct conntrack **c);
/* The connection whose original direction is t. False: there is none. */
bool conntrack_get(struct conntrack *c, const struct track_tuple *t, struct flow_view *ret);
/* Connections that began and that ended since the last call, appended. */
void conntrack_events(struct conntrack *c, struct flow_list *began, struct flow_list *ended);
/* Forgets all connections, and the events of that. */
void conntrack_flush(struct conntrack *c);
/* All expectations, appended. */
void conntrack_dump_expectations(struct conntrack *c, struct expectation_list *ret);

#endif
