/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_CONTROL_H
#define SALLY_SERVER_WORKER_CONTROL_H

/*
 * Control channels, from the accepted connection to its end: who is admitted, which bytes become lines, when a line may
 * run, and what becomes of a session after a turn of the loop. Above the commands, which know nothing of it.
 */

/* Once, before the first control_accept. How many descriptors are for control channels: the rest is for data and files. */
void control_init(void);

/* A connection that a listener accepted. Takes fd, whatever happens. */
void control_accept(int fd);

/* At the end of each turn of the loop: runs what may run now in the sessions that changed, sends their replies, reads on
 * or stops reading, and frees those that have ended. */
void control_settle(void);

#endif
