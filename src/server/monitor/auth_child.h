/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_AUTH_CHILD_H
#define SALLY_SERVER_MONITOR_AUTH_CHILD_H

#include "base/result.h"
#include "server/auth/auth.h"

/*
 * A password check in a child, so that PAM and hashing neither block the monitor nor run other people's code
 * in it. With session_support the child stays until the login is freed, and closes the PAM session then.
 */
struct auth_child;

/* error as auth_password's; grant only with 0, the callee's to take. why is for the log. */
typedef void auth_child_done_fn(void *ctx, int error, struct auth_grant *grant, const char *why);

/* Queues a check for auth_child_begin, which starts what may run now (and may call on_done at once). Copies
 * all it needs; the password is wiped when it is used. NULL: out of memory. */
MUST_USE struct auth_child *auth_child_new(const struct config *c, const struct login_request *request,
                                           auth_child_done_fn *on_done, void *ctx);
void auth_child_begin(void);
/* A child of the monitor was reaped; others than checks are ignored. */
void auth_child_reaped(pid_t pid);
/* Forgets the checks that have not begun: whoever asked for them is gone. They are still to be freed. */
void auth_child_cancel_queue(void);
/* Ends the PAM session, if there is one; a check that still runs is left to itself and on_done is not called.
 */
void auth_child_free(struct auth_child **child);

#endif
