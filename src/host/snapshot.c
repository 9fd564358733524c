/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWITCH_NAME = 128 };

struct line {
    const char *text;
    size_t size; /* without its end */
};

struct reader {
    const char *at, *end;
    uint32_t number; /* of the line that was read */
    struct line line;
};

static bool next_line(struct reader *r)
{
    if (r->at == r->end)
        return false;
    const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
    r->line = (struct line){r->at, (size_t)((stop ? stop : r->end) - r->at)};
    if (r->line.size && r->line.text[r->line.size - 1] == '\r')
        r->line.size--;
    r->at = stop ? stop + 1 : r->end;
    r->number++;
    return true;
}

/* What stands behind start in the line; NULL text: it does not begin so. */
static struct line behind(const struct line *line, const char *start)
{
    size_t size = strlen(start);

    if (line->size < size || memcmp(line->text, start, size) != 0)
        return (struct line){0};
    return (struct line){line->text + size, line->size - size};
}

/* For people: cut to fit, and without what a terminal would take as an order. */
static void copy(struct line from, char *to, size_t size)
{
    size_t count = from.size < size - 1 ? from.size : size - 1;

    for (size_t i = 0; i < count; i++)
        to[i] = from.text[i] >= ' ' && from.text[i] < 127 ? from.text[i] : '?';
    to[count] = '\0';
}

static bool is_word(struct line line, const char *word)
{
    return line.size == strlen(word) && memcmp(line.text, word, line.size) == 0;
}

static int fail(const struct reader *r, const char *text, struct host_error *ret_error)
{
    *ret_error = (struct host_error){.line = r->number ? r->number : 1, .column = 1};
    snprintf(ret_error->text, sizeof ret_error->text, "%s", text);
    return -EINVAL;
}

bool snapshot_is(const char *text, size_t size)
{
    return behind(&(struct line){text, size}, SNAPSHOT_TITLE).text != NULL;
}

static int find_section(struct line name)
{
    char known[SNAPSHOT_NAME];

    for (int i = 0; i < SNAPSHOT_SECTIONS; i++) {
        if (is_word(name, snapshot_name((enum snapshot_section)i, known)))
            return i;
    }
    return -1;
}

/* A line of part that is about its text, before the text begins? */
static bool take_note(struct snapshot_part *part, const struct line *line)
{
    struct line version = behind(line, SNAPSHOT_VERSION), missing = behind(line, SNAPSHOT_MISSING);

    if (version.text)
        copy(version, part->version, sizeof part->version);
    if (missing.text) {
        copy(missing, part->missing, sizeof part->missing);
        part->is_there = false;
    }
    return version.text || missing.text;
}

static int read_title(struct reader *r, struct host_error *ret_error)
{
    char format[16];

    if (!next_line(r) || !behind(&r->line, SNAPSHOT_TITLE).text)
        return fail(r, "this is no snapshot: it does not begin with \"" SNAPSHOT_TITLE "1\"", ret_error);
    copy(behind(&r->line, SNAPSHOT_TITLE), format, sizeof format);
    if (strtoul(format, NULL, 10) != SNAPSHOT_FORMAT)
        return fail(r, "a snapshot of another format than 1; a newer sallywall reads it", ret_error);
    return 0;
}

int snapshot_read(const char *text, size_t size, struct snapshot *ret, struct host_error *ret_error)
{
    struct reader r = {.at = text, .end = text + size};
    struct snapshot s = {0};
    struct snapshot_part *part = NULL;
    bool began = false;
    int error = read_title(&r, ret_error);

    while (error == 0 && next_line(&r)) {
        struct line head = behind(&r.line, SNAPSHOT_HEAD), kernel = behind(&r.line, SNAPSHOT_KERNEL);
        int section = head.text ? find_section(head) : -1;
        if (section >= 0 && s.parts[section].line)
            error = fail(&r, "a section for the second time", ret_error);
        else if (head.text) {
            part = section < 0 ? NULL : &s.parts[section];
            began = false;
            if (part)
                *part = (struct snapshot_part){.is_there = true, .text = r.at, .line = r.number + 1};
        } else if (!part && kernel.text && !s.kernel[0]) {
            copy(kernel, s.kernel, sizeof s.kernel);
        } else if (part && !began && take_note(part, &r.line)) {
            part->text = r.at;
            part->line = r.number + 1;
        } else if (part) {
            began = true;
            part->size = (size_t)(r.at - part->text);
        }
    }
    if (error == 0)
        *ret = s;
    return error;
}

/* ---- the host ---- */

static struct reader lines_of(const struct snapshot_part *part)
{
    return (struct reader){.at = part->text, .end = part->size ? part->text + part->size : part->text};
}

static int set_switches(const struct snapshot *s, struct host *h)
{
    const struct snapshot_part *part = &s->parts[SNAPSHOT_SWITCHES];
    struct reader r = lines_of(part);
    char text[SWITCH_NAME + 32], name[SWITCH_NAME];
    int value;

    while (next_line(&r)) {
        if (r.line.size >= sizeof text)
            continue;
        copy(r.line, text, sizeof text);
        if (sscanf(text, "%127s = %d", name, &value) == 2 && host_set_switch(h, name, value) < 0)
            return -ENOMEM;
    }
    return 0;
}

int snapshot_tell_host(const struct snapshot *s, struct host *h, snapshot_on_error *told, void *arg)
{
    static const struct {
        enum snapshot_section section;
        enum host_text what;
    } texts[] = {
        {SNAPSHOT_ADDRESSES, HOST_ADDRESSES},     {SNAPSHOT_LINKS, HOST_LINKS},
        {SNAPSHOT_RULES4, HOST_RULES4},           {SNAPSHOT_RULES6, HOST_RULES6},
        {SNAPSHOT_ROUTES4, HOST_ROUTES4},         {SNAPSHOT_ROUTES6, HOST_ROUTES6},
        {SNAPSHOT_NEIGHBOURS6, HOST_NEIGHBOURS6},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct snapshot_part *part = &s->parts[texts[i].section];
        struct host_error error;
        int r = part->is_there ? host_read(h, texts[i].what, part->text, part->size, &error) : 0;

        if (r == -ENOMEM)
            return r;
        if (r == 0 || !told)
            continue;
        error.line += part->line - 1;
        told(arg, &error);
    }
    return set_switches(s, h);
}

/* ---- single words ---- */

/* What stands behind name and sep in a section. */
static bool find_value(const struct snapshot_part *part, const char *name, const char *separator,
                       struct line *ret)
{
    struct reader r = lines_of(part);

    while (next_line(&r)) {
        struct line rest = behind(&r.line, name);
        *ret = rest.text ? behind(&rest, separator) : rest;
        if (ret->text)
            return true;
    }
    return false;
}

bool snapshot_switch(const struct snapshot *s, const char *name, int64_t *ret)
{
    struct line value;
    char text[32], *end;

    if (!find_value(&s->parts[SNAPSHOT_SWITCHES], name, " = ", &value) || value.size >= sizeof text)
        return false;
    copy(value, text, sizeof text);
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return false;
    *ret = number;
    return true;
}

enum snapshot_state snapshot_module_state(const struct snapshot *s, const char *name)
{
    struct line value;

    if (!find_value(&s->parts[SNAPSHOT_MODULES], name, ": ", &value))
        return SNAPSHOT_UNKNOWN;
    for (int i = SNAPSHOT_LOADED; i <= SNAPSHOT_ABSENT; i++) {
        if (is_word(value, SNAPSHOT_STATES[i]))
            return (enum snapshot_state)i;
    }
    return SNAPSHOT_UNKNOWN;
}

bool snapshot_parameter(const struct snapshot *s, const char *name, char *text, size_t size)
{
    struct line value;

    if (!find_value(&s->parts[SNAPSHOT_MODULES], name, " = ", &value) || value.size >= size)
        return false;
    copy(value, text, size);
    return true;
}
