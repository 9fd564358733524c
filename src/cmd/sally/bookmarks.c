/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/sally/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sally/places.h"

static bool split(char *line, const char **ret_name, const char **ret_url)
{
    char *rest;

    *ret_name = strtok_r(line, " \t\n", &rest);
    *ret_url = *ret_name ? strtok_r(NULL, " \t\n", &rest) : NULL;
    return *ret_url;
}

void bookmark_each(void (*tell)(void *arg, const char *name, const char *url), void *arg)
{
    char *file = place_of(PLACE_CONFIG, "bookmarks"), *line = NULL;
    FILE *in = file ? fopen(file, "re") : NULL;
    size_t cap = 0;

    while (in && getline(&line, &cap, in) >= 0) {
        const char *name, *url;
        if (split(line, &name, &url))
            tell(arg, name, url);
    }
    if (in)
        fclose(in);
    free(line);
    free(file);
}

struct wanted {
    const char *name;
    char *url;
};

static void look(void *arg, const char *name, const char *url)
{
    struct wanted *w = arg;

    if (!w->url && strcmp(name, w->name) == 0)
        w->url = strdup(url);
}

char *bookmark_find(const char *name)
{
    struct wanted w = {.name = name};

    bookmark_each(look, &w);
    return w.url;
}

struct rewriting {
    FILE *out;
    const char *but; /* this one */
};

static void keep(void *arg, const char *name, const char *url)
{
    struct rewriting *r = arg;

    if (strcmp(name, r->but) != 0)
        fprintf(r->out, "%s %s\n", name, url);
}

bool bookmark_set(const char *name, const char *url)
{
    char *file = place_made(PLACE_CONFIG, "bookmarks"), *made = NULL;
    struct rewriting r = {.but = name};
    bool done = false;

    if (!*name || strpbrk(name, "/: \t")) { /* it would be taken for a host or a path */
        WRONG(BOOKMARK_NAME, name);
    } else if (file && asprintf(&made, "%s.new", file) >= 0 && (r.out = fopen(made, "we"))) {
        bookmark_each(keep, &r);
        if (url)
            fprintf(r.out, "%s %s\n", name, url);
        done = fflush(r.out) == 0 && !ferror(r.out);
        done = fclose(r.out) == 0 && done && rename(made, file) == 0;
        if (!done)
            say_local(file, errno);
    } else {
        say_local(file ? file : "bookmarks", errno);
    }
    free(made);
    free(file);
    return done;
}
