/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_RULES_TEXT_H
#define SALLY_TESTS_RULES_TEXT_H

/* Rule sets from text, for tests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

enum { TEXT_WORDS = 64 };

/* Must be readable. */
static inline struct rules *text_read(const char *text, uint8_t family)
{
    struct rules_error error = {0};
    struct rules *r = NULL;

    if (rules_read(text, strlen(text), "test", family, &r, &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
    return r;
}

/* Must fail, at that place, with a message that holds all of what. */
static inline void text_wrong(const char *text, uint32_t line, uint32_t column, const char *what)
{
    struct rules_error error = {0};
    struct rules *r = NULL;

    assert_int_equal(rules_read(text, strlen(text), "test", 0, &r, &error), -22);
    assert_null(r);
    if (error.line != line || error.column != column || !strstr(error.message, what))
        fail_msg("expected %u:%u: ...%s..., found %u:%u: %s", line, column, what, error.line, error.column,
                 error.message);
    assert_string_equal(error.file, "test");
}

/* Words of a command line are parted by blanks; what stands between single quotes is one. */
static inline int text_split(char *copy, const char **argv)
{
    int argc = 0;

    for (char *at = copy; *at;) {
        char stop = *at == '\'' ? '\'' : ' ';
        at += stop == '\'';
        argv[argc++] = at;
        at = strchrnul(at, stop);
        if (*at)
            *at++ = '\0';
        while (*at == ' ')
            at++;
    }
    return argc;
}

static inline int text_command(struct rules *r, const char *command, struct rules_outcome *outcome,
                               struct rules_error *error)
{
    const char *argv[TEXT_WORDS];
    char copy[1024];

    snprintf(copy, sizeof(copy), "%s", command);
    int argc = text_split(copy, argv);
    memset(outcome, 0, sizeof(*outcome));
    return rules_command(r, argc, argv, outcome, error);
}

/* Must succeed. */
static inline void text_do(struct rules *r, const char *command)
{
    struct rules_outcome outcome;
    struct rules_error error = {0};

    int rc = text_command(r, command, &outcome, &error);
    if (rc || outcome.status)
        fail_msg("%s: word %u: %s", command, error.column, error.message);
    free(outcome.output);
}

/* Must print this. */
static inline void text_prints(struct rules *r, const char *command, const char *expected)
{
    struct rules_outcome outcome;
    struct rules_error error = {0};

    if (text_command(r, command, &outcome, &error))
        fail_msg("%s: word %u: %s", command, error.column, error.message);
    assert_string_equal(outcome.output ? outcome.output : "", expected);
    free(outcome.output);
}

/* Must be refused at that word with that message and change nothing. status: 1, or 2 for a usage error. */
static inline void text_refuses(struct rules *r, const char *command, int status, uint32_t word,
                                const char *what)
{
    struct rules *before = rules_copy(r);
    struct rules_outcome outcome;
    struct rules_error error = {0};

    int rc = text_command(r, command, &outcome, &error);
    if (rc != (status == 2 ? -22 : 0) || (status == 1 && outcome.status != 1) || error.column != word ||
        !strstr(error.message, what))
        fail_msg("%s: expected %d, word %u: ...%s..., found %d, word %u: %s", command, status, word, what, rc,
                 error.column, error.message);
    assert_true(rules_equal(r, before));
    rules_free(&before);
}

#endif
