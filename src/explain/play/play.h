/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_PLAY_H
#define SALLY_EXPLAIN_PLAY_PLAY_H

#include "base/result.h"
#include "explain/play/settings.h"

/* Plays login, LIST, RETR and STOR through r; tries fixes; concludes. r is not changed. NULL: out of memory.
 */
MUST_USE struct story *play_session(const struct rules *r, const struct play *play);

#endif
