/* SPDX-License-Identifier: BSD-2-Clause */
/* From the server to here: a job for each folder, and one for each file that is missing or differs. */
#include "client/copy.h"
#include "client/mirror_private.h"
#include "client/say.h"
#include "sys/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEEPEST = 200 };

/* One folder, while it is compared. */
struct folder {
    struct client *c;
    const struct branch *at;
    struct mirror *m;
    int here; /* -1: it is only said that it would be made */
    const struct client_folder *there;
};

/* Is what lies here the file that the server has, or younger where that is enough? */
static bool is_same(const struct client_mirror_plan *plan, const struct client_entry *e,
                    const struct stat *st)
{
    int age = mirror_compare_time(e, st->st_mtime);

    if (!S_ISREG(st->st_mode))
        return false;
    if (e->facts.has_time && plan->only_newer)
        return age >= 0;
    return (!e->facts.has_size || e->facts.size == (uint64_t)st->st_size) && (!e->facts.has_time || age == 0);
}

/* ---- files ---- */

static enum client_result fetch(struct client *c, unsigned attempt, void *arg)
{
    struct branch *b = arg;
    char *remote = mirror_remote(b->m, b->path);
    struct client_copy copy = {.remote = remote,
                               .folder = b->m->plan->root,
                               .local = b->path,
                               .resumes = true,
                               .is_known = b->facts.has_size && b->facts.has_time,
                               .facts = b->facts,
                               .keeps_mode = b->has_mode,
                               .mode = b->mode};
    uint64_t bytes;
    enum client_result r;

    if (!remote)
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    if (attempt >
        0) /* it may have become another file meanwhile: what the server says now counts, if it says something */
        copy.is_known = false;
    r = client_fetch(c, &copy, &bytes);
    mirror_count_bytes(b->m, bytes);
    if (r && !client_is_passing(r))
        mirror_count_file(b->m, true);
    free(remote);
    return r;
}

static enum client_result compare_file(const struct folder *f, const struct client_entry *e, const char *path)
{
    struct branch file = {.m = f->m, .facts = e->facts, .mode = e->mode, .has_mode = e->has_mode};
    struct stat st;
    bool is_there = f->here >= 0 && fstatat(f->here, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0;

    file.facts.has_time &= e->precision == FTP_TO_SECOND; /* else MDTM is asked */
    if (is_there && is_same(f->m->plan, e, &st)) {
        mirror_count_same(f->m);
        return CLIENT_OK;
    }
    if (is_there && S_ISDIR(st.st_mode)) {
        SAY(f->c, CLIENT_ERROR, IN_THE_WAY, path);
        mirror_count_file(f->m, true);
        return CLIENT_LOCAL_FAILED;
    }
    mirror_tell(f->m, CLIENT_MIRROR_GET, path);
    return f->m->plan->is_dry ? CLIENT_OK : mirror_add(f->c, fetch, &file, strdup(path));
}

/* ---- links ---- */

/* Does it lead to something below the root, as its text says? That no other link is on the way is seen to when files are opened. */
static bool stays_inside(const char *path, const char *target)
{
    int depth = 0;

    if (*target == '/')
        return false;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        depth++;
    while (*target) {
        size_t len = strcspn(target, "/");
        if (len == 2 && memcmp(target, "..", 2) == 0)
            depth--;
        else if (len > 0 && !(len == 1 && *target == '.'))
            depth++;
        if (depth < 0)
            return false;
        target += len + (target[len] == '/');
    }
    return true;
}

static enum client_result make_link(const struct folder *f, const struct client_entry *e, const char *path)
{
    char now[4096];
    ssize_t n;

    if (!f->m->plan->keeps_links || !e->target || !stays_inside(path, e->target)) {
        SAY(f->c, CLIENT_STATUS, LINK_SKIPPED, path);
        mirror_count_file(f->m, false);
        return CLIENT_OK;
    }
    n = f->here < 0 ? -1 : readlinkat(f->here, e->name, now, sizeof(now) - 1);
    if (n >= 0 && (size_t)n == strlen(e->target) && memcmp(now, e->target, (size_t)n) == 0) {
        mirror_count_same(f->m);
        return CLIENT_OK;
    }
    mirror_tell(f->m, CLIENT_MIRROR_LINK, path);
    if (f->m->plan->is_dry)
        return CLIENT_OK;
    if (n >= 0 && unlinkat(f->here, e->name, 0) < 0)
        return client_local(f->c, path, errno);
    return symlinkat(e->target, f->here, e->name) < 0 ? client_local(f->c, path, errno) : CLIENT_OK;
}

/* ---- folders ---- */

static enum client_result go_into(const struct folder *f, const struct client_entry *e, const char *path)
{
    struct branch below = {.m = f->m, .is_new = true};
    struct stat st;

    if (mirror_is_too_deep(f->c, f->m, path))
        return CLIENT_LOCAL_FAILED;
    if (f->here >= 0 && fstatat(f->here, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISDIR(st.st_mode)) {
            SAY(f->c, CLIENT_ERROR, IN_THE_WAY, path);
            mirror_count_file(f->m, true);
            return CLIENT_LOCAL_FAILED;
        }
        below.is_new = false;
    }
    if (below.is_new) {
        mirror_tell(f->m, CLIENT_MIRROR_FOLDER, path);
        if (!f->m->plan->is_dry && mkdirat(f->here, e->name, 0777) < 0 && errno != EEXIST)
            return client_local(f->c, path, errno);
    }
    return mirror_add(f->c, mirror_down, &below, strdup(path));
}

/* Is it called as another file would be on its way? */
static bool is_part(const struct client_entry *e, const struct client_folder *there)
{
    char *whole = mirror_is_part(e->name, there) ? strndup(e->name, strlen(e->name) - strlen(".part")) : NULL;
    const struct client_entry *other = whole ? client_folder_find(there, whole) : NULL;
    bool is_it = other && (other->kind == FTP_LISTED_FILE || other->kind == FTP_LISTED_UNKNOWN);

    free(whole);
    return is_it;
}

static enum client_result compare(const struct folder *f, const struct client_entry *e)
{
    char *path;
    enum client_result r = CLIENT_OK;

    if (e->flaws || strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0) {
        SAY(f->c, CLIENT_ERROR, NAME_UNFIT, e->name);
        mirror_count_file(f->m, false);
        return CLIENT_REMOTE_REFUSED;
    }
    path = client_join(f->at->path, e->name);
    if (!path)
        return client_fail(f->c, CLIENT_FAILED, -ENOMEM, 0);
    if (mirror_is_excluded(f->m->plan, path, e->name))
        r = CLIENT_OK;
    else if (e->kind == FTP_LISTED_FOLDER)
        r = go_into(f, e, path);
    else if (!mirror_is_included(f->m->plan, path, e->name))
        r = CLIENT_OK;
    else if (e->kind == FTP_LISTED_LINK)
        r = make_link(f, e, path);
    else if (is_part(e, f->there))
        r = mirror_leave_part(f->c, f->m, path, CLIENT_REMOTE_REFUSED);
    else if (e->kind == FTP_LISTED_FILE || e->kind == FTP_LISTED_UNKNOWN)
        r = compare_file(f, e, path);
    else
        mirror_count_file(f->m, false);
    free(path);
    return r;
}

/* ---- what is not there any more ---- */

static enum client_result prune(const struct folder *f, int here, const char *path,
                                const struct client_folder *there, unsigned depth);

/* here's entry name, whose path from the root that is; a folder with all that is in it, but for what is excluded. */
static enum client_result delete_here(const struct folder *f, int here, const char *name, const char *path,
                                      unsigned depth)
{
    static const struct client_folder nothing = {.count = 0};
    struct stat st;
    enum client_result r = CLIENT_OK;

    if (fstatat(here, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? CLIENT_OK : client_local(f->c, path, errno);
    if (S_ISDIR(st.st_mode)) {
        int below = openat(here, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = below < 0 ? client_local(f->c, path, errno) : prune(f, below, path, &nothing, depth + 1);
    }
    if (r)
        return r;
    mirror_tell(f->m, CLIENT_MIRROR_DELETE, path);
    if (f->m->plan->is_dry || unlinkat(here, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0 ||
        errno == ENOTEMPTY) /* what is excluded is in it */
        return CLIENT_OK;
    return client_local(f->c, path, errno);
}

static enum client_result prune_entry(const struct folder *f, int here, const char *path, const char *name,
                                      const struct client_folder *there, unsigned depth)
{
    char *below;
    enum client_result r = CLIENT_OK;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || client_folder_find(there, name) ||
        mirror_is_part(name, there))
        return CLIENT_OK;
    below = client_join(path, name);
    if (!below)
        return client_fail(f->c, CLIENT_FAILED, -ENOMEM, 0);
    if (!mirror_is_excluded(f->m->plan, below, name))
        r = delete_here(f, here, name, below, depth);
    free(below);
    return r;
}

/* Takes here. */
static enum client_result prune(const struct folder *f, int here, const char *path,
                                const struct client_folder *there, unsigned depth)
{
    DIR *dir = depth > DEEPEST ? NULL : fdopendir(here);
    enum client_result first = CLIENT_OK;

    if (!dir) {
        int error = depth > DEEPEST ? ELOOP : errno;
        close(here);
        return client_local(f->c, path, error);
    }
    for (const struct dirent *d; (d = readdir(dir));) {
        enum client_result r = prune_entry(f, here, path, d->d_name, there, depth);
        first = first ? first : r;
    }
    closedir(dir);
    return first;
}

/* ---- the job ---- */

static enum client_result compare_all(struct client *c, const struct branch *b,
                                      const struct client_folder *there, bool is_whole)
{
    struct folder f = {.c = c, .at = b, .m = b->m, .there = there};
    bool is_only_said = b->is_new && b->m->plan->is_dry;
    enum client_result first = CLIENT_OK;

    f.here = is_only_said
                 ? -1
                 : client_open_local(b->m->plan->root, *b->path ? b->path : ".", O_RDONLY | O_DIRECTORY, 0);
    if (f.here < 0 && !is_only_said)
        return client_local(c, b->path, -f.here);
    for (size_t i = 0; i < there->count; i++) {
        enum client_result r = compare(&f, &there->entries[i]);
        first = first ? first : r;
    }
    if (b->m->plan->deletes && is_whole && f.here >= 0) {
        int again = openat(f.here, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        enum client_result r =
            again < 0 ? client_local(c, b->path, errno) : prune(&f, again, b->path, there, 0);
        first = first ? first : r;
    }
    fd_close(&f.here);
    return first;
}

enum client_result mirror_down(struct client *c, unsigned attempt, void *arg)
{
    struct branch *b = arg;
    char *remote = mirror_remote(b->m, b->path);
    struct client_folder there = {.count = 0};
    enum client_result r = remote ? CLIENT_OK : client_fail(c, CLIENT_FAILED, -ENOMEM, 0);

    (void)attempt; /* nothing was done before the listing was whole */
    if (!r && !*b->path && b->m->plan->deletes)
        r = client_folder_exists(c, remote);
    if (!r)
        r = client_folder_read(c, remote, &there);
    if (!r || r == CLIENT_FAILED) {
        enum client_result done = compare_all(c, b, &there, !r);
        r = r ? r : done;
    }
    client_folder_free(&there);
    free(remote);
    return r;
}
