/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_PASSWORD_H
#define SALLY_SERVER_AUTH_PASSWORD_H

#include "server/auth/accounts.h"

enum {
    PASSWORD_MAX = 511, /* bytes; what crypt(3) takes (CRYPT_MAX_PASSPHRASE_SIZE with its NUL) */
};

/* Spends the time that pam_unix takes to check password against a local user's hash: the method and cost of
 * the first real hash in /etc/shadow, or the system's default. Never says yes to anything. */
void password_spend_as_local(const char *password);

/* Has a PAM stack on /etc/shadow spent a hash's time on this name? No for unknown and locked ones. */
bool password_is_hashed_locally(const char *user);

#endif
