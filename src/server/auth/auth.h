/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_AUTH_H
#define SALLY_SERVER_AUTH_AUTH_H

#include "server/config/config.h"
#include "server/messages.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Who may log in, and as whom. Runs with root's rights: auth_anonymous in the monitor itself (it only looks things
 * up), auth_password in a child that ends afterwards, because PAM and password hashing are slow and PAM modules are
 * other people's code.
 */

/* What a broker will be: everything needed to start one. Strings are malloc'ed, owned by the grant. */
struct auth_grant {
    enum login_kind kind;
    char *user;  /* account name as logs show it */
    uid_t uid;   /* the broker's; never 0 */
    gid_t gid;
    gid_t *groups; /* supplementary */
    size_t group_count;
    char *root;  /* host path of the directory that the session sees as "/" */
    char *cwd;   /* where it starts, below root: "/..." */
    bool root_as_user; /* open root with the user's own rights (a local user's home), else as root (an administrator's choice) */
    uint32_t rights; /* enum right */
    uint32_t umask;
    uint64_t rate, quota_bytes, quota_files; /* 0: no limit */
};

void auth_grant_fini(struct auth_grant *g);

/* Is this a name that logs in anonymously under c ("anonymous", "ftp", any case) ? */
bool auth_is_anonymous(const struct config *c, const char *user);

/* 0 and a grant; -EACCES: denied; another -errno: our own failure. *ret untouched on failure. */
int auth_anonymous(const struct config *c, const char *password, struct auth_grant *ret);

/*
 * Checks a local (PAM, shells, userlist, chroot list as vsftpd does) or virtual (accounts file) user's password.
 * May take seconds. Spends a password hash's time on unknown names as well. Returns as auth_anonymous.
 * The caller has seen to it that c already holds the user's own options (user_config_dir).
 * ret_session: with session_support=YES, an open PAM session for auth_session_close, else NULL.
 */
struct auth_session;
int auth_password(const struct config *c, const char *user, const char *password, const char *peer,
                  struct auth_grant *ret, struct auth_session **ret_session);
void auth_session_close(struct auth_session **s);

/* Would vsftpd turn this name away before asking for a password (userlist_enable)? */
bool auth_is_listed(const struct config *c, const char *user);

/* For the pipe from the child to the monitor. Length or -EMSGSIZE; decode allocates. 0 or -EPROTO, -ENOMEM. */
int auth_grant_encode(const struct auth_grant *g, void *bytes, size_t cap);
int auth_grant_decode(const void *bytes, size_t len, struct auth_grant *ret);

#endif
