/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_FLOOD_H
#define SALLY_CMD_WALL_FLOOD_H

/*
 * How much of a flood is told: in a second, of packets that are alike (the same rule, source, protocol and port) the
 * first, and at its end how many more there were; if these are too many, how many more each rule had; if those are,
 * how many in all. So a second never has more lines than was said, and no packet that was told is left out of all sums.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "cmd/wall/watched.h"

enum { FLOOD_LEAST = 8 }; /* lines a second */

struct flood;

/* What is told at the end of a second. */
struct flood_more {
    uint64_t packets;
    const char *first;   /* of the alike: the first one, as watched_packet has it; NULL: they are not alike */
    const char *decider; /* NULL: of several rules */
    const char *verb;
    uint32_t second; /* since 1970 */
};

MUST_USE struct flood *flood_new(uint32_t lines); /* NULL: out of memory */
void flood_free(struct flood **flood);

/* Counts a packet in; true: it is told by itself. */
MUST_USE bool flood_take(struct flood *flood, const struct watched *w);
/* Ends a second, if another has begun (or whatever time it is): tells what has not been. */
void flood_end(struct flood *flood, bool whatever, void (*tell)(void *arg, const struct flood_more *more),
               void *arg);

#endif
