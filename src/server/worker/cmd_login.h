/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_CMD_LOGIN_H
#define SALLY_SERVER_WORKER_CMD_LOGIN_H

#include "server/worker/session.h"

enum {
    LOGIN_NAME_MAX_BYTES = 255,
    LOGIN_PASSWORD_MAX_BYTES = 1024,
};

/* What the monitor's answers lead to. */
void login_user_checked(struct session *s, bool may);
void login_answered(struct session *s, const struct login_reply *answer);
/* The answer that s waited for instead of one of its own has come (anonymous.h). */
void login_other_answered(struct session *s);
void login_granted(struct session *s, const struct login_reply *grant);
void login_denied(struct session *s);
/* For what is neither: the password may have been right, so the reason is given, and at once. */
void login_refused(struct session *s, enum login_result why);
/* The session is nobody's any more: as before USER. */
void login_end(struct session *s);

#endif
