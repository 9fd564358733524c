/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_ANONYMOUS_H
#define SALLY_SERVER_WORKER_ANONYMOUS_H

#include "server/worker/session.h"

/*
 * Many anonymous logins, few questions. Where one login gets what any other would get, an answer of the monitor may serve
 * another session, too; but only if the monitor was asked after that session's login had begun (its connection, or REIN),
 * and a moment ago at most. So what an answer rests on (groups, the root and which directory that is, whether it may be
 * written to) was looked at while the client was logging in, and a change counts for whoever comes after it.
 */

/* In each loop, before its first session. */
void anonymous_init(void);
/* A LOGIN for s is on its way; or one for this session is answered. */
void anonymous_asked(struct session *s);
void anonymous_answered(uint32_t session, const struct login_reply *answer);
/* An answer that may serve s, whose password has come; or NULL. */
const struct login_reply *anonymous_answer(const struct session *s);
/* Lets s wait for the answer under way, if it may serve s. False: there is none, and the monitor must be asked for s. */
MUST_USE bool anonymous_wait(struct session *s);
/* One of those that wait for this session's answer, or NULL; anonymous_wait_over takes it off the list. */
struct session *anonymous_next_waiting(uint32_t session);
/* s waits no more. Does nothing if it did not. */
void anonymous_wait_over(struct session *s);
/* The monitor has another configuration: what it was asked before is not for what comes. config_is_known: worker.settings is
 * that configuration; else no answer serves another session until it is. */
void anonymous_forget(bool config_is_known);

#endif
