/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/folder.h"

#include "client/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUARTER = 900, DEEPEST = 200, ENTRIES_MOST = 1 << 22, NAMES_MOST = 1 << 28 };

char *client_join(const char *folder, const char *name)
{
    size_t len = strlen(folder);
    char *path;

    return asprintf(&path, "%s%s%s", folder, len == 0 || folder[len - 1] == '/' ? "" : "/", name) < 0 ? NULL
                                                                                                      : path;
}

/* ---- keeping ---- */

struct keeping {
    struct client_folder *folder;
    const struct client *c;
    bool has_local_times;
    size_t bytes; /* of all names */
};

static char *keep_text(struct ftp_text t)
{
    return t.at ? strndup(t.at, t.len) : NULL;
}

static enum client_result keep(void *arg, const struct ftp_listed *e)
{
    struct keeping *k = arg;
    struct client_folder *f = k->folder;
    struct client_entry *to;

    k->bytes += e->name.len + e->target.len;
    if (f->count == ENTRIES_MOST || k->bytes > NAMES_MOST) { /* there may be no end to it */
        SAY(k->c, CLIENT_ERROR, LIST_TOO_LONG);
        return CLIENT_REMOTE_REFUSED;
    }
    if (f->count == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 64;
        struct client_entry *more = reallocarray(f->entries, cap, sizeof(*more));
        if (!more)
            return client_fail(k->c, CLIENT_FAILED, -ENOMEM, 0);
        f->entries = more;
        f->cap = cap;
    }
    to = &f->entries[f->count];
    *to = (struct client_entry){
        .name = keep_text(e->name),
        .target = e->target.len ? keep_text(e->target) : NULL,
        .kind = e->kind,
        /* A NUL in a name, which stands for a line end at some servers, would end it here. */
        .flaws = (uint8_t)(e->flaws | (memchr(e->name.at, '\0', e->name.len) ? FTP_NAME_CONTROL : 0)),
        .has_mode = e->has_mode,
        .mode = e->mode,
        .facts = {.has_size = e->has_size,
                  .size = e->size,
                  .has_time = e->time.is_known,
                  .time = e->time.seconds},
        .precision = e->time.precision};
    if (!to->name)
        return client_fail(k->c, CLIENT_FAILED, -ENOMEM, 0);
    k->has_local_times |= e->time.is_known && !e->time.is_utc;
    f->count++;
    return CLIENT_OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct client_entry *)a)->name, ((const struct client_entry *)b)->name);
}

const struct client_entry *client_folder_find(const struct client_folder *f, const char *name)
{
    struct client_entry key = {.name = name};

    return f->count ? bsearch(&key, f->entries, f->count, sizeof(key), compare) : NULL;
}

void client_folder_free(struct client_folder *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free((char *)(uintptr_t)f->entries[i].name);
        free((char *)(uintptr_t)f->entries[i].target);
    }
    free(f->entries);
    *f = (struct client_folder){.count = 0};
}

/* ---- times of the server's own zone ---- */

/* What MDTM, which is UTC (RFC 3659 section 3), makes of one file of the listing tells the zone, which is some quarters of an hour off. */
static enum client_result learn_zone(struct client *c, const char *path, const struct client_folder *f)
{
    const struct client_entry *sample = NULL;
    char *name;
    enum client_result r;

    for (size_t i = 0; i < f->count && !sample; i++)
        if (f->entries[i].kind == FTP_LISTED_FILE && f->entries[i].facts.has_time &&
            f->entries[i].precision != FTP_TO_DAY && !f->entries[i].flaws)
            sample = &f->entries[i];
    if (!sample)
        return CLIENT_OK;
    name = client_join(path, sample->name);
    r = name ? client_command(c, "MDTM", name) : client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    free(name);
    int64_t time;
    if (r || c->reply.code != 213 || !ftp_reply_time(&c->reply, &time))
        return r;
    int64_t off = time - sample->facts.time;
    c->zone = (off + (off < 0 ? -QUARTER : QUARTER) / 2) / QUARTER * QUARTER;
    c->has_zone = true;
    return CLIENT_OK;
}

static enum client_result move_times(struct client *c, const char *path, struct client_folder *f)
{
    enum client_result r = c->has_zone ? CLIENT_OK : learn_zone(c, path, f);

    for (size_t i = 0; i < f->count; i++) {
        struct client_entry *e = &f->entries[i];
        e->facts.time += c->zone;
        e->facts.has_time &= c->has_zone || e->precision == FTP_TO_DAY;
    }
    return r;
}

enum client_result client_folder_read(struct client *c, const char *path, struct client_folder *ret)
{
    struct keeping k = {.folder = ret, .c = c};
    enum client_result r;

    *ret = (struct client_folder){.count = 0};
    r = client_list(c, path, keep, &k);
    if (ret->count)
        qsort(ret->entries, ret->count, sizeof(*ret->entries), compare);
    if ((!r || r == CLIENT_FAILED) && k.has_local_times && client_is_open(c)) {
        enum client_result moved = move_times(c, path, ret);
        r = r ? r : moved;
    }
    if (r && r != CLIENT_FAILED)
        client_folder_free(ret);
    return r;
}

enum client_result client_folder_exists(struct client *c, const char *path)
{
    char before[4096];
    enum client_result r = *path ? client_where(c, before, sizeof(before)) : CLIENT_OK, back;

    if (r || !*path)
        return r;
    r = client_do(c, "CWD", path);
    back = client_is_open(c) ? client_do(c, "CWD", before) : r;
    return r ? r : back;
}

/* ---- removing ---- */

struct removing {
    struct client *c;
    bool is_dry;
    client_remove_fn *tell;
    void *arg;
};

static enum client_result remove_at(const struct removing *g, const char *path, enum ftp_listed_kind kind,
                                    unsigned depth);

static enum client_result remove_within(const struct removing *g, const char *path, unsigned depth)
{
    struct client_folder folder;
    enum client_result r = client_folder_read(g->c, path, &folder), first = r;

    for (size_t i = 0; i < folder.count && client_is_open(g->c) && r != CLIENT_CANCELED; i++) {
        const struct client_entry *e = &folder.entries[i];
        char *name = e->flaws ? NULL : client_join(path, e->name);
        if (e->flaws)
            SAY(g->c, CLIENT_ERROR, NAME_UNFIT, e->name);
        r = name ? remove_at(g, name, e->kind, depth + 1) : CLIENT_FAILED;
        first = first ? first : r;
        free(name);
    }
    client_folder_free(&folder);
    return first;
}

static enum client_result remove_at(const struct removing *g, const char *path, enum ftp_listed_kind kind,
                                    unsigned depth)
{
    enum client_result r = CLIENT_OK;

    if (depth > DEEPEST)
        return client_local(g->c, path, ELOOP);
    if (kind == FTP_LISTED_FOLDER)
        r = remove_within(g, path, depth);
    if (r)
        return r;
    if (g->tell)
        g->tell(g->arg, path);
    return g->is_dry ? CLIENT_OK : client_do(g->c, kind == FTP_LISTED_FOLDER ? "RMD" : "DELE", path);
}

enum client_result client_remove(struct client *c, const char *path, enum ftp_listed_kind kind, bool is_dry,
                                 client_remove_fn *tell, void *arg)
{
    return remove_at(&(struct removing){.c = c, .is_dry = is_dry, .tell = tell, .arg = arg}, path, kind, 0);
}
