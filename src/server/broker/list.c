/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/listing.h"
#include "ftp/path.h"
#include "server/broker/entries.h"
#include "server/broker/names.h"
#include "server/broker/output.h"
#include "server/broker/owners.h"
#include "server/broker/resolve.h"
#include "server/broker/state.h"
#include "server/broker/upload.h"
#include "sys/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/*
 * Listings. A directory's names are read, filtered and sorted first; then each is looked at and its line
 * written, so that nothing but the names is ever held. LIST -R walks with a stack of paths, not by recursion.
 */
enum {
    DEPTH_MAX = 64,                      /* levels that LIST -R goes down (CVE-2019-20176) */
    RECURSIVE_ENTRIES_MAX = 1000 * 1000, /* entries that one LIST -R shows; more is an error */
    OWNER_TEXT = 32,
    AHEAD = 8,          /* names fetched into the cache before they are needed */
    SHARED_FROM = 4096, /* entries from which a second thread is worth its start */
};

#define CLOSING __attribute__((cleanup(fd_close)))

/* Text for an id, kept while neighbours have the same. */
struct owner_text {
    uint32_t id;
    char text[OWNER_TEXT]; /* "": nothing kept */
};

struct listing {
    struct call *call;
    const struct broker *b;
    enum file_list_format format;
    uint32_t flags, facts;
    const char *pattern, *prefix; /* never NULL */
    struct output out;
    struct ftp_listing_clock clock;
    struct owner_text owner, group;
    size_t shown;
};

static const char *owner_text(struct listing *l, struct owner_text *kept, bool group, uint32_t id)
{
    if (l->b->c->hide_ids)
        return "ftp";
    if (kept->text[0] == '\0' || kept->id != id) {
        const char *name = owners_find(l->b->owners, group, id);
        if (name)
            (void)snprintf(kept->text, sizeof(kept->text), "%s", name);
        else
            (void)snprintf(kept->text, sizeof(kept->text), "%u", id);
        kept->id = id;
    }
    return kept->text;
}

/* --- what a session may do with an entry (MLST's perm fact) ----------------------------------------- */

static bool in_group(const struct auth_grant *g, gid_t gid)
{
    for (size_t i = 0; i < g->group_count; i++) {
        if (g->groups[i] == gid)
            return true;
    }
    return g->gid == gid;
}

/* The rwx bits that count for us. */
static unsigned own_bits(const struct auth_grant *g, const struct stat *st)
{
    if (st->st_uid == g->uid)
        return st->st_mode >> 6 & 7;
    return in_group(g, st->st_gid) ? st->st_mode >> 3 & 7 : st->st_mode & 7;
}

/* In a sticky directory only the owner of the file or of the directory removes names. */
static bool may_unlink(const struct auth_grant *g, const struct stat *dir, const struct stat *st)
{
    return (own_bits(g, dir) & 3) == 3 &&
           (!(dir->st_mode & S_ISVTX) || st->st_uid == g->uid || dir->st_uid == g->uid);
}

static uint32_t may(const struct listing *l, const struct stat *dir, const struct stat *st)
{
    const struct broker *b = l->b;
    const struct auth_grant *g = b->grant;
    unsigned bits = own_bits(g, st);
    bool is_dir = S_ISDIR(st->st_mode), changes = dir && may_unlink(g, dir, st);
    bool hidden = b->c->anon_world_readable_only && g->kind == LOGIN_ANONYMOUS && !(st->st_mode & S_IROTH);
    uint32_t m = 0;
    if (is_dir ? (bits & 1) : (bits & 4) && !hidden && broker_may(b, RIGHT_READ))
        m |= FTP_MAY_READ;
    if (!is_dir && (bits & 2) && broker_may(b, RIGHT_STORE | RIGHT_REPLACE))
        m |= FTP_MAY_APPEND;
    if (is_dir && (bits & 3) == 3 && broker_may(b, RIGHT_STORE))
        m |= FTP_MAY_CREATE;
    if (is_dir && (bits & 3) == 3 && broker_may(b, RIGHT_MKDIR))
        m |= FTP_MAY_MKDIR;
    if (changes && broker_may(b, RIGHT_RENAME))
        m |= FTP_MAY_RENAME;
    if (changes && broker_may(b, RIGHT_DELETE))
        m |= FTP_MAY_DELETE;
    return m;
}

/* --- lines ------------------------------------------------------------------------------------------ */

static int write_text(struct listing *l, const char *before, const char *name, const char *end)
{
    int r = 0;
    char *at = output_room(&l->out, &r);
    if (!at)
        return r;
    char *from = at;
    for (at = stpcpy(at, before); *name; name++)
        *at++ = *name == '\n' ? '\0' : *name; /* as in replies and commands (ftp/line.h) */
    at = stpcpy(at, end);
    output_commit(&l->out, (size_t)(at - from));
    return 0;
}

/* The line of name in the directory; dir is what fstat says of that (for MLSD), or NULL. */
static int write_entry(struct listing *l, int dir_fd, const char *name, const struct stat *dir,
                       const struct stat *st)
{
    char target[PATH_MAX];
    int r = 0;
    struct ftp_entry e = {
        .name = name,
        .mode = st->st_mode,
        .nlink = (uint32_t)st->st_nlink,
        .size = (uint64_t)st->st_size,
        .mtime = st->st_mtime,
        .dev = st->st_dev,
        .ino = st->st_ino,
        .uid = st->st_uid,
        .gid = st->st_gid,
    };
    char *at = output_room(&l->out, &r);
    if (!at)
        return r;
    int len;
    if (l->format == LIST_LONG) {
        ssize_t n = S_ISLNK(st->st_mode) ? readlinkat(dir_fd, name, target, sizeof(target) - 1) : -1;
        if (n >= 0) {
            target[n] = '\0';
            e.link_target = target;
        }
        e.owner = owner_text(l, &l->owner, false, e.uid);
        e.group = owner_text(l, &l->group, true, e.gid);
        len = ftp_list_line(&e, &l->clock, at, OUTPUT_LINE_MAX);
    } else {
        len = ftp_fact_line(&e, l->facts, may(l, dir, st), at, OUTPUT_LINE_MAX);
    }
    if (len < 0)
        return len;
    output_commit(&l->out, (size_t)len);
    return 0;
}

/* "." or ".." of a directory; the root is its own parent, whatever there is above it. */
static int write_dot(struct listing *l, int fd, const struct stat *dir, const char *dot)
{
    struct stat st = *dir;
    bool is_root = dir->st_ino == l->b->root.st_ino && dir->st_dev == l->b->root.st_dev;
    if (l->format == LIST_NAMES)
        return write_text(l, l->prefix, dot, "\r\n");
    if (dot[1] == '.' && !is_root && fstatat(fd, "..", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return write_entry(l, fd, dot, NULL, &st);
}

/* --- one directory ---------------------------------------------------------------------------------- */

/* MLSD is for programs: they get names with a leading dot and do the hiding themselves. */
static bool shows(const struct listing *l, const char *name)
{
    bool dots = (l->flags & FILE_LIST_ALL) || l->b->c->force_dot_files || l->format == LIST_FACTS ||
                l->pattern[0] == '.';
    if (name[0] == '.' && !dots)
        return false;
    if (l->pattern[0] && !ftp_glob_match(l->pattern, name))
        return false;
    return !resolve_is_filtered(l->b->c->hide_file, name);
}

static int read_names(struct listing *l, int fd, struct names *names)
{
    struct entries each = {.fd = fd, .buffer = l->call->w->entries, .size = sizeof(l->call->w->entries)};
    const char *name = "";
    unsigned char type = DT_UNKNOWN;
    int r;
    while ((r = entries_next(&each, &name, &type)) > 0) {
        if (name[0] == '.' && resolve_is_upload(name)) {
            if (broker_may(l->b, RIGHT_STORE))
                upload_sweep(fd, name);
            continue;
        }
        if (!shows(l, name))
            continue;
        r = names_add(names, name, type);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : names_sort(names);
}

/* The lines of some of the names. */
static int write_range(struct listing *l, int fd, const struct stat *dir, struct names *names, size_t from,
                       size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (i + AHEAD < to)
            __builtin_prefetch(names_get(names, i + AHEAD));
        const char *name = names_get(names, i);
        unsigned char type = names_type(names, i);
        struct stat st;
        bool look = l->format != LIST_NAMES || (type == DT_UNKNOWN && (l->flags & FILE_LIST_RECURSIVE));
        if (look && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* gone since */
        if (look)
            names_set_type(names, i, (unsigned char)IFTODT(st.st_mode));
        int r = l->format == LIST_NAMES ? write_text(l, l->prefix, name, "\r\n")
                                        : write_entry(l, fd, name, dir, &st);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A share of a long listing, made by a thread of its own, into an output of its own. */
struct share {
    struct listing l;
    struct call call;
    pthread_t thread;
    bool started;
    int fd, error;
    const struct stat *dir;
    struct names *names;
    size_t from, to;
};

static void *write_share(void *arg)
{
    struct share *s = arg;
    s->error = write_range(&s->l, s->fd, s->dir, s->names, s->from, s->to);
    return NULL;
}

/* Starts a thread for the share; where that fails, the share is done here and now. */
static int share_start(struct share *s, const struct listing *l)
{
    struct workspace *w =
        mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (w == MAP_FAILED)
        return -ENOMEM;
    s->call = *l->call;
    s->call.w = w;
    s->l = *l;
    s->l.call = &s->call;
    s->l.out = (struct output){.call = &s->call, .memfd = -1};
    s->started = broker_thread_create(&s->thread, write_share, s) == 0;
    if (!s->started)
        (void)write_share(s);
    return 0;
}

static int share_finish(struct share *s, struct listing *l)
{
    if (s->started)
        (void)pthread_join(s->thread, NULL);
    int r = s->error == 0 && l ? output_append(&l->out, &s->l.out) : s->error;
    fd_close(&s->l.out.memfd);
    (void)munmap(s->call.w, sizeof(*s->call.w));
    return r;
}

/* Looking at files costs most of a long listing's time, and it is memory that it waits for: the second half
 * is made by a second thread meanwhile. */
static int write_names(struct listing *l, int fd, const struct stat *dir, struct names *names)
{
    size_t half = l->format == LIST_NAMES || names->count < SHARED_FROM ? names->count : names->count / 2;
    struct share second = {.fd = fd, .dir = dir, .names = names, .from = half, .to = names->count};
    int r = 0;
    if (half < names->count)
        r = share_start(&second, l);
    if (r < 0)
        return r;
    r = write_range(l, fd, dir, names, 0, half);
    if (half < names->count) {
        int r2 = share_finish(&second, r == 0 ? l : NULL);
        r = r < 0 ? r : r2;
    }
    l->shown += names->count;
    return r;
}

static int write_directory(struct listing *l, int fd, struct names *names)
{
    struct stat dir;
    if (fstat(fd, &dir) < 0)
        return -errno;
    bool dots = l->format == LIST_FACTS || (l->flags & FILE_LIST_ALL);
    int r = read_names(l, fd, names);
    if (r == 0 && dots && l->pattern[0] == '\0') {
        r = write_dot(l, fd, &dir, ".");
        if (r == 0)
            r = write_dot(l, fd, &dir, "..");
    }
    return r < 0 ? r : write_names(l, fd, &dir, names);
}

/* --- LIST -R ---------------------------------------------------------------------------------------- */

static unsigned depth_of(const char *path)
{
    unsigned depth = path[0] != '\0';
    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

/* Pushes the directories among names, the first last, so that it is the next one to be listed. */
static int push_directories(struct listing *l, struct path_stack *todo, const char *path,
                            const struct names *names)
{
    if (depth_of(path) >= DEPTH_MAX)
        return 0;
    for (size_t i = names->count; i > 0; i--) {
        const char *name = names_get(names, i - 1);
        if (names_type(names, i - 1) != DT_DIR || resolve_is_filtered(l->b->c->deny_file, name))
            continue;
        int r = path_stack_push(todo, path, name);
        if (r < 0 && r != -ENAMETOOLONG)
            return r;
    }
    return 0;
}

/* As `ls -lR`: a heading, the directory, an empty line, then each directory in it. */
static int list_recursive(struct listing *l, int base)
{
    char path[FILE_PATH_MAX];
    __attribute__((cleanup(path_stack_free))) struct path_stack todo = {0};
    __attribute__((cleanup(names_free))) struct names names = {0};
    int r = path_stack_push(&todo, "", "");
    while (r == 0 && path_stack_pop(&todo, path)) {
        r = write_text(l, path[0] ? "\r\n./" : ".", path, ":\r\n");
        CLOSING int fd = fd_open_in_root(base, path[0] ? path : "/", O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0,
                                         RESOLVE_NO_SYMLINKS);
        if (r < 0)
            break;
        if (fd < 0)
            continue; /* closed to us, or gone: the heading stays */
        names_clear(&names);
        r = write_directory(l, fd, &names);
        if (r == 0)
            r = push_directories(l, &todo, path, &names);
        if (r == 0 && l->shown > RECURSIVE_ENTRIES_MAX)
            r = -E2BIG;
    }
    return r;
}

/* --- entry points ----------------------------------------------------------------------------------- */

/* One line for the path itself: a file, LIST -d, MLST. */
static int list_self(struct listing *l)
{
    struct stat dir, st;
    const char *name, *path = l->call->in->path;
    bool follow = l->format == LIST_FACTS_ONE;
    CLOSING int parent = resolve_open_parent(l->b, path, &name);
    if (parent == -EBUSY) /* the root itself */
        return l->format == LIST_NAMES
                   ? write_text(l, l->prefix, ".", "\r\n")
                   : write_entry(l, l->b->root_fd, follow ? path : ".", NULL, &l->b->root);
    if (parent < 0)
        return parent;
    if (fstat(parent, &dir) < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (follow && S_ISLNK(st.st_mode)) {
        CLOSING int fd = resolve_open(l->b, path, O_PATH, 0);
        if (fd >= 0 && fstat(fd, &st) < 0)
            return -errno;
    }
    if (l->format == LIST_NAMES)
        return write_text(l, l->prefix, name, "\r\n");
    return write_entry(l, parent, follow ? path : name, &dir, &st);
}

static int list_path(struct listing *l)
{
    if (l->format == LIST_FACTS_ONE || (l->flags & FILE_LIST_SELF))
        return list_self(l);
    CLOSING int fd = resolve_open(l->b, l->call->in->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    bool is_other = fd == -ENOTDIR || fd == -ENOENT || fd == -ELOOP;
    if (is_other && l->format != LIST_FACTS && l->pattern[0] == '\0')
        return list_self(l);
    if (fd < 0)
        return fd;
    bool recursive = (l->flags & FILE_LIST_RECURSIVE) && l->b->c->ls_recurse_enable &&
                     l->format != LIST_FACTS && l->pattern[0] == '\0';
    if (recursive)
        return list_recursive(l, fd);
    __attribute__((cleanup(names_free))) struct names names = {0};
    return write_directory(l, fd, &names);
}

int file_list(struct call *call)
{
    const struct file_request *in = call->in;
    struct listing l = {
        .call = call,
        .b = call->b,
        .format = in->mode,
        .flags = in->flags,
        .facts = (uint32_t)in->offset,
        .pattern = in->path2,
        .prefix = in->prefix,
        .out = {.call = call, .memfd = -1},
        .clock = {.now = time(NULL), .use_localtime = call->b->c->use_localtime},
    };
    if (in->mode > LIST_FACTS_ONE || strlen(in->prefix) >= FILE_PATH_MAX)
        return -EINVAL;
    if (call->b->c->hide_ids)
        l.facts &= ~(uint32_t)(FTP_FACT_UNIX_OWNER | FTP_FACT_UNIX_GROUP);
    int r = list_path(&l);
    if (r == 0)
        r = output_finish(&l.out);
    if (l.out.flushed > 0) /* give the pages back */
        (void)madvise(call->w->out, sizeof(call->w->out), MADV_DONTNEED);
    fd_close(&l.out.memfd);
    return r;
}
