/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_LISTEN_H
#define SALLY_SERVER_MONITOR_LISTEN_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Listening sockets. The monitor binds them, the worker accepts; the monitor keeps its copies for the next
 * worker.
 */

/* Control port: sockets that systemd passed (sd_listen_fds(3)), or listen_port, or listen_port_alternate. 0;
 * -errno told. */
MUST_USE int listen_open_control(void);
/* The first passive ports of the configured range. 0; -errno told. */
MUST_USE int listen_open_passive(void);
/* One more; false: the range has no more. */
bool listen_one_more(void);
/* The newest one, or all of them, to the worker. */
void listen_send_last(unsigned loop);
void listen_send_all(void);
void listen_close_all(void);
/* Is that a control port, or a passive one, of ours? */
bool listen_has(uint16_t port, bool passive);
/* The control ports, cap at most; returns how many. */
size_t listen_control_ports(uint16_t *ret, size_t cap);
/* The ready line: "ftp://127.0.0.1:2121/ (passive ports 10090-10100)". */
const char *listen_describe(void);

/* The socket of `sallyd who`; a failure is told and the server goes on without. */
void listen_open_admin(void);
void listen_close_admin(void);

#endif
