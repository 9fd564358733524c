/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/running.h"
#include "explain/tell/plain.h"
#include "rules/forms/forms.h"

enum { LINE_SHOWN = 160 };

/* Hostile text for a terminal: at most size bytes, whole characters. Returns the columns that it took. */
static int put_plain(const char *text, size_t size)
{
    const char *end = text + size;
    int columns = 0;

    while (text < end) {
        uint32_t glyphs[PLAIN_MOST];
        int wide, count = plain_next(&text, glyphs, &wide);

        for (int i = 0; i < count; i++)
            plain_put(glyphs[i], stderr);
        columns += count * wide;
    }
    return columns;
}

void source_tell_mistake(const struct rules_error *error, const char *text, size_t size)
{
    fprintf(stderr, "%s:%u:%u: ", error->file ? error->file : "command", error->line, error->column);
    put_plain(error->message, strlen(error->message));
    putc('\n', stderr);
    if (!text || !error->line)
        return;

    const char *at = text, *end = text + size;
    for (uint32_t n = 1; at < end && n < error->line; n++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        at = newline ? newline + 1 : end;
    }
    const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    size_t length = (size_t)((stop ? stop : end) - at), column = error->column ? error->column - 1 : 0;
    size_t from = column > LINE_SHOWN / 2 ? column - LINE_SHOWN / 2 : 0;

    if (column > length)
        return;
    fputs("    ", stderr);
    int before = put_plain(at + from, column - from);
    put_plain(at + column, length - column < LINE_SHOWN / 2 ? length - column : LINE_SHOWN / 2);
    fprintf(stderr, "\n    %*s^\n", before, "");
}

const char *source_reason(int r)
{
    return r == -EFBIG ? "larger than 64 MB, which no rule set is" : strerror(-r);
}

/* What else decides about the packets of this machine. */
static int look_beside(const struct running *running, struct rules *r)
{
    bool is_ipv6 = r->family == PACKET_IPV6;
    int error = running_look_beside(running, r), stands = error ? 0 : live_stands();

    if (error || !stands)
        return error;
    return rules_beside_add(
        r,
        stands > 0 ? "the wall of this machine (sallywall up), which tracks connections by itself"
                   : "the wall of this machine, if one is up, which can't be told",
        is_ipv6 ? "sallywall explain --wall -6" : "sallywall explain --wall", true);
}

int source_read(const char *name, enum source_forms forms, uint8_t family, uint8_t likely, struct rules **ret,
                char **ret_name)
{
    struct rules_error error = {0};
    struct running running = {0};
    char *text = NULL, *shown = NULL;
    size_t size = 0;
    int r;

    if (!name) {
        family = family ? family : likely ? likely : PACKET_IPV4;
        if (running_read(family, &running))
            return -1;
        text = running.text;
        size = running.size;
        running.text = NULL;
        shown = strdup(running.name);
        if (!shown) {
            free(text);
            running_fini(&running);
            return -1;
        }
    } else {
        shown = strdup(strcmp(name, "-") == 0 ? "standard input" : name);
        r = shown ? files_read(name, &text, &size) : -ENOMEM;
        if (r) {
            fprintf(stderr, "sallywall: %s: can't be read: %s\n", shown ? shown : name, source_reason(r));
            free(shown);
            return -1;
        }
    }
    bool any = name && forms == SOURCE_ANY;
    if (!family && !(any ? forms_family(text, size) : rules_text_family(text, size)))
        family = likely;
    r = any ? forms_read(text, size, shown, family, ret, &error)
            : rules_read(text, size, shown, family, ret, &error);
    if (!r && !name)
        r = look_beside(&running, *ret);
    if (r && !name)
        rules_free(ret);
    running_fini(&running);
    if (r == -EINVAL)
        source_tell_mistake(&error, text, size);
    else if (r)
        fprintf(stderr, "sallywall: %s: %s\n", shown, strerror(-r));
    free(text);
    if (r) {
        free(shown);
        return -1;
    }
    *ret_name = shown;
    return 0;
}
