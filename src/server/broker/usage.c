/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/entries.h"
#include "server/broker/names.h"
#include "server/broker/state.h"
#include "sys/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#define CLOSING __attribute__((cleanup(fd_close)))

/* Adds a directory's regular files to the reply and pushes its directories. */
static int count_directory(struct call *call, int fd, const char *path, struct path_stack *todo)
{
    struct entries each = {.fd = fd, .buffer = call->w->entries, .size = sizeof(call->w->entries)};
    const char *name = "";
    unsigned char type = DT_UNKNOWN;
    struct stat st;
    int r;
    while ((r = entries_next(&each, &name, &type)) > 0) {
        if (type != DT_REG && type != DT_DIR && type != DT_UNKNOWN)
            continue;
        if (type != DT_DIR && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* gone since */
        if (type == DT_DIR || S_ISDIR(st.st_mode)) {
            r = path_stack_push(todo, path, name);
            if (r < 0)
                return r;
        } else if (S_ISREG(st.st_mode)) {
            call->out->size += (uint64_t)st.st_size;
            call->out->files++;
        }
    }
    return r;
}

/*
 * Sums up everything below the root. What other users own and closed is theirs and is left out; but a
 * directory of our own that we closed (SITE CHMOD 000), or nested too deep to name, is an error: else it
 * would be a way around the quota.
 */
static int count_path(struct call *call, const char *path, struct path_stack *todo)
{
    struct stat st;
    CLOSING int fd = fd_open_in_root(call->b->root_fd, path[0] ? path : "/",
                                     O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, RESOLVE_NO_SYMLINKS);
    if (fd >= 0)
        return count_directory(call, fd, path, todo);
    if (fd != -EACCES)
        return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
    CLOSING int closed =
        fd_open_in_root(call->b->root_fd, path[0] ? path : "/", O_PATH, 0, RESOLVE_NO_SYMLINKS);
    return closed < 0 || fstat(closed, &st) < 0 || st.st_uid == call->b->grant->uid ? -EACCES : 0;
}

int file_usage(struct call *call)
{
    char path[FILE_PATH_MAX];
    __attribute__((cleanup(path_stack_free))) struct path_stack todo = {0};
    int r = path_stack_push(&todo, "", "");
    while (r == 0 && path_stack_pop(&todo, path))
        r = count_path(call, path, &todo);
    return r;
}
