/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/entries.h"
#include "server/broker/may.h"
#include "server/broker/names.h"
#include "server/broker/output.h"
#include "server/broker/owners.h"
#include "server/broker/resolve.h"
#include "server/broker/state.h"
#include "server/broker/upload.h"
#include "server/listing.h"
#include "server/path.h"
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
 * not by recursion (CVE-2019-20176): all of a tree is told, or the listing fails.
 */
enum {
    RECURSIVE_ENTRIES_MAX = 1000 * 1000, /* entries that one LIST -R shows; more is an error */
    OWNER_NUMBER = 12,
    AHEAD = 8,          /* names fetched into the cache before they are needed */
    SHARED_FROM = 1024, /* entries from which a second thread is worth its start */
    BATCH = 128,        /* entries that are kept at once */
};

#define CLOSING __attribute__((cleanup(fd_close)))

/* Text for an id, kept while neighbours have the same. */
struct owner_text {
    uint32_t id;
    const char *text; /* NULL: nothing kept */
    char number[OWNER_NUMBER];
};

/* What is asked for: the same for all threads. */
struct listing {
    struct call *call;
    const struct broker *b;
    enum file_list_format format;
    uint32_t flags, facts;
    const char *path;           /* what is listed */
    const char *pattern;        /* of the names in it that are; "": all */
    char base[FILE_PATH_MAX];   /* the directory as the client named it, "." for where it is */
    char prefix[FILE_PATH_MAX]; /* what makes a name in there one that the client can give to RETR */
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
    if (!kept->text || kept->id != id) {
        (void)snprintf(kept->number, sizeof(kept->number), "%u", id);
        kept->text = owners_find(b->owners, group, id);
        kept->text = kept->text ? kept->text : kept->number;
        kept->id = id;
    }
    return kept->text;
}

/* --- lines ------------------------------------------------------------------------------------------- */

static char *put_name(char *at, const char *name)
{
    for (; *name; name++)
        *at++ = *name == '\n' ? '\0' : *name; /* as in replies and commands (ftp/line.h) */
    return at;
}

/* Two names, each below FILE_PATH_MAX, and what ends their line. */
static int write_text(struct scribe *s, const char *before, const char *name, const char *end)
{
    int r = 0;
    char *at = lines_room(&s->lines, &r);
    if (!at)
        return r;
    char *from = at;
    at = stpcpy(put_name(put_name(at, before), name), end);
    lines_commit(&s->lines, (size_t)(at - from));
    return 0;
}

/* The line of a name in NLST. */
static int write_name(struct scribe *s, const char *name, unsigned char type)
{
    const char *end = "\r\n";
    if (s->l->flags & FILE_LIST_MARK)
        end = type == DT_DIR ? "/\r\n" : type == DT_LNK ? "@\r\n" : end;
    return write_text(s, s->l->prefix, name, end);
}

/* Does a path name something inside the session's root, or, a relative one, at least nothing above it? */
static bool stays_inside(const struct listing *l, const char *target)
{
    if (target[0] == '/') {
        CLOSING int fd = resolve_open(l->b, target, O_PATH, 0);
        return fd >= 0;
    }
    return ftp_path_is_below(ftp_path_depth(l->path) - (l->format == LIST_FACTS_ONE), target);
}

/* Reads a link's target into text (PATH_MAX bytes), if there is one that the format can say. */
static const char *read_target(const struct listing *l, int dir_fd, const char *name, char *text)
{
    ssize_t n = readlinkat(dir_fd, name, text, PATH_MAX - 1);
    if (n < 0)
        return NULL;
    text[n] = '\0';
    if (l->format != LIST_LONG && !(ftp_fact_can_say(text) && stays_inside(l, text)))
        return NULL;
    return text;
}

/* LIST -F: in a long line, which shows a link as one, directories alone are marked, as vsftpd does it. */
static int mark_directory(char *line, int len)
{
    memcpy(line + len - 2, "/\r\n", 3);
    return len + 1;
}

/* Was it made by see() for an entry that could not be looked at? */
static bool is_unseen(const struct stat *st)
{
    return st->st_dev == 0;
}

/* The line of name in the directory; dir is what fstat says of that (for MLSD), or NULL. */
static int write_entry(struct scribe *s, int dir_fd, const char *name, const struct stat *dir,
                       const struct stat *st)
{
    const struct listing *l = s->l;
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
    if (S_ISLNK(st->st_mode))
        e.link_target = read_target(l, dir_fd, name, target);
    int len;
    if (l->format == LIST_LONG) {
        e.owner = owner_text(l->b, &s->owner, false, e.uid);
        e.group = owner_text(l->b, &s->group, true, e.gid);
        len = ftp_list_line(&e, &s->clock, at, OUTPUT_LINE_MAX - 1);
        if (len > 0 && (l->flags & FILE_LIST_MARK) && S_ISDIR(st->st_mode))
            len = mark_directory(at, len);
    } else {
        uint32_t known = is_unseen(st) ? FTP_FACT_TYPE : FTP_FACTS_ALL;
        len = ftp_fact_line(&e, l->facts & known, may_do(l->b, dir, st), at, OUTPUT_LINE_MAX);
    }
    if (len < 0)
        return len;
    lines_commit(&s->lines, (size_t)len);
    return 0;
}

/* What ".." of a directory is; the root is its own parent, whatever there is above it. */
static int stat_parent(const struct listing *l, int fd, const struct stat *dir, struct stat *ret)
{
    bool is_root = dir->st_ino == l->b->root.st_ino && dir->st_dev == l->b->root.st_dev;
    if (is_root)
        *ret = *dir;
    return is_root || fstatat(fd, "..", ret, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

/* --- one directory ----------------------------------------------------------------------------------- */

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

/* --- two threads on one directory -------------------------------------------------------------------- */

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

/* --- one directory ----------------------------------------------------------------------------------- */

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

/* Must each entry be looked at, or is what the directory says of it enough? */
static bool wants_facts(const struct listing *l)
{
    return l->format != LIST_NAMES || (l->flags & FILE_LIST_BY_TIME);
}

/* The entry, looked at where its type or its facts are wanted. False: not to be shown, or gone since. One
 * that can't be looked at (a mount whose server died, EIO) is shown all the same, as what its directory says
 * it is: left out, it would be deleted by whoever mirrors. */
static bool see(const struct listing *l, int fd, struct seen *seen)
{
    bool wants_type = l->flags & (FILE_LIST_RECURSIVE | FILE_LIST_MARK);
    if (!passes(l, fd, seen->name))
        return false;
    if (!wants_facts(l) && !(wants_type && seen->type == DT_UNKNOWN))
        return true;
    if (fstatat(fd, seen->name, &seen->st, AT_SYMLINK_NOFOLLOW) < 0) {
        seen->st = (struct stat){.st_mode = (mode_t)DTTOIF(seen->type)};
        return errno != ENOENT;
    }
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
        if (s->l->format == LIST_LONG) {
            names_facts(names, i, &st);
            r = write_entry(s, fd, name, NULL, &st);
        } else
            r = write_name(s, name, names_type(names, i));
    }
    return r;
}

/* What fstat says of a directory whose entries are to be looked at. That takes the right to search it: with
 * the right to read it alone, an empty listing would be all that could be made. */
static int stat_directory(const struct listing *l, int fd, struct stat *ret)
{
    int r = wants_facts(l) ? fstatat(fd, ".", ret, 0) : fstat(fd, ret);
    return r < 0 ? -errno : 0;
}

/* "." and ".." of LIST -a, among the others; never for ".*", as vsftpd. */
static int add_dots(const struct listing *l, int fd, const struct stat *dir, struct names *names)
{
    struct stat parent;
    int r = 0;
    if (!(l->flags & FILE_LIST_ALL) || l->pattern[0] == '.')
        return 0;
    if (shows(l, "."))
        r = names_add(names, ".", DT_DIR, dir);
    if (r == 0 && shows(l, "..") && stat_parent(l, fd, dir, &parent) == 0)
        r = names_add(names, "..", DT_DIR, &parent);
    return r;
}

/* In order; names are for the caller to look at afterwards. */
static int write_directory(struct scribe *s, int fd, const struct stat *dir, struct names *names)
{
    struct job j = {.run = read_names, .fd = fd, .names = names};
    names->keeps_facts = wants_facts(s->l);
    int r = add_dots(s->l, fd, dir, names);
    if (r == 0)
        r = job_run(&j, s);
    if (r == 0)
        r = names_sort(names, s->l->flags & FILE_LIST_BY_TIME, s->l->flags & FILE_LIST_REVERSED);
    return r < 0 ? r : write_sorted(s, fd, names);
}

/* MLSD. */
static int write_facts(struct scribe *s, int fd)
{
    struct stat dir, parent;
    int r = stat_directory(s->l, fd, &dir);
    struct job j = {.run = write_unsorted, .fd = fd, .dir = &dir};
    if (r == 0)
        r = write_entry(s, fd, ".", NULL, &dir);
    if (r == 0 && stat_parent(s->l, fd, &dir, &parent) == 0)
        r = write_entry(s, fd, "..", NULL, &parent);
    return r < 0 ? r : job_run(&j, s);
}

/* --- LIST -R ----------------------------------------------------------------------------------------- */

/* Pushes the directories among names, the first last, so that it is the next one to be listed. -E2BIG: there is
 * more than can be told. */
static int push_directories(const struct listing *l, struct path_stack *todo, const char *path,
                            const struct names *names)
{
    int r = 0;
    for (size_t i = names->count; i > 0 && r == 0; i--) {
        const char *name = names_get(names, i - 1);
        bool is_dot = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (names_type(names, i - 1) == DT_DIR && !is_dot && !resolve_is_filtered(l->b->c->deny_file, name))
            r = path_stack_push(todo, path, name);
    }
    return r == -ENAMETOOLONG ? -E2BIG : r;
}

/* Names are in a directory that the client calls dir. 0 or -E2BIG: that is no path any more. */
static int set_prefix(struct listing *l, const char *dir)
{
    const char *slash = dir[strlen(dir) - 1] == '/' ? "" : "/";
    int len = snprintf(l->prefix, sizeof(l->prefix), "%s%s", dir, slash);
    if (strcmp(dir, ".") == 0)
        l->prefix[0] = '\0';
    return len >= (int)sizeof(l->prefix) ? -E2BIG : 0;
}

/* The heading of a directory at path below the one that was asked for: "dir:", "dir/sub:". */
static int write_heading(struct scribe *s, const char *path)
{
    struct listing *l = s->l;
    char heading[2 * FILE_PATH_MAX];
    (void)snprintf(heading, sizeof(heading), "%s%s%s", l->base, path[0] ? "/" : "", path);
    int r = set_prefix(l, heading);
    if (r == 0 && path[0])
        r = write_text(s, "", "", "\r\n");
    return r < 0 ? r : write_text(s, "", heading, ":\r\n");
}

/* Closed to us, or gone since its name was read: such a directory is left out with its heading, which would
 * say that it is empty. */
static bool is_out_of_reach(int error)
{
    return error == -EACCES || error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

/* One directory, at path below base. */
static int list_level(struct scribe *s, int base, const char *path, struct path_stack *todo,
                      struct names *names)
{
    struct stat dir;
    CLOSING int fd = fd_open_in_root(base, path[0] ? path : "/", O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0,
                                     RESOLVE_NO_SYMLINKS);
    int r = fd < 0 ? fd : stat_directory(s->l, fd, &dir);
    if (r < 0)
        return path[0] && is_out_of_reach(r) ? 0 : r;
    r = write_heading(s, path);
    if (r == 0)
        r = write_directory(s, fd, &dir, names);
    return r < 0 ? r : push_directories(s->l, todo, path, names);
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
        names_clear(&names);
        r = list_level(s, base, path, &todo, &names);
        shown += names.count;
        if (r == 0 && shown > RECURSIVE_ENTRIES_MAX)
            r = -E2BIG;
    }
    return r;
}

/* --- entry points ------------------------------------------------------------------------------------ */

/* Where the names of a listing are, as the client typed it: all of that, or what precedes its last slash. */
static int set_base(struct listing *l, bool is_all)
{
    const char *typed = l->call->in->prefix, *slash = strrchr(typed, '/');
    size_t before = slash == typed ? 1 : (size_t)(slash - typed);
    size_t len = is_all ? strlen(typed) : slash ? before : 0;
    (void)snprintf(l->base, sizeof(l->base), "%.*s", (int)(len > 0 ? len : 1), len > 0 ? typed : ".");
    return set_prefix(l, l->base);
}

/* One line for the path itself: a file, LIST -d, MLST. MLST tells what the path leads to, as SIZE and MDTM
 * do, and of a link that leads nowhere that it is one. */
static int list_self(struct scribe *s)
{
    struct listing *l = s->l;
    struct stat dir, st;
    const char *name, *typed = l->call->in->prefix;
    CLOSING int parent = resolve_open_parent(l->b, l->path, &name);
    bool is_root = parent == -EBUSY;
    if (parent < 0 && !is_root)
        return parent;
    if (is_root)
        dir = st = l->b->root;
    else if (fstat(parent, &dir) < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (l->format == LIST_NAMES) {
        int r = set_base(l, false);
        const char *slash = strrchr(typed, '/'), *last = slash ? slash + 1 : typed;
        return r < 0 ? r : write_name(s, *typed ? last : ".", (unsigned char)IFTODT(st.st_mode));
    }
    if (is_root)
        return write_entry(s, l->b->root_fd, l->format == LIST_LONG ? "." : "/", NULL, &st);
    if (l->format == LIST_FACTS_ONE && S_ISLNK(st.st_mode)) {
        CLOSING int fd = resolve_open(l->b, l->path, O_PATH, 0);
        if (fd >= 0 && fstat(fd, &st) < 0)
            return -errno;
    }
    return write_entry(s, parent, name, &dir, &st);
}

static int list_directory(struct scribe *s, int fd)
{
    struct listing *l = s->l;
    struct stat dir;
    if (l->format == LIST_FACTS)
        return write_facts(s, fd);
    int r = set_base(l, l->pattern[0] == '\0');
    if (r == 0 && (l->flags & FILE_LIST_RECURSIVE))
        return list_recursive(s, fd);
    if (r == 0)
        r = stat_directory(l, fd, &dir);
    __attribute__((cleanup(names_free))) struct names names = {0};
    return r < 0 ? r : write_directory(s, fd, &dir, &names);
}

static int list_path(struct scribe *s)
{
    const struct listing *l = s->l;
    const char *typed = l->call->in->prefix;
    bool is_pattern = l->pattern[0] != '\0';
    if (l->format == LIST_FACTS_ONE || ((l->flags & FILE_LIST_SELF) && !is_pattern))
        return list_self(s);
    CLOSING int fd = resolve_open(l->b, l->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    bool is_other = fd == -ENOTDIR || fd == -ENOENT || fd == -ELOOP;
    bool must_be_directory = l->format == LIST_FACTS || (*typed && typed[strlen(typed) - 1] == '/');
    if (is_other && !is_pattern && !must_be_directory)
        return list_self(s);
    return fd < 0 ? fd : list_directory(s, fd);
}

/* A name that exists is that name, whatever characters are in it; only others are patterns. path
 * (FILE_PATH_MAX bytes) takes it. */
static bool is_literal(const struct broker *b, const struct file_request *in, char *path)
{
    const char *slash = in->path[1] ? "/" : "";
    int len = snprintf(path, FILE_PATH_MAX, "%s%s%s", in->path, slash, in->path2);
    if (len >= FILE_PATH_MAX || resolve_check(b, path) < 0)
        return false;
    CLOSING int fd = resolve_open(b, path, O_PATH | O_NOFOLLOW, 0);
    return fd >= 0;
}

int file_list(struct call *call)
{
    const struct file_request *in = call->in;
    char literal[FILE_PATH_MAX];
    struct listing l = {
        .call = call,
        .b = call->b,
        .format = in->mode,
        .flags = in->flags,
        .facts = (uint32_t)in->offset,
        .path = in->path,
        .pattern = in->path2,
    };
    if (in->mode > LIST_FACTS_ONE || strlen(in->prefix) >= FILE_PATH_MAX || strlen(in->path2) > FTP_GLOB_MAX)
        return -EINVAL;
    if (in->path2[0] && is_literal(call->b, in, literal)) {
        l.path = literal;
        l.pattern = "";
    }
    if (call->b->c->hide_ids)
        l.facts &= ~(uint32_t)(FTP_FACT_UNIX_OWNER | FTP_FACT_UNIX_GROUP);
    if (!call->b->c->ls_recurse_enable)
        l.flags &= ~(uint32_t)FILE_LIST_RECURSIVE;
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
