/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_LOGS_H
#define SALLY_SERVER_MONITOR_LOGS_H

#include "ipc/ipc.h"

/*
 * Log files: the monitor opens them and hands them to the worker, which writes. They are followed by name: when a log is
 * renamed or removed (logrotate(8), with or without a signal), the file of that name is opened, and made if nobody else
 * makes it within a moment. What can't be opened is told once and tried again each second; the server runs on, and the
 * worker counts the lines. Nothing here blocks, whatever a log is: a FIFO without a reader counts as one that can't be
 * opened.
 */

/* Opens the logs that the configuration asks for, anew, and hands them over. At the start of a worker and on reload. */
void logs_send(void);
/* LOG_LOST: the worker's lines get lost. */
void logs_lost(const struct ipc_message *m);

#endif
