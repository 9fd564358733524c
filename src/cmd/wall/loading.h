/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_LOADING_H
#define SALLY_CMD_WALL_LOADING_H

/* On which terms rules are given to the wall: with the members of sets as they are now, and whatever is not carried
 * out as it says told on standard error. */
#include "base/result.h"
#include "kernel/wall.h"

struct loading {
    const char *command; /* "sallywall up", for messages */
    struct sets *sets;
    struct wall_terms terms;
};

/* For rules of both families, of which either may be NULL. 0, or -1: what is wrong was told. */
MUST_USE int loading_begin(struct loading *l, const char *command, const struct rules *a,
                           const struct rules *b);
/* Tells what *error remarks on; after a success, too. */
void loading_end(struct loading *l, const struct kernel_error *error);

/* All of it: as kernel_wall_replace, or with seconds as kernel_wall_try. */
MUST_USE int loading_replace(const char *command, struct kernel_wall *wall, const struct rules *rules,
                             enum wall_counters counters, unsigned seconds, struct kernel_error *error);

#endif
