/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/owners.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAMES_MAX = 10000,
};

struct owner {
    uint32_t id;
    char *name;
};

struct table {
    struct owner *rows;
    size_t count;
};

struct owners {
    struct table users, groups;
};

static int add(struct table *t, uint32_t id, const char *name)
{
    if ((t->count & (t->count - 1)) == 0) { /* full at every power of two */
        struct owner *rows = realloc(t->rows, (t->count ? t->count * 2 : 1) * sizeof(*rows));
        if (!rows)
            return -ENOMEM;
        t->rows = rows;
    }
    struct owner *row = &t->rows[t->count];
    *row = (struct owner){.id = id, .name = strdup(name)};
    if (!row->name)
        return -ENOMEM;
    t->count++;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int load_users(struct table *t)
{
    const struct passwd *p;
    int r = 0;
    setpwent();
    while (r == 0 && t->count < NAMES_MAX && (p = getpwent()))
        r = add(t, p->pw_uid, p->pw_name);
    endpwent();
    return r;
}

static int load_groups(struct table *t)
{
    const struct group *g;
    int r = 0;
    setgrent();
    while (r == 0 && t->count < NAMES_MAX && (g = getgrent()))
        r = add(t, g->gr_gid, g->gr_name);
    endgrent();
    return r;
}

int owners_load(struct owners **ret)
{
    struct owners *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    int r = load_users(&o->users);
    if (r == 0)
        r = load_groups(&o->groups);
    if (r < 0) {
        owners_free(&o);
        return r;
    }
    if (o->users.count > 0)
        qsort(o->users.rows, o->users.count, sizeof(struct owner), compare);
    if (o->groups.count > 0)
        qsort(o->groups.rows, o->groups.count, sizeof(struct owner), compare);
    *ret = o;
    return 0;
}

static void clear(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->rows[i].name);
    free(t->rows);
}

void owners_free(struct owners **o)
{
    if (*o) {
        clear(&(*o)->users);
        clear(&(*o)->groups);
    }
    free(*o);
    *o = NULL;
}

const char *owners_find(const struct owners *o, bool group, uint32_t id)
{
    if (!o)
        return NULL;
    const struct table *t = group ? &o->groups : &o->users;
    const struct owner key = {.id = id};
    const struct owner *row = t->count > 0 ? bsearch(&key, t->rows, t->count, sizeof(key), compare) : NULL;
    return row ? row->name : NULL;
}
