/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_PARTS_H
#define SALLY_RULES_LANGUAGE_PARTS_H

#include "base/result.h"
#include "rules/language/line.h"

/* What is in a line besides its command: the rule's header, its matches and its target. All of these: 0; -EINVAL
 * with l->error; -ENOMEM. */

/* An option of iptables itself that is no command; word: its argument or NULL. */
MUST_USE int parts_take_core(struct line_reader *l, char letter, const char *word, bool inverted);
/* An option of a match or target. value: what stood behind '=', or NULL. */
MUST_USE int parts_take_option(struct line_reader *l, const struct option_found *found, const char *value);
/* Loads the match that -p implies, if it has the option: 1. 0: it hasn't, or is there already. */
MUST_USE int parts_load_implied(struct line_reader *l, const char *name, size_t size);
/* A word for an opaque match or target; the "!" before it too. */
MUST_USE int parts_take_opaque(struct line_reader *l, struct option_owner *owner, const char *word);
/* All is read: what was needed is there, and fits the rule. */
MUST_USE int parts_finish(struct line_reader *l);

#endif
