/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/auth.h"

#include "server/auth/accounts.h"
#include "server/auth/lines.h"
#include "server/auth/pam.h"
#include "server/auth/password.h"
#include "server/auth/person.h"
#include "server/auth/place.h"
#include "server/auth/rights.h"
#include "server/auth/why.h"
#include "sys/fd.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * A login goes: name (userlist, anonymous or not) -> password (e-mail lists; accounts file; PAM) -> person
 * (whose uid)
 * -> place (root and cwd) -> grant. A name that fails early still costs a password hash, so that the time
 * until "530 Login incorrect." says nothing about which names exist (CVE-2021-47865's class). How often and
 * with what a PAM stack hashes is not ours to know exactly; so a denial also waits for the next tick of a
 * coarse clock, which swallows what differs. The process that sleeps is the child that only this login uses.
 *
 * check_shell has no effect, as in every vsftpd built with PAM: pam_shells in the service's stack does that.
 */

enum {
    DENIAL_TICK = 250, /* milliseconds; a hash takes 5 to 50 of them */
};

double auth_denial_cost;

/* 0; -EACCES: turned away; or -errno: userlist_file can't be read. */
static int check_userlist(const struct config *c, const char *user, struct auth_why *why)
{
    bool found = false;
    if (!c->userlist_enable)
        return 0;
    int r = lines_contain(c->userlist_file, user, &found);
    if (r < 0)
        return auth_fail(why, auth_own_failure(r),
                         "cannot read userlist_file %s: %s; make it, or set userlist_enable=NO",
                         c->userlist_file ? c->userlist_file : "(unset)", strerror(-r));
    if (found == c->userlist_deny)
        return auth_fail(why, -EACCES, "the name is %s in %s", found ? "listed" : "not listed",
                         c->userlist_file);
    return 0;
}

bool auth_is_listed(const struct config *c, const char *user)
{
    return check_userlist(c, user, NULL) != 0;
}

/* The two lists of e-mail addresses that an anonymous password is looked up in. An empty list of those that
 * are let in lets nobody in. */
static int check_email(const struct config *c, const char *password, struct auth_why *why)
{
    const struct {
        bool enabled, denies;
        const char *path, *option, *off;
    } lists[] = {
        {c->deny_email_enable, true, c->banned_email_file, "banned_email_file", "deny_email_enable"},
        {c->secure_email_list_enable, false, c->email_password_file, "email_password_file",
         "secure_email_list_enable"},
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        bool found = false;
        if (!lists[i].enabled)
            continue;
        int r = lines_contain(lists[i].path, password, &found);
        if (r < 0)
            return auth_fail(why, auth_own_failure(r), "cannot read %s %s: %s; make it, or set %s=NO",
                             lists[i].option, lists[i].path ? lists[i].path : "(unset)", strerror(-r),
                             lists[i].off);
        if (found == lists[i].denies)
            return auth_fail(why, -EACCES, "the e-mail address given as password is %s in %s",
                             found ? "listed" : "not listed", lists[i].path);
    }
    return 0;
}

/* Who a session of the system user name runs as. option: where name comes from, for the message. */
static int find_person(const struct config *c, const char *name, const char *option, struct person *ret,
                       struct auth_why *why)
{
    struct person p = {0};
    int r = c->run_as_launching_user ? person_self(&p) : name ? person_find_kept(name, &p) : -ENOENT;
    if (r == -ENOENT)
        return auth_fail(why, r, "there is no user \"%s\" (%s) on this system: add it, or name another",
                         name ? name : "", option);
    if (r < 0)
        return auth_fail(why, auth_own_failure(r), "looking up user \"%s\": %s", name, strerror(-r));
    if (!auth_may_be(c, p.uid)) {
        person_fini(&p);
        return auth_fail(why, -EINVAL, "user \"%s\" (%s) is root, and no session ever runs as root", name,
                         option);
    }
    *ret = p;
    return 0;
}

/* Which directory is the root now? 0, -ENOTDIR: none that this user can go to; or -errno. */
static int grant_see_root(struct auth_grant *g, struct auth_why *why)
{
    static const int homeless[] = {ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG};
    struct stat st;
    __attribute__((cleanup(fd_close))) int fd = auth_open_root(g);
    int r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0) {
        g->root_dev = st.st_dev;
        g->root_ino = st.st_ino;
    }
    for (size_t i = 0; i < sizeof(homeless) / sizeof(homeless[0]); i++) {
        if (r == -homeless[i])
            return auth_fail(why, -ENOTDIR,
                             "cannot change to the home directory %s: %s; make it, for user id %u", g->root,
                             strerror(-r), g->uid);
    }
    return r == 0 ? 0
                  : auth_fail(why, auth_own_failure(r), "looking at directory %s: %s", g->root, strerror(-r));
}

/* Puts the parts together. Takes person's and place's strings in any case; 0, -ENOTDIR or -errno. */
static int grant_make(const char *user, struct person *person, struct place *place, struct auth_grant *g,
                      struct auth_why *why)
{
    g->user = strdup(user);
    g->uid = person->uid;
    g->gid = person->gid;
    g->groups = person->groups;
    g->group_count = person->group_count;
    g->root = place->root;
    g->cwd = place->cwd;
    person->groups = NULL;
    *place = (struct place){0};
    int r = g->user ? grant_see_root(g, why) : -ENOMEM;
    if (r < 0)
        auth_grant_fini(g);
    return r;
}

/* ftp_username's home, when the session's uid is not its own (run_as_launching_user) and anon_root is unset.
 */
static int anonymous_place(const struct config *c, const struct person *self, struct place *ret,
                           struct auth_why *why)
{
    struct person ftp = {0};
    const char *home = self->home;
    if (c->run_as_launching_user && !c->anon_root) {
        int r = c->ftp_username ? person_find(c->ftp_username, &ftp) : -ENOENT;
        if (r < 0)
            return auth_fail(why, auth_own_failure(r),
                             "no directory to serve: user \"%s\" is unknown; set anon_root",
                             c->ftp_username ? c->ftp_username : "");
        home = ftp.home;
    }
    int r = place_fixed(c->anon_root ? c->anon_root : home, home, ret);
    person_fini(&ftp);
    return r;
}

int auth_anonymous(const struct config *c, const char *user, const char *password, struct auth_grant *ret,
                   struct auth_why *why)
{
    struct person person = {0};
    struct place place = {0};
    struct auth_grant g = {
        .kind = LOGIN_ANONYMOUS,
        .rights = rights_of(c, true),
        .umask = c->anon_umask & 0777,
        .rate = c->anon_max_rate,
    };

    if (!c->anonymous_enable)
        return auth_fail(why, -EACCES, "anonymous_enable=NO");
    int r = check_userlist(c, user, why);
    if (r == 0)
        r = check_email(c, password, why);
    if (r == 0)
        r = find_person(c, c->ftp_username, "ftp_username", &person, why);
    if (r == 0)
        r = anonymous_place(c, &person, &place, why);
    if (r == 0)
        r = place_check(c, &place, &person, why);
    if (r == 0)
        r = grant_make(c->ftp_username ? c->ftp_username : user, &person, &place, &g, why);
    if (r == 0)
        *ret = g;
    place_fini(&place);
    person_fini(&person);
    return r;
}

/* --- accounts ---------------------------------------------------------------------------------------- */

static int account_grant(const struct config *c, const struct account *a, struct auth_grant *ret,
                         struct auth_why *why)
{
    struct person person = {0};
    struct place place = {0};
    struct auth_grant g = {
        .kind = LOGIN_VIRTUAL,
        .rights = rights_of(c, false) & a->rights,
        .umask = c->local_umask & 0777,
        .rate = a->rate ? a->rate : c->local_max_rate,
        .quota_bytes = a->quota_bytes,
        .quota_files = a->quota_files,
    };

    int r = find_person(c, c->guest_username, "guest_username", &person, why);
    if (r == 0)
        r = place_fixed(a->home, "/", &place);
    /* allow_writeable_chroot is not asked: an administrator gave this home and the right to write to it by
     * name, and no chroot stands here in which a planted /etc or /lib could work (names resolve beneath a
     * descriptor). */
    if (r == 0)
        r = grant_make(a->name, &person, &place, &g, why);
    if (r == 0)
        *ret = g;
    place_fini(&place);
    person_fini(&person);
    return r;
}

/* 0; -ENODATA: no such account; or -errno. */
static int find_account(const struct config *c, const char *user, struct account *ret, struct auth_why *why)
{
    struct accounts *accounts = NULL;
    const char *path = c->accounts_file ? c->accounts_file : "";

    int r = accounts_open(path, false, &accounts);
    if (r == 0)
        r = accounts_find(accounts, user, ret);
    bool is_unknown = r == -ENOENT && accounts;
    accounts_close(&accounts);
    if (is_unknown)
        return -ENODATA;
    if (r < 0)
        return auth_fail(why, auth_own_failure(r), "cannot read accounts_file %s: %s; %s", path, strerror(-r),
                         r == -ENOENT ? "make it with `sallyd user add`, or set virtual_enable=NO"
                         : r == -EUCLEAN
                             ? "it is damaged or not an accounts file: restore it, or add the users again"
                             : "it must be readable for sallyd, and writable for nobody but its owner");
    return 0;
}

/* 0, -EACCES: wrong password; -ENODATA: no such account, and no time spent yet; or -errno. */
static int check_account(const struct config *c, const char *user, const char *password,
                         struct auth_grant *ret, struct auth_why *why)
{
    struct account account = {0};
    int r = find_account(c, user, &account, why);
    if (r < 0)
        return r;
    r = password_verify(password, account.hash) ? account_grant(c, &account, ret, why)
                                                : auth_fail(why, -EACCES, "wrong password for an account");
    account_fini(&account);
    return r;
}

/* --- local users and guests -------------------------------------------------------------------------- */

/* Could a local user be called so? A name goes into paths (user_sub_token) and into logs. */
static bool is_local_name(const char *user)
{
    for (const char *at = user; *at; at++)
        if (*at == '/' || *at == 0x7f || (unsigned char)*at < 0x20)
            return false;
    return *user && strcmp(user, ".") != 0 && strcmp(user, "..") != 0;
}

/* Names that PAM is never asked about. */
static int check_local_name(const struct config *c, const char *user, struct auth_why *why)
{
    struct person person = {0};
    if (!is_local_name(user))
        return auth_fail(why, -EACCES, "not a name a local user can have");
    int r = person_find(user, &person);
    uid_t uid = person.uid;
    person_fini(&person);
    if (r == 0 && uid == 0)
        return auth_fail(why, -EACCES, "root may not log in");
    if (r == 0 && c->run_as_launching_user && !c->guest_enable && uid != getuid())
        return auth_fail(why, -EACCES,
                         "run_as_launching_user=YES: only the launching user may log in locally");
    return 0; /* an unknown name is PAM's to refuse: a guest need not be in passwd(5) */
}

static int local_grant(const struct config *c, const char *user, struct auth_grant *ret, struct auth_why *why)
{
    bool anonymous = c->guest_enable && !c->virtual_use_local_privs;
    const char *owner = c->guest_enable ? c->guest_username : user;
    struct person person = {0};
    struct place place = {0};
    struct auth_grant g = {
        .kind = c->guest_enable ? LOGIN_GUEST : LOGIN_LOCAL,
        .root_as_user = true,
        .rights = rights_of(c, anonymous),
        .umask = (anonymous ? c->anon_umask : c->local_umask) & 0777,
        .rate = anonymous ? c->anon_max_rate : c->local_max_rate,
    };

    int r = find_person(c, owner, c->guest_enable ? "guest_username" : "PAM's answer", &person, why);
    if (r == 0)
        r = place_local(c, user, &person, anonymous, &place, why);
    if (r == 0)
        r = place_check(c, &place, &person, why);
    if (r == 0)
        r = grant_make(user, &person, &place, &g, why);
    if (r == 0)
        *ret = g;
    place_fini(&place);
    person_fini(&person);
    return r;
}

static int check_local(const struct config *c, const char *user, const char *password, const char *peer,
                       struct auth_grant *ret, struct auth_session **ret_session, struct auth_why *why)
{
    double began = password_clock();
    struct auth_session *session = NULL;
    char *name = NULL;
    const char *service = c->pam_service_name ? c->pam_service_name : "ftp";

    int r = check_local_name(c, user, why);
    if (r < 0) {
        password_spend_as_local(password, began);
        return r;
    }
    r = pam_check(service, user, password, peer, c->session_support, &name, &session, why);
    /* pam_unix spends a hash's time on names with a hash alone. (Without root there is nothing to hide: only
     * the launching user can log in.) */
    if (r == -EACCES && geteuid() == 0) {
        if (password_is_hashed_locally(user))
            auth_denial_cost = password_clock() - began;
        else
            password_spend_as_local(password, began);
    }
    /* The name that PAM ended with may be another one. */
    if (r == 0 && strcmp(name, user) != 0)
        r = check_local_name(c, name, why);
    if (r == 0)
        r = local_grant(c, name, ret, why);
    free(name);
    if (r == 0)
        *ret_session = session;
    else
        auth_session_close(&session);
    return r;
}

static int check_password(const struct config *c, const char *user, const char *password, const char *peer,
                          struct auth_grant *ret, struct auth_session **ret_session, struct auth_why *why)
{
    int r = check_userlist(c, user, why);
    if (r < 0) {
        (void)!password_verify(password, NULL); /* only for the time that it takes */
        return r;
    }
    if (c->virtual_enable) {
        double began = password_clock();
        r = check_account(c, user, password, ret, why);
        if (r == -EACCES && c->local_enable)
            password_spend_as_local(password, began); /* as a name that is asked for there */
        if (r == 0)
            *ret_session = NULL;
        if (r != -ENODATA)
            return r;
    }
    if (c->local_enable)
        return check_local(c, user, password, peer, ret, ret_session, why);
    (void)!password_verify(password, NULL); /* only for the time that it takes */
    return auth_fail(why, -EACCES, c->virtual_enable ? "no such account" : "local_enable=NO");
}

static int64_t now_milliseconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The rest of a quarter of a second, so that the time does not tell how far a check got. */
static void wait_for_tick(int64_t begun)
{
    int64_t rest = DENIAL_TICK - (now_milliseconds() - begun) % DENIAL_TICK;
    struct timespec pause = {.tv_nsec = rest * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, &pause) == EINTR)
        ;
}

int auth_password(const struct config *c, const char *user, const char *password, const char *peer,
                  struct auth_grant *ret, struct auth_session **ret_session, struct auth_why *why)
{
    int64_t begun = now_milliseconds();
    int r = check_password(c, user, password, peer, ret, ret_session, why);
    if (r == -EACCES)
        wait_for_tick(begun);
    return r;
}

/* Is it in the list? Fingerprints may be written with colons, and in either case. */
static bool is_certificate_of(const char *list, const char *certificate)
{
    size_t matched = 0;
    bool is_same = true;
    for (const char *at = list ? list : "";; at++) {
        if (*at == ',' || *at == '\0') {
            if (is_same && matched > 0 && matched == strlen(certificate))
                return true;
            if (*at == '\0')
                return false;
            matched = 0;
            is_same = true;
        } else if (*at != ':' && *at != ' ') {
            is_same = is_same && tolower((unsigned char)*at) == tolower((unsigned char)certificate[matched]);
            matched += is_same;
        }
    }
}

static int check_certificate(const struct config *c, const char *user, const char *certificate,
                             struct auth_grant *ret, struct auth_why *why)
{
    struct account account = {0};
    int r = check_userlist(c, user, why);
    if (r == 0 && !c->virtual_enable)
        r = -EACCES;
    if (r == 0)
        r = find_account(c, user, &account, why);
    if (r == 0 && !is_certificate_of(c->login_certificates, certificate))
        r = -EACCES;
    if (r == 0)
        r = account_grant(c, &account, ret, why);
    account_fini(&account);
    return r == -ENODATA ? -EACCES : r;
}

int auth_certificate(const struct config *c, const char *user, const char *certificate,
                     struct auth_grant *ret, struct auth_why *why)
{
    int64_t begun = now_milliseconds();
    int r = check_certificate(c, user, certificate, ret, why);
    if (r == -EACCES)
        wait_for_tick(begun);
    return r;
}
