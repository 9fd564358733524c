/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_FLOW_ORDER_H
#define SALLY_CMD_WALL_FLOW_ORDER_H

/* What `sallywall conntrack` and `sallywall expect` are asked, in the words of conntrack(8). */
#include <stdbool.h>

#include "base/result.h"
#include "kernel/flows.h"
#include "kernel/wall.h"

enum flow_task { FLOW_NO_TASK, FLOW_LIST, FLOW_DELETE, FLOW_FLUSH, FLOW_WATCH, FLOW_COUNT };

/* The ends of a direction; what is not given is any. */
struct flow_ends {
    struct packet_address source, source_mask, destination, destination_mask;
    bool has_source_port, has_destination_port;
    uint16_t source_port, destination_port;
};

/* Which connections, or expectations. */
struct flow_filter {
    uint8_t family; /* enum packet_family; 0: any */
    bool has_protocol, has_zone, has_icmp_type, has_icmp_code, has_icmp_id, is_unset;
    uint8_t protocol, icmp_type, icmp_code;
    uint16_t icmp_id, zone;
    struct flow_ends ends[TRACK_DIRECTIONS];
    int state;       /* enum track_tcp_state; negative: any */
    uint16_t status; /* all of these are set; is_unset: neither ASSURED nor SEEN_REPLY is */
    uint32_t mark, mark_mask;
};

struct flow_order {
    enum flow_task task;
    bool of_expectations, is_twice; /* is_twice: it was asked more than one thing */
    struct flow_filter filter;
    bool extended, number, timestamp; /* -o */
    uint32_t events;                  /* -e; enum bpf_flow_event_type */
};

/* Reads the words of a command ("conntrack" or "expect"). 0; 1: --help was asked for and printed; -1: a mistake, which was
 * told. */
MUST_USE int flow_order_read(int argc, char **argv, struct flow_order *ret);

bool flow_filter_takes(const struct flow_filter *f, const struct track_flow *flow);
bool flow_filter_expects(const struct flow_filter *f, const struct track_expectation *e);

/* Opens the tables of the wall that stands; the caller closes both. False: why not was told. */
MUST_USE bool flow_tables_open(const char *command, struct kernel_wall **ret_wall,
                               struct kernel_flows *ret_flows);

#endif
