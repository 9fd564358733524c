/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_ASK_H
#define SALLY_EXPLAIN_PLAY_ASK_H

#include "base/result.h"
#include "verdict/image/image.h"
#include "verdict/wall.h"

/*
 * One packet asked about by itself: raw, then filter, with a connection state that the asker names instead of
 * a tracker's.
 */
struct play_ask {
    const struct packet *packet;
    enum wall_path path;
    const struct wall_world *world;
    enum track_state state; /* TRACK_NONE: NEW */
    enum track_direction direction;
    uint64_t now_ms;
    const struct image *image; /* of the rules: is walked instead, and there is no trace; or NULL */
};

/* memory: what matches remember; NULL: nothing, and nothing is kept. *ret has no flow. 0 or -ENOMEM. */
MUST_USE int play_ask(const struct rules *r, const struct play_ask *ask, struct verdict_memory *memory,
                      const struct verdict_trace *trace, struct wall_report *ret);

#endif
