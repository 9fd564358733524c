/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_MADE_H
#define SALLY_RULES_FORMS_MADE_H

#include <stdio.h>

#include "base/result.h"
#include "rules/rules.h"

/* Text of iptables-save that was made of another form, and which line each of its lines comes from. */
struct made {
    FILE *out;
    char *text;
    size_t size;
    uint32_t *lines; /* lines[n - 1]: of its line n */
    size_t count, capacity;
    bool failed;
};

/* false: out of memory. */
MUST_USE bool made_open(struct made *m);
/* A line, for which line of the original it stands. */
__attribute__((format(printf, 3, 4))) void made_line(struct made *m, uint32_t from, const char *format, ...);
/* Reads it: places of mistakes and of rules are those of the original. What rules_read returns. */
MUST_USE int made_read(struct made *m, const char *name, uint8_t family, struct rules **ret,
                       struct rules_error *error);
void made_fini(struct made *m);

/* A word as iptables-restore takes it back: quoted where it must be. A new string; NULL: out of memory, or it holds
 * what no line can. */
MUST_USE char *made_word(const char *word);

#endif
