/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_BUILD_H
#define SALLY_RULES_BUILD_H

#include "base/result.h"
#include "rules/ext/extension.h"

/* Changing a rule set: what readers and commands are made of. */

enum {
    RULES_MAX = 1 << 20,        /* rules in a chain */
    RULES_CHAINS_MAX = 1 << 16, /* chains in a table */
    RULES_MATCHES_MAX = 64,     /* matches in a rule */
    RULES_LINE_RULES = 1 << 14, /* rules that a line with lists of addresses may make */
    RULES_BUILTINS = 5,         /* built-in chains of a table, at most */
};

/* The built-in chains of a table: count of them, in order of their hooks. */
unsigned rules_table_hooks(enum rules_table_type table, enum rules_hook ret[RULES_BUILTINS]);
/* false: no table is called that. */
MUST_USE bool rules_table_find(const char *name, enum rules_table_type *ret);
/* Makes the table with its built-in chains unless it is present. 0 or -ENOMEM. */
MUST_USE int rules_table_make(struct rules *r, enum rules_table_type table);
/* Empties it: built-in chains without rules, no users' chains. Policies stay. */
void rules_table_clear(struct rules_table *t);
void rules_table_fini(struct rules_table *t);

/* -ENOMEM, -EEXIST or 0 and the new user chain at its sorted place. */
MUST_USE int rules_chain_make(struct rules_table *t, const char *name, struct rules_chain **ret);
void rules_chain_remove(struct rules_table *t, struct rules_chain *chain);
/* The chain, or NULL. */
struct rules_chain *rules_table_chain(const struct rules_table *t, const char *name);
/* How many rules of the table jump or go to chain. */
uint32_t rules_chain_references(const struct rules_table *t, const struct rules_chain *chain);
MUST_USE int rules_chain_rename(struct rules_table *t, struct rules_chain *chain, const char *name);
void rules_chain_flush(struct rules_chain *chain);

/* Takes *rule over (*rule is then empty) and puts it before rules[index] (count: at the end). 0 or -ENOMEM.
 */
MUST_USE int rules_chain_insert(struct rules_chain *chain, size_t index, struct rules_rule *rule);
void rules_chain_delete(struct rules_chain *chain, size_t index);

void rules_rule_fini(struct rules_rule *rule);
/* A deep copy into *ret, jumps still to the same chains. 0 or -ENOMEM. */
MUST_USE int rules_rule_copy(const struct rules_rule *from, struct rules_rule *ret);
/* The same conditions and target? Chains are compared by name. */
bool rules_rule_equal(const struct rules_rule *a, const struct rules_rule *b);

/* A new match or target of a row with its defaults; 0 or -ENOMEM. */
MUST_USE int rules_match_init(const struct rules_extension *row, const struct rules_parse *p,
                              struct rules_match *ret);
MUST_USE int rules_target_init(const struct rules_extension *row, const struct rules_parse *p,
                               struct rules_target *ret);
void rules_match_fini(struct rules_match *m);
/* The payload, as rows want it. */
void *rules_match_data(const struct rules_match *m);
void *rules_target_data(const struct rules_target *t);
/* Appends to a growing array of the rule; the match is taken over. */
MUST_USE int rules_rule_add_match(struct rules_rule *rule, struct rules_match *match);

/* Keeps comments (copied) that stand before a table, or before the rule of that serial in it. 0 or -ENOMEM. */
MUST_USE int rules_comment_add(struct rules *r, const char *text, size_t size, int before, uint32_t serial);

/* Would the kernel take the table? Loops of chains that a packet can reach, and matches and targets where
 * their hooks forbid them, are refused as it refuses them when the table is committed. -EINVAL with *error,
 * naming the chain; its line is the rule's. */
MUST_USE int rules_table_check(const struct rules_table *t, enum rules_table_type table, const char *file,
                               struct rules_error *error);
/* Does no packet come past it? */
bool rules_rule_is_final(const struct rules_rule *rule);
/* Can adding this rule make the check fail? */
bool rules_rule_needs_check(const struct rules_rule *rule);

#endif
