/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_OPTIONS_H
#define SALLY_CMD_WALL_OPTIONS_H

#include "base/result.h"

/* The words after `sallywall explain` and its like: one table a subcommand, from which reading and --help
 * come. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option_row {
    const char *name;     /* "--client" or "-v" */
    const char *argument; /* what stands behind it, for people ("ADDRESS"); NULL: nothing does */
    const char *help;
    /* Takes the value (NULL without an argument) into what; false: can't be used, and *why says what was
     * expected. */
    bool (*take)(void *what, const char *value, const char **why);
};

struct option_command {
    const char *name, *usage, *help;
    const struct option_row *rows;
    size_t row_count;
    int least, most; /* operands */
};

/* Reads argv[1...] into what; operands are moved to the front of argv[1...] and counted in *ret_operands.
 * 0; 1: --help was asked for and printed; -1: a mistake, which was told on standard error. */
MUST_USE int options_read(const struct option_command *command, int argc, char **argv, void *what,
                          int *ret_operands);

#endif
