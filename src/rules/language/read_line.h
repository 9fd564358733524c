/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_READ_LINE_H
#define SALLY_RULES_LANGUAGE_READ_LINE_H

#include "base/result.h"
#include "rules/language/line.h"

/*
 * Reads the words into *ret, which the caller clears with line_fini. Nothing is changed by reading; jumps are
 * looked up in the rule set. table: the one of the file, or RULES_TABLES: a command line, where -t may be
 * given. 0; -EINVAL with *error; -ENOMEM.
 */
MUST_USE int line_read(const struct rules *r, enum rules_table_type table, struct rules_words *words,
                       struct line *ret, struct rules_error *error);
void line_fini(struct line *line);

#endif
