/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_PAM_H
#define SALLY_SERVER_AUTH_PAM_H

#include "base/result.h"
#include "server/auth/auth.h"

/*
 * Asks PAM's service whether user may log in with password from peer (PAM_RHOST), accounting included.
 * *ret_user: the name that PAM ended with, malloc'ed. keep: opens a session, *ret_session; else NULL. 0,
 * -EACCES, or -errno. PAM's own delay after a failure is not slept here: delay_failed_login has the worker
 * wait, without a process held for it, and the time then tells nothing about which names exist.
 */
MUST_USE int pam_check(const char *service, const char *user, const char *password, const char *peer,
                       bool keep, char **ret_user, struct auth_session **ret_session, struct auth_why *why);

#endif
