/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/netrc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void client_login_free(struct client_login *l)
{
    if (l->password)
        explicit_bzero(l->password, strlen(l->password));
    free(l->password);
    free(l->user);
    *l = (struct client_login){.user = NULL};
}

/* The next word, in quotes where it has blanks, \ before a character takes it as it is. NULL: no memory, or (*ret_end) there is none. */
static char *next_word(const char **at, bool *ret_end)
{
    const char *from = *at + strspn(*at, " \t\r\n,");
    char *out, *to;
    bool is_quoted = *from == '"';

    *ret_end = !*from;
    *at = from;
    if (*ret_end)
        return NULL;
    out = to = malloc(strlen(from) + 1);
    if (!out)
        return NULL;
    for (from += is_quoted; *from && (is_quoted ? *from != '"' : !strchr(" \t\r\n,", *from)); from++) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from;
    }
    *to = '\0';
    *at = from + (is_quoted && *from);
    return out;
}

/* A macro goes on to an empty line. */
static const char *skip_macro(const char *at)
{
    const char *end = strstr(at, "\n\n");

    return end ? end + 2 : at + strlen(at);
}

static void put(char **to, char *word)
{
    if (*to)
        explicit_bzero(*to, strlen(*to));
    free(*to);
    *to = word;
}

static char *take(char **from)
{
    char *word = *from;

    *from = NULL;
    return word;
}

static bool fits(const struct client_login *l, const char *user)
{
    return !user || (l->user && strcmp(l->user, user) == 0);
}

int client_netrc_find(const char *text, const char *host, const char *user, struct client_login *ret)
{
    struct client_login now = {.user = NULL};
    bool is_ours = false, at_end = false;
    int r = 0;

    while (!r && !at_end) {
        char *word = next_word(&text, &at_end), *value = NULL;
        bool has_none = false,
             begins = at_end || (word && (!strcmp(word, "machine") || !strcmp(word, "default")));
        if (!word && !at_end)
            r = -ENOMEM;
        if (begins && is_ours && fits(&now, user)) {
            *ret = now;
            now = (struct client_login){.user = NULL};
            r = 1;
        }
        if (begins) {
            client_login_free(&now);
            is_ours = word && !strcmp(word, "default");
        }
        if (!r && word && strcmp(word, "default") != 0) {
            value = next_word(&text, &has_none);
            r = value ? 0 : has_none ? -EINVAL : -ENOMEM;
        }
        if (!r && value) {
            if (!strcmp(word, "machine"))
                is_ours = strcasecmp(value, host) == 0;
            else if (!strcmp(word, "login"))
                put(&now.user, take(&value));
            else if (!strcmp(word, "password"))
                put(&now.password, take(&value));
            else if (!strcmp(word, "macdef"))
                text = skip_macro(text);
        }
        put(&value, NULL);
        put(&word, NULL);
    }
    client_login_free(&now);
    return r;
}
