/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_EXCHANGE_SCRIPT_H
#define SALLY_EXPLAIN_EXCHANGE_SCRIPT_H

#include "base/result.h"
#include "explain/play/settings.h"

/* A play_script: the packets of an exchange of play->protocol, and its tasks "connect" (TCP only), "ask" and
 * "answer". After them a TCP connection is closed, in a phase of its own, "close", that is no task. */
MUST_USE struct story *exchange_play(struct wall_rules *r, const struct play *play, uint32_t looked);

#endif
