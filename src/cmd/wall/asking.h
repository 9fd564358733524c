/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_ASKING_H
#define SALLY_CMD_WALL_ASKING_H

#include "base/result.h"
#include "cmd/wall/options.h"
#include "explain/play/machine.h"
#include "explain/play/settings.h"
#include "verdict/sets/sets.h"

enum { ASKING_SAID = 64 };

/* What explain, diff and replay are asked alike, and the options that say it. */
struct asking {
    struct play play;
    uint8_t family; /* -4, -6; 0: not said */
    bool json, verbose, play_ftp, brief;
    int colour; /* 1 always, 0 never, -1 on a terminal */
    const char *packet, *capture, *svg, *html, *rules, *sets_file, *server_config;
    const char *tcp, *udp, *icmp; /* ends of an exchange */
    struct sets *sets;
    struct verdict_sets bound;
    struct play_said said;
    const char *addresses[ASKING_SAID], *routes[ASKING_SAID]; /* --address, --route; borrowed */
    size_t address_count, route_count;
    struct host *host; /* of these alone; NULL: none were said, or a snapshot's has them */
    struct play_machine *machine;
};

void asking_init(struct asking *a);
void asking_fini(struct asking *a);

/* The rows that all three have, then those of explain alone. */
extern const struct option_row ASKING_ROWS[];
extern const size_t ASKING_EXPLAIN_COUNT, ASKING_REPLAY_COUNT, ASKING_DIFF_COUNT;

/* After the options were read: set members from their file. 0, or -1 and told. */
MUST_USE int asking_complete(struct asking *a);

/* After the rules were read: what is known of the machine that they are of. machine: a snapshot's, which a takes over;
 * NULL: there is none. What was said on the command line goes before it, and what contradicts is told. 0, or -1 and told. */
MUST_USE int asking_meet(struct asking *a, struct play_machine *machine);
struct story_text_options asking_text_options(const struct asking *a);

#endif
