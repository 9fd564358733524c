/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_RUN_H
#define SALLY_RULES_LANGUAGE_RUN_H

#include <stdio.h>

#include "base/result.h"
#include "rules/language/line.h"

/*
 * Carries out a line that was read. Prints to out (NULL in a file, where nothing may be printed). Rules of
 * the line are taken over. check: look for loops now (a file does it once, at COMMIT).
 *
 * 0; -EINVAL with *error: the rule set is unchanged; *ret_status 1: what is named is not there or cannot be
 * done (iptables' status 1), 2: the line is wrong; -ENOMEM.
 */
MUST_USE int line_run(struct rules *r, struct line *line, struct rules_words *words, bool check, FILE *out,
                      bool *ret_changed, int *ret_status, struct rules_error *error);

#endif
