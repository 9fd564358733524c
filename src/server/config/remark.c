/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/remark.h"

#include <stdarg.h>
#include <stdio.h>

enum { REMARK_MAX = 1024 }; /* longer ones lose their end */

static void remark_tell(struct remarks *r, bool is_error, const char *format, va_list arguments)
{
    char text[REMARK_MAX];
    int prefix = r->line ? snprintf(text, sizeof(text), "%.512s:%u: ", r->name, r->line)
                         : snprintf(text, sizeof(text), "%.512s: ", r->name);
    vsnprintf(text + prefix, sizeof(text) - (size_t)prefix, format, arguments);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';

    struct config_remark remark = {.is_error = is_error, .text = text};
    r->tell(r->ctx, &remark);
}

void remark_error(struct remarks *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark_tell(r, true, format, arguments);
    va_end(arguments);
    r->failed = true;
}

void remark_warning(struct remarks *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark_tell(r, false, format, arguments);
    va_end(arguments);
}
