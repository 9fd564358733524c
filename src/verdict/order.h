/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_ORDER_H
#define SALLY_VERDICT_ORDER_H

/*
 * The order in which a packet meets what netfilter has: hook by hook along its path, and at each hook by
 * priority. Nothing else says what comes before what; a table or chain that is evaluated one day is one row
 * in order.c.
 */
#include <stdbool.h>
#include <stdint.h>

#include "rules/model.h"

enum wall_path {
    WALL_IN,      /* to this machine: PREROUTING, INPUT */
    WALL_OUT,     /* from this machine: OUTPUT, POSTROUTING */
    WALL_THROUGH, /* routed: PREROUTING, FORWARD, POSTROUTING */
    WALL_LOOP,    /* from this machine to itself, by lo: OUTPUT, POSTROUTING, then PREROUTING, INPUT */
    WALL_PATHS
};

enum order_deed {
    ORDER_RULES,     /* a table's rules are asked */
    ORDER_NAT,       /* likewise, but only the first packet of a connection is theirs */
    ORDER_CONNTRACK, /* which connection is it, and in what state? */
    ORDER_CONFIRM,   /* the helper reads the packet, and a new connection enters the table */
};

/* What is done at each of some hooks. */
struct order_stop {
    int32_t priority; /* the kernel's: less is earlier */
    uint8_t hooks;    /* bits 1 << enum rules_hook */
    uint8_t deed;     /* enum order_deed */
    uint8_t table;    /* RULES: enum rules_table_type */
};

/* Where a packet stands; all zero: before everything. */
struct order_place {
    const struct order_stop *stop;
    enum rules_hook hook;
    uint8_t hooks; /* of the path that it has come to */
};

/* Goes on to the next place of the path. false: there is none, the packet is through. */
bool order_next(enum wall_path path, struct order_place *place);
/* At which hook of the path a table is met first. */
enum rules_hook order_hook(enum wall_path path, enum rules_table_type table);

#endif
