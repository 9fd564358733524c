/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_LOGIN_H
#define SALLY_SERVER_WORKER_LOGIN_H

#include "server/worker/session.h"

enum {
    LOGIN_NAME_MAX_BYTES = 255,
    LOGIN_PASSWORD_MAX_BYTES = 1024,
};

/* What the monitor's answers lead to. */
void login_user_checked(struct session *s, bool may);
/* Keeps what an anonymous login was granted, if it would be granted to any other alike. */
void login_remember(struct session *s, const struct login_reply *grant);
void login_granted(struct session *s, const struct login_reply *grant);
void login_denied(struct session *s);

#endif
