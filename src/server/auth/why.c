/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/why.h"

#include <errno.h>
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

int auth_own_failure(int error)
{
    return error == -EACCES || error == -EPERM || error == -ENOTDIR ? -EINVAL : error;
}

/* What is not here may be otherwise the next time: no memory, no process, a locked file, a name service that
 * is away. */
enum login_result auth_result(int error)
{
    static const struct {
        int error;
        enum login_result result;
    } lasting[] = {
        {0, LOGIN_GRANTED},
        {EACCES, LOGIN_DENIED},
        {ENOTDIR, LOGIN_HOMELESS},
        {EPERM, LOGIN_ROOT_WRITABLE},
        {ENOENT, LOGIN_MISCONFIGURED},       /* a list, the accounts file, a user of the system */
        {EINVAL, LOGIN_MISCONFIGURED},       /* root, a user's own file with an error, rights of our files */
        {EISDIR, LOGIN_MISCONFIGURED},       /* a directory in the place of a list */
        {ELOOP, LOGIN_MISCONFIGURED},        /* the same of a link */
        {EUCLEAN, LOGIN_MISCONFIGURED},      /* a damaged accounts file */
        {EROFS, LOGIN_MISCONFIGURED},        /* one that can't be rolled back where it lies */
        {ENAMETOOLONG, LOGIN_MISCONFIGURED}, /* a home beyond PATH_MAX */
        {EMSGSIZE, LOGIN_MISCONFIGURED},     /* more groups than a grant holds */
        {ERANGE, LOGIN_MISCONFIGURED},       /* an entry of passwd(5) or group(5) beyond all measure */
    };
    for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++) {
        if (error == -lasting[i].error)
            return lasting[i].result;
    }
    return LOGIN_FAILED;
}
