/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_CONNECT_H
#define SALLY_SERVER_MONITOR_CONNECT_H

#include "server/messages.h"

/* An active data connection: a non-blocking socket whose connect() has begun, from ftp_data_port if so
 * configured. A descriptor or -errno. */
int connect_begin(const struct connect_request *request);

#endif
