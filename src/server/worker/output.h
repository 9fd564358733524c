/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_OUTPUT_H
#define SALLY_SERVER_WORKER_OUTPUT_H

#include "server/worker/session.h"

/* Sends what the last callback's replies gathered; what the socket does not take becomes the session's
 * backlog. */
void output_flush(void);
/* Forgets whatever is still to be sent to s. */
void output_drop(struct session *s);
/* The client does not read its replies: take no further command from it. */
bool output_is_blocked(const struct session *s);

#endif
