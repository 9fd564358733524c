/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_AUTH_H
#define SALLY_SERVER_AUTH_AUTH_H

#include "base/result.h"
#include "server/config/config.h"
#include "server/messages.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Who may log in, and as whom. Runs with root's rights: auth_anonymous in the monitor itself (it only looks
 * things up), auth_password in a child that ends afterwards, because PAM and password hashing are slow and
 * PAM modules are other people's code.
 */

/* What a broker will be: everything needed to start one. Strings are malloc'ed, owned by the grant. */
struct auth_grant {
    enum login_kind kind;
    char *user; /* account name as logs show it */
    uid_t uid;  /* the broker's; see auth_may_be */
    gid_t gid;
    gid_t *groups; /* supplementary */
    size_t group_count;
    char *root;        /* host path of the directory that the session sees as "/" */
    uint64_t root_dev; /* which directory that was at the login: a link is switched, a directory made anew */
    uint64_t root_ino; /* 0: whichever is there */
    char *cwd;         /* where it starts, below root: "/..." */
    bool root_as_user; /* open root with the user's own rights (a local user's home), else as root (an
                          administrator's choice) */
    uint32_t rights;   /* enum right */
    uint32_t umask;
    uint64_t rate, quota_bytes, quota_files; /* 0: no limit */
};

void auth_grant_fini(struct auth_grant *g);

/* Why a login was not granted, for the server's log only (never the client): what, on what, what to do. One
 * line. */
struct auth_why {
    char text[512];
};

/*
 * 0 and a grant; -EACCES: denied; -EPERM: the root is writable and allow_writeable_chroot=NO (vsftpd:
 * "refusing to run with writable root inside chroot()"); -ENOTDIR: the root is not there, or closed to the
 * user; another -errno: our own failure, which auth_result tells from one that passes. On failure *ret is
 * untouched and *why, if not NULL, may say more (the caller begins with an empty text). user is what the
 * client typed ("ftp", "Anonymous"): userlist_enable looks at it.
 */
MUST_USE int auth_anonymous(const struct config *c, const char *user, const char *password,
                            struct auth_grant *ret, struct auth_why *why);

/*
 * Checks a local (PAM, shells, userlist, chroot list as vsftpd does) or virtual (accounts file) user's
 * password. May take seconds. Unknown and known names take the same time: a hash is spent on each, and a
 * denial comes at a multiple of a quarter of a second (delay_failed_login is the worker's, and comes on top).
 * Returns as auth_anonymous. The caller has seen to it that c already holds the user's own options
 * (user_config_dir). ret_session: with session_support=YES, an open PAM session for auth_session_close, else
 * NULL. The caller wipes password; copies made here are wiped.
 */
struct auth_session;
MUST_USE int auth_password(const struct config *c, const char *user, const char *password, const char *peer,
                           struct auth_grant *ret, struct auth_session **ret_session, struct auth_why *why);
void auth_session_close(struct auth_session **s);

/* A virtual user who has shown a client certificate (its SHA-256, 64 hexadecimal digits) instead of a password: is it one of
 * c's login_certificates? Returns as auth_password, and a denial, too, comes at a multiple of a quarter of a second. */
MUST_USE int auth_certificate(const struct config *c, const char *user, const char *certificate,
                              struct auth_grant *ret, struct auth_why *why);

/* Set by auth_password when a local user who has a hash was turned away: the processor time, in seconds. Whoever
 * starts such checks hands it to password_note_denial before the next, which then spends as much on names that
 * have none. */
extern double auth_denial_cost;

/* What the worker is told of such a failure. */
enum login_result auth_result(int error);

/* Would vsftpd turn this name away before asking for a password (userlist_enable)? Yes as well when
 * userlist_file cannot be read. auth_anonymous and auth_password ask this themselves. */
bool auth_is_listed(const struct config *c, const char *user);

/*
 * Opens the root (O_PATH) as the broker holds it: with root_as_user by the user's own rights, since a home
 * behind a directory closed to them must not open just because we are root; that also finds homes where root
 * may not look (NFS). A descriptor or -errno; -ENOTRECOVERABLE: our own rights did not come back, and the
 * caller must exit. For a process of one thread.
 */
MUST_USE int auth_open_root(const struct auth_grant *g);

/*
 * May a session run as uid? Never as root, but where root itself started the server with
 * run_as_launching_user=YES: then its broker stays uid 0 and gives up every capability (sandbox_stay). This is
 * the one exception, and the one place that makes it.
 */
bool auth_may_be(const struct config *c, uid_t uid);

/* All that a grant says, as bytes: for the pipe from the child to the monitor, and to tell one identity from
 * another. Length, at most auth_grant_room(g), or -EMSGSIZE. Decoding allocates and refuses
 * what auth_may_be(c, ) does; 0, -EPROTO or -ENOMEM. */
size_t auth_grant_room(const struct auth_grant *g);
MUST_USE int auth_grant_encode(const struct auth_grant *g, void *bytes, size_t cap);
MUST_USE int auth_grant_decode(const struct config *c, const void *bytes, size_t len, struct auth_grant *ret);

#endif
