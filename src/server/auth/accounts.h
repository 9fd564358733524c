/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_ACCOUNTS_H
#define SALLY_SERVER_AUTH_ACCOUNTS_H

#include "base/result.h"
#include "server/messages.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The accounts file: virtual users in an SQLite database, mode 0600, one row a user, passwords as yescrypt
 * crypt(5) strings. Every change is one transaction, so that a crash leaves the old row or the new one.
 */
struct accounts;

struct account {
    char *name, *hash, *home;          /* malloc'ed */
    uint32_t rights;                   /* enum right */
    uint64_t rate;                     /* bytes per second, 0: no limit */
    uint64_t quota_bytes, quota_files; /* 0: no limit */
};

void account_fini(struct account *a);

/*
 * What is wrong with name as an account's, to complete `the name "x" ...`; NULL: nothing. Also refuses names
 * that log in anonymously.
 */
MUST_USE const char *account_name_fault(const char *name);

/*
 * write: create the file if absent and allow changes. 0 or -errno. -EUCLEAN: damaged, or not an accounts file
 * of ours; -EPERM: others than its owner may write to it, or the owner is neither root nor us; -EBUSY (here
 * and below): somebody else kept it locked for ten seconds.
 */
MUST_USE int accounts_open(const char *path, bool write, struct accounts **ret);
void accounts_close(struct accounts **a);
MUST_USE int accounts_find(struct accounts *a, const char *name, struct account *ret); /* -ENOENT */
/* -EEXIST; -EINVAL: the name's fault, a relative home, rights that rights_print cannot say, a number over
 * 2^63-1. */
MUST_USE int accounts_add(struct accounts *a, const struct account *in);
MUST_USE int accounts_set_password(struct accounts *a, const char *name, const char *hash); /* -ENOENT */
MUST_USE int accounts_delete(struct accounts *a, const char *name);                         /* -ENOENT */
/* Calls each(ctx, account) in order of name until it returns false. */
MUST_USE int accounts_each(struct accounts *a, bool (*each)(void *ctx, const struct account *), void *ctx);

/* yescrypt with a fresh salt (libxcrypt's default cost). malloc'ed, NULL on failure. */
MUST_USE char *password_hash(const char *password);
/* Constant in the hash's own comparison; hash NULL: spends the same time on a dummy and returns false. */
MUST_USE bool password_verify(const char *password, const char *hash);

/* `sallyd user ...`: argv[0] is "user". Returns an exit status: 0, 1 failed, 2 usage. */
MUST_USE int accounts_command(int argc, char **argv);

#endif
