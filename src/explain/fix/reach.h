/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_REACH_H
#define SALLY_EXPLAIN_FIX_REACH_H

#include "base/result.h"
#include "rules/rules.h"
#include "verdict/order.h"

enum { FIX_SOURCE_PORTS = 8 };

/* Where two rule sets differ, new being a copy of old that commands were carried out on. */
struct fix_reach {
    bool path[WALL_PATHS]; /* ways on which a packet comes to a chain that changed, by whatever jumps */
    uint16_t
        source_ports[FIX_SOURCE_PORTS]; /* that packets are tried from: those that the new rules name, too */
    size_t source_port_count;
};

/* 0 or -ENOMEM. */
MUST_USE int fix_reach_find(const struct rules *old, const struct rules *new, struct fix_reach *ret);

#endif
