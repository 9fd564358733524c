/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_ASKING_H
#define SALLY_CMD_WALL_ASKING_H

#include "base/result.h"
#include "cmd/wall/options.h"
#include "explain/play/settings.h"
#include "verdict/sets/sets.h"

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
};

void asking_init(struct asking *a);
void asking_fini(struct asking *a);

/* The rows that all three have, then those of explain alone. */
extern const struct option_row ASKING_ROWS[];
extern const size_t ASKING_EXPLAIN_COUNT, ASKING_REPLAY_COUNT, ASKING_DIFF_COUNT;

/* After the options were read: set members from their file. 0, or -1 and told. */
MUST_USE int asking_complete(struct asking *a);
struct story_text_options asking_text_options(const struct asking *a);

#endif
