/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_FLOW_EVENTS_H
#define SALLY_CMD_WALL_FLOW_EVENTS_H

/* What -E of conntrack and expect have in common. */
#include "cmd/wall/flow_order.h"

/* Nobody else listens to these until this process ends, which signals end from now on. 0, or the exit status: why not was
 * told. */
MUST_USE int flow_events_begin(const char *command, const struct kernel_wall *wall);
/* Is it over: by a signal, or as the wall is down? Who reads what is printed sees it now. */
bool flow_events_are_over(const struct kernel_wall *wall);
/* What stands before an event of this type (enum bpf_flow_event_type). */
void flow_events_print_type(const struct flow_order *o, uint32_t type);
/* Says what there was: so many "flow" or "expectation" events. */
void flow_events_end(const struct kernel_wall *wall, const char *what, unsigned long count, uint64_t lost);

#endif
