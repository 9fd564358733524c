/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_UNSEEN_H
#define SALLY_RULES_FORMS_UNSEEN_H

#include "rules/forms/made.h"

/* What stands in the place of what a form does not show. */

struct unseen_rule { /* as somebody's words have it */
    const char *chain, *words, *target;
};

/* The rules of a chain that is not shown: it may accept, drop, or do neither. */
void unseen_chain(struct made *made, const char *chain);
/* Does rules_read take it? */
bool unseen_is_readable(enum rules_table_type table, uint8_t family, const struct unseen_rule *rule);
/* What stands for it if not, line by line, each the words of a rule of chain. */
void unseen_instead(struct made *made, uint32_t line, const char *chain, const char *instead);

#endif
