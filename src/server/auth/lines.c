/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int lines_contain(const char *path, const char *line, bool *ret)
{
    FILE *f = path ? fopen(path, "re") : NULL;
    if (!f)
        return path ? -errno : -ENOENT;

    size_t wanted = strlen(line), cap = 0;
    char *buffer = NULL;
    bool found = false;
    errno = 0;
    for (ssize_t len; !found && (len = getline(&buffer, &cap, f)) >= 0;) {
        if (len > 0 && buffer[len - 1] == '\n')
            len--;
        if (len > 0 && buffer[len - 1] == '\r')
            len--;
        /* An empty line names nobody: an empty password or name must not match a stray newline. */
        found = len > 0 && (size_t)len == wanted && memcmp(buffer, line, wanted) == 0;
    }
    int error = ferror(f) ? (errno ? -errno : -EIO) : 0;
    free(buffer);
    (void)fclose(f);
    if (error == 0)
        *ret = found;
    return error;
}
