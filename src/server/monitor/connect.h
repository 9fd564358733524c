/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_CONNECT_H
#define SALLY_SERVER_MONITOR_CONNECT_H

#include "base/result.h"
#include "server/messages.h"

/* An active data connection of a session: a non-blocking socket whose connect() has begun, from ftp_data_port if so
 * configured.
 * control is the control channel that it is for: unless port_promiscuous, both ends' addresses must be that
 * channel's. A descriptor or -errno. */
MUST_USE int connect_begin(uint32_t session, const struct connect_request *request, int control,
                           bool *ret_is_door);

#endif
