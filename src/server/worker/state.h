/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_STATE_H
#define SALLY_SERVER_WORKER_STATE_H

#include "base/result.h"
#include "server/loops.h"
#include "server/messages.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What all files of the worker stand on: its loops, their links to the monitor, its clock.
 *
 * There is a loop for each processor, in a thread of its own. A session stays in one loop, and so does all that belongs to
 * it: its identity's broker, its answers from the monitor, its TLS, its transfers' ends. What a file keeps in static variables
 * is a loop's own (_Thread_local) unless it says that loops share it, and how. Everything but transfer.c runs in a loop's
 * thread; transfer.c knows only its transfer.
 */
struct settings;

/* One loop's; each has its own. */
struct worker {
    unsigned loop; /* its number, from 0 on */
    struct event_base *base;
    struct link *monitor;
    struct settings *settings; /* for new sessions */
    bool draining;             /* no new sessions; those there are end with their transfers */
};

extern _Thread_local struct worker worker;

/* How many loops there are; set before the first begins. */
extern unsigned worker_loops;

/* May data channels be given to the kernel's TLS? Set before the first loop begins. */
extern bool worker_has_kernel_tls;

/* Monotonic time in seconds. */
double worker_now(void);

/* Says something without a payload to the monitor: about session or identity id, or 0. 0 or -errno; a monitor that is
 * gone ends the worker by way of its link. */
MUST_USE int worker_tell(enum server_message type, uint32_t id);
/* The same of what the monitor would otherwise believe wrongly for good (who is logged in, which broker is needed): if there
 * is no room for it, this worker ends, and the monitor starts another. */
void worker_must_tell(enum server_message type, uint32_t id);

#endif
