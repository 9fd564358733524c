/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_CPUS_H
#define SALLY_SYS_CPUS_H

#include "base/result.h"

/*
 * The processors that this process may use (sched_getaffinity(2), so also what a cpuset leaves). A number here is the place of
 * one among them, from 0 on, not the kernel's own.
 */

/* How many there are; at least 1. The first call remembers them: before anything is pinned. */
unsigned cpus_count(void);
/* The calling thread, and threads that it starts, stay on this one. Where that is not permitted, nothing changes: it is slower. */
void cpus_pin(unsigned number);
/* The calling thread may use all of them again. */
void cpus_unpin(void);
/* On which one the kernel processed what came last on a socket (SO_INCOMING_CPU); -1: on none of ours, or unknown. */
int cpus_incoming(int sock);

#endif
