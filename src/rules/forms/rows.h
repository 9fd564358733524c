/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_ROWS_H
#define SALLY_RULES_FORMS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

/* A text line by line. */
struct rows {
    const char *at, *end;
    const char *text; /* of the line, without blanks before and behind it, and without its newline */
    size_t size;
    const char *whole; /* the line as it is */
    size_t whole_size;
    uint32_t number; /* 1... */
};

void rows_begin(struct rows *r, const char *text, size_t size);
/* false: there are no more. */
bool rows_next(struct rows *r);

/* Does the line begin so? */
bool row_begins(const struct rows *r, const char *what);
bool row_holds(const struct rows *r, const char *what);
/* The next word from *at on, to end; NULL: none. *at is behind it. */
const char *row_word(const char **at, const char *end, size_t *ret_size);
bool word_is(const char *word, size_t size, const char *what);

/* A line of somebody's terminal in which iptables was called: "root@box:~# sudo iptables -t nat -S". */
struct prompt {
    uint8_t family;
    bool saves;        /* iptables-save */
    char command;      /* 'S', 'L'; 0: neither */
    const char *table; /* of -t, or NULL: not said */
    size_t table_size;
};
bool row_is_prompt(const struct rows *r, struct prompt *ret);

#endif
