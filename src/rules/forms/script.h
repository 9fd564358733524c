/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_SCRIPT_H
#define SALLY_RULES_FORMS_SCRIPT_H

#include "rules/forms/notes.h"

/*
 * What a shell script of iptables commands sets up, on a machine whose tables are empty before it. It is read, never
 * run (rules/shell). A rule that it may or may not make, or with a word that is not known, has a condition that is
 * unknown; what else it may do is told as standing beside the rules.
 */
MUST_USE int script_read(const char *text, size_t size, const char *name, uint8_t family,
                         struct form_notes *notes, struct rules **ret, struct rules_error *error);

#endif
