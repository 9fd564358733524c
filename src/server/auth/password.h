/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_PASSWORD_H
#define SALLY_SERVER_AUTH_PASSWORD_H

#include "server/auth/accounts.h"

enum {
    PASSWORD_MAX = 511, /* bytes; what crypt(3) takes (CRYPT_MAX_PASSPHRASE_SIZE with its NUL) */
};

/*
 * Spends what is left, since began (password_clock), of what PAM takes here to turn a user with a hash away: whole
 * hashes of the method and cost of the first real one in /etc/shadow, or of the system's default. That price is
 * measured (password_note_denial), because how often a PAM hashes is its own business: Linux-PAM 1.5 twice, in
 * this process; 1.7 four times, in two runs of unix_chkpwd(8). Before the first measure, as many hashes as those
 * two have been seen to take. Never says yes to anything.
 */
void password_spend_as_local(const char *password, double began);

/* Processor time of this process and of those that it waited for, in seconds. */
double password_clock(void);

/* A user with a hash was turned away at this price. Of the last few the median counts. */
void password_note_denial(double seconds);

/* Has a PAM stack on /etc/shadow spent a hash's time on this name? No for unknown and locked ones. */
bool password_is_hashed_locally(const char *user);

#endif
