/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/config.h"

#include "server/config/option_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool option_copy_default(struct config *c, const struct option *o)
{
    switch (o->type) {
    case OPTION_BOOL:
        *option_boolean(c, o) = o->value.boolean;
        return true;
    case OPTION_NUMBER:
        *option_number(c, o) = o->value.number;
        return true;
    case OPTION_STRING:
        break;
    }
    return !o->value.string || option_set_string(c, o, o->value.string, strlen(o->value.string)) == 0;
}

struct config *config_new(void)
{
    struct config *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    for (size_t i = 0; i < option_count; i++)
        if (!option_copy_default(c, &option_table[i])) {
            config_free(&c);
            return NULL;
        }
    return c;
}

struct config *config_copy(const struct config *c)
{
    struct config *copy = malloc(sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = *c;
    bool whole = true;
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].type != OPTION_STRING)
            continue;
        const char **string = option_string(copy, &option_table[i]);
        /* Once one has failed the rest is still c's, and must not be freed with the copy. */
        const char *origin = *string;
        *string = whole && origin ? strdup(origin) : NULL;
        whole = whole && (!origin || *string);
    }
    if (!whole)
        config_free(&copy);
    return copy;
}

void config_free(struct config **c)
{
    if (!*c)
        return;
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].type == OPTION_STRING)
            free((char *)*option_string(*c, &option_table[i]));
    free(*c);
    *c = NULL;
}

static void option_print(FILE *out, const struct config *c, const struct option *o)
{
    char number[OPTION_SHOWN_MAX];
    const void *at = (const char *)c + o->offset;
    switch (o->type) {
    case OPTION_BOOL:
        fprintf(out, "%s=%s\n", o->name, *(const bool *)at ? "YES" : "NO");
        break;
    case OPTION_NUMBER:
        fprintf(out, "%s=%s\n", o->name, option_show_number(o, *(const unsigned *)at, number));
        break;
    case OPTION_STRING: {
        const char *string = *(const char *const *)at;
        fprintf(out, "%s=%s\n", o->name, string ? string : "");
        break;
    }
    }
}

char *config_text(const struct config *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    for (size_t i = 0; i < option_count; i++)
        if (!option_is_default(c, &option_table[i]))
            option_print(out, c, &option_table[i]);
    bool whole = !ferror(out);
    if (fclose(out) != 0 || !whole) {
        free(text);
        return NULL;
    }
    return text;
}

bool config_is_anonymous(const struct config *c, const char *user)
{
    return c->anonymous_enable && (strcasecmp(user, "anonymous") == 0 || strcasecmp(user, "ftp") == 0);
}
