/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_PERSON_H
#define SALLY_SERVER_AUTH_PERSON_H

#include "base/result.h"
#include "server/auth/auth.h"

/* A user of the system, as passwd(5) and group(5) have it. */
struct person {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* all of them, gid included */
    size_t group_count;
    char *home;
};

void person_fini(struct person *p);

/* 0; -ENOENT: nobody of that name; or -errno. *ret untouched on failure. */
MUST_USE int person_find(const char *name, struct person *ret);

/* The same, from memory while none of the files that say so has changed (person_kept.c). Only for one thread. */
int person_find_kept(const char *name, struct person *ret);

/* 0 or -ENOMEM. */
int person_copy(const struct person *p, struct person *ret);

/* Who we are ourselves (run_as_launching_user). Home is "/" if passwd(5) does not know us. */
MUST_USE int person_self(struct person *ret);

/*
 * May p write into the directory at path? Judged by owner, group, mode bits and a read-only mount, without
 * becoming p; with an ACL the group bits are its mask, so the answer errs towards yes. 0 or -errno.
 */
MUST_USE int person_may_write(const struct person *p, const char *path, bool *ret);

#endif
