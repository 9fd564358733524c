/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_SOURCE_H
#define SALLY_CMD_WALL_SOURCE_H

#include "base/result.h"
#include "explain/play/machine.h"
#include "rules/rules.h"

/* Where a rule set comes from. */

/* "file:3:14: message", the line, and a caret below the place; on standard error. text: the whole file; NULL:
 * only the message. */
void source_tell_mistake(const struct rules_error *error, const char *text, size_t size);

/* ANY: also what iptables -S and -L print, and scripts (rules/forms); SAVE: what iptables-restore takes. Either may be a
 * snapshot (host/snapshot.h): then its rules of the family are taken, and what stands beside them is noted. */
enum source_forms { SOURCE_SAVE, SOURCE_ANY };

/*
 * Reads name ("-": standard input; NULL: a snapshot of this machine). family 0: what the rules say, and if they don't,
 * likely; if that is 0, too, IPv4. 0 with *ret and, to be freed, *ret_name as people should see it; -1: what is
 * wrong was told on standard error.
 */
MUST_USE int source_read(const char *name, enum source_forms forms, uint8_t family, uint8_t likely,
                         struct rules **ret, char **ret_name);
/* The same, and of a snapshot the machine; *ret_machine is NULL if it is none. */
MUST_USE int source_read_machine(const char *name, enum source_forms forms, uint8_t family, uint8_t likely,
                                 struct rules **ret, char **ret_name, struct play_machine **ret_machine);

/* What a negative errno of files_read means to a person. */
const char *source_reason(int r);

#endif
