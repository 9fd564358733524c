/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/copy_private.h"

#include "client/digest.h"
#include "client/private.h"
#include "ftp/time.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* On a NAME.part: "SIZE TIME" of the file of which it is the beginning. Where a file system has no room for it, its time is the file's, as soon
 * as nobody writes it any more. */
static const char mark[] = "user.sally.of";
static const char in_pieces[] =
    "pieces";                     /* in its place, where there may be holes: nobody goes on with that */
enum { MARK_LEAST = 256 * 1024 }; /* bytes of a file that is worth one */

int client_open_local(int folder, const char *path, int flags, unsigned mode)
{
    int fd;

    if (folder != AT_FDCWD)
        return fd_open_in_root(folder, path, (uint64_t)flags, mode, RESOLVE_NO_SYMLINKS);
    fd = open(path, flags | O_CLOEXEC, mode);
    return fd < 0 ? -errno : fd;
}

static void place_close(struct place *p)
{
    fd_close(&p->folder);
    free(p->path);
    free(p->part);
}

static enum client_result place_open(struct client *c, const struct client_copy *copy, struct place *p)
{
    char *slash;

    *p = (struct place){.folder = -1, .path = strdup(copy->local)};
    slash = p->path ? strrchr(p->path, '/') : NULL;
    p->name = slash ? slash + 1 : p->path;
    if (!p->path || asprintf(&p->part, "%s.part", p->name) < 0) {
        p->part = NULL;
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    }
    if (!*p->name || strcmp(p->name, ".") == 0 || strcmp(p->name, "..") == 0)
        return client_local(c, copy->local, EISDIR);
    if (slash)
        *slash = '\0'; /* path is now the folder's */
    p->folder = client_open_local(copy->folder,
                                  !slash     ? "."
                                  : *p->path ? p->path
                                             : "/",
                                  O_PATH | O_DIRECTORY, 0);
    return p->folder < 0 ? client_local(c, copy->local, -p->folder) : CLIENT_OK;
}

/* ---- fetching ---- */

/* Is it nobody else's, and still NAME.part? Another sally may be writing it, or have just given it its name. */
static bool is_ours(const struct fetch *f)
{
    struct stat open, named;

    return fd_lock(f->fd, F_WRLCK) == 0 && fstat(f->fd, &open) == 0 &&
           fstatat(f->place.folder, f->place.part, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

/* A device or a folder would be replaced by a file. */
static int look_at_name(const struct place *p)
{
    struct stat st;

    if (fstatat(p->folder, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
}

static enum client_result open_part(struct fetch *f)
{
    int error = look_at_name(&f->place);
    struct stat st;

    if (error)
        return client_local(f->c, f->copy->local, -error);
    f->fd =
        openat(f->place.folder, f->place.part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (f->fd < 0 || fstat(f->fd, &st) < 0)
        return client_local(f->c, f->place.part, errno);
    f->mode = st.st_mode & 0777;
    f->was_there = st.st_size > 0;
    if (S_ISREG(st.st_mode) && is_ours(f))
        return CLIENT_OK;
    fd_close(&f->fd); /* it is not ours to take away */
    if (!S_ISREG(st.st_mode))
        return client_local(f->c, f->place.part, EEXIST);
    SAY(f->c, CLIENT_ERROR, BUSY_FILE, f->place.part);
    return CLIENT_LOCAL_FAILED;
}

static void write_mark(const struct client_facts *facts, char out[64])
{
    snprintf(out, 64, "%ju %jd", (uintmax_t)facts->size, (intmax_t)facts->time);
}

/* How much of the file is there already. */
static uint64_t begun_before(const struct fetch *f)
{
    char wanted[64], found[64] = "";
    struct stat st;

    if (!f->facts.has_size || !f->facts.has_time || fstat(f->fd, &st) < 0 ||
        (uint64_t)st.st_size > f->facts.size)
        return 0;
    write_mark(&f->facts, wanted);
    if (fgetxattr(f->fd, mark, found, sizeof(found) - 1) > 0)
        return strcmp(found, wanted) == 0 ? (uint64_t)st.st_size : 0;
    return st.st_mtime == f->facts.time ? (uint64_t)st.st_size : 0;
}

int fetch_clear(struct fetch *f, bool is_marked)
{
    char text[64];

    if (f->is_cleared)
        return 0;
    if (ftruncate(f->fd, (off_t)f->offset) < 0)
        return -errno;
    write_mark(&f->facts, text);
    if (f->was_there)
        (void)!fremovexattr(f->fd, mark); /* there may be none, or no room for any: mark says what is then */
    if (!is_marked && fsetxattr(f->fd, mark, in_pieces, strlen(in_pieces), 0) < 0)
        return -errno;
    if (is_marked && f->facts.has_size && f->facts.has_time && f->facts.size >= MARK_LEAST)
        (void)!fsetxattr(f->fd, mark, text, strlen(text), 0); /* no room for it: mark says what is then */
    f->is_cleared = true;
    return 0;
}

int fetch_write(int fd, const void *bytes, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            bytes = (const char *)bytes + n;
            len -= (size_t)n;
            offset += (uint64_t)n;
        }
    }
    return 0;
}

/* Is what came what was said? */
static enum client_result check_size(const struct fetch *f)
{
    char said[24], came[24];
    uint64_t size = f->offset + f->bytes;

    if (!f->facts.has_size || f->facts.size == size)
        return CLIENT_OK;
    snprintf(said, sizeof(said), "%ju", (uintmax_t)f->facts.size);
    snprintf(came, sizeof(came), "%ju", (uintmax_t)size);
    SAY(f->c, CLIENT_ERROR, SIZE_DIFFERS, f->copy->local, said, came, f->place.part);
    return CLIENT_CUT;
}

/* What lay there goes only once there is something in its place. */
static enum client_result write_part(void *arg, const void *bytes, size_t len)
{
    struct fetch *f = arg;
    int error = fetch_clear(f, true);
    uint64_t at = f->offset + f->bytes;
    bool is_over = f->facts.has_size && len > f->facts.size - at; /* there may be no end to it */

    if (!error)
        error = fetch_write(f->fd, bytes, is_over ? (size_t)(f->facts.size - at) : len, at);
    if (error)
        return client_local(f->c, f->copy->local, -error);
    f->bytes += len;
    return is_over ? check_size(f) : CLIENT_OK;
}

/* What was put together of pieces may be of two files. Then the pieces are thrown away. */
enum client_result fetch_check_pieces(struct fetch *f)
{
    char there[CLIENT_HASH], here[CLIENT_HASH];
    struct client_facts now;
    enum client_result r = client_hash(f->c, f->copy->remote, f->facts.size, there);
    bool is_same;

    if (r == CLIENT_OK) {
        int error = client_digest(f->fd, f->facts.size, here);
        if (error)
            return client_local(f->c, f->copy->local, -error);
        is_same = strcasecmp(here, there) == 0;
    } else if (r == CLIENT_REMOTE_REFUSED) {
        r = client_look(f->c, f->copy->remote, &now);
        is_same = now.has_size && now.has_time && now.size == f->facts.size && now.time == f->facts.time;
    }
    if (r || is_same)
        return r;
    SAY(f->c, CLIENT_ERROR, PIECES_DIFFER, f->copy->local);
    return ftruncate(f->fd, 0) < 0 ? client_local(f->c, f->place.part, errno) : CLIENT_CUT;
}

static int set_time(const struct fetch *f)
{
    struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = f->facts.time}};

    return f->facts.has_time && futimens(f->fd, times) < 0 ? -errno : 0;
}

enum client_result fetch_finish(struct fetch *f)
{
    int error = 0;

    if (f->copy->keeps_mode) /* a file that was made has what the umask left: no bit more is set */
        error = fchmod(f->fd, (f->copy->mode & (f->mode | (f->mode & 0444) >> 2)) | 0400) < 0 ? -errno : 0;
    if (f->facts.size >= MARK_LEAST)
        (void)!fremovexattr(f->fd, mark); /* there may be none */
    if (!error && !is_ours(f)) {          /* a file of this name has come here meanwhile */
        SAY(f->c, CLIENT_ERROR, BUSY_FILE, f->place.part);
        return CLIENT_LOCAL_FAILED;
    }
    if (!error)
        error = set_time(f);
    if (!error && f->copy->is_durable && fsync(f->fd) < 0)
        error = -errno;
    if (!error && renameat(f->place.folder, f->place.part, f->place.folder, f->place.name) < 0)
        error = -errno;
    return error ? client_local(f->c, f->copy->local, -error) : CLIENT_OK;
}

void copy_say_moved(struct client *c, uint64_t bytes, const struct timespec *began)
{
    char count[24], seconds[24];
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(count, sizeof(count), "%ju", (uintmax_t)bytes);
    snprintf(seconds, sizeof(seconds), "%.1f",
             (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9);
    SAY(c, CLIENT_STATUS, TRANSFER_DONE, count, seconds);
}

static void say_resumes(struct client *c, uint64_t offset)
{
    char number[24];

    snprintf(number, sizeof(number), "%ju", (uintmax_t)offset);
    if (offset)
        SAY(c, CLIENT_STATUS, TRANSFER_RESUMES, number);
}

void fetch_leave(struct fetch *f, uint64_t bytes)
{
    char text[64];
    struct stat st;

    write_mark(&f->facts, text);
    if (fstat(f->fd, &st) < 0 || ((uint64_t)st.st_size > bytes && ftruncate(f->fd, (off_t)bytes) < 0) ||
        set_time(f) < 0) {
        (void)!ftruncate(f->fd, 0); /* nobody could go on with it */
        return;
    }
    if (f->facts.has_size && f->facts.has_time)
        (void)!fsetxattr(f->fd, mark, text, strlen(text), 0); /* no room for it: mark says what is then */
}

enum client_result fetch_open(struct client *c, const struct client_copy *copy, struct fetch *f)
{
    enum client_result r;

    *f = (struct fetch){.c = c, .copy = copy, .fd = -1, .facts = copy->facts};
    r = place_open(c, copy, &f->place);
    if (!r)
        r = open_part(f);
    if (!r && !copy->is_known)
        r = client_look(c, copy->remote, &f->facts);
    if (!f->facts.has_size) {
        f->facts.has_size = copy->facts.has_size;
        f->facts.size = copy->facts.size;
    }
    return r;
}

void fetch_close(struct fetch *f)
{
    struct stat st;

    if (f->fd >= 0 && fstat(f->fd, &st) == 0 && st.st_size == 0 && st.st_nlink == 1 && is_ours(f))
        unlinkat(f->place.folder, f->place.part, 0); /* nothing of it is there to go on with */
    fd_close(&f->fd);
    place_close(&f->place);
}

static enum client_result fetch_whole(struct fetch *f)
{
    struct client_piece piece = {.path = f->copy->remote, .most = UINT64_MAX, .total = UINT64_MAX};
    struct timespec began;
    uint64_t bytes;
    enum client_result r = CLIENT_OK;
    int error = 0;

    if (f->copy->resumes)
        f->offset = piece.offset = begun_before(f);
    if (f->facts.has_size)
        piece.total = f->facts.size;
    say_resumes(f->c, f->offset);
    clock_gettime(CLOCK_MONOTONIC, &began);
    if (f->offset == 0 || f->offset < f->facts.size)
        r = client_get(f->c, &piece, write_part, f, &bytes);
    if (!r && (error = fetch_clear(f, true)) < 0) /* an empty file, or one that was all there */
        r = client_local(f->c, f->copy->local, -error);
    if (!r)
        r = check_size(f);
    if (!r && f->offset)
        r = fetch_check_pieces(f);
    if (!r)
        r = fetch_finish(f);
    else if (f->is_cleared)
        fetch_leave(f, f->offset + f->bytes);
    if (!r)
        copy_say_moved(f->c, f->bytes, &began);
    return r;
}

enum client_result client_fetch(struct client *c, const struct client_copy *copy, uint64_t *ret_bytes)
{
    struct fetch f;
    enum client_result r = fetch_open(c, copy, &f);

    if (!r)
        r = fetch_whole(&f);
    *ret_bytes = f.bytes;
    fetch_close(&f);
    return r;
}

/* ---- storing ---- */

struct store {
    struct client *c;
    const struct client_copy *copy;
    int fd;
    struct stat st;
    char *to; /* the remote path, as it is called for now. Owned. */
    uint64_t offset;
};

static long read_file(void *arg, void *bytes, size_t cap)
{
    const struct store *s = arg;
    const struct channel_limits forever = {.patience = -1, .stop = s->c->limits.stop};
    ssize_t n;

    do { /* who writes into a pipe may take his time, and may be called off */
        if (!S_ISREG(s->st.st_mode) && channel_wait(s->fd, POLLIN, &forever) == -ECANCELED)
            return -ECANCELED;
        n = read(s->fd, bytes, cap);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    client_local(s->c, s->copy->local, errno);
    return -errno;
}

/* Is what the server has of NAME.part this file's beginning? It says so by its hash, or else it is younger than the file. */
static bool is_beginning(struct store *s, const struct client_facts *facts)
{
    char there[CLIENT_HASH], here[CLIENT_HASH];

    if (client_hash(s->c, s->to, facts->size, there) == CLIENT_OK)
        return client_digest(s->fd, facts->size, here) == 0 && strcasecmp(here, there) == 0;
    return facts->has_time && facts->time > s->st.st_mtime && facts->time > s->st.st_ctime;
}

static enum client_result find_beginning(struct store *s)
{
    struct client_facts facts;
    enum client_result r = client_look(s->c, s->to, &facts);

    if (r || !facts.has_size || facts.size == 0 || facts.size > (uint64_t)s->st.st_size ||
        !is_beginning(s, &facts))
        return client_is_open(s->c) ? CLIENT_OK : CLIENT_NO_CONNECTION;
    s->offset = facts.size;
    say_resumes(s->c, s->offset);
    return lseek(s->fd, (off_t)s->offset, SEEK_SET) < 0 ? client_local(s->c, s->copy->local, errno)
                                                        : CLIENT_OK;
}

/* Does the server have as much as was sent? And the same, if it was sent in pieces? */
static enum client_result check_stored(struct store *s, uint64_t size)
{
    struct client_facts facts;
    enum client_result r = client_size(s->c, s->to, &facts);
    char sent[24], there[24], theirs[CLIENT_HASH], ours[CLIENT_HASH];

    if (r)
        return r;
    if (facts.has_size && facts.size != size) {
        snprintf(sent, sizeof(sent), "%ju", (uintmax_t)size);
        snprintf(there, sizeof(there), "%ju", (uintmax_t)facts.size);
        SAY(s->c, CLIENT_ERROR, SIZE_AFTER_DIFFERS, s->copy->remote, sent, there);
        return CLIENT_CUT;
    }
    if (!s->offset || client_hash(s->c, s->to, size, theirs) != CLIENT_OK)
        return client_is_open(s->c) ? CLIENT_OK : CLIENT_NO_CONNECTION;
    if (client_digest(s->fd, size, ours) == 0 && strcasecmp(ours, theirs) == 0)
        return CLIENT_OK;
    SAY(s->c, CLIENT_ERROR, PIECES_DIFFER, s->copy->remote);
    return CLIENT_CUT;
}

static bool says_it_exists(const struct client *c)
{
    return strcasestr(c->reply.text, "exist") && !strcasestr(c->reply.text, "not exist") &&
           !strcasestr(c->reply.text, "n't exist");
}

/* NAME.part becomes NAME. ret_done false: this server lets nobody rename. Where it says that a file of the name
 * exists, and so renames onto none (RFC 959 leaves that open), that one goes first. */
static enum client_result give_name(struct store *s, bool *ret_done)
{
    enum client_result r = client_try(s->c, "RNFR", s->to, ret_done);
    bool done;

    if (r || !*ret_done)
        return r;
    r = client_try(s->c, "RNTO", s->copy->remote, &done);
    if (r || done)
        return r;
    if (!says_it_exists(s->c)) /* it was refused for another reason: what lies there stays */
        return client_refused(s->c, CLIENT_REMOTE_REFUSED, SPEECH_REMOTE_REFUSED, s->copy->remote);
    r = client_try(s->c, "DELE", s->copy->remote, &done);
    if (!r)
        r = client_do(s->c, "RNFR", s->to);
    return r ? r : client_do(s->c, "RNTO", s->copy->remote);
}

static enum client_result give_time(struct store *s)
{
    char *argument = NULL, when[16];
    bool done;
    enum client_result r;

    if (!client_offers(s->c, "MFMT") || !ftp_time_format(s->st.st_mtime, when))
        return CLIENT_OK;
    if (asprintf(&argument, "%s %s", when, s->to) < 0)
        return client_fail(s->c, CLIENT_FAILED, -ENOMEM, 0);
    r = client_try(s->c, "MFMT", argument, &done);
    free(argument);
    return r;
}

/* As s->to, with its size and time as they are to be. */
static enum client_result store_as(struct store *s, uint64_t *ret_bytes)
{
    struct client_piece piece = {.path = s->to, .offset = s->offset, .most = UINT64_MAX, .total = UINT64_MAX};
    enum client_result r;

    if (S_ISREG(s->st.st_mode)) {
        piece.total = (uint64_t)s->st.st_size;
        piece.has_file = true;
        piece.file = s->fd;
    }
    r = client_put(s->c, &piece, read_file, s, ret_bytes);
    if (!r)
        r = check_stored(s, s->offset + *ret_bytes);
    if (!r && S_ISREG(s->st.st_mode))
        r = give_time(s);
    return r;
}

/* Under its own name at once, since this server lets nobody rename. */
static enum client_result store_at_once(struct store *s, uint64_t *ret_bytes)
{
    free(s->to);
    s->to = strdup(s->copy->remote);
    s->offset = 0;
    if (!s->to)
        return client_fail(s->c, CLIENT_FAILED, -ENOMEM, 0);
    if (lseek(s->fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
        return client_local(s->c, s->copy->local, errno);
    return store_as(s, ret_bytes);
}

static enum client_result store_part(struct store *s, uint64_t *ret_bytes)
{
    enum client_result r = s->copy->resumes ? find_beginning(s) : CLIENT_OK;
    bool is_named, is_gone;

    if (!r)
        r = store_as(s, ret_bytes);
    if (!r)
        r = give_name(s, &is_named);
    if (r || is_named)
        return r;
    SAY(s->c, CLIENT_STATUS, NO_RENAMING);
    s->c->has_no_renaming = true;
    if (!S_ISREG(s->st.st_mode)) /* it can't be read again */
        return client_refused(s->c, CLIENT_REMOTE_REFUSED, SPEECH_REMOTE_REFUSED, s->to);
    r = client_try(s->c, "DELE", s->to, &is_gone);
    return r ? r : store_at_once(s, ret_bytes);
}

static enum client_result store(struct store *s, uint64_t *ret_bytes)
{
    struct timespec began;
    enum client_result r;

    clock_gettime(CLOCK_MONOTONIC, &began);
    r = s->c->has_no_renaming ? store_at_once(s, ret_bytes) : store_part(s, ret_bytes);
    if (!r)
        copy_say_moved(s->c, *ret_bytes, &began);
    return r;
}

enum client_result client_store(struct client *c, const struct client_copy *copy, uint64_t *ret_bytes)
{
    struct store s = {.c = c, .copy = copy, .fd = client_open_local(copy->folder, copy->local, O_RDONLY, 0)};
    enum client_result r;

    *ret_bytes = 0;
    if (s.fd < 0)
        return client_local(c, copy->local, -s.fd);
    if (fstat(s.fd, &s.st) < 0)
        r = client_local(c, copy->local, errno);
    else if (S_ISDIR(s.st.st_mode))
        r = client_local(c, copy->local, EISDIR);
    else if (asprintf(&s.to, "%s.part", copy->remote) < 0)
        r = client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    else
        r = store(&s, ret_bytes);
    free(s.to);
    fd_close(&s.fd);
    return r;
}
