/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/resolve.h"
#include "server/broker/state.h"
#include "server/broker/upload.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MESSAGE_MAX = 4096,   /* bytes of a message file that are shown */
    TIME_GRAIN = 2,       /* seconds; coarser than FAT's no file system is */
    CALL_FCHMODAT2 = 452, /* Linux 6.6; Debian 12's headers do not know it */
};

#define CLOSING __attribute__((cleanup(fd_close)))

int file_stat(struct call *call)
{
    const struct file_request *in = call->in;
    struct stat st;
    CLOSING int fd = resolve_open(call->b, in->path, O_PATH, 0);
    if (fd == -ENOENT) /* a link to nowhere can still be renamed */
        fd = resolve_open(call->b, in->path, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    reply_describe(call->out, &st);
    return 0;
}

/* --- reading ----------------------------------------------------------------------------------------- */

/* Fails unless it is a regular file that this session may read. */
static int check_readable(const struct broker *b, const struct stat *st)
{
    if (S_ISDIR(st->st_mode))
        return -EISDIR;
    if (!S_ISREG(st->st_mode))
        return -EINVAL;
    if (b->grant->kind == LOGIN_ANONYMOUS && b->c->anon_world_readable_only && !(st->st_mode & S_IROTH))
        return -EACCES;
    return 0;
}

/* Up to len bytes from offset; fewer only at the end of the file. Bytes or -errno. */
static ssize_t read_all(int fd, void *bytes, size_t len, off_t offset)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (char *)bytes + done, len - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* The path that small files take by the thousand: openat2, fstat, lock, pread, close, and the reply. */
static int read_inline(struct call *call, int fd, uint64_t left)
{
    ssize_t n = read_all(fd, call->w->out, left, (off_t)call->in->offset);
    if (n < 0)
        return (int)n;
    call->out->data = (const uint8_t *)call->w->out;
    call->out->data_len = (size_t)n;
    call->out->size = call->in->offset + (uint64_t)n;
    return 0;
}

int file_read(struct call *call)
{
    const struct file_request *in = call->in;
    struct stat st;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    CLOSING int fd = resolve_open(call->b, in->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = check_readable(call->b, &st);
    if (r == 0 && call->b->c->lock_upload_files)
        r = upload_lock(fd, F_RDLCK);
    if (r < 0)
        return r;
    if (in->offset > (uint64_t)st.st_size)
        return -EINVAL;
    reply_describe(call->out, &st);
    uint64_t left = (uint64_t)st.st_size - in->offset;
    if ((in->flags & FILE_INLINE) && left <= FILE_INLINE_MAX)
        return read_inline(call, fd, left);
    if ((in->offset > 0 && lseek(fd, (off_t)in->offset, SEEK_SET) < 0) || fcntl(fd, F_SETFL, 0) < 0)
        return -errno;
    call->fd = fd;
    fd = -1;
    return 0;
}

/* --- directories ------------------------------------------------------------------------------------- */

/* The directory's message file as text; "" if there is none or it may not be read. */
static const char *read_message(struct call *call)
{
    char path[FILE_PATH_MAX + 256];
    struct stat st;
    const char *dir = call->in->path, *name = call->b->c->message_file;
    if (!name || snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
        return "";
    CLOSING int fd = resolve_open(call->b, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 || fstat(fd, &st) < 0 || check_readable(call->b, &st) < 0)
        return "";
    ssize_t n = read_all(fd, call->w->out, MESSAGE_MAX, 0);
    call->w->out[n > 0 ? n : 0] = '\0';
    return call->w->out;
}

int file_chdir(struct call *call)
{
    char path[FILE_PATH_MAX + 2];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/.", call->in->path); /* "/." demands search permission */
    CLOSING int fd = resolve_open(call->b, path, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    reply_describe(call->out, &st);
    if (call->b->c->dirmessage_enable)
        call->out->text = read_message(call);
    return 0;
}

int file_mkdir(struct call *call)
{
    const char *name;
    CLOSING int parent = resolve_open_parent(call->b, call->in->path, &name);
    if (parent < 0)
        return parent == -EBUSY ? -EEXIST : parent;
    return mkdirat(parent, name, 0777 & ~call->in->umask) < 0 ? -errno : 0;
}

int file_rmdir(struct call *call)
{
    const char *name;
    CLOSING int parent = resolve_open_parent(call->b, call->in->path, &name);
    if (parent < 0)
        return parent;
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* --- names ------------------------------------------------------------------------------------------- */

/* Adds what removing the name would free to the reply: the last name of a regular file. */
static void count_freed(struct file_reply *out, const struct stat *st)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink != 1)
        return;
    out->freed = (uint64_t)st->st_size;
    out->freed_files = 1;
}

int file_delete(struct call *call)
{
    const char *name;
    struct stat st;
    CLOSING int parent = resolve_open_parent(call->b, call->in->path, &name);
    if (parent < 0)
        return parent == -EBUSY ? -EISDIR : parent;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || unlinkat(parent, name, 0) < 0)
        return -errno;
    count_freed(call->out, &st);
    return 0;
}

int file_rename(struct call *call)
{
    const char *old_name, *new_name;
    struct stat old, before;
    int r = resolve_check(call->b, call->in->path2);
    if (r < 0)
        return r;
    CLOSING int old_dir = resolve_open_parent(call->b, call->in->path, &old_name);
    if (old_dir < 0)
        return old_dir;
    CLOSING int new_dir = resolve_open_parent(call->b, call->in->path2, &new_name);
    if (new_dir < 0)
        return new_dir;
    if (!broker_may(call->b, RIGHT_REPLACE))
        return resolve_rename_new(old_dir, old_name, new_dir, new_name);
    bool replaces = fstatat(new_dir, new_name, &before, AT_SYMLINK_NOFOLLOW) == 0 &&
                    fstatat(old_dir, old_name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
                    (old.st_dev != before.st_dev || old.st_ino != before.st_ino);
    if (renameat(old_dir, old_name, new_dir, new_name) < 0)
        return -errno;
    if (replaces)
        count_freed(call->out, &before);
    return 0;
}

/* --- attributes -------------------------------------------------------------------------------------- */

/* chmod of what an O_PATH descriptor stands for. Before Linux 6.6 only by opening it for real. */
static int change_mode(struct call *call, int path_fd, mode_t mode)
{
    if (syscall(CALL_FCHMODAT2, path_fd, "", mode, AT_EMPTY_PATH) == 0)
        return 0;
    if (errno != ENOSYS && errno != EPERM) /* EPERM: a file of somebody else's, or a seccomp profile; the old
                                              way tells */
        return -errno;
    CLOSING int fd = resolve_open(call->b, call->in->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd == -EACCES)
        fd = resolve_open(call->b, call->in->path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return fd;
    return fchmod(fd, mode) < 0 ? -errno : 0;
}

int file_chmod(struct call *call)
{
    struct stat st;
    CLOSING int fd = resolve_open(call->b, call->in->path, O_PATH, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return -EINVAL;
    /* A client can't make programs that run with our rights; a folder keeps its set-group-ID and sticky bits.
     */
    mode_t kept = S_ISDIR(st.st_mode) ? st.st_mode & 07000 : 0;
    return change_mode(call, fd, (call->in->mode & 0777) | kept);
}

/* Sets the time of modification of what an O_PATH descriptor stands for; *ret: what is there then. */
static int set_time(int fd, struct timespec time, struct stat *ret)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time};
    return utimensat(fd, "", times, AT_EMPTY_PATH) < 0 || fstat(fd, ret) < 0 ? -errno : 0;
}

/* A time that the file system can't keep is silently made one that it can (inode(7); ext4 of old ends in 2038,
 * FAT begins in 1980): that is an error, with the file as it was. */
int file_utime(struct call *call)
{
    struct stat before, after;
    CLOSING int fd = resolve_open(call->b, call->in->path, O_PATH, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &before) < 0)
        return -errno;
    int r = set_time(fd, (struct timespec){.tv_sec = call->in->time}, &after);
    if (r < 0)
        return r;
    if (after.st_mtime < call->in->time - TIME_GRAIN || after.st_mtime > call->in->time + TIME_GRAIN) {
        r = set_time(fd, before.st_mtim, &after);
        return r < 0 ? r : -ERANGE;
    }
    reply_describe(call->out, &after);
    return 0;
}

int file_space(struct call *call)
{
    struct statvfs vfs;
    CLOSING int fd = resolve_open(call->b, call->in->path, O_PATH, 0);
    if (fd < 0)
        return fd;
    if (fstatvfs(fd, &vfs) < 0)
        return -errno;
    return __builtin_mul_overflow(vfs.f_bavail, vfs.f_frsize, &call->out->size) ? -EOVERFLOW : 0;
}
