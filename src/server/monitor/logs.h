/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_LOGS_H
#define SALLY_SERVER_MONITOR_LOGS_H

/* Opens the logs that the configuration asks for and hands them to the worker. What can't be opened is told;
 * the server runs on. */
void logs_send(void);

#endif
