/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/resolve.h"

#include "server/path.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool resolve_is_upload(const char *name)
{
    return strncmp(name, UPLOAD_PREFIX, strlen(UPLOAD_PREFIX)) == 0;
}

bool resolve_is_filtered(const char *pattern, const char *name)
{
    return pattern && (ftp_glob_match(pattern, name) || strstr(name, pattern));
}

/* One component: from has its length bytes, of which the next is '/' or the end. */
static int check_component(const struct broker *b, const char *from, size_t len)
{
    char name[NAME_MAX + 1];
    if (len == 0 || (from[0] == '.' && (len == 1 || (len == 2 && from[1] == '.'))))
        return -EINVAL;
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, from, len);
    name[len] = '\0';
    if (resolve_is_upload(name))
        return -ENOENT;
    return resolve_is_filtered(b->c->deny_file, name) ? -EPERM : 0;
}

int resolve_check(const struct broker *b, const char *path)
{
    if (path[0] != '/')
        return -EINVAL;
    if (strlen(path) >= FILE_PATH_MAX)
        return -ENAMETOOLONG;
    if (path[1] == '\0')
        return 0;
    for (const char *at = path + 1;; at++) {
        size_t len = strcspn(at, "/");
        int r = check_component(b, at, len);
        if (r < 0)
            return r;
        at += len;
        if (*at == '\0')
            break;
    }
    /* vsftpd matches what the client typed, so its patterns may name folders: the whole path as well. */
    return resolve_is_filtered(b->c->deny_file, path) ? -EPERM : 0;
}

int resolve_open(const struct broker *b, const char *path, uint64_t flags, mode_t mode)
{
    return fd_open_in_root(b->root_fd, path, flags, mode, 0);
}

int resolve_open_parent(const struct broker *b, const char *path, const char **ret_name)
{
    char parent[FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || slash[1] == '\0')
        return -EBUSY;
    size_t len = (size_t)(slash - path);
    if (len >= sizeof(parent))
        return -ENAMETOOLONG;
    memcpy(parent, path, len);
    parent[len] = '\0';
    int fd = resolve_open(b, len > 0 ? parent : "/", O_PATH | O_DIRECTORY, 0);
    if (fd >= 0)
        *ret_name = slash + 1;
    return fd;
}

int resolve_rename_new(int old_dir, const char *old_name, int new_dir, const char *new_name)
{
    if (renameat2(old_dir, old_name, new_dir, new_name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -errno;
    if (linkat(old_dir, old_name, new_dir, new_name, 0) < 0)
        return -errno;
    return unlinkat(old_dir, old_name, 0) < 0 ? -errno : 0;
}
