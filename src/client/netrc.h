/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_NETRC_H
#define SALLY_CLIENT_NETRC_H

#include "base/result.h"

#include <stddef.h>

/* What a .netrc has of a machine, or else its default (netrc(5), ftp(1)). Owned. */
struct client_login {
    char *user, *password; /* NULL: not there */
};

/*
 * text: the file's. user: whose entry is wanted; NULL: the first. 1: *ret is set; 0: none fits; -ENOMEM; -EINVAL: a word is
 * missing at the end. Then client_login_free.
 */
MUST_USE int client_netrc_find(const char *text, const char *host, const char *user,
                               struct client_login *ret);
/* Wipes the password. */
void client_login_free(struct client_login *l);

#endif
