/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_DOUBT_H
#define SALLY_EXPLAIN_REPLAY_DOUBT_H

#include "base/result.h"
#include "explain/replay/findings.h"
#include "explain/replay/follow.h"
#include "explain/replay/reading.h"
#include "verdict/wall.h"

/*
 * What connection tracking thinks of a packet hangs on all packets before it, and a capture may lack some. Then
 * the firewall may have seen the packet in another state than the replay: the verdict stands only if it is the
 * same in every such state.
 */
struct doubt {
    uint32_t states; /* bits 1 << enum track_state that it may have had instead */
    const char *why; /* one clause, after "depends on"; NULL: no doubt */
    bool is_blind;   /* the rules can't even read the packet */
};

struct doubt_case {
    const struct reading_packet *packet;
    const struct wall_report *report;
    enum wall_path path;
    const struct follow_event *follow; /* NULL: not TCP */
    bool
        may_be_announced; /* it begins a connection that an announcement may be for which we have not whole */
    uint8_t rules_family; /* 0: there are no rules */
};

struct doubt doubt_of(const struct doubt_case *c);

#endif
