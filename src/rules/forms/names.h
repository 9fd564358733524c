/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_NAMES_H
#define SALLY_RULES_FORMS_NAMES_H

#include "base/result.h"
#include "rules/rules.h"

/* Names of chains, tables and targets. */

struct names {
    const char **list; /* borrowed */
    size_t count, capacity;
    bool failed; /* out of memory */
};

void names_add(struct names *n, const char *name);
void names_sort(struct names *n);
/* Of sorted ones. */
bool names_has(const struct names *n, const char *name);
void names_fini(struct names *n);

/* Is it a target of iptables, and no chain of a user's? */
bool is_target(const char *name, uint8_t family);

enum { NAMES_NO_TABLE = -1 };

/* The enum rules_table_type, or NAMES_NO_TABLE. */
int names_table(const char *name, size_t size);
/* The enum rules_hook whose built-in chains are called so, or -1. */
int names_hook(const char *name);

#endif
