/* SPDX-License-Identifier: BSD-2-Clause */
/* From here to the server: a job for each folder, and one for each file that is missing or differs. */
#include "client/copy.h"
#include "client/mirror_private.h"
#include "client/say.h"
#include "sys/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
    struct client *c;
    const struct branch *at;
    struct mirror *m;
    int here;
    const struct client_folder *there;
};

/* ---- files ---- */

static enum client_result store(struct client *c, unsigned attempt, void *arg)
{
    struct branch *b = arg;
    char *remote = mirror_remote(b->m, b->path);
    struct client_copy copy = {
        .remote = remote, .folder = b->m->plan->root, .local = b->path, .resumes = b->has_begun};
    uint64_t bytes;
    enum client_result r;

    if (!remote)
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    (void)attempt; /* what lies there may be another's, unless we have begun it */
    r = client_store(c, &copy, &bytes);
    b->has_begun |= bytes > 0;
    mirror_count_bytes(b->m, bytes);
    if (r && !client_is_passing(r))
        mirror_count_file(b->m, true);
    free(remote);
    return r;
}

/* Where the server takes a file's time (MFMT) the times are equal; elsewhere its copy is younger. */
static bool is_same(const struct folder *f, const struct client_entry *e, const struct stat *st)
{
    int age = mirror_compare_time(e, st->st_mtime);

    if (e->facts.has_time && f->m->plan->only_newer)
        return age <= 0;
    if (!e->facts.has_size || e->facts.size != (uint64_t)st->st_size)
        return false;
    return !e->facts.has_time || (client_offers(f->c, "MFMT") ? age == 0 : age <= 0);
}

static enum client_result compare_file(const struct folder *f, const struct client_entry *e,
                                       const struct stat *st, const char *path)
{
    struct branch file = {.m = f->m};

    if (e && e->kind == FTP_LISTED_FOLDER) {
        SAY(f->c, CLIENT_ERROR, IN_THE_WAY, path);
        mirror_count_file(f->m, true);
        return CLIENT_REMOTE_REFUSED;
    }
    if (e && e->kind == FTP_LISTED_FILE && is_same(f, e, st)) {
        mirror_count_same(f->m);
        return CLIENT_OK;
    }
    mirror_tell(f->m, CLIENT_MIRROR_PUT, path);
    return f->m->plan->is_dry ? CLIENT_OK : mirror_add(f->c, store, &file, strdup(path));
}

/* ---- folders ---- */

static enum client_result make_there(const struct folder *f, const char *path)
{
    char *remote = mirror_remote(f->m, path);
    enum client_result r =
        remote ? client_do(f->c, "MKD", remote) : client_fail(f->c, CLIENT_FAILED, -ENOMEM, 0);

    free(remote);
    return r;
}

static enum client_result go_into(const struct folder *f, const struct client_entry *e, const char *path)
{
    struct branch below = {.m = f->m, .is_new = !e};

    if (mirror_is_too_deep(f->c, f->m, path))
        return CLIENT_LOCAL_FAILED;
    if (e && e->kind != FTP_LISTED_FOLDER) {
        SAY(f->c, CLIENT_ERROR, IN_THE_WAY, path);
        mirror_count_file(f->m, true);
        return CLIENT_REMOTE_REFUSED;
    }
    if (!e) {
        enum client_result r;
        mirror_tell(f->m, CLIENT_MIRROR_FOLDER, path);
        r = f->m->plan->is_dry ? CLIENT_OK : make_there(f, path);
        if (r)
            return r;
    }
    return mirror_add(f->c, mirror_up, &below, strdup(path));
}

/* Is it called as another file would be on its way? */
static bool is_part_here(int here, const char *name)
{
    size_t len = strlen(name), end = strlen(".part");
    char whole[NAME_MAX + 1];
    struct stat st;

    if (len <= end || len > NAME_MAX || strcmp(name + len - end, ".part") != 0)
        return false;
    memcpy(whole, name, len - end);
    whole[len - end] = '\0';
    return fstatat(here, whole, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static enum client_result compare(const struct folder *f, const char *name)
{
    const struct client_entry *e = client_folder_find(f->there, name);
    char *path = client_join(f->at->path, name);
    enum client_result r = CLIENT_OK;
    struct stat st;

    if (!path)
        return client_fail(f->c, CLIENT_FAILED, -ENOMEM, 0);
    if (mirror_is_excluded(f->m->plan, path, name))
        r = CLIENT_OK;
    else if (fstatat(f->here, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        r = errno == ENOENT ? CLIENT_OK : client_local(f->c, path, errno);
    else if (S_ISDIR(st.st_mode))
        r = go_into(f, e, path);
    else if (!mirror_is_included(f->m->plan, path, name))
        r = CLIENT_OK;
    else if (S_ISREG(st.st_mode) && is_part_here(f->here, name))
        r = mirror_leave_part(f->c, f->m, path, CLIENT_LOCAL_FAILED);
    else if (S_ISREG(st.st_mode))
        r = compare_file(f, e, &st, path);
    else {
        if (S_ISLNK(st.st_mode))
            SAY(f->c, CLIENT_STATUS, LINK_SKIPPED, path);
        mirror_count_file(f->m, false);
    }
    free(path);
    return r;
}

/* ---- what is not here any more ---- */

static void tell_delete(void *arg, const char *path)
{
    struct mirror *m = arg;
    size_t root = strlen(m->plan->remote);

    if (strncmp(path, m->plan->remote, root) == 0) /* as all others are told: from the root */
        path += root + (path[root] == '/');
    mirror_tell(m, CLIENT_MIRROR_DELETE, path);
}

/* What can't be looked at, for want of a right or of a disk that can be read, is not gone. */
static bool is_gone(int here, const char *name)
{
    struct stat st;

    return fstatat(here, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && (errno == ENOENT || errno == ENAMETOOLONG);
}

static enum client_result prune_entry(const struct folder *f, const struct client_entry *e)
{
    char *path, *remote, *whole;
    bool is_part;
    enum client_result r = CLIENT_OK;

    if (e->flaws || !is_gone(f->here, e->name))
        return CLIENT_OK;
    whole = strdup(e->name);
    path = client_join(f->at->path, e->name);
    remote = path ? mirror_remote(f->m, path) : NULL;
    if (!whole || !remote)
        r = client_fail(f->c, CLIENT_FAILED, -ENOMEM, 0);
    if (!r) {
        char *end = strrchr(whole, '.');
        is_part = end && strcmp(end, ".part") == 0;
        if (is_part)
            *end = '\0';
        if (!(is_part && !is_gone(f->here, whole)) && /* it is being written */
            !mirror_is_excluded(f->m->plan, path, e->name))
            r = client_remove(f->c, remote, e->kind, f->m->plan->is_dry, tell_delete, f->m);
    }
    free(whole);
    free(path);
    free(remote);
    return r;
}

/* ---- the job ---- */

static enum client_result compare_all(struct client *c, const struct branch *b,
                                      const struct client_folder *there, bool is_whole)
{
    struct folder f = {.c = c, .at = b, .m = b->m, .there = there};
    int here = client_open_local(b->m->plan->root, *b->path ? b->path : ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = here < 0 ? NULL : fdopendir(here);
    enum client_result first = CLIENT_OK, r = CLIENT_OK;

    if (!dir) {
        int error = here < 0 ? -here : errno;
        fd_close(&here);
        return client_local(c, b->path, error);
    }
    f.here = here;
    for (const struct dirent *d; client_is_open(c) && r != CLIENT_CANCELED && (d = readdir(dir));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        r = compare(&f, d->d_name);
        first = first ? first : r;
    }
    for (size_t i = 0;
         b->m->plan->deletes && is_whole && i < there->count && client_is_open(c) && r != CLIENT_CANCELED;
         i++) {
        r = prune_entry(&f, &there->entries[i]);
        first = first ? first : r;
    }
    closedir(dir);
    return first;
}

static enum client_result make_root(const struct folder *f, bool is_needed)
{
    bool done;

    if (is_needed)
        return make_there(f, "");
    return client_try(f->c, "MKD", f->m->plan->remote, &done);
}

/* The root may not be there yet; every other folder is known from its own listing. */
static enum client_result read_there(struct client *c, const struct branch *b, struct client_folder *there)
{
    struct folder f = {.c = c, .at = b, .m = b->m};
    char *remote = mirror_remote(b->m, b->path);
    enum client_result r;

    *there = (struct client_folder){.count = 0};
    if (!remote)
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    r = b->is_new ? CLIENT_OK : client_folder_read(c, remote, there);
    free(remote);
    if (*b->path || (r != CLIENT_REMOTE_REFUSED && (r || there->count > 0)))
        return r;
    mirror_tell(b->m, CLIENT_MIRROR_FOLDER,
                "."); /* to some servers a folder that is not there is an empty one */
    return b->m->plan->is_dry ? CLIENT_OK : make_root(&f, r == CLIENT_REMOTE_REFUSED);
}

/* Jobs are added while it goes on. If the session breaks then, it is begun anew: what was added and done is the same by then, and what
 * was not is done twice. */
enum client_result mirror_up(struct client *c, unsigned attempt, void *arg)
{
    struct branch *b = arg;
    struct client_folder there;
    enum client_result r;

    if (attempt > 0)
        b->is_new = false;
    r = read_there(c, b, &there);
    if (!r || r == CLIENT_FAILED) {
        enum client_result done = compare_all(c, b, &there, !r);
        r = r ? r : done;
    }
    client_folder_free(&there);
    return r;
}
