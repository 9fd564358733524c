/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/listing.h"
#include "ftp/path.h"
#include "server/broker/entries.h"
#include "server/broker/may.h"
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
 * Listings. LIST and NLST are in order: a directory is read, filtered, looked at and sorted first, and held
 * in less room than its lines take; then the lines are written. MLSD needs no order (RFC 3659 section 7):
 * lines are written as entries are read. Looking at files costs most of a long listing's time, and it is
 * memory that it waits for, so that a second thread helps from some entries on. What is written may be on its
 * way to the client already (doc/decisions/0018-streamed-listings.md). LIST -R walks with a stack of paths,
 * not by recursion.
 */
enum {
    DEPTH_MAX = 64,                      /* levels that LIST -R goes down (CVE-2019-20176) */
    RECURSIVE_ENTRIES_MAX = 1000 * 1000, /* entries that one LIST -R shows; more is an error */
    OWNER_TEXT = 32,
    AHEAD = 8,          /* names fetched into the cache before they are needed */
    SHARED_FROM = 1024, /* entries from which a second thread is worth its start */
    BATCH = 128,        /* entries that are kept at once */
};

#define CLOSING __attribute__((cleanup(fd_close)))

/* Text for an id, kept while neighbours have the same. */
struct owner_text {
    uint32_t id;
    char text[OWNER_TEXT]; /* "": nothing kept */
};

/* What is asked for: the same for all threads. */
struct listing {
    struct call *call;
    const struct broker *b;
    enum file_list_format format;
    uint32_t flags, facts;
    const char *pattern, *prefix; /* never NULL */
    struct output out;
};

/* A thread that writes lines. */
struct scribe {
    struct listing *l;
    struct workspace *w;
    struct lines lines;
    struct ftp_listing_clock clock;
    struct owner_text owner, group;
};

static void scribe_init(struct scribe *s, struct listing *l, struct workspace *w)
{
    *s = (struct scribe){
        .l = l,
        .w = w,
        .lines = {.to = &l->out, .bytes = w->out},
        .clock = {.now = time(NULL), .use_localtime = l->b->c->use_localtime},
    };
}

static const char *owner_text(const struct broker *b, struct owner_text *kept, bool group, uint32_t id)
{
    if (b->c->hide_ids)
        return "ftp";
    if (kept->text[0] == '\0' || kept->id != id) {
        const char *name = owners_find(b->owners, group, id);
        if (name)
            (void)snprintf(kept->text, sizeof(kept->text), "%s", name);
        else
            (void)snprintf(kept->text, sizeof(kept->text), "%u", id);
        kept->id = id;
    }
    return kept->text;
}

/* --- lines ------------------------------------------------------------------------------------------ */

static int write_text(struct scribe *s, const char *before, const char *name, const char *end)
{
    int r = 0;
    char *at = lines_room(&s->lines, &r);
    if (!at)
        return r;
    char *from = at;
    for (at = stpcpy(at, before); *name; name++)
        *at++ = *name == '\n' ? '\0' : *name; /* as in replies and commands (ftp/line.h) */
    at = stpcpy(at, end);
    lines_commit(&s->lines, (size_t)(at - from));
    return 0;
}

/* The line of name in the directory; dir is what fstat says of that (for MLSD), or NULL. */
static int write_entry(struct scribe *s, int dir_fd, const char *name, const struct stat *dir,
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
    char *at = lines_room(&s->lines, &r);
    if (!at)
        return r;
    int len;
    if (s->l->format == LIST_LONG) {
        ssize_t n = S_ISLNK(st->st_mode) ? readlinkat(dir_fd, name, target, sizeof(target) - 1) : -1;
        if (n >= 0) {
            target[n] = '\0';
            e.link_target = target;
        }
        e.owner = owner_text(s->l->b, &s->owner, false, e.uid);
        e.group = owner_text(s->l->b, &s->group, true, e.gid);
        len = ftp_list_line(&e, &s->clock, at, OUTPUT_LINE_MAX);
    } else {
        len = ftp_fact_line(&e, s->l->facts, may_do(s->l->b, dir, st), at, OUTPUT_LINE_MAX);
    }
    if (len < 0)
        return len;
    lines_commit(&s->lines, (size_t)len);
    return 0;
}

/* "." or ".." of a directory; the root is its own parent, whatever there is above it. */
static int write_dot(struct scribe *s, int fd, const struct stat *dir, const char *dot)
{
    struct stat st = *dir;
    bool is_root = dir->st_ino == s->l->b->root.st_ino && dir->st_dev == s->l->b->root.st_dev;
    if (s->l->format == LIST_NAMES)
        return write_text(s, s->l->prefix, dot, "\r\n");
    if (dot[1] == '.' && !is_root && fstatat(fd, "..", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return write_entry(s, fd, dot, NULL, &st);
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

/* Is the name for the client? Uploads that nobody will finish are removed on the way. */
static bool passes(const struct listing *l, int fd, const char *name)
{
    if (name[0] == '.' && resolve_is_upload(name)) {
        if (broker_may(l->b, RIGHT_STORE))
            upload_sweep(fd, name);
        return false;
    }
    return shows(l, name);
}

static struct entries entries_of(int fd, struct workspace *w)
{
    return (struct entries){.fd = fd, .buffer = w->entries, .size = sizeof(w->entries)};
}

/* --- two threads on one directory ------------------------------------------------------------------- */

/*
 * Both read from one descriptor, each into a buffer of its own (the kernel gives every entry to one of them),
 * and look at what they read while it is still in the processor's cache.
 */
struct job {
    int (*run)(struct scribe *s, struct job *j);
    int fd;
    const struct stat *dir;
    pthread_mutex_t lock; /* of names */
    struct names *names;
    struct scribe scribe; /* the second thread's */
    int own_fd; /* and its own way to the directory, as threads that use one descriptor both write to its
                   count */
    pthread_t thread;
    int error;
};

static int job_dir(const struct job *j, const struct scribe *s)
{
    return s == &j->scribe ? j->own_fd : j->fd;
}

static void *job_help(void *arg)
{
    struct job *j = arg;
    j->error = j->run(&j->scribe, j);
    if (j->error == 0 && j->scribe.lines.used > 0)
        j->error = lines_flush(&j->scribe.lines);
    return NULL;
}

/* A second thread joins in. Where none can be had the first does it alone. */
static void job_share(struct job *j, struct listing *l)
{
    struct workspace *w =
        mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (w == MAP_FAILED)
        return;
    scribe_init(&j->scribe, l, w);
    j->own_fd = fd_open_in_root(j->fd, "/", O_PATH | O_DIRECTORY, 0, 0);
    if (j->own_fd < 0 || broker_thread_create(&j->thread, job_help, j) < 0) {
        fd_close(&j->own_fd);
        (void)munmap(w, sizeof(*w));
        j->scribe.w = NULL;
    }
}

static int job_run(struct job *j, struct scribe *first)
{
    (void)pthread_mutex_init(&j->lock, NULL);
    int r = j->run(first, j);
    if (j->scribe.w) {
        (void)pthread_join(j->thread, NULL);
        (void)munmap(j->scribe.w, sizeof(*j->scribe.w));
        fd_close(&j->own_fd);
        r = r < 0 ? r : j->error;
    }
    (void)pthread_mutex_destroy(&j->lock);
    return r;
}

/* --- one directory ---------------------------------------------------------------------------------- */

struct seen {
    const char *name; /* in the buffer that entries are read into */
    unsigned char type;
    struct stat st;
};

/* The names of a batch, at once. */
static int keep(struct job *j, const struct seen *seen, size_t count)
{
    int r = 0;
    (void)pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < count && r == 0; i++)
        r = names_add(j->names, seen[i].name, seen[i].type, &seen[i].st);
    (void)pthread_mutex_unlock(&j->lock);
    return r;
}

/* The entry, looked at where its type or its facts are wanted. False: not to be shown, or gone since. */
static bool see(const struct listing *l, int fd, struct seen *seen)
{
    bool looks = l->format != LIST_NAMES || (seen->type == DT_UNKNOWN && (l->flags & FILE_LIST_RECURSIVE));
    if (!passes(l, fd, seen->name))
        return false;
    if (looks && fstatat(fd, seen->name, &seen->st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (looks)
        seen->type = (unsigned char)IFTODT(seen->st.st_mode);
    return true;
}

/* LIST, NLST: collects names. */
static int read_names(struct scribe *s, struct job *j)
{
    struct entries each = entries_of(j->fd, s->w);
    struct seen seen[BATCH];
    size_t count = 0, read = 0;
    int r, dir_fd = job_dir(j, s);
    while ((r = entries_next(&each, &seen[count].name, &seen[count].type)) > 0) {
        count += see(s->l, dir_fd, &seen[count]);
        if (count == BATCH || !entries_buffered(&each)) {
            r = keep(j, seen, count);
            count = 0;
        }
        if (r < 0)
            break;
        if (++read == SHARED_FROM && s != &j->scribe && j->names->keeps_facts)
            job_share(j, s->l);
    }
    return r;
}

/* MLSD: writes lines. */
static int write_unsorted(struct scribe *s, struct job *j)
{
    struct entries each = entries_of(j->fd, s->w);
    struct seen e;
    size_t read = 0;
    int r, dir_fd = job_dir(j, s);
    while ((r = entries_next(&each, &e.name, &e.type)) > 0) {
        if (see(s->l, dir_fd, &e))
            r = write_entry(s, dir_fd, e.name, j->dir, &e.st);
        if (++read == SHARED_FROM && s != &j->scribe && r >= 0) {
            r = lines_flush(&s->lines); /* "." and ".." come first */
            if (r == 0)
                job_share(j, s->l);
        }
        if (r < 0)
            break;
    }
    return r;
}

static int write_sorted(struct scribe *s, int fd, const struct names *names)
{
    int r = 0;
    for (size_t i = 0; i < names->count && r == 0; i++) {
        struct stat st;
        if (i + AHEAD < names->count)
            __builtin_prefetch(names_get(names, i + AHEAD));
        const char *name = names_get(names, i);
        if (names->keeps_facts) {
            names_facts(names, i, &st);
            r = write_entry(s, fd, name, NULL, &st);
        } else
            r = write_text(s, s->l->prefix, name, "\r\n");
    }
    return r;
}

static int write_dots(struct scribe *s, int fd, const struct stat *dir)
{
    bool dots = s->l->format == LIST_FACTS || (s->l->flags & FILE_LIST_ALL);
    if (!dots || s->l->pattern[0] != '\0')
        return 0;
    int r = write_dot(s, fd, dir, ".");
    return r < 0 ? r : write_dot(s, fd, dir, "..");
}

/* In order; names are for the caller to look at afterwards. */
static int write_directory(struct scribe *s, int fd, struct names *names)
{
    struct stat dir;
    if (fstat(fd, &dir) < 0)
        return -errno;
    struct job j = {.run = read_names, .fd = fd, .names = names};
    names->keeps_facts = s->l->format == LIST_LONG;
    int r = job_run(&j, s);
    if (r == 0)
        r = names_sort(names);
    if (r == 0)
        r = write_dots(s, fd, &dir);
    return r < 0 ? r : write_sorted(s, fd, names);
}

/* MLSD. */
static int write_facts(struct scribe *s, int fd)
{
    struct stat dir;
    if (fstat(fd, &dir) < 0)
        return -errno;
    struct job j = {.run = write_unsorted, .fd = fd, .dir = &dir};
    int r = write_dots(s, fd, &dir);
    return r < 0 ? r : job_run(&j, s);
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
static int list_recursive(struct scribe *s, int base)
{
    size_t shown = 0;
    char path[FILE_PATH_MAX];
    __attribute__((cleanup(path_stack_free))) struct path_stack todo = {0};
    __attribute__((cleanup(names_free))) struct names names = {0};
    int r = path_stack_push(&todo, "", "");
    while (r == 0 && path_stack_pop(&todo, path)) {
        r = write_text(s, path[0] ? "\r\n./" : ".", path, ":\r\n");
        CLOSING int fd = fd_open_in_root(base, path[0] ? path : "/", O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0,
                                         RESOLVE_NO_SYMLINKS);
        if (r < 0)
            break;
        if (fd < 0)
            continue; /* closed to us, or gone: the heading stays */
        names_clear(&names);
        r = write_directory(s, fd, &names);
        if (r == 0)
            r = push_directories(s->l, &todo, path, &names);
        shown += names.count;
        if (r == 0 && shown > RECURSIVE_ENTRIES_MAX)
            r = -E2BIG;
    }
    return r;
}

/* --- entry points ----------------------------------------------------------------------------------- */

/* One line for the path itself: a file, LIST -d, MLST. */
static int list_self(struct scribe *s)
{
    const struct listing *l = s->l;
    struct stat dir, st;
    const char *name, *path = l->call->in->path;
    bool follow = l->format == LIST_FACTS_ONE;
    CLOSING int parent = resolve_open_parent(l->b, path, &name);
    if (parent == -EBUSY) /* the root itself */
        return l->format == LIST_NAMES
                   ? write_text(s, l->prefix, ".", "\r\n")
                   : write_entry(s, l->b->root_fd, follow ? path : ".", NULL, &l->b->root);
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
        return write_text(s, l->prefix, name, "\r\n");
    return write_entry(s, parent, follow ? path : name, &dir, &st);
}

static int list_path(struct scribe *s)
{
    const struct listing *l = s->l;
    if (l->format == LIST_FACTS_ONE || (l->flags & FILE_LIST_SELF))
        return list_self(s);
    CLOSING int fd = resolve_open(l->b, l->call->in->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    bool is_other = fd == -ENOTDIR || fd == -ENOENT || fd == -ELOOP;
    if (is_other && l->format != LIST_FACTS && l->pattern[0] == '\0')
        return list_self(s);
    if (fd < 0)
        return fd;
    if (l->format == LIST_FACTS)
        return write_facts(s, fd);
    bool recursive = (l->flags & FILE_LIST_RECURSIVE) && l->b->c->ls_recurse_enable && l->pattern[0] == '\0';
    if (recursive)
        return list_recursive(s, fd);
    __attribute__((cleanup(names_free))) struct names names = {0};
    return write_directory(s, fd, &names);
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
    };
    if (in->mode > LIST_FACTS_ONE || strlen(in->prefix) >= FILE_PATH_MAX)
        return -EINVAL;
    if (call->b->c->hide_ids)
        l.facts &= ~(uint32_t)(FTP_FACT_UNIX_OWNER | FTP_FACT_UNIX_GROUP);
    struct scribe s;
    output_init(&l.out, call);
    scribe_init(&s, &l, call->w);
    int r = list_path(&s);
    bool is_long = l.out.memfd >= 0;
    r = output_finish(&l.out, &s.lines, r);
    if (is_long) /* give the pages back */
        (void)madvise(call->w->out, sizeof(call->w->out), MADV_DONTNEED);
    return r;
}
