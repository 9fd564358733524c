/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/made.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool made_open(struct made *m)
{
    *m = (struct made){0};
    m->out = open_memstream(&m->text, &m->size);
    return m->out;
}

void made_line(struct made *m, uint32_t from, const char *format, ...)
{
    va_list args;

    if (m->count == m->capacity) {
        size_t capacity = m->capacity ? 2 * m->capacity : 64;
        uint32_t *lines = reallocarray(m->lines, capacity, sizeof(*lines));
        m->failed |= !lines;
        if (!lines)
            return;
        m->lines = lines;
        m->capacity = capacity;
    }
    m->lines[m->count++] = from;
    va_start(args, format);
    vfprintf(m->out, format, args);
    va_end(args);
    fputc('\n', m->out);
}

static uint32_t origin(const struct made *m, uint32_t line)
{
    return line && line <= m->count ? m->lines[line - 1] : m->count ? m->lines[m->count - 1] : 1;
}

static void restore_lines(const struct made *m, struct rules *r)
{
    for (unsigned t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++)
                chain->rules[i].line = origin(m, chain->rules[i].line);
        }
    }
}

int made_read(struct made *m, const char *name, uint8_t family, struct rules **ret, struct rules_error *error)
{
    int rc = fclose(m->out);

    m->out = NULL;
    if (rc || m->failed)
        return -ENOMEM;
    rc = rules_read(m->text, m->size, name, family, ret, error);
    if (rc == 0)
        restore_lines(m, *ret);
    else if (rc == -EINVAL)
        error->line = origin(m, error->line) ? origin(m, error->line) : 1;
    return rc;
}

void made_fini(struct made *m)
{
    if (m->out)
        fclose(m->out);
    free(m->text);
    free(m->lines);
    *m = (struct made){0};
}

char *made_word(const char *word)
{
    char *text = NULL;
    size_t size;

    if (strchr(word, '\n'))
        return NULL;
    if (*word && !strpbrk(word, " \t\"'\\"))
        return strdup(word);
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputc('"', out);
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            fputc('\\', out);
        fputc(*word, out);
    }
    fputc('"', out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
