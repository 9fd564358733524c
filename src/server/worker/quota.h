/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_QUOTA_H
#define SALLY_SERVER_WORKER_QUOTA_H

#include "base/result.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

/*
 * What an account has stored: one count for all its sessions, also where these are of different identities (its rights, or
 * the configuration, were changed meanwhile). Its limits are each session's own, as they were when it logged in. Counted
 * from what lies below the root when the first session logs in; writers add as they write, and what is deleted, replaced or
 * dropped is taken off when a broker says so. All loops share it.
 */
struct quota {
    UT_hash_handle hh;
    char *user;
    unsigned refs;
    atomic_bool counted; /* else the numbers mean nothing yet */
    atomic_llong bytes;  /* also the transfer threads' */
    atomic_llong files;
};

/* The one of user, made if there is none and make is set. NULL: there is none, or out of memory. Give it back with
 * quota_unref, which also sets *q to NULL. */
MUST_USE struct quota *quota_ref(const char *user, bool make);
void quota_unref(struct quota **q);
/* What is there already; only the first who has counted it counts. */
void quota_count(struct quota *q, long long bytes, long long files);

/* A limit as numbers are compared with it: 0 in an account means none. */
static inline long long quota_limit(uint64_t limit)
{
    return limit > 0 && limit <= INT64_MAX / 2 ? (long long)limit : INT64_MAX / 2;
}

#endif
