/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_PORTS_H
#define SALLY_EXPLAIN_PLAY_PORTS_H

#include "base/result.h"
#include "explain/play/settings.h"

/*
 * Rules cut the range of ports into parts that they treat alike. A server picks any port of its passive
 * range, so a session only works if it works in every part.
 */
enum { PLAY_PARTS = 48 };

struct play_parts {
    struct rules_range16 part[PLAY_PARTS];
    size_t count;
    bool is_sampled; /* there are more parts than these */
};

/* All numbers at which some rule of r begins or ceases to speak of a port, sorted, without repetition; the
 * first is 0. Owned by the caller. NULL: out of memory. */
uint16_t *play_port_bounds(const struct rules *r, size_t *ret_count);

/* The parts of range. 0 or -ENOMEM. */
MUST_USE int play_ports_split(const struct rules *r, struct rules_range16 range, struct play_parts *ret);

/* The session at its worst: of all parts of the range of data ports, the first that is blocked, or else
 * unknown, or else the whole range. *ret_play is what was played; *ret (may be NULL) which parts work.
 * NULL: out of memory. */
struct play_outcomes {
    struct play_parts parts;
    enum story_outcome outcome[PLAY_PARTS];
};
MUST_USE struct story *play_worst(struct wall_rules *r, const struct play *play, bool quiet,
                                  struct play *ret_play, struct play_outcomes *ret);

/* "10090:10100, 20000" of the parts that work, neighbours as one, at most eight. false, and text untouched:
 * all of them work, or none. */
enum { PLAY_OUTCOMES_TEXT = 160 };
bool play_outcomes_format(const struct play_outcomes *outcomes, char *text);

#endif
