/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    NUMBERS_MAX = 1024 * 1024,
    RACES_MAX = 16, /* how often a walk that met a concurrent rename is begun again */
};

void fd_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}

/* One by one what /proc says is open. */
static int close_listed(unsigned first, unsigned last)
{
    DIR *d = opendir("/proc/self/fd");
    const struct dirent *entry;
    if (!d)
        return -errno;
    while ((entry = readdir(d))) {
        char *end;
        unsigned long fd = strtoul(entry->d_name, &end, 10);
        if (end != entry->d_name && fd >= first && fd <= last && fd != (unsigned long)dirfd(d))
            (void)close((int)fd);
    }
    closedir(d);
    return 0;
}

/* One by one every number there may be, where that is a sensible count. */
static int close_numbered(unsigned first, unsigned last)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max > NUMBERS_MAX)
        return -ENOSYS;
    for (unsigned fd = first; fd <= last && fd < limit.rlim_max; fd++)
        (void)close((int)fd);
    return 0;
}

/* close_range(2) is of Linux 5.9, and there are seccomp profiles that don't know it. */
static int close_range_of(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return 0;
    return close_listed(first, last) == 0 ? 0 : close_numbered(first, last);
}

int fd_close_others(int *keep, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t k = i; k > 0 && keep[k - 1] > keep[k]; k--) {
            int swap = keep[k];
            keep[k] = keep[k - 1];
            keep[k - 1] = swap;
        }
    }
    unsigned next = 3;
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < (int)next)
            continue;
        int r = close_range_of(next, (unsigned)keep[i] - 1);
        if (r < 0)
            return r;
        next = (unsigned)keep[i] + 1;
    }
    return close_range_of(next, UINT_MAX);
}

int fd_open_in_root(int root_fd, const char *path, uint64_t flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC,
                           .mode = mode,
                           .resolve = resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    /* The kernel answers EAGAIN when a rename anywhere made it unable to tell that ".." stayed inside. */
    for (int tries = 0; tries < RACES_MAX; tries++) {
        long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

int fd_lock(int fd, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EAGAIN : 0;
}
