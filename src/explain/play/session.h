/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_SESSION_H
#define SALLY_EXPLAIN_PLAY_SESSION_H

#include "base/result.h"
#include "explain/play/play.h"

/*
 * The scripted session: steps, tasks and their outcomes, without conclusion, fixes and notes. quiet: for its
 * outcome only; the rules that were looked at are not written down. play must be complete (addresses,
 * ranges). NULL: out of memory.
 */
MUST_USE struct story *session_play(const struct rules *r, const struct play *play, bool quiet);

static inline bool session_is_active(enum story_mode mode)
{
    return mode == STORY_ACTIVE || mode == STORY_EPRT;
}

#endif
