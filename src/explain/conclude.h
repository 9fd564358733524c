/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_CONCLUDE_H
#define SALLY_EXPLAIN_CONCLUDE_H

#include "base/result.h"
#include "explain/play/ports.h"

/* Why each task of a played session failed, and the conclusion in a sentence. played: as it was played;
 * outcomes: which parts of the port range work. 0 or -ENOMEM. */
MUST_USE int conclude_story(struct story *story, const struct play *played,
                            const struct play_outcomes *outcomes);

/* Notes: what is not evaluated, what was assumed, advice that no longer works. asked: as the person asked;
 * played: completed, and at its worst. 0 or -ENOMEM. */
MUST_USE int conclude_notes(struct story *story, struct wall_rules *r, const struct play *asked,
                            const struct play *played, const struct play_outcomes *outcomes);

/* Notes about one packet: what is not evaluated or not known. played: with its family and interfaces. 0 or
 * -ENOMEM. */
MUST_USE int conclude_packet_notes(struct story *story, const struct rules *r, const struct play *played);

#endif
