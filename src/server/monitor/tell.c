/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

static bool to_syslog;

void tell_to_syslog(void)
{
    openlog("sallyd", LOG_PID, LOG_FTP);
    to_syslog = true;
}

void tell(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (to_syslog)
        vsyslog(LOG_NOTICE, format, args);
    else {
        fputs("sallyd: ", stderr);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
    }
    va_end(args);
}

void tell_remark(void *ctx, const struct config_remark *remark)
{
    (void)ctx;
    tell("%s%s", remark->is_error ? "" : "warning: ", remark->text);
}
