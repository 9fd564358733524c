/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_SOURCE_H
#define SALLY_CMD_WALL_SOURCE_H

#include "base/result.h"
#include "rules/rules.h"

/* Where a rule set comes from. */

/* "file:3:14: message", the line, and a caret below the place; on standard error. text: the whole file; NULL:
 * only the message. */
void source_tell_mistake(const struct rules_error *error, const char *text, size_t size);

/* ANY: also what iptables -S and -L print, and scripts (rules/forms); SAVE: what iptables-restore takes. */
enum source_forms { SOURCE_SAVE, SOURCE_ANY };

/*
 * Reads name ("-": standard input; NULL: what this machine runs, by iptables-save or ip6tables-save, from
 * whichever back end has rules). family 0: what the rules say, and if they don't, likely; if that is 0, too,
 * IPv4. 0 with *ret and, to be freed, *ret_name as people should see it; -1: what is wrong was told on
 * standard error.
 */
MUST_USE int source_read(const char *name, enum source_forms forms, uint8_t family, uint8_t likely,
                         struct rules **ret, char **ret_name);

/* What a negative errno of files_read means to a person. */
const char *source_reason(int r);

#endif
