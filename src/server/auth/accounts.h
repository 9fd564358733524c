/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_ACCOUNTS_H
#define SALLY_SERVER_AUTH_ACCOUNTS_H

#include "server/messages.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The accounts file: virtual users in an SQLite database, mode 0600, one row a user, passwords as yescrypt
 * crypt(5) strings. Every change is one transaction, so that a crash leaves the old row or the new one.
 */
struct accounts;

struct account {
    char *name, *hash, *home; /* malloc'ed */
    uint32_t rights;          /* enum right */
    uint64_t rate;            /* bytes per second, 0: no limit */
    uint64_t quota_bytes, quota_files; /* 0: no limit */
};

void account_fini(struct account *a);

/* write: create the file if absent and allow changes. 0 or -errno (-EUCLEAN: not an accounts file of ours). */
int accounts_open(const char *path, bool write, struct accounts **ret);
void accounts_close(struct accounts **a);
int accounts_find(struct accounts *a, const char *name, struct account *ret); /* -ENOENT */
int accounts_add(struct accounts *a, const struct account *in);               /* -EEXIST */
int accounts_set_password(struct accounts *a, const char *name, const char *hash);
int accounts_delete(struct accounts *a, const char *name);
/* Calls each(ctx, account) in order of name until it returns false. */
int accounts_each(struct accounts *a, bool (*each)(void *ctx, const struct account *), void *ctx);

/* yescrypt with a fresh salt (libxcrypt's default cost). malloc'ed, NULL on failure. */
char *password_hash(const char *password);
/* Constant in the hash's own comparison; hash NULL: spends the same time on a dummy and returns false. */
bool password_verify(const char *password, const char *hash);

/* `sallyd user ...`: argv[0] is "user". Returns an exit status: 0, 1 failed, 2 usage. */
int accounts_command(int argc, char **argv);

#endif
