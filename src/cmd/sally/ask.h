/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_SALLY_ASK_H
#define SALLY_CMD_SALLY_ASK_H

#include "cmd/sally/command.h"

/* The person at the terminal, and the files that speak for a person who is not there. */

enum { ASK_LINE = 1024 };

/* The phrase and "(yes/no) ", until one of them is typed. False also if there is no terminal. */
bool ask_yes(struct show *show, int stop, enum speech_phrase question, const char *const words[]);

/*
 * As whom to log in: who the URL says, with the password of --password-file, --password-command, ~/.netrc or the
 * terminal, in this order; else whom ~/.netrc names for the host; else nobody. user is the caller's to free, NULL: anonymous;
 * password is empty then. False: it could not be found out, and that was said.
 */
bool ask_login(const struct options *o, struct show *show, const struct client_url *url, char **ret_user,
               char password[ASK_LINE]);

#endif
