/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_NOTIFY_H
#define SALLY_SYS_NOTIFY_H

/* sd_notify(3)'s protocol: one datagram to the socket that NOTIFY_SOCKET names; nothing without one. */
void notify_systemd(const char *state);

#endif
