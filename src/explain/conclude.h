/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_CONCLUDE_H
#define SALLY_EXPLAIN_CONCLUDE_H

#include "base/result.h"
#include "explain/play/ports.h"

/* Why each task of a played session failed, and the conclusion in a sentence. outcomes: which parts of the port
 * ranges work. 0 or -ENOMEM. */
MUST_USE int conclude_story(struct story *story, const struct play_outcomes *outcomes);

/* The packet that the answer turns on: that of the first task which does not work, or else the first that was
 * stopped. NULL: all pass. */
const struct story_step *conclude_turning_step(const struct story *story);

/* Adds to the conclusion what came near to admitting that packet. 0 or -ENOMEM. */
MUST_USE int conclude_near(struct story *story);

/* Gives each task that does not work its clause, a new string of why. 0 or -ENOMEM. */
MUST_USE int conclude_tasks(struct story *story,
                            char *(*why)(const struct story *story, const struct story_task *task));

/* Pieces of sentences, new strings; NULL: out of memory. Who stopped the packet: "rule 3 of INPUT drops"; why it is
 * that rule: "because no rule admits it". */
MUST_USE char *conclude_who_does_what(const struct story_step *step);
MUST_USE char *conclude_reason(const struct story *story, const struct story_step *step);
/* Why its fate can't be told: "it depends on the owner of a socket, at rule 3 of INPUT: ...". */
MUST_USE char *conclude_unknown(const struct story_step *step);

/* What a session that works loses all the same: " On the way 2 packets are lost and sent again: ...", or "". */
MUST_USE char *conclude_losses(const struct story *story);

/* Notes: what was assumed, advice that no longer works. asked: as the person asked;
 * played: completed, and at its worst. 0 or -ENOMEM. */
MUST_USE int conclude_notes(struct story *story, struct wall_rules *r, const struct play *asked,
                            const struct play *played, const struct play_outcomes *outcomes);

/* Over IPv6: do the rules let neighbour discovery pass, without which nothing begins? If not, adds that to the
 * conclusion of what else works, or as a note. 0 or -ENOMEM. */
MUST_USE int conclude_neighbours(struct story *story, struct wall_rules *r, const struct play *played);

/* Notes about a plain exchange: who was assumed to talk, what else was assumed. 0 or -ENOMEM. */
MUST_USE int conclude_exchange_notes(struct story *story, const struct rules *r, const struct play *asked,
                                     const struct play *played);

/* Notes about one packet: what was assumed. played: with its family and interfaces. 0 or
 * -ENOMEM. */
MUST_USE int conclude_packet_notes(struct story *story, const struct rules *r, const struct play *played);

#endif
