/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_LINE_H
#define SALLY_RULES_LANGUAGE_LINE_H

#include "base/result.h"
#include "rules/language/words.h"

/*
 * One line of the language, read: a command line, or a line of an iptables-save file between *TABLE and
 * COMMIT. Nothing is changed by reading; jumps are looked up in the rule set.
 */
enum line_command {
    LINE_NONE,
    LINE_APPEND,
    LINE_CHECK,
    LINE_DELETE,
    LINE_DELETE_NUMBER,
    LINE_INSERT,
    LINE_REPLACE,
    LINE_LIST,
    LINE_LIST_RULES,
    LINE_FLUSH,
    LINE_ZERO,
    LINE_NEW,
    LINE_DELETE_CHAIN,
    LINE_RENAME,
    LINE_POLICY,
    LINE_COMMANDS
};

enum line_flag {
    LINE_NUMERIC = 1 << 0,
    LINE_VERBOSE = 1 << 1,
    LINE_EXACT = 1 << 2,
    LINE_NUMBERS = 1 << 3,
    LINE_COUNTERS = 1 << 4,     /* -c was given, or a file says [packets:bytes] */
    LINE_ZEROES = 1 << 5,       /* -Z besides -L or -S */
    LINE_OTHER_FAMILY = 1 << 6, /* -4 or -6, and not ours: the line is not for us */
};

struct line {
    enum line_command command;
    enum rules_table_type table;
    unsigned flags;       /* enum line_flag */
    const char *chain;    /* NULL: all; borrowed from the words */
    size_t chain_word;    /* where chain stands, for messages */
    const char *argument; /* -E: the new name; -P: the policy */
    uint32_t number;      /* of a rule; 0: none */
    struct rules_counters counters;
    struct rules_rule rule; /* its source and destination are the first of those below */
    struct rules_network *sources, *destinations;
    size_t source_count, destination_count; /* at least 1 when a rule was read */
};

/*
 * Reads the words into *ret, which the caller clears with line_fini. table: the one of the file, or
 * RULES_TABLES: a command line, where -t may be given. 0; -EINVAL with
 * *error; -ENOMEM.
 */
MUST_USE int line_read(const struct rules *r, enum rules_table_type table, struct rules_words *words,
                       struct line *ret, struct rules_error *error);
void line_fini(struct line *line);

#endif
