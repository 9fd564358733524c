/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_ABLE_ROWS_H
#define SALLY_KERNEL_ABLE_ROWS_H

/* What the kernel program does with each match and target: for the check (able.h) and for the manual page. */
#include "kernel/able.h"

/* A match or target of a rule, as the check comes across it. */
struct able_case {
    const struct rules *rules;
    enum rules_table_type table;
    const struct rules_rule *rule;
    const struct rules_match *match;   /* NULL: the target is asked about */
    const struct rules_target *target; /* likewise */
    bool empty; /* the image has nothing of this match for the program (struct condition: payload 0) */
    const struct able_terms *terms;
};

/* Where a match or target is not carried out, or less than it says. */
struct able_exception {
    bool (*applies)(const struct able_case *c); /* NULL: always */
    const char *option;                         /* what of it, for the manual; NULL: all of it */
    const char *why;                            /* NULL: the match says it itself (RULES_MATCH_UNKNOWN) */
    const char *remedy;
    bool less; /* it is carried out, but less than it says */
};

enum { ABLE_EXCEPTIONS = 5 };

struct able_row {
    const char
        *how; /* it is carried out: a clause; NULL: not at all, and its first exception always applies */
    struct able_exception exceptions[ABLE_EXCEPTIONS]; /* those with a remedy */
};

extern const struct able_row able_matches[RULES_MATCH_TYPES], able_targets[RULES_TARGET_TYPES];
/* Of rules in a table that is not carried out; NULL: it is. */
const struct able_exception *able_table(enum rules_table_type table);
/* How a target is called behind -j where rules_target_row has no row; NULL: it is called as its extension. */
const char *able_target_word(uint8_t type);

#endif
