/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/parse.h"

#include "base/nearest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/*
 * vsftpd.conf's language, one NAME=VALUE a line. Where vsftpd 3.0.x guesses, this reader asks: vsftpd takes
 * "2x" for 2 and "099" for something else. Where it is needlessly strict, this one is not: white space at the
 * end of a line (and with it the CR of a file that was written on Windows) and before a comment's # is no
 * error.
 */

enum {
    LINE_MAX_BYTES = 4096,
    SHOWN_VALUE = 200, /* of a value in a remark */
    ERRORS_MAX = 100,  /* what has more is no configuration file */
};

struct span {
    const char *at;
    size_t len;
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct span span_trim(struct span s)
{
    while (s.len > 0 && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

static int shown(struct span s)
{
    return s.len < SHOWN_VALUE ? (int)s.len : SHOWN_VALUE;
}

static bool span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

static void value_refuse(const struct option *o, struct span value, struct remarks *r)
{
    char range[OPTION_SHOWN_MAX];
    remark_error(r, "%s=%.*s: expected %s", o->name, shown(value), value.at, option_show_range(o, range));
}

static int boolean_set(struct config *c, const struct option *o, struct span value, struct remarks *r)
{
    static const struct {
        const char *word;
        bool meaning;
    } words[] = {{"YES", true}, {"TRUE", true}, {"1", true}, {"NO", false}, {"FALSE", false}, {"0", false}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (span_is(value, words[i].word)) {
            *option_boolean(c, o) = words[i].meaning;
            return 0;
        }
    value_refuse(o, value, r);
    return -EINVAL;
}

/* Digits of the base, at least one and nothing else. */
static bool digits_read(struct span s, unsigned base, unsigned *ret_number)
{
    unsigned long long number = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] >= (char)('0' + base))
            return false;
        number = number * base + (unsigned)(s.at[i] - '0');
        if (number > UINT_MAX)
            return false;
    }
    *ret_number = (unsigned)number;
    return s.len > 0;
}

static int number_set(struct config *c, const struct option *o, struct span value, struct remarks *r)
{
    /* As in vsftpd, a leading 0 and nothing else makes a number octal, be it a mode or a port. */
    bool octal = value.len > 1 && value.at[0] == '0';
    unsigned number, otherwise;
    if (!digits_read(value, octal ? 8 : 10, &number) || number < o->least || number > o->most) {
        value_refuse(o, value, r);
        return -EINVAL;
    }
    *option_number(c, o) = number;

    if (o->unit == MODE && !octal && digits_read(value, 8, &otherwise) && otherwise != number)
        remark_warning(r, "%s=%.*s is a decimal number, the mode 0%o; if you mean octal, write 0%.*s",
                       o->name, shown(value), value.at, number, shown(value), value.at);
    if (o->unit != MODE && octal && digits_read(value, 10, &otherwise) && otherwise != number)
        remark_warning(
            r,
            "%s=%.*s is an octal number because of its leading 0, and means %u; if you mean %u, write that",
            o->name, shown(value), value.at, number, otherwise);
    return 0;
}

static int value_set(struct config *c, const struct option *o, struct span value, struct remarks *r)
{
    if (o->type == OPTION_STRING) {
        value = span_trim(value);
        return option_set_string(c, o, value.at, value.len);
    }
    if (value.len == 0) {
        value_refuse(o, value, r);
        return -EINVAL;
    }
    if (is_blank(value.at[0])) {
        remark_error(r, "%s=%.*s: there must be no space after the =", o->name, shown(value), value.at);
        return -EINVAL;
    }
    return o->type == OPTION_BOOL ? boolean_set(c, o, value, r) : number_set(c, o, value, r);
}

static void name_refuse(struct span name, struct remarks *r)
{
    const char *names[sizeof(struct config) / sizeof(bool)];
    for (size_t i = 0; i < option_count; i++)
        names[i] = option_table[i].name;

    struct span trimmed = span_trim(name);
    if (option_find(trimmed.at, trimmed.len)) {
        remark_error(r, "there must be no space between %.*s and the =", shown(trimmed), trimmed.at);
        return;
    }
    char word[64];
    snprintf(word, sizeof(word), "%.*s", shown(trimmed), trimmed.at);
    const char *near = trimmed.len < sizeof(word) ? nearest_name(word, names, option_count) : NULL;
    if (near)
        remark_error(r, "unknown option '%.*s'; did you mean '%s'?", shown(name), name.at, near);
    else
        remark_error(r, "unknown option '%.*s'; sallyd.conf(5) lists all there are", shown(name), name.at);
}

/* "NAME=VALUE" without the line's end. 0, -EINVAL (told) or -ENOMEM. */
static int assignment_apply(struct config *c, struct span line, bool per_user, struct remarks *r)
{
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.at[i] < ' ' && line.at[i] != '\t') {
            remark_error(r,
                         "there is a control character (byte 0x%02x) at position %zu; is this a text file?",
                         (unsigned)(unsigned char)line.at[i], i + 1);
            return -EINVAL;
        }
    const char *equals = memchr(line.at, '=', line.len);
    if (!equals) {
        remark_error(r, "'%.*s': expected NAME=VALUE, or a comment that begins with #", shown(line), line.at);
        return -EINVAL;
    }
    struct span name = {.at = line.at, .len = (size_t)(equals - line.at)};
    struct span value = {.at = equals + 1, .len = line.len - name.len - 1};
    const struct option *o = option_find(name.at, name.len);
    if (!o) {
        name_refuse(name, r);
        return -EINVAL;
    }
    if (per_user && o->scope == SERVER) {
        remark_warning(r, "%s is left alone: it cannot be set for a single user", o->name);
        return 0;
    }
    return value_set(c, o, value, r);
}

static int line_apply(struct config *c, struct span line, bool per_user, struct remarks *r)
{
    if (line.len > LINE_MAX_BYTES) {
        remark_error(r, "the line is longer than %d bytes", LINE_MAX_BYTES);
        return -EINVAL;
    }
    line = span_trim(line);
    if (line.len == 0 || line.at[0] == '#')
        return 0;
    return assignment_apply(c, line, per_user, r);
}

int config_parse_lines(struct config *c, const char *text, size_t len, bool per_user, struct remarks *r)
{
    static const char byte_order_mark[] = {'\xef', '\xbb', '\xbf'};
    struct span rest = {.at = text, .len = len};
    if (len >= sizeof(byte_order_mark) && memcmp(text, byte_order_mark, sizeof(byte_order_mark)) == 0) {
        rest.at += sizeof(byte_order_mark);
        rest.len -= sizeof(byte_order_mark);
    }
    unsigned errors = 0;
    for (r->line = 1; rest.len > 0; r->line++) {
        const char *newline = memchr(rest.at, '\n', rest.len);
        struct span line = {.at = rest.at, .len = newline ? (size_t)(newline - rest.at) : rest.len};
        int error = line_apply(c, line, per_user, r);
        if (error == -ENOMEM)
            return -ENOMEM;
        if (error && ++errors == ERRORS_MAX) {
            remark_error(r, "this was error number %d; the rest is not read", ERRORS_MAX);
            break;
        }
        size_t used = line.len + (newline ? 1 : 0);
        rest.at += used;
        rest.len -= used;
    }
    r->line = 0;
    return r->failed ? -EINVAL : 0;
}

int config_parse(struct config *c, const char *name, const char *text, size_t len,
                 void (*tell)(void *ctx, const struct config_remark *), void *ctx)
{
    struct remarks r = {.tell = tell, .ctx = ctx, .name = name};
    return config_parse_lines(c, text, len, false, &r);
}

int config_set(struct config *c, const char *assignment,
               void (*tell)(void *ctx, const struct config_remark *), void *ctx)
{
    char name[SHOWN_VALUE];
    snprintf(name, sizeof(name), "-o%s", assignment);
    struct remarks r = {.tell = tell, .ctx = ctx, .name = name};
    struct span line = {.at = assignment, .len = strlen(assignment)};
    while (line.len > 0 && is_blank(line.at[line.len - 1]))
        line.len--;
    return assignment_apply(c, line, false, &r);
}
