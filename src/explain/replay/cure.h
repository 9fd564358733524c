/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_CURE_H
#define SALLY_EXPLAIN_REPLAY_CURE_H

#include "base/result.h"
#include "explain/play/settings.h"
#include "explain/replay/judge.h"

/* What would help a captured session that rules stop: one of the same kind, between the same ends, is played
 * through them, and the fixes that make that one work are s's. 0 or -ENOMEM. */
MUST_USE int cure_find(struct story *s, const struct rules *r, const struct play *play,
                       const struct survey *survey, const struct judge *judge);

#endif
