/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_WHY_H
#define SALLY_SERVER_AUTH_WHY_H

#include "server/auth/auth.h"

/* Writes *w's one line (cut to fit) and returns error, so that a failure is one statement. w may be NULL. */
__attribute__((format(printf, 3, 4))) int auth_fail(struct auth_why *w, int error, const char *format, ...);

/* -EACCES, -EPERM and -ENOTDIR have meanings of their own in auth.h; a file of ours that we may not open, or
 * that is not where it should be, is none of them. */
int auth_own_failure(int error);

#endif
