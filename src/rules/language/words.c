/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/words.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/nearest.h"

static void fail_place(struct rules_error *error, const char *file, uint32_t line, uint32_t column)
{
    error->file = file;
    error->line = line;
    error->column = column;
}

/* Messages quote what hostile files hold. */
static void fail_clean(struct rules_error *error)
{
    for (char *c = error->message; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
}

int rules_fail_at(struct rules_error *error, const char *file, uint32_t line, uint32_t column,
                  const char *format, ...)
{
    va_list args;

    fail_place(error, file, line, column);
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    fail_clean(error);
    return -EINVAL;
}

static uint32_t words_column(const struct rules_words *w)
{
    if (w->current < w->count)
        return w->word[w->current].column;
    if (!w->count)
        return 1;
    const struct rules_word *last = &w->word[w->count - 1];
    return w->file ? last->column + (uint32_t)strlen(last->text) : last->column;
}

static int words_vfail(const struct rules_words *w, struct rules_error *error, const char *before,
                       const char *format, va_list args)
{
    fail_place(error, w->file, w->line, words_column(w));
    int used = snprintf(error->message, sizeof(error->message), "%s", before);
    vsnprintf(error->message + used, sizeof(error->message) - (size_t)used, format, args);
    fail_clean(error);
    return -EINVAL;
}

int words_fail(const struct rules_words *w, struct rules_error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int rc = words_vfail(w, error, "", format, args);
    va_end(args);
    return rc;
}

int rules_fail(struct rules_parse *p, const char *format, ...)
{
    char before[48] = "";
    va_list args;

    if (p->name)
        snprintf(before, sizeof(before), "--%s: ", p->name);
    va_start(args, format);
    int rc = words_vfail(p->words, p->error, before, format, args);
    va_end(args);
    return rc;
}

const char *rules_suggest(const char *word, const char *const *names, size_t count, char *buffer, size_t size)
{
    const char *near = nearest_name(word, names, count);

    buffer[0] = '\0';
    if (near)
        snprintf(buffer, size, "; did you mean %s?", near);
    return buffer;
}

int words_take(struct rules_words *w, int argc, const char *const *argv, struct rules_error *error)
{
    w->count = w->next = w->current = 0;
    w->file = NULL;
    w->line = 0;
    if (argc > RULES_WORDS)
        return rules_fail_at(error, NULL, 0, RULES_WORDS, "%d words: a command has at most %d", argc,
                             RULES_WORDS);
    for (int i = 0; i < argc; i++)
        w->word[i] = (struct rules_word){.text = argv[i], .column = (uint32_t)i + 1};
    w->count = (size_t)argc;
    return 0;
}

/* A word that begins at line[*at]: copies it to *store and moves both on. */
static int split_word(const char *line, size_t size, size_t *at, char **store)
{
    size_t i = *at;
    char *to = *store;

    for (; i < size && line[i] != ' ' && line[i] != '\t' && line[i] != '"'; i++)
        *to++ = line[i];
    bool quoted = i < size && line[i] == '"';
    for (i += quoted; quoted && i < size; i++) {
        if (line[i] == '"')
            quoted = false;
        else
            *to++ = line[i] == '\\' && i + 1 < size ? line[++i] : line[i];
    }
    *to++ = '\0';
    *at = i;
    *store = to;
    return quoted ? -EINVAL : 0;
}

int words_split(struct rules_words *w, const char *line, size_t size, uint32_t column,
                struct rules_error *error)
{
    char *store = w->text;
    size_t at = 0;

    w->count = w->next = w->current = 0;
    if (size > RULES_LINE)
        return rules_fail_at(error, w->file, w->line, RULES_LINE, "the line is longer than %d bytes",
                             RULES_LINE);
    for (;;) {
        while (at < size && (line[at] == ' ' || line[at] == '\t'))
            at++;
        if (at == size)
            return 0;
        uint32_t here = column + (uint32_t)at;
        if (w->count == RULES_WORDS)
            return rules_fail_at(error, w->file, w->line, here, "more than %d words in a line", RULES_WORDS);
        w->word[w->count++] = (struct rules_word){.text = store, .column = here};
        if (split_word(line, size, &at, &store))
            return rules_fail_at(error, w->file, w->line, here,
                                 "a double quote is opened here and not closed in this line");
    }
}

const char *words_next(struct rules_words *w)
{
    w->current = w->next;
    if (w->next == w->count)
        return NULL;
    return w->word[w->next++].text;
}

const char *words_peek(const struct rules_words *w)
{
    return w->next < w->count ? w->word[w->next].text : NULL;
}

struct rules_words *words_at(struct rules_words *w, size_t place)
{
    w->current = place;
    return w;
}

const char *rules_next_word(struct rules_parse *p)
{
    const char *word = words_peek(p->words);

    if (!word || word[0] == '-' || word[0] == '!')
        return NULL;
    return words_next(p->words);
}
