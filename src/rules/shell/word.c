/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of a script: where they end, and what they are when quotes are taken away and variables put in. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/shell/private.h"

/* A word in the making; what it depends on becomes why of all its fields from there on. */
struct making {
    struct shell *sh;
    struct shell_words *out; /* NULL: it is only skipped */
    char text[SHELL_WORD];
    size_t size;
    bool is_there; /* a field, even an empty one ("") */
    bool splits;
    char *why;
};

char *shell_format(struct shell *sh, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    sh->failed |= size < 0;
    return size < 0 ? NULL : text;
}

bool shell_burn(struct shell *sh, size_t n)
{
    if (sh->fuel < n) {
        sh->fuel = 0;
        sh->is_over = true;
        sh->at = sh->end;
        return false;
    }
    sh->fuel -= n;
    return true;
}

static bool is_meta(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '&' || c == '|' || c == '<' ||
           c == '>' || c == '(' || c == ')';
}

void shell_skip_blanks(struct shell *sh)
{
    while (sh->at < sh->end) {
        if (*sh->at == '\\' && sh->at + 1 < sh->end && sh->at[1] == '\n') {
            sh->at += 2;
            sh->line++;
        } else if (*sh->at == ' ' || *sh->at == '\t' || *sh->at == '\r') {
            sh->at++;
        } else {
            break;
        }
        if (!shell_burn(sh, 1))
            return;
    }
}

bool shell_is_word(const struct shell *sh)
{
    return sh->at < sh->end && !is_meta(*sh->at);
}

size_t shell_peek(const struct shell *sh, const char **ret_word)
{
    const char *at = sh->at;

    while (at < sh->end && !is_meta(*at) && at - sh->at < 64)
        at++;
    *ret_word = sh->at;
    return (size_t)(at - sh->at);
}

bool shell_peek_is(const struct shell *sh, const char *word)
{
    const char *here;
    size_t size = shell_peek(sh, &here);

    return size == strlen(word) && memcmp(here, word, size) == 0;
}

void shell_words_fini(struct shell_words *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->list[i].text);
        free(w->list[i].why);
    }
    free(w->list);
    *w = (struct shell_words){0};
}

/* ---- fields ---- */

static void add_field(struct making *m)
{
    struct shell_words *w = m->out;

    if (!w || w->count == SHELL_FIELDS) {
        m->sh->is_over |= w != NULL;
        return;
    }
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 16;
        struct shell_field *list = reallocarray(w->list, capacity, sizeof(*list));
        m->sh->failed |= !list;
        if (!list)
            return;
        w->list = list;
        w->capacity = capacity;
    }
    struct shell_field field = {.text = strndup(m->text, m->size), .why = m->why ? strdup(m->why) : NULL};
    m->sh->failed |= !field.text || (m->why && !field.why);
    if (!field.text) {
        free(field.why);
        return;
    }
    w->list[w->count++] = field;
}

static void end_field(struct making *m)
{
    if (m->is_there || m->size || m->why || !m->splits)
        add_field(m);
    m->size = 0;
    m->is_there = false;
    free(m->why);
    m->why = NULL;
}

/* Takes why over. */
static void doubt(struct making *m, char *why)
{
    if (m->why || !m->out)
        free(why);
    else
        m->why = why;
    m->is_there = true;
}

static void put(struct making *m, char c)
{
    if (!m->out)
        return;
    m->is_there = true;
    if (m->size < sizeof(m->text) - 1)
        m->text[m->size++] = c;
    else
        doubt(m, shell_format(m->sh, "a word that is too long"));
}

/* A value: between quotes it is one, else its blanks part words. */
static void put_value(struct making *m, const char *text, bool quoted)
{
    if (!quoted && m->splits && m->sh->splits_oddly && *text)
        doubt(m, shell_format(m->sh, "where IFS parts words"));
    for (; *text && shell_burn(m->sh, 1); text++) {
        if (!quoted && m->splits && strchr(" \t\n", *text)) {
            if (m->size || m->why)
                end_field(m);
            continue;
        }
        put(m, *text);
    }
    m->is_there |= quoted;
}

/* The elements of an array, each a line of text: each is a word of its own. */
static void put_elements(struct making *m, const char *text)
{
    for (const char *at = text; *at && shell_burn(m->sh, 1); at++) {
        if (*at != '\n')
            put(m, *at);
        else if (m->splits)
            end_field(m);
        else
            put(m, ' ');
    }
}

/* A list: each is a word of its own. */
static void put_list(struct making *m, const struct shell_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i && m->splits)
            end_field(m);
        else if (i)
            put(m, ' ');
        put_value(m, fields[i].text, true);
        if (fields[i].why)
            doubt(m, shell_format(m->sh, "%s", fields[i].why));
    }
}

/* ---- what is behind a dollar ---- */

static void advance(struct shell *sh)
{
    if (sh->at < sh->end) {
        sh->line += *sh->at == '\n';
        sh->at++;
        (void)shell_burn(sh, 1); /* who reads on finds the end */
    }
}

static void skip_quoted(struct shell *sh, char quote)
{
    while (sh->at < sh->end && *sh->at != quote) {
        if (*sh->at == '\\' && quote != '\'')
            advance(sh);
        advance(sh);
    }
    advance(sh);
}

void shell_skip_parentheses(struct shell *sh)
{
    unsigned depth = 1;

    while (sh->at < sh->end && depth) {
        char c = *sh->at;
        advance(sh);
        if (c == '\'' || c == '"')
            skip_quoted(sh, c);
        else if (c == '\\')
            advance(sh);
        else if (c == '(')
            depth++;
        else if (c == ')')
            depth--;
    }
}

/* "which iptables", "command -v iptables": a program's path, which is as good as its name. */
static const char *located(const char *at, const char *end, size_t *ret_size)
{
    static const char *const locators[] = {"which ", "command -v ", "type -p ", "type -P "};

    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    for (size_t i = 0; i < sizeof(locators) / sizeof(locators[0]); i++) {
        size_t size = strlen(locators[i]);
        if ((size_t)(end - at) <= size || memcmp(at, locators[i], size) != 0)
            continue;
        at += size;
        *ret_size = 0;
        while (at + *ret_size < end && !strchr(" \t\n|;&<>$`'\"", at[*ret_size]))
            ++*ret_size;
        return *ret_size ? at : NULL;
    }
    return NULL;
}

static void put_substitution(struct making *m, const char *from, const char *to, uint32_t line)
{
    size_t size;
    const char *program = located(from, to, &size);

    if (program) {
        for (size_t i = 0; i < size; i++)
            put(m, program[i]);
        return;
    }
    int shown = to - from > 40 ? 40 : (int)(to - from);
    char *why = shell_format(m->sh, "what $(%.*s%s) prints (line %u)", shown, from,
                             shown < to - from ? "..." : "", line);
    doubt(m, why);
}

static void take_parenthesized(struct making *m)
{
    struct shell *sh = m->sh;
    uint32_t line = sh->line;

    advance(sh);
    const char *from = sh->at;
    shell_skip_parentheses(sh);
    const char *to = sh->at > from ? sh->at - 1 : from;
    if (from < to && *from == '(')
        doubt(m, shell_format(sh, "what is reckoned in line %u", line));
    else
        put_substitution(m, from, to, line);
}

static void take_backquoted(struct making *m)
{
    struct shell *sh = m->sh;
    uint32_t line = sh->line;
    const char *from = sh->at;

    skip_quoted(sh, '`');
    put_substitution(m, from, sh->at > from ? sh->at - 1 : from, line);
}

static void put_argument(struct making *m, size_t number)
{
    struct shell *sh = m->sh;

    if (!sh->arguments && number)
        doubt(m, shell_format(sh, "argument %zu of the script", number));
    else if (number && number <= sh->argument_count)
        put_list(m, &sh->arguments[number - 1], 1);
    else if (!number)
        doubt(m, shell_format(sh, "the name of the script"));
}

/* all: "${NAME[@]}", else of an array the first element. */
static void put_variable(struct making *m, const char *name, size_t size, bool quoted, bool all)
{
    const struct shell_variable *v = shell_find(m->sh, name, size);

    if (!v) {
        doubt(m, shell_format(m->sh, "%.*s, which the script does not set", (int)size, name));
        return;
    }
    if (all && quoted)
        put_elements(m, v->text);
    else if (v->is_list && !all)
        doubt(m, shell_format(m->sh, "the first of %.*s", (int)size, name));
    else
        put_value(m, v->text, quoted);
    if (v->why)
        doubt(m, shell_format(m->sh, "%.*s, %s", (int)size, name, v->why));
}

static void put_count(struct making *m, size_t count)
{
    char text[24];

    snprintf(text, sizeof(text), "%zu", count);
    put_value(m, text, true);
}

static void put_special(struct making *m, char c)
{
    struct shell *sh = m->sh;

    if (c >= '0' && c <= '9')
        put_argument(m, (size_t)(c - '0'));
    else if ((c == '@' || c == '*') && sh->arguments)
        put_list(m, sh->arguments, sh->argument_count);
    else if (c == '#' && sh->arguments)
        put_count(m, sh->argument_count);
    else
        doubt(m, shell_format(sh, "$%c", c));
}

static void expand(struct making *m, const char *at, const char *end, bool quoted);

/* What ${NAME} alone is; false: it is not set. */
static bool put_parameter(struct making *m, const char *name, size_t size, bool quoted, bool unless_empty)
{
    const struct shell *sh = m->sh;

    if (*name >= '0' && *name <= '9') {
        size_t number = (size_t)(*name - '0');
        bool is_set = sh->arguments && number && number <= sh->argument_count &&
                      (!unless_empty || sh->arguments[number - 1].text[0] || sh->arguments[number - 1].why);
        if (is_set)
            put_argument(m, number);
        return is_set;
    }
    const struct shell_variable *v = shell_find(sh, name, size);
    if (!v || (unless_empty && !v->text[0] && !v->why))
        return false;
    put_variable(m, name, size, quoted, false);
    return true;
}

/* What a name that is not set stands for, "${NAME:-DEFAULT}", and with "=" is from then on. */
static void put_default(struct making *m, const char *name, size_t size, const char *sign, const char *end,
                        bool quoted)
{
    struct shell *sh = m->sh;
    bool is_number = *name >= '0' && *name <= '9';
    size_t from = m->size, before = m->out ? m->out->count : 0;

    if (!shell_find(sh, name, size) && !(is_number && sh->arguments)) {
        char *what = shell_format(sh, "%.*s is not set when the script begins", (int)size, name);
        if (what)
            sh->host->assumed(sh->host->arg, sh->line, what);
        free(what);
    }
    expand(m, sign + 1, end, quoted);
    if (*sign != '=' || is_number || !m->out || m->out->count != before)
        return;
    struct shell_field value = {.text = strndup(m->text + from, m->size - from), .why = m->why};
    if (value.text)
        shell_set(sh, sh->maybe_why ? SHELL_MAYBE : SHELL_RUNS, name, size, &value, false);
    sh->failed |= !value.text;
    free(value.text);
}

/* What stands behind a variable's name in ${NAME...}. */
static void put_modified(struct making *m, const char *name, size_t size, const char *rest, const char *end,
                         bool quoted)
{
    struct shell *sh = m->sh;
    bool colon = *rest == ':';
    const char *sign = rest + colon;

    if (end - rest == 3 && rest[0] == '[' && (rest[1] == '@' || rest[1] == '*') && rest[2] == ']')
        put_variable(m, name, size, quoted, true);
    else if (sign == end || (*sign != '-' && *sign != '=') || sh->includes)
        doubt(m, shell_format(sh, "${%.*s...}", (int)size, name));
    else if (!put_parameter(m, name, size, quoted, colon))
        put_default(m, name, size, sign, end, quoted);
}

static size_t parameter_size(const char *at, const char *end)
{
    size_t size = shell_name_size(at, end);

    return size ? size : at < end && *at >= '0' && *at <= '9' ? 1 : 0;
}

static void take_braced(struct making *m, bool quoted)
{
    struct shell *sh = m->sh;
    unsigned depth = 1;

    advance(sh);
    const char *from = sh->at;
    while (sh->at < sh->end && depth) {
        depth += *sh->at == '{';
        depth -= *sh->at == '}';
        if (*sh->at == '\\')
            advance(sh);
        advance(sh);
    }
    const char *to = sh->at > from ? sh->at - 1 : from;
    size_t size = parameter_size(from, to);
    if (!m->out)
        return;
    if (size && from + size == to && (*from < '0' || *from > '9'))
        put_variable(m, from, size, quoted, false);
    else if (size && from + size == to)
        put_special(m, *from);
    else if (size)
        put_modified(m, from, size, from + size, to, quoted);
    else
        doubt(m, shell_format(sh, "${...} of line %u", sh->line));
}

static void take_dollar(struct making *m, bool quoted)
{
    struct shell *sh = m->sh;

    advance(sh);
    size_t size = shell_name_size(sh->at, sh->end);
    if (sh->at == sh->end) {
        put(m, '$');
    } else if (size) {
        const char *name = sh->at;
        sh->at += size;
        if (m->out && shell_burn(sh, size))
            put_variable(m, name, size, quoted, false);
    } else if (*sh->at == '{') {
        take_braced(m, quoted);
    } else if (*sh->at == '(') {
        take_parenthesized(m);
    } else if (strchr("0123456789@*#?$!-", *sh->at)) {
        char c = *sh->at;
        advance(sh);
        if (m->out)
            put_special(m, c);
    } else {
        put(m, '$');
    }
}

/* ---- a word ---- */

static void take_double_quoted(struct making *m)
{
    struct shell *sh = m->sh;

    m->is_there = true;
    while (sh->at < sh->end && *sh->at != '"') {
        if (*sh->at == '$') {
            take_dollar(m, true);
            continue;
        }
        if (*sh->at == '`') {
            advance(sh);
            take_backquoted(m);
            continue;
        }
        if (*sh->at == '\\' && sh->at + 1 < sh->end && strchr("$`\"\\\n", sh->at[1])) {
            advance(sh);
            if (*sh->at == '\n') {
                advance(sh);
                continue;
            }
        }
        put(m, *sh->at);
        advance(sh);
    }
    advance(sh);
}

static void take_single_quoted(struct making *m)
{
    struct shell *sh = m->sh;

    m->is_there = true;
    while (sh->at < sh->end && *sh->at != '\'') {
        put(m, *sh->at);
        advance(sh);
    }
    advance(sh);
}

/* Names of files, and lists in braces. */
static void take_pattern(struct making *m)
{
    doubt(m, shell_format(m->sh, "what `%c` stands for in line %u", *m->sh->at, m->sh->line));
    put(m, *m->sh->at);
    advance(m->sh);
}

static bool is_brace_list(const struct shell *sh)
{
    const char *at = sh->at;

    for (; at < sh->end && !is_meta(*at) && *at != '}' && at - sh->at < 256; at++) {
        if (*at == ',' || (*at == '.' && at + 1 < sh->end && at[1] == '.'))
            return true;
    }
    return false;
}

static void take_part(struct making *m)
{
    struct shell *sh = m->sh;
    char c = *sh->at;

    if (c == '$') {
        take_dollar(m, false);
    } else if (c == '\\') {
        advance(sh);
        if (sh->at < sh->end && *sh->at != '\n')
            put(m, *sh->at);
        advance(sh);
    } else if (c == '"' || c == '\'' || c == '`') {
        advance(sh);
        if (c == '"')
            take_double_quoted(m);
        else if (c == '\'')
            take_single_quoted(m);
        else
            take_backquoted(m);
    } else if (c == '*' || c == '?' || (c == '{' && is_brace_list(sh))) {
        take_pattern(m);
    } else {
        put(m, c);
        advance(sh);
    }
}

void shell_take_word(struct shell *sh, struct shell_words *ret, bool splits)
{
    struct making *m = sh->spare ? sh->spare : malloc(sizeof(*m));

    sh->failed |= !m;
    if (!m) {
        sh->at = sh->end;
        return;
    }
    sh->spare = NULL;
    m->sh = sh;
    m->out = ret;
    m->size = 0;
    m->is_there = false;
    m->splits = splits;
    m->why = NULL;
    while (shell_is_word(sh) && !sh->is_over)
        take_part(m);
    end_field(m);
    free(sh->spare);
    sh->spare = m;
}

static void expand(struct making *m, const char *at, const char *end, bool quoted)
{
    struct shell *sh = m->sh;
    const char *here = sh->at, *there = sh->end;
    uint32_t line = sh->line;

    if (++sh->depth > SHELL_DEPTH) {
        sh->is_over = true;
    } else {
        sh->at = at;
        sh->end = end;
        while (sh->at < sh->end && !sh->is_over) {
            bool is_plain = quoted ? *sh->at != '$' && *sh->at != '`' : is_meta(*sh->at);
            if (is_plain) {
                put(m, *sh->at);
                advance(sh);
            } else {
                take_part(m);
            }
        }
    }
    sh->depth--;
    sh->at = sh->is_over ? there : here;
    sh->end = there;
    sh->line = line;
}

struct shell_field shell_expand_text(struct shell *sh, const char *text, size_t size)
{
    struct shell_words words = {0};
    struct making *m = malloc(sizeof(*m));
    char *made = NULL;
    size_t made_size = 0;
    FILE *out = open_memstream(&made, &made_size);
    const char *here = sh->at, *there = sh->end;
    uint32_t line = sh->line;
    char *why = NULL;

    sh->failed |= !m || !out;
    sh->at = text;
    sh->end = text + size;
    while (m && out && sh->at < sh->end && !sh->is_over) {
        if (*sh->at == '\\' && sh->at + 1 < sh->end && strchr("$`\\", sh->at[1])) {
            advance(sh);
        } else if (*sh->at == '$' || *sh->at == '`') {
            *m = (struct making){.sh = sh, .out = &words};
            if (*sh->at == '$') {
                take_dollar(m, true);
            } else {
                advance(sh);
                take_backquoted(m);
            }
            fwrite(m->text, 1, m->size, out);
            if (why)
                free(m->why);
            else
                why = m->why;
            continue;
        }
        fputc(*sh->at, out);
        advance(sh);
    }
    sh->failed |= out && fclose(out);
    free(m);
    shell_words_fini(&words);
    sh->at = sh->is_over ? there : here;
    sh->end = there;
    sh->line = line;
    return (struct shell_field){.text = made, .why = why};
}
