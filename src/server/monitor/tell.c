/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/tell.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

static bool to_syslog;

void tell_to_syslog(void)
{
    openlog("sallyd", LOG_PID, LOG_FTP);
    to_syslog = true;
}

void tell(const char *format, ...)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    va_list args;
    va_start(args, format);
    if (to_syslog)
        vsyslog(LOG_NOTICE, format, args);
    else if (poll(&room, 1, 0) == 1) { /* nobody reads it: better unsaid than stuck */
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
