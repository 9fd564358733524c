/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_PORTS_H
#define SALLY_EXPLAIN_PLAY_PORTS_H

#include "base/result.h"
#include "explain/play/settings.h"

/*
 * Rules cut the range of ports into parts that they treat alike. A server picks any port of its passive
 * range, so a session only works if it works in every part. Where it was not said which port active data
 * connections come from, that is another range of that kind, but nothing is known of the server: if the parts
 * differ, what becomes of the session can't be told.
 */
enum { PLAY_PARTS = 48, PLAY_DATA_PARTS = 12 };

struct play_parts {
    struct rules_range16 part[PLAY_PARTS];
    size_t count;
    bool is_sampled; /* there are more parts than these */
    bool again;      /* the last one is of one port that is taken again each time: rules remember */
};

/* All numbers at which some rule of r begins or ceases to speak of a port, sorted, without repetition; the
 * first is 0. Owned by the caller. NULL: out of memory. */
uint16_t *play_port_bounds(const struct rules *r, size_t *ret_count);

/* The parts of range, most at most (<= PLAY_PARTS). 0 or -ENOMEM. */
MUST_USE int play_ports_split(const struct rules *r, struct rules_range16 range, size_t most,
                              struct play_parts *ret);

/* Plays play's script once; see play_script. */
MUST_USE struct story *play_once(struct wall_rules *r, const struct play *play, uint32_t looked);

/* The session at its worst: of all parts of the range of data ports, the first that is blocked, or else
 * unknown, or else the whole range. *ret_play is what was played; *ret (may be NULL) which parts work.
 * A task that is blocked with one port and isn't with another, where nothing was said of who picks it (the server's
 * data port in active mode, the client's in an exchange), is UNKNOWN; its step is the one that stops it. NULL: out of
 * memory. */
struct play_outcomes {
    struct play_parts parts;
    enum story_outcome outcome[PLAY_PARTS];
    struct play_parts data; /* of the ports that active data connections may come from; none in other modes */
    enum story_outcome data_outcome[PLAY_PARTS];
};
MUST_USE struct story *play_worst(struct wall_rules *r, const struct play *play, bool quiet,
                                  struct play *ret_play, struct play_outcomes *ret);

/* "10090:10100, 20000" of the parts that work, neighbours as one, at most eight. false, and text untouched:
 * all of them work, or none. */
enum { PLAY_OUTCOMES_TEXT = 160 };
bool play_outcomes_format(const struct play_outcomes *outcomes, char *text);
/* The same of the ports that active data connections may come from. */
bool play_data_format(const struct play_outcomes *outcomes, char *text);
/* Does it work with every port, as long as none is taken a second time? It is not the port's fault then. */
bool play_only_again_fails(const struct play_outcomes *outcomes);

#endif
