/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_SESSION_H
#define SALLY_EXPLAIN_PLAY_SESSION_H

#include "base/result.h"
#include "explain/play/world.h"

/*
 * The scripted session: steps, tasks and their outcomes, without conclusion, fixes and notes. looked: of which
 * step the rules that were looked at are written down, which is dear where there are many. play must be
 * complete (addresses, ranges). NULL: out of memory.
 */
enum { SESSION_LOOKS_AT_NONE = 0, SESSION_LOOKS_AT_ALL = PLAY_WATCH_ALL };
MUST_USE struct story *session_play(struct wall_rules *r, const struct play *play, uint32_t looked);

/* That active data connections come from; where none were said, the customary 20. */
struct rules_range16 session_data_ports(const struct play *play);

static inline bool session_is_active(enum story_mode mode)
{
    return mode == STORY_ACTIVE || mode == STORY_EPRT;
}

#endif
