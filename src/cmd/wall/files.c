/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int files_read_stream(FILE *stream, char **ret_text, size_t *ret_size)
{
    size_t size = 0, capacity = 1 << 16, got;
    char *text = malloc(capacity);

    while (text && (got = fread(text + size, 1, capacity - size - 1, stream)) > 0) {
        size += got;
        if (size > FILES_LONGEST) {
            free(text);
            return -EFBIG;
        }
        if (capacity - size < 2) {
            char *larger = realloc(text, capacity *= 2);

            if (!larger)
                free(text);
            text = larger;
        }
    }
    if (!text)
        return -ENOMEM;
    if (ferror(stream)) {
        free(text);
        return errno ? -errno : -EIO;
    }
    text[size] = '\0';
    *ret_text = text;
    *ret_size = size;
    return 0;
}

int files_read(const char *name, char **ret_text, size_t *ret_size)
{
    if (strcmp(name, "-") == 0)
        return files_read_stream(stdin, ret_text, ret_size);

    FILE *stream = fopen(name, "re");
    if (!stream)
        return -errno;
    int r = files_read_stream(stream, ret_text, ret_size);
    fclose(stream);
    return r;
}

static int write_all(int fd, const char *text, size_t size)
{
    while (size) {
        ssize_t n = write(fd, text, size);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* The new file takes over what the old one was; fchown is for root and may fail for others. */
static int inherit(int fd, const char *name)
{
    struct stat old;
    mode_t mask = umask(0);

    umask(mask);
    if (stat(name, &old))
        return fchmod(fd, 0644 & ~mask) ? -errno : 0;
    if (fchown(fd, old.st_uid, old.st_gid) && errno != EPERM)
        return -errno;
    return fchmod(fd, old.st_mode & 07777) ? -errno : 0;
}

/* After the rename, so that it survives a power cut; a file system that can't is as good as it gets. */
static void sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');

    snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* a file system that can't is as good as it gets */
        close(fd);
    }
}

/* A device or pipe is written to, and stays what it is: nobody's /dev/null becomes a file. */
static int write_special(const char *name, const char *text, size_t size)
{
    int fd = open(name, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int r = write_all(fd, text, size);
    if (close(fd) && !r)
        r = -errno;
    return r;
}

int files_replace(const char *name, const char *text, size_t size)
{
    char target[PATH_MAX], temporary[PATH_MAX + 16];
    struct stat old;

    if (stat(name, &old) == 0 && !S_ISREG(old.st_mode))
        return write_special(name, text, size);
    if (!realpath(name, target)) {
        if (errno != ENOENT || strlen(name) >= sizeof(target))
            return -errno;
        strcpy(target, name);
    }
    snprintf(temporary, sizeof(temporary), "%s.XXXXXX", target);

    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, text, size);
    if (!r)
        r = inherit(fd, target);
    if (!r && fsync(fd))
        r = -errno;
    if (close(fd) && !r)
        r = -errno;
    if (!r && rename(temporary, target))
        r = -errno;
    if (r)
        unlink(temporary); /* r is what is told; a file too many does no harm */
    else
        sync_directory(target);
    return r;
}

/* The lock is on the directory: the file itself is replaced by each change, and a lock on what was replaced
 * holds nobody off. */
int files_lock(const char *name)
{
    char path[PATH_MAX], directory[PATH_MAX];

    if (!realpath(name, path))
        snprintf(path, sizeof(path), "%s", name);
    const char *slash = strrchr(path, '/');
    snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");

    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX)) {
        if (errno != EINTR) {
            int r = -errno;

            close(fd);
            return r;
        }
    }
    return 0; /* fd is kept until the process ends */
}
