/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/why.h"

#include <stdarg.h>
#include <stdio.h>

int auth_fail(struct auth_why *w, int error, const char *format, ...)
{
    if (w) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(w->text, sizeof(w->text), format, args);
        va_end(args);
    }
    return error;
}
