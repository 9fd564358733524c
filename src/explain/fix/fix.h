/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_FIX_H
#define SALLY_EXPLAIN_FIX_FIX_H

#include "base/result.h"
#include "explain/fix/attempt.h"
#include "explain/play/ports.h"

/*
 * Repairs. Each way of repairing (struct fix_maker) starts from a copy of the rules and, packet by packet
 * that is lost, adds the commands that admit it; each time the session is played again. What does not lead to
 * a session that works is not told.
 */

/* What is to work: how it is played through rules (play_once), and the ways of repairing that suit it. */
struct fix_question {
    const struct play *play;              /* as story was played with */
    const struct play_outcomes *outcomes; /* which parts of the port range work as it is */
    bool knows_range;                     /* the server was said to have that range */
    const struct fix_maker *makers;       /* fix_ftp_makers, say */
    size_t maker_count;
};

/* Adds to story the fixes that work, the least exposing first. r as story was played with. 0 or -ENOMEM. */
MUST_USE int fix_story(struct story *story, struct wall_rules *r, const struct fix_question *question);

#endif
