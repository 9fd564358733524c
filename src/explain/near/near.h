/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_NEAR_NEAR_H
#define SALLY_EXPLAIN_NEAR_NEAR_H

#include "base/result.h"
#include "explain/make.h"

/*
 * Near misses: rules that would have admitted a packet which was dropped, had one thing been different. They are
 * found by asking every rule that the packet could come to condition by condition, by the engine's own reading
 * of them. A rule that is plainly about other traffic (loopback, another service) is no near miss.
 */

/* What a person is told of a packet; more is a listing of the rules. */
enum { NEAR_TOLD = 3 };

/*
 * Adds to the last step of story what came near to admitting its packet: p as it came to table of r, which said
 * v, a DROP or REJECT. The story's earlier steps are those of the same traffic. 0 or -ENOMEM.
 */
MUST_USE int near_find(struct story *story, const struct rules *r, enum rules_table_type table,
                       const struct verdict_packet *p, const struct verdict *v);

/* Adds near to the step, which owns what it holds from then on. error: of filling it, 0 if it is whole; else it is cleared. 0 or
 * -ENOMEM. */
MUST_USE int near_add(struct story_step *step, struct story_near *near, int error);

#endif
