/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_RUN_CHAIN_H
#define SALLY_RULES_LANGUAGE_RUN_CHAIN_H

#include <stdio.h>

#include "base/result.h"
#include "rules/build.h"
#include "rules/language/line.h"

/* A line that is carried out, and the commands about chains. What is about rules, and all dispatch, is run.c's. */
struct run {
    struct rules *r;
    struct rules_table *t;
    struct rules_chain *chain; /* that the line names, or NULL */
    struct line *line;
    struct rules_words *words;
    struct rules_error *error;
    FILE *out;
    bool check;
    bool changed;
};

/* The words, with the chain's name being what messages are about. */
struct rules_words *run_blame(struct run *run);
/* There is no rule of the line's number. Always -EINVAL. */
int run_fail_number(struct run *run);
/* Prints if -v was given. */
void run_tell(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Zeroes the counters of the line's chain, or of all. */
void run_zero_counters(struct run *run);

/* -F -Z -N -E -X -P. */
MUST_USE int run_flush(struct run *run);
MUST_USE int run_zero(struct run *run);
MUST_USE int run_new(struct run *run);
MUST_USE int run_rename(struct run *run);
MUST_USE int run_delete_chain(struct run *run);
MUST_USE int run_policy(struct run *run);

#endif
