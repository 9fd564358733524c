/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_SINK_H
#define SALLY_SERVER_WORKER_SINK_H

#include "server/messages.h"

#include <stdbool.h>

/*
 * Where log lines go, on descriptors that the monitor opened for appending. A line is written whole or not at all: one that
 * a reader's pipe, or the disk, has no room for is counted as lost, and the monitor is told so when that begins.
 */

/* Takes fd, replacing what was there. wanted without a descriptor: the log could not be opened, and its lines are lost. */
void sink_set(enum log_sink sink, bool wanted, int fd);
/* The log's file did not arrive: the monitor is told, and sends it again. What was there stays. */
void sink_not_taken(enum log_sink sink);
/* Is it worth making a line for? */
bool sink_is_wanted(enum log_sink sink);
/* line ends as the sink wants it: with a newline, but for syslog. */
void sink_write(enum log_sink sink, const char *line, size_t len);
/* Lines that were lost since the start, in all sinks. */
unsigned long long sink_lost(void);

#endif
