/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_EXCHANGE_SENTENCE_H
#define SALLY_EXPLAIN_EXCHANGE_SENTENCE_H

#include "base/result.h"
#include "explain/exchange/clients.h"
#include "explain/play/ports.h"

/* An exchange in words. played: as it was played; outcomes: with which of the client's ports it works; clients: what
 * becomes of others, where the client is assumed. */

/* "TCP to 192.0.2.10:22", "UDP to [2001:db8::10]:53", "Ping of 192.0.2.10". New; NULL: out of memory. */
MUST_USE char *exchange_what(const struct play *play);
/* Why each task failed, and the conclusion in a sentence. 0 or -ENOMEM. */
MUST_USE int exchange_conclude(struct story *story, const struct play *played,
                               const struct play_outcomes *outcomes, const struct exchange_clients *clients);
/* What was assumed, and what is not evaluated. asked: as the person asked. 0 or -ENOMEM. */
MUST_USE int exchange_notes(struct story *story, const struct rules *r, const struct play *asked,
                            const struct play *played, const struct play_outcomes *outcomes);

#endif
