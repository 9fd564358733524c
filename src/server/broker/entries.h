/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_ENTRIES_H
#define SALLY_SERVER_BROKER_ENTRIES_H

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a directory (getdents64) through a buffer of the caller's, in no order, without "." and "..". */
struct entries {
    int fd;
    char *buffer;
    size_t size;
    size_t at, len; /* opaque, 0 */
};

/* Is the next entry, if there is one, in the buffer already? */
static inline bool entries_buffered(struct entries *e)
{
    while (e->at < e->len) {
        const struct dirent64 *d = (const void *)(e->buffer + e->at);
        const char *name = d->d_name;
        if (name[0] != '.' || (name[1] != '\0' && (name[1] != '.' || name[2] != '\0')))
            return true;
        e->at += d->d_reclen;
    }
    return false;
}

/* The next entry; name is valid until a call for which entries_buffered was false. 1, 0 at the end, or
 * -errno. */
static inline int entries_next(struct entries *e, const char **ret_name, unsigned char *ret_type)
{
    while (!entries_buffered(e)) {
        ssize_t n = getdents64(e->fd, e->buffer, e->size);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        e->at = 0;
        e->len = (size_t)n;
    }
    const struct dirent64 *d = (const void *)(e->buffer + e->at);
    e->at += d->d_reclen;
    *ret_name = d->d_name;
    *ret_type = d->d_type;
    return 1;
}

#endif
