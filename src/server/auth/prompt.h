/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_PROMPT_H
#define SALLY_SERVER_AUTH_PROMPT_H

#include "base/result.h"
#include "server/auth/password.h"

#include <stddef.h>

enum {
    PROMPT_CAP = PASSWORD_MAX + 1,
};

/*
 * A password into out (PROMPT_CAP bytes, which the caller wipes): asked for twice on the terminal, without
 * echo. 0; -ENOTTY: no terminal; -EINTR: a signal came (the terminal is as it was before); -EBADMSG: the two
 * differ; or as prompt_from.
 */
MUST_USE int prompt_terminal(const char *name, char *out);

/* The first line of fd. 0; -EMSGSIZE: longer than PASSWORD_MAX; -ENODATA: empty; -EINVAL: a NUL in it; or
 * -errno. */
MUST_USE int prompt_from(int fd, char *out);

#endif
