/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_PLACE_H
#define SALLY_SERVER_AUTH_PLACE_H

#include "base/result.h"
#include "server/auth/auth.h"
#include "server/auth/person.h"

/* Where a session lives: the directory it sees as "/", and where below it starts. Strings are malloc'ed. */
struct place {
    char *root, *cwd;
    bool is_jail; /* root is less than the whole system */
};

void place_fini(struct place *p);

/*
 * Where a local user lives: home or local_root (user_sub_token replaced in both), jailed there or not
 * (chroot_local_user, chroot_list_enable), the jail cut at "/./" (passwd_chroot_enable). user is the name
 * that logged in, p whose home it is (the guest's, for a guest); always_jail for guests under anon_* rules. 0
 * or -errno.
 */
MUST_USE int place_local(const struct config *c, const char *user, const struct person *p, bool always_jail,
                         struct place *ret, struct auth_why *why);

/* dir as a jail; a relative one is below home. 0 or -errno. */
MUST_USE int place_fixed(const char *dir, const char *home, struct place *ret);

/*
 * Is the place fit to log in to as p? 0; -EPERM: a jail whose root p can write, and
 * allow_writeable_chroot=NO (not with run_as_launching_user, where vsftpd has no chroot either); -ENOTDIR: no such directory. What cannot be judged from here (a home on
 * NFS that root may not look at) passes.
 */
MUST_USE int place_check(const struct config *c, const struct place *place, const struct person *p,
                         struct auth_why *why);

#endif
