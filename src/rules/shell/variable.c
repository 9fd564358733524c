/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "rules/shell/private.h"

enum { VARIABLES_MOST = 1024 };

static bool is_name(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

size_t shell_name_size(const char *at, const char *end)
{
    size_t size = 0;

    while (at + size < end && is_name(at[size], size == 0))
        size++;
    return size;
}

static struct shell_variable *find(const struct shell *sh, const char *name, size_t size)
{
    for (size_t i = 0; i < sh->variable_count; i++) {
        struct shell_variable *v = &sh->variables[i];
        if (strlen(v->name) == size && memcmp(v->name, name, size) == 0)
            return v;
    }
    return NULL;
}

const struct shell_variable *shell_find(const struct shell *sh, const char *name, size_t size)
{
    return find(sh, name, size);
}

static struct shell_variable *make(struct shell *sh, const char *name, size_t size)
{
    struct shell_variable *v = find(sh, name, size);

    if (v)
        return v;
    if (sh->variable_count == VARIABLES_MOST) {
        sh->is_over = true;
        return NULL;
    }
    v = reallocarray(sh->variables, sh->variable_count + 1, sizeof(*v));
    sh->failed |= !v;
    if (!v)
        return NULL;
    sh->variables = v;
    v = &sh->variables[sh->variable_count];
    *v = (struct shell_variable){.name = strndup(name, size), .text = strdup("")};
    sh->failed |= !v->name || !v->text;
    if (!v->name || !v->text) {
        free(v->name);
        free(v->text);
        return NULL;
    }
    sh->variable_count++;
    return v;
}

static bool is_saved(const struct shell *sh, const char *name, size_t size)
{
    for (size_t i = sh->saves_from; i < sh->saved_count; i++) {
        if (strlen(sh->saved[i].name) == size && memcmp(sh->saved[i].name, name, size) == 0)
            return true;
    }
    return false;
}

void shell_save(struct shell *sh, const char *name, size_t size)
{
    const struct shell_variable *v = find(sh, name, size);
    struct shell_saved *list = reallocarray(sh->saved, sh->saved_count + 1, sizeof(*list));

    sh->failed |= !list;
    if (!list)
        return;
    sh->saved = list;
    struct shell_saved *one = &list[sh->saved_count];
    *one = (struct shell_saved){.name = strndup(name, size),
                                .text = v ? strdup(v->text) : NULL,
                                .why = v && v->why ? strdup(v->why) : NULL,
                                .is_list = v && v->is_list};
    sh->failed |= !one->name || (v && !one->text) || (v && v->why && !one->why);
    if (one->name)
        sh->saved_count++;
}

/* As if it had never been set. */
static void forget(struct shell *sh, const char *name)
{
    struct shell_variable *v = find(sh, name, strlen(name));

    if (!v)
        return;
    free(v->name);
    free(v->text);
    free(v->why);
    *v = sh->variables[--sh->variable_count];
}

void shell_restore(struct shell *sh, size_t saved_count)
{
    bool is_subshell = sh->is_subshell;

    sh->is_subshell = false;
    while (sh->saved_count > saved_count) {
        struct shell_saved *one = &sh->saved[--sh->saved_count];
        struct shell_field value = {.text = one->text, .why = one->why};
        if (one->text)
            shell_set(sh, SHELL_RUNS, one->name, strlen(one->name), &value, one->is_list);
        else
            forget(sh, one->name);
        free(one->name);
        free(one->text);
        free(one->why);
    }
    sh->is_subshell = is_subshell;
}

static void doubt(struct shell *sh, struct shell_variable *v, const char *because)
{
    if (sh->is_subshell && !is_saved(sh, v->name, strlen(v->name)))
        shell_save(sh, v->name, strlen(v->name));
    free(v->why);
    v->why = shell_format(sh, "%s in line %u", because, sh->line);
}

void shell_doubt_names(struct shell *sh, enum shell_mode mode, const char *at, const char *end)
{
    while (at < end && mode != SHELL_SKIPS) {
        size_t size = shell_name_size(at, end);
        struct shell_variable *v = size ? find(sh, at, size) : NULL;
        if (v)
            doubt(sh, v, "which may be reckoned");
        at += size ? size : 1;
    }
}

void shell_doubt_all(struct shell *sh, const char *because)
{
    sh->includes = true;
    for (size_t i = 0; i < sh->variable_count; i++)
        doubt(sh, &sh->variables[i], because);
}

void shell_set(struct shell *sh, enum shell_mode mode, const char *name, size_t size,
               const struct shell_field *value, bool is_list)
{
    struct shell_variable *v;
    char *text, *why = NULL;

    if (mode == SHELL_SKIPS)
        return;
    if (sh->is_subshell && !is_saved(sh, name, size))
        shell_save(sh, name, size);
    v = make(sh, name, size);
    if (!v)
        return;
    sh->splits_oddly |= size == 3 && memcmp(name, "IFS", 3) == 0;
    text = strdup(value->text);
    if (mode == SHELL_MAYBE)
        why = shell_format(sh, "which may be set in line %u", sh->line);
    else if (value->why)
        why = strdup(value->why);
    sh->failed |= !text || ((mode == SHELL_MAYBE || value->why) && !why);
    if (!text) {
        free(why);
        return;
    }
    free(v->text);
    free(v->why);
    v->text = text;
    v->why = why;
    v->is_list = is_list;
}

void shell_unset(struct shell *sh, const char *name)
{
    struct shell_variable *v = find(sh, name, strlen(name));

    if (!v)
        return;
    if (sh->is_subshell && !is_saved(sh, name, strlen(name)))
        shell_save(sh, name, strlen(name));
    v->text[0] = '\0';
    free(v->why);
    v->why = NULL;
    v->is_list = false;
}
