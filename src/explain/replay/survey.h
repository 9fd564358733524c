/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_SURVEY_H
#define SALLY_EXPLAIN_REPLAY_SURVEY_H

#include "base/result.h"
#include "explain/replay/findings.h"
#include "explain/replay/reading.h"

/* Goes through a capture once, to see what it shows of FTP sessions; run.c then goes through it again with
 * the rules, knowing how everything ended. ports: where control connections are looked for first. 0 or -ENOMEM. */
MUST_USE int survey_make(struct reading *reading, const uint16_t *ports, size_t port_count,
                         struct survey *ret);

#endif
