/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_TELL_H
#define SALLY_SERVER_MONITOR_TELL_H

#include "server/config/config.h"

/* A line for the administrator: to standard error, and to syslog once the server is in the background. */
__attribute__((format(printf, 1, 2))) void tell(const char *format, ...);
void tell_to_syslog(void);
/* For config_parse and its kin. */
void tell_remark(void *ctx, const struct config_remark *remark);

#endif
