/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/logins.h"

#include "server/auth/auth.h"
#include "server/broker/broker.h"
#include "server/monitor/auth_child.h"
#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

/* A broker that dies is started again at once; one that dies within a second of its start again and again,
 * each time later. */
static const struct timeval revive_delays[] = {{0, 0}, {0, 0}, {0, 0}, {0, 200000}, {1, 0}, {5, 0}};

enum {
    LOGINS_MOST = 65536, /* being checked or held, where max_clients does not say */
    LOGINS_BEYOND = 64,  /* sessions that ended, whose LOGOUT is on its way */
    REVIVE_SLOWEST = sizeof(revive_delays) / sizeof(revive_delays[0]) - 1,
};

struct identity {
    UT_hash_handle hh; /* by key */
    uint32_t id;
    char *key;
    struct auth_grant grant;
    struct config *config;
    pid_t broker; /* 0: none */
    double started;
    unsigned quick_deaths;
    struct event *revive;
};

/* A login that is being checked, or whose PAM session is held (session_support). */
struct login {
    UT_hash_handle hh; /* by session */
    uint32_t session;
    struct config *own; /* what user_config_dir says, or NULL */
    struct auth_child *check;
};

static struct identity *identities;
static struct login *logins;
static uint32_t last_identity;

/* --- brokers
 * ------------------------------------------------------------------------------------------------------------
 */

static void start_broker(struct identity *i);

static void revive_broker(struct identity *i)
{
    const struct timeval *delay =
        &revive_delays[i->quick_deaths < REVIVE_SLOWEST ? i->quick_deaths : REVIVE_SLOWEST];
    if (timerisset(delay))
        event_add(i->revive, delay);
    else
        start_broker(i);
}

static void on_revive(evutil_socket_t fd, short what, void *arg)
{
    struct identity *i = arg;
    (void)fd;
    (void)what;
    start_broker(i);
}

static void start_broker(struct identity *i)
{
    int pair[2];
    int r = ipc_pair(pair);
    pid_t pid = r < 0 ? -1 : fork();
    if (pid == 0) {
        monitor_child_begin(&pair[1], 1);
        broker_main(pair[1], i->config, &i->grant);
    }
    if (pid < 0) {
        tell("cannot start a broker for %s: %s; trying again", i->grant.user, strerror(r < 0 ? -r : errno));
        event_add(i->revive, &revive_delays[REVIVE_SLOWEST]);
    } else {
        i->broker = pid;
        i->started = monitor_now();
        monitor_send(MSG_BROKER, i->id, 0, NULL, 0, pair[0]);
    }
    if (r == 0) {
        close(pair[0]);
        close(pair[1]);
    }
}

static void identity_free(struct identity *i)
{
    HASH_DEL(identities, i);
    if (i->revive)
        event_free(i->revive);
    auth_grant_fini(&i->grant);
    config_free(&i->config);
    free(i->key);
    free(i);
}

static struct identity *identity_find(uint32_t id)
{
    struct identity *i, *next;
    HASH_ITER(hh, identities, i, next) {
        if (i->id == id)
            return i;
    }
    return NULL;
}

void logins_release(uint32_t identity)
{
    struct identity *i = identity_find(identity);
    if (i)
        identity_free(i);
}

void logins_end_broker(uint32_t identity)
{
    const struct identity *i = identity_find(identity);
    if (i && i->broker > 0)
        kill(i->broker, SIGKILL);
}

bool logins_child_ended(pid_t pid)
{
    struct identity *i, *next;
    HASH_ITER(hh, identities, i, next) {
        if (i->broker != pid)
            continue;
        i->broker = 0;
        i->quick_deaths = monitor_now() - i->started < 1 ? i->quick_deaths + 1 : 0;
        if (monitor.draining || !monitor.link)
            return true; /* they end because the worker does */
        tell("the broker of %s (process %d) ended unexpectedly; starting another", i->grant.user, (int)pid);
        revive_broker(i);
        return true;
    }
    return false;
}

static char *key_of(const struct auth_grant *g, bool own_config)
{
    char *key;
    int n = asprintf(&key, "%d %u %lu %d %s %s", (int)g->kind, monitor.generation, (unsigned long)g->uid,
                     own_config, g->user, g->root);
    return n < 0 ? NULL : key;
}

/* The identity of a grant, new or known. Takes what is in g if it is new. */
static struct identity *identity_of(struct auth_grant *g, const struct config *own)
{
    char *key = key_of(g, own != NULL);
    struct identity *i = NULL;
    if (!key)
        return NULL;
    HASH_FIND_STR(identities, key, i);
    if (i) {
        free(key);
        return i;
    }
    i = calloc(1, sizeof(*i));
    struct config *config = config_copy(own ? own : monitor.config);
    if (!i || !config) {
        free(i);
        config_free(&config);
        free(key);
        return NULL;
    }
    *i = (struct identity){.id = ++last_identity, .key = key, .grant = *g, .config = config};
    memset(g, 0, sizeof(*g));
    i->revive = event_new(monitor.base, -1, 0, on_revive, i);
    HASH_ADD_KEYPTR(hh, identities, i->key, strlen(i->key), i);
    start_broker(i);
    return i;
}

/* --- sessions
 * -------------------------------------------------------------------------------------------------------------
 */

static struct login *login_find(uint32_t session)
{
    struct login *l;
    HASH_FIND(hh, logins, &session, sizeof(session), l);
    return l;
}

static void reply_login(uint32_t session, const struct login_reply *reply)
{
    uint8_t payload[8192];
    int len = login_reply_encode(reply, payload, sizeof(payload));
    if (len < 0) {
        struct login_reply failed = {.result = LOGIN_FAILED};
        len = login_reply_encode(&failed, payload, sizeof(payload));
    }
    monitor_send(MSG_LOGIN_REPLY, session, 0, payload, (size_t)len, -1);
}

static void send_own_config(const struct login *l)
{
    char *text = config_text(l->own);
    int fd = memfd_create("session-config", MFD_CLOEXEC);
    if (text && fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
        monitor_send(MSG_SESSION_CONFIG, l->session, 0, NULL, 0, fd);
    if (fd >= 0)
        close(fd);
    free(text);
}

static int grant_login(struct login *l, struct auth_grant *g)
{
    struct login_reply reply = {.result = LOGIN_GRANTED,
                                .kind = g->kind,
                                .rights = g->rights,
                                .umask = g->umask,
                                .uid = g->uid,
                                .rate = g->rate,
                                .quota_bytes = g->quota_bytes,
                                .quota_files = g->quota_files};
    char *cwd = strdup(g->cwd);
    struct identity *i = identity_of(g, l->own);
    if (!i || !cwd) {
        free(cwd);
        return -ENOMEM;
    }
    reply.identity = i->id;
    reply.user = i->grant.user;
    reply.cwd = cwd;
    if (l->own)
        send_own_config(l);
    reply_login(l->session, &reply);
    free(cwd);
    return 0;
}

static void on_checked(void *ctx, int error, struct auth_grant *g, const char *why)
{
    struct login *l = ctx;
    if (error == 0) {
        error = grant_login(l, g);
        auth_grant_fini(g);
    }
    if (error == 0) {
        if (!monitor.config->session_support)
            logins_logout(l->session); /* there is nothing to hold */
        return;
    }
    if (*why)
        tell("%s", why);
    struct login_reply reply = {.result = error == -EACCES || error == -EPERM ? LOGIN_DENIED : LOGIN_FAILED};
    uint32_t session = l->session;
    logins_logout(session);
    reply_login(session, &reply);
}

static struct login *login_new(uint32_t session)
{
    struct login *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->session = session;
    HASH_ADD(hh, logins, session, sizeof(l->session), l);
    return l;
}

static void refuse(uint32_t session, enum login_result result)
{
    reply_login(session, &(struct login_reply){.result = result});
}

static void begin_check(struct login *l, const struct login_request *request)
{
    const struct config *c = l->own ? l->own : monitor.config;
    if (config_is_anonymous(c, request->user)) {
        struct auth_grant grant = {0};
        struct auth_why why = {""};
        int error = auth_anonymous(c, request->user, request->password, &grant, &why);
        on_checked(l, error, error == 0 ? &grant : NULL, why.text);
        return;
    }
    l->check = auth_child_new(c, request, on_checked, l);
    if (l->check)
        auth_child_begin();
    else
        on_checked(l, -ENOMEM, NULL, "out of memory");
}

void logins_login(const struct ipc_message *m)
{
    struct login_request request;
    unsigned most =
        monitor.config->max_clients > 0 ? monitor.config->max_clients + LOGINS_BEYOND : LOGINS_MOST;
    if (!login_request_decode(m, &request) || login_find(m->id) || HASH_COUNT(logins) >= most) {
        refuse(m->id, LOGIN_FAILED);
        return;
    }
    struct login *l = login_new(m->id);
    int r = l ? config_load_user(monitor.config, request.user, &l->own, tell_remark, NULL) : -ENOMEM;
    if (r == 0)
        begin_check(l, &request);
    else if (l)
        on_checked(l, r, NULL, "");
    else
        refuse(m->id, LOGIN_FAILED);
    explicit_bzero((void *)(uintptr_t)m->payload, m->len); /* the password */
}

void logins_check_user(const struct ipc_message *m)
{
    struct login_request request;
    uint32_t may = login_request_decode(m, &request) && !auth_is_listed(monitor.config, request.user);
    monitor_send(MSG_CHECK_REPLY, m->id, 0, &may, sizeof(may), -1);
}

void logins_logout(uint32_t session)
{
    struct login *l = login_find(session);
    if (!l)
        return;
    HASH_DEL(logins, l);
    auth_child_free(&l->check);
    config_free(&l->own);
    free(l);
}

void logins_forget_all(void)
{
    struct identity *i, *next;
    auth_child_cancel_queue();
    while (logins)
        logins_logout(logins->session);
    HASH_ITER(hh, identities, i, next)
        identity_free(i);
}

/* --- chown_uploads
 * ------------------------------------------------------------------------------------------------------------
 */

/* Only a file that the anonymous user just made, and only to the configured owner. */
static int give_away(const struct config *c, int fd)
{
    struct stat st;
    if (!c->chown_uploads)
        return EPERM;
    const struct passwd *from = getpwnam(c->ftp_username);
    uid_t from_uid = from ? from->pw_uid : (uid_t)-1;
    const struct passwd *to = getpwnam(c->chown_username);
    if (!to)
        return EPERM;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != from_uid || st.st_nlink > 1)
        return EPERM;
    if (fchmod(fd, c->chown_upload_mode & 0777) < 0 || fchown(fd, to->pw_uid, (gid_t)-1) < 0)
        return errno;
    return 0;
}

void logins_chown(const struct ipc_message *m)
{
    uint32_t error = (uint32_t)give_away(monitor.config, m->fd);
    close(m->fd);
    monitor_send(MSG_CHOWN_REPLY, m->id, 0, &error, sizeof(error), -1);
}
