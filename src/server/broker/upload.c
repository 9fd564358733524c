/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/upload.h"

#include "server/broker/resolve.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/*
 * Uploads, from FILE_WRITE to FILE_END.
 *
 * In place (as vsftpd): the file is there under its name from the start. It is deleted when the upload fails
 * and delete_failed_uploads is set, unless the upload continued a file that was there (APPE, REST): what had
 * been there before is not ours to delete.
 *
 * Atomic: the bytes go to a hidden file in the same directory, which stays write-locked as long as anybody
 * has it open, and gets its name by rename when the worker says that it is whole. APPE and REST continue what
 * is there, so they are in place even then. Where the name is a symbolic link, the link is replaced, not what
 * it points to.
 *
 * The directory stays open (O_PATH) until the end, so that whatever happens to the path meanwhile, the file
 * that is committed or deleted is the one that was begun.
 */
enum {
    UPLOADS_MAX = 32768,
    UNIQUE_TRIES = 10000,
    TRIES = 16,
    STALE_SECONDS = 24 * 60 * 60,
    LOCK_NAP_MS = 10,
    LOCK_NAPS = 50,
    NAME_KEPT = 200, /* bytes of the name in the hidden name, for the administrator who finds one */
};

struct upload {
    int dir;        /* O_PATH; -1: nothing to commit or drop */
    bool atomic;    /* temporary is to become name */
    bool made;      /* in place, and the file was not there before */
    bool droppable; /* in place, and all there is of it is ours to delete if it fails */
    bool replace;   /* the commit may replace */
    bool unique;    /* STOU: name is spoken for */
    dev_t dev;
    ino_t ino;
    uint32_t id;
    char name[NAME_MAX + 1];
    char temporary[NAME_MAX + 1];
};

#define CLOSING __attribute__((cleanup(fd_close)))

static void upload_free(struct upload **u)
{
    if (*u)
        fd_close(&(*u)->dir);
    free(*u);
    *u = NULL;
}

/* --- the table of open uploads ----------------------------------------------------------------------- */

/* Needs the lock. Index of a free slot, or -errno. */
static int find_slot(struct uploads *all)
{
    for (size_t i = 0; i < all->count; i++) {
        if (!all->slots[i])
            return (int)i;
    }
    if (all->count >= UPLOADS_MAX)
        return -EMFILE;
    size_t count = all->count > 0 ? all->count * 2 : 8;
    struct upload **slots = realloc(all->slots, count * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    memset(slots + all->count, 0, (count - all->count) * sizeof(*slots));
    size_t first = all->count;
    all->slots = slots;
    all->count = count;
    return (int)first;
}

/* Takes the upload and gives it a number: slot and generation, so that a late FILE_END hits nobody else's. */
static int uploads_add(struct uploads *all, struct upload **u, uint32_t *ret_id)
{
    pthread_mutex_lock(&all->lock);
    int slot = find_slot(all);
    if (slot >= 0) {
        if (all->generation == 0) /* so that a number of the broker before is not one of ours */
            /* cannot fail for so few bytes, once the system has started */
            (void)!getrandom(&all->generation, sizeof(all->generation), 0);
        all->generation++;
        (*u)->id = (uint32_t)all->generation << 16 | ((uint32_t)slot + 1);
        *ret_id = (*u)->id;
        all->slots[slot] = *u;
        *u = NULL;
    }
    pthread_mutex_unlock(&all->lock);
    return slot < 0 ? slot : 0;
}

/* Hands the upload over to the caller; NULL: there is none of that number. */
static struct upload *uploads_take(struct uploads *all, uint32_t id)
{
    struct upload *u = NULL;
    size_t slot = (id & 0xffff) - 1u;
    pthread_mutex_lock(&all->lock);
    if (slot < all->count && all->slots[slot] && all->slots[slot]->id == id) {
        u = all->slots[slot];
        all->slots[slot] = NULL;
    }
    pthread_mutex_unlock(&all->lock);
    return u;
}

/* Is an atomic STOU going to have this name in this directory? */
static bool uploads_name_taken(struct uploads *all, const struct stat *dir, const char *name)
{
    bool taken = false;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->count && !taken; i++) {
        const struct upload *u = all->slots[i];
        struct stat other;
        taken = u && u->unique && u->atomic && strcmp(u->name, name) == 0 && fstat(u->dir, &other) == 0 &&
                other.st_ino == dir->st_ino && other.st_dev == dir->st_dev;
    }
    pthread_mutex_unlock(&all->lock);
    return taken;
}

/* --- beginning --------------------------------------------------------------------------------------- */

static mode_t new_file_mode(const struct call *call)
{
    return call->b->c->file_open_mode & ~call->in->umask & 0777;
}

/*
 * Opens the file itself. Without RIGHT_REPLACE it must be new (vsftpd: anonymous users without
 * anon_other_write_enable never overwrite). offset > 0 continues a file, so that must be there.
 */
static int open_in_place(struct call *call, bool *ret_new)
{
    const uint64_t flags = O_WRONLY | O_NONBLOCK | O_NOCTTY;
    const char *path = call->in->path;
    int fd = -EEXIST;
    bool fresh = call->in->offset == 0 || (call->in->flags & FILE_APPEND);
    if (fresh)
        fd = resolve_open(call->b, path, flags | O_CREAT | O_EXCL, new_file_mode(call));
    if (fd >= 0) {
        *ret_new = true;
        return fd;
    }
    if (fd != -EEXIST || !broker_may(call->b, RIGHT_REPLACE))
        return fd;
    fd = resolve_open(call->b, path, flags, 0);
    *ret_new = fd == -ENOENT && fresh;
    if (*ret_new) /* a link to a file that is not there yet */
        fd = resolve_open(call->b, path, flags | O_CREAT, new_file_mode(call));
    return fd;
}

int upload_lock(int fd, short type)
{
    const struct timespec nap = {0, 1000 * 1000 * LOCK_NAP_MS};
    int r;
    for (int i = 0; (r = fd_lock(fd, type)) == -EAGAIN && i < LOCK_NAPS; i++)
        nanosleep(&nap, NULL);
    return r;
}

/* Checks, locks, truncates and positions a file opened in place. */
static int prepare_in_place(struct call *call, int fd, bool made)
{
    const struct file_request *in = call->in;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (call->b->c->lock_upload_files) {
        int r = upload_lock(fd, F_WRLCK);
        if (r < 0)
            return r;
        if (!made && fstat(fd, &st) < 0) /* whoever held the lock until now may have changed it */
            return -errno;
    }
    bool append = in->flags & FILE_APPEND;
    if (!append && in->offset > (uint64_t)st.st_size)
        return -EINVAL;
    reply_describe(call->out, &st);
    call->out->files = made;
    if (append || in->offset > 0)
        return lseek(fd, append ? st.st_size : (off_t)in->offset, SEEK_SET) < 0 ? -errno : 0;
    if (st.st_size > 0 && ftruncate(fd, 0) < 0)
        return -errno;
    call->out->freed = (uint64_t)st.st_size;
    return 0;
}

/* Remembers which file it is, for deleting it if the upload fails. */
static int remember_in_place(struct call *call, struct upload *u, int fd)
{
    struct stat st;
    const char *name;
    u->dir = resolve_open_parent(call->b, call->in->path, &name);
    if (u->dir < 0)
        return u->dir;
    if (fstat(fd, &st) < 0)
        return -errno;
    u->dev = st.st_dev;
    u->ino = st.st_ino;
    (void)snprintf(u->name, sizeof(u->name), "%s", name);
    return 0;
}

static int begin_in_place(struct call *call, struct upload *u)
{
    bool made = false;
    CLOSING int fd = open_in_place(call, &made);
    if (fd < 0)
        return fd;
    int r = prepare_in_place(call, fd, made);
    if (r < 0)
        return r;
    bool continues = !made && (call->in->offset > 0 || (call->in->flags & FILE_APPEND));
    u->made = made;
    u->droppable = call->b->c->delete_failed_uploads && !continues;
    if (u->droppable || made)
        r = remember_in_place(call, u, fd);
    if (r == 0 && fcntl(fd, F_SETFL, 0) < 0)
        r = -errno;
    if (r < 0)
        return r;
    call->fd = fd;
    fd = -1;
    return 0;
}

/* STOU: the wished name, or that with .1, .2, ... after it, whichever is free. Opens it (or, atomic, only
 * finds it). */
static int begin_unique(struct call *call, struct upload *u)
{
    const char *wished;
    struct stat dir, st;
    u->dir = resolve_open_parent(call->b, call->in->path, &wished);
    if (u->dir < 0)
        return u->dir;
    if (fstat(u->dir, &dir) < 0)
        return -errno;
    for (unsigned i = 0; i < UNIQUE_TRIES; i++) {
        int len = i == 0 ? snprintf(u->name, sizeof(u->name), "%s", wished)
                         : snprintf(u->name, sizeof(u->name), "%s.%u", wished, i);
        if (len >= (int)sizeof(u->name))
            return -ENAMETOOLONG;
        if (u->atomic) {
            int error = fstatat(u->dir, u->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
            if (error == ENOENT && !uploads_name_taken(&call->b->uploads, &dir, u->name))
                return 0;
            if (error != 0 && error != ENOENT)
                return -error;
            continue;
        }
        CLOSING int fd =
            fd_open_in_root(u->dir, u->name, O_WRONLY | O_CREAT | O_EXCL, new_file_mode(call), 0);
        if (fd == -EEXIST)
            continue;
        if (fd < 0)
            return fd;
        int r = prepare_in_place(call, fd, true);
        if (r < 0 || fstat(fd, &st) < 0)
            return r < 0 ? r : -errno;
        u->dev = st.st_dev;
        u->ino = st.st_ino;
        u->made = true;
        u->droppable = call->b->c->delete_failed_uploads;
        call->fd = fd;
        fd = -1;
        return 0;
    }
    return -EEXIST;
}

/* May this session put a file over the name, and with which mode? */
static int check_target(struct call *call, const struct upload *u, mode_t *ret_mode)
{
    struct stat st;
    *ret_mode = new_file_mode(call);
    if (fstatat(u->dir, u->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!u->replace)
        return -EEXIST;
    if (S_ISLNK(st.st_mode))
        return 0;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (faccessat(u->dir, u->name, W_OK, 0) < 0)
        return -errno;
    *ret_mode = st.st_mode & 0777;
    reply_describe(call->out, &st);
    return 0;
}

/* ".sallyd-upload.NAME.0123456789ab". */
static int choose_temporary(struct upload *u)
{
    uint8_t random[6];
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return -EIO;
    (void)snprintf(u->temporary, sizeof(u->temporary), UPLOAD_PREFIX "%.*s.%02x%02x%02x%02x%02x%02x",
                   NAME_KEPT, u->name, random[0], random[1], random[2], random[3], random[4], random[5]);
    return 0;
}

/* u->dir and u->name are known. */
static int begin_atomic(struct call *call, struct upload *u)
{
    mode_t mode;
    int r = check_target(call, u, &mode);
    CLOSING int fd = -EEXIST;
    for (int i = 0; r == 0 && fd == -EEXIST && i < TRIES; i++) {
        r = choose_temporary(u);
        if (r == 0)
            fd = fd_open_in_root(u->dir, u->temporary, O_WRONLY | O_CREAT | O_EXCL, mode, 0);
    }
    if (r < 0 || fd < 0) {
        u->temporary[0] = '\0';
        return r < 0 ? r : fd;
    }
    (void)!fd_lock(fd, F_WRLCK); /* nobody else knows it: this only tells upload_sweep that it is alive */
    call->out->files = 1;
    call->fd = fd;
    fd = -1;
    return 0;
}

static int begin_atomic_named(struct call *call, struct upload *u)
{
    const char *name;
    u->dir = resolve_open_parent(call->b, call->in->path, &name);
    if (u->dir < 0)
        return u->dir == -EBUSY ? -EISDIR : u->dir;
    (void)snprintf(u->name, sizeof(u->name), "%s", name);
    return begin_atomic(call, u);
}

static int begin(struct call *call, struct upload *u)
{
    bool continues = call->in->offset > 0 || (call->in->flags & FILE_APPEND);
    u->unique = call->in->flags & FILE_UNIQUE;
    u->atomic = (call->in->flags & FILE_ATOMIC) && (u->unique || !continues);
    u->replace = broker_may(call->b, RIGHT_REPLACE) && !u->unique;
    if (u->unique) {
        int r = begin_unique(call, u);
        return r == 0 && u->atomic ? begin_atomic(call, u) : r;
    }
    return u->atomic ? begin_atomic_named(call, u) : begin_in_place(call, u);
}

/* --- ending ------------------------------------------------------------------------------------------ */

/* Removes what there is of the upload, if it is still what was begun. anyway: also what is only left to
 * vsftpd's manner. */
static void drop(struct upload *u, bool anyway, struct file_reply *out)
{
    struct stat st;
    const char *name = u->atomic ? u->temporary : u->name;
    if (!u->atomic && !u->droppable && !(anyway && u->made))
        return;
    if (name[0] == '\0' || fstatat(u->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    bool is_ours = u->atomic || (st.st_dev == u->dev && st.st_ino == u->ino);
    if (!is_ours || unlinkat(u->dir, name, 0) < 0)
        return;
    out->freed = (uint64_t)st.st_size;
    out->freed_files = 1;
}

/* The directory's own entry on the disk, for fsync_uploads. */
static int sync_dir(int dir)
{
    CLOSING int fd = fd_open_in_root(dir, "/", O_RDONLY | O_DIRECTORY, 0, 0);
    if (fd < 0)
        return fd;
    return fsync(fd) < 0 ? -errno : 0;
}

/* The hidden file gets its name. */
static int commit(struct broker *b, struct upload *u, struct file_reply *out)
{
    struct stat before;
    bool replaces = u->replace && fstatat(u->dir, u->name, &before, AT_SYMLINK_NOFOLLOW) == 0;
    int r = 0;
    if (!u->replace)
        r = resolve_rename_new(u->dir, u->temporary, u->dir, u->name);
    else if (renameat(u->dir, u->temporary, u->dir, u->name) < 0)
        r = -errno;
    if (r < 0) {
        drop(u, true, out);
        return r;
    }
    if (replaces && S_ISREG(before.st_mode)) {
        out->freed = before.st_nlink == 1 ? (uint64_t)before.st_size : 0;
        out->freed_files = before.st_nlink == 1;
    }
    return b->c->fsync_uploads ? sync_dir(u->dir) : 0;
}

int file_write(struct call *call)
{
    __attribute__((cleanup(upload_free))) struct upload *u = calloc(1, sizeof(*u));
    if (!u)
        return -ENOMEM;
    u->dir = -1;
    int r = begin(call, u);
    if (r == 0 && u->unique)
        call->out->text = strcpy(call->w->out, u->name);
    if (r == 0)
        r = uploads_add(&call->b->uploads, &u, &call->out->upload);
    if (r < 0) {
        fd_close(&call->fd);
        if (u)
            drop(u, true, call->out);
    }
    return r;
}

int file_end(struct call *call)
{
    __attribute__((cleanup(upload_free))) struct upload *u =
        uploads_take(&call->b->uploads, call->in->upload);
    if (!u)
        return -EBADF;
    if (!(call->in->flags & FILE_WHOLE)) {
        drop(u, call->in->flags & FILE_REMOVE, call->out);
        return 0;
    }
    return u->atomic ? commit(call->b, u, call->out) : 0;
}

void uploads_drop_all(struct broker *b)
{
    struct file_reply unused = {0};
    for (size_t i = 0; i < b->uploads.count; i++) {
        if (b->uploads.slots[i])
            drop(b->uploads.slots[i], false, &unused);
        upload_free(&b->uploads.slots[i]);
    }
}

void upload_sweep(int dir_fd, const char *name)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
        st.st_mtime > time(NULL) - STALE_SECONDS)
        return;
    CLOSING int fd = fd_open_in_root(dir_fd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0, 0);
    if (fd >= 0 && fd_lock(fd, F_WRLCK) == 0)
        (void)unlinkat(dir_fd, name, 0); /* the next sweep tries it again */
}
