/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_LINE_H
#define SALLY_RULES_LANGUAGE_LINE_H

#include "rules/language/option.h"

/*
 * What a line of the language says: a command line, or a line of an iptables-save file between *TABLE and
 * COMMIT.
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
    bool waits;             /* -w was given */
    int seconds;            /* of it; negative: as long as it takes */
    struct rules_rule rule; /* its source and destination are the first of those below */
    struct rules_network *sources, *destinations;
    size_t source_count, destination_count; /* at least 1 when a rule was read */
};

/* Where reading a line stands. */
struct line_reader {
    const struct rules *r;
    struct rules_words *words;
    struct rules_error *error;
    struct line *line;
    struct rules_parse p;
    struct option_owners *owners;
    struct option_owner *opaque; /* words that are no options are its: an option of it came before them */
    bool in_file;
    bool inverted;    /* "!" came just before */
    const char *jump; /* after -j or -g; looked up when all is read */
    size_t jump_word;
    uint32_t seen_word[128]; /* place + 1 of each core option that was given, by its letter */
    char seen[128];          /* their letters */
};

#endif
