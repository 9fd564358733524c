/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/mirror_private.h"
#include "client/say.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 200 };

static void drop(void *arg)
{
    struct branch *b = arg;

    free(b->path);
    free(b);
}

static int add(struct mirror *m, client_job_fn *run, const struct branch *like, char *path)
{
    struct branch *b = path ? malloc(sizeof(*b)) : NULL;

    if (!b) {
        free(path);
        return -ENOMEM;
    }
    *b = *like;
    b->m = m;
    b->path = path;
    return client_fleet_add(m->fleet, run, drop, b);
}

enum client_result mirror_add(struct client *c, client_job_fn *run, const struct branch *like, char *path)
{
    int error = add(like->m, run, like, path);

    return error ? client_fail(c, CLIENT_FAILED, error, 0) : CLIENT_OK;
}

void mirror_tell(struct mirror *m, enum client_mirror_act act, const char *path)
{
    pthread_mutex_lock(&m->lock);
    m->count.done[act]++;
    if (m->plan->tell)
        m->plan->tell(m->plan->arg, act, path);
    pthread_mutex_unlock(&m->lock);
}

void mirror_count_file(struct mirror *m, bool is_failed)
{
    pthread_mutex_lock(&m->lock);
    m->count.failed += is_failed;
    m->count.left_out += !is_failed;
    pthread_mutex_unlock(&m->lock);
}

void mirror_count_same(struct mirror *m)
{
    pthread_mutex_lock(&m->lock);
    m->count.same++;
    pthread_mutex_unlock(&m->lock);
}

void mirror_count_bytes(struct mirror *m, uint64_t bytes)
{
    pthread_mutex_lock(&m->lock);
    m->count.bytes += bytes;
    pthread_mutex_unlock(&m->lock);
}

/* ---- names ---- */

static bool matches(const char *const *patterns, const char *path, const char *name)
{
    for (; patterns && *patterns; patterns++)
        if (fnmatch(*patterns, strchr(*patterns, '/') ? path : name, FNM_PATHNAME) == 0)
            return true;
    return false;
}

bool mirror_is_excluded(const struct client_mirror_plan *plan, const char *path, const char *name)
{
    return matches(plan->excludes, path, name);
}

bool mirror_is_included(const struct client_mirror_plan *plan, const char *path, const char *name)
{
    return !plan->includes || !*plan->includes || matches(plan->includes, path, name);
}

int mirror_compare_time(const struct client_entry *e, int64_t here)
{
    static const int64_t fineness[] = {[FTP_TO_SECOND] = 1, [FTP_TO_MINUTE] = 60, [FTP_TO_DAY] = 86400};

    if (here < e->facts.time)
        return -1;
    return here >= e->facts.time + fineness[e->precision]; /* a listing cuts off what is finer */
}

bool mirror_is_part(const char *name, const struct client_folder *listing)
{
    size_t len = strlen(name), end = strlen(".part");
    char *whole;
    bool is_part;

    if (len <= end || strcmp(name + len - end, ".part") != 0)
        return false;
    whole = strndup(name, len - end);
    is_part = !whole || client_folder_find(listing, whole); /* in doubt nothing is deleted */
    free(whole);
    return is_part;
}

enum client_result mirror_leave_part(struct client *c, struct mirror *m, const char *path,
                                     enum client_result result)
{
    SAY(c, CLIENT_ERROR, NAME_OF_A_PART, path);
    mirror_count_file(m, false);
    return result;
}

bool mirror_is_too_deep(struct client *c, struct mirror *m, const char *path)
{
    unsigned depth = 0;

    for (const char *at = path; *at; at++)
        depth += *at == '/';
    if (depth < DEEPEST)
        return false;
    client_local(c, path, ELOOP);
    mirror_count_file(m, true);
    return true;
}

char *mirror_remote(const struct mirror *m, const char *path)
{
    return *path ? client_join(m->plan->remote, path) : strdup(m->plan->remote);
}

enum client_result client_mirror(struct client_fleet *f, const struct client_mirror_plan *plan,
                                 struct client_mirror_count *ret)
{
    struct mirror m = {.plan = plan, .fleet = f};
    struct branch root = {.m = &m};
    enum client_result r = CLIENT_FAILED;

    pthread_mutex_init(&m.lock, NULL);
    if (add(&m, plan->is_upload ? mirror_up : mirror_down, &root, strdup("")) == 0)
        r = client_fleet_run(f);
    pthread_mutex_destroy(&m.lock);
    *ret = m.count;
    return r;
}
