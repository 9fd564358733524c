/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_HEAD_H
#define SALLY_EXPLAIN_PLAY_HEAD_H

#include "base/result.h"
#include "explain/play/settings.h"

/* The head of story, but for its title: rules, the two ends, kernel and manner, from play. 0 or -ENOMEM. */
MUST_USE int play_head_fill(struct story *story, const struct play *play);

#endif
