/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_WORDS_H
#define SALLY_RULES_LANGUAGE_WORDS_H

#include "base/result.h"
#include "rules/ext/extension.h"

/* A line of the language cut into words, each with its place, for the core (rows see struct rules_parse). */

enum {
    RULES_WORDS = 1024,     /* in a line; iptables-restore takes 255 */
    RULES_LINE = 64 * 1024, /* bytes in a line */
};

struct rules_word {
    const char *text;
    uint32_t column;
};

struct rules_words {
    struct rules_word word[RULES_WORDS];
    size_t count;
    size_t next;      /* to be read */
    size_t current;   /* that messages are about; count: the end of the line */
    const char *file; /* NULL: a command line */
    uint32_t line;
    char text[RULES_LINE + RULES_WORDS]; /* the words of a split line, each with its NUL */
};

/* The words of a command line are borrowed. -EINVAL with *error: too many. */
MUST_USE int words_take(struct rules_words *w, int argc, const char *const *argv, struct rules_error *error);
/* Cuts a line of size bytes, without its newline, as iptables-restore does: blanks part words, double quotes
 * hold them together (a closing quote ends the word), a backslash counts inside quotes only. w->file and
 * w->line are set already. -EINVAL with *error. */
MUST_USE int words_split(struct rules_words *w, const char *line, size_t size, uint32_t column,
                         struct rules_error *error);

/* The next word, or NULL at the end; it becomes the current one. */
const char *words_next(struct rules_words *w);
/* The same, not taken. */
const char *words_peek(const struct rules_words *w);

/* The words, with the one at place the current one: messages are about it. */
struct rules_words *words_at(struct rules_words *w, size_t place);

/* Fills in *error: a message about the current word, or about column 1 of a line if it has no words. Bytes
 * that a terminal might obey are replaced. Always -EINVAL. */
int words_fail(const struct rules_words *w, struct rules_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same about any place. */
int rules_fail_at(struct rules_error *error, const char *file, uint32_t line, uint32_t column,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* ---- for who is given a struct rules_parse: rows ---- */

/* Fills p->error with the message and the place of the word that is being read. Always -EINVAL. Write what
 * was found and what was expected; the option's name is put before it: "--ttl-eq: ...". */
int rules_fail(struct rules_parse *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next word, if there is one that is not an option or "!" (which is left alone); else NULL. */
const char *rules_next_word(struct rules_parse *p);

/* "; did you mean X?" with the name that is nearest, or "". buffer is for the answer. */
const char *rules_suggest(const char *word, const char *const *names, size_t count, char *buffer,
                          size_t size);

#endif
