/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/logins.h"

#include "base/cursor.h"
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
#include <sys/wait.h>
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
    uint8_t *key;
    struct auth_grant grant;
    struct config *config;
    pid_t broker; /* 0: none */
    bool broke;   /* the worker cannot use its broker: another is to come, however this one ends */
    bool left;    /* its broker ended because the worker closed it: RELEASE or BROKER_BROKE will say why */
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

/* --- brokers ----------------------------------------------------------------------------------------- */

static void start_broker(struct identity *i);

static void revive_broker(struct identity *i)
{
    const struct timeval *delay =
        &revive_delays[i->quick_deaths < REVIVE_SLOWEST ? i->quick_deaths : REVIVE_SLOWEST];
    if (!timerisset(delay) || event_add(i->revive, delay) < 0)
        start_broker(i);
}

static void broker_died(struct identity *i)
{
    i->quick_deaths = monitor_now() - i->started < 1 ? i->quick_deaths + 1 : 0;
    revive_broker(i);
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
        broker_main(pair[1], i->config, &i->grant, monitor.loops > 1 ? (int)(i->id % monitor.loops) : -1);
    }
    if (pid < 0) {
        int error = r < 0 ? -r : errno;
        bool again = event_add(i->revive, &revive_delays[REVIVE_SLOWEST]) == 0;
        tell("cannot start a broker for %s: %s; %s", i->grant.user, strerror(error),
             again ? "trying again" : "out of memory, so that it is not tried again");
    } else {
        i->broker = pid;
        i->broke = i->left = false;
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

/* Its sessions keep it, but nobody new gets it: it goes by its number alone. */
static void identity_unshare(struct identity *i)
{
    HASH_DEL(identities, i);
    HASH_ADD(hh, identities, id, sizeof(i->id), i);
}

void logins_end_broker(uint32_t identity)
{
    struct identity *i = identity_find(identity);
    if (!i)
        return;
    i->broke = true;
    if (i->broker > 0)
        kill(i->broker, SIGKILL); /* it may have ended by itself already; what follows is the same */
    else if (i->left)
        broker_died(i);
}

static struct identity *identity_of_broker(pid_t pid)
{
    struct identity *i, *next;
    HASH_ITER(hh, identities, i, next) {
        if (i->broker == pid)
            return i;
    }
    return NULL;
}

bool logins_child_ended(pid_t pid, int status)
{
    struct identity *i = identity_of_broker(pid);
    if (!i)
        return false;
    i->broker = 0;
    if (monitor.draining || !monitor.links[0])
        return true; /* they end because the worker does */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !i->broke) {
        i->left = true;
        identity_unshare(i);
        return true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == BROKER_ROOT_CHANGED) {
        tell("%s: %s is not the directory any more that it was at the login; sessions go on in the one that "
             "is there",
             i->grant.user, i->grant.root);
        i->grant.root_ino = 0;
        identity_unshare(i);
        start_broker(i);
        return true;
    }
    tell("the broker of %s (process %d) ended unexpectedly (%s %d); starting another", i->grant.user,
         (int)pid, WIFSIGNALED(status) ? "signal" : "status",
         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    broker_died(i);
    return true;
}

/*
 * Everything that a broker is made of: the loop that it works for, the whole grant, the configuration's generation, and what the user's
 * own file says (own, or NULL). A login that differs in any of it (a group joined or left, rights taken away,
 * another directory under the old name) gets a broker of its own; who is in keeps what was true then.
 * malloc'ed; NULL: out of memory.
 */
static uint8_t *key_of(unsigned loop, const struct auth_grant *g, const struct config *own, size_t *ret_len)
{
    char *text = own ? config_text(own) : strdup("");
    size_t text_len = text ? strlen(text) : 0;
    size_t cap = auth_grant_room(g) + sizeof(loop) + sizeof(monitor.generation) + 1 + text_len;
    uint8_t *key = text ? malloc(cap) : NULL;
    int grant_len = key ? auth_grant_encode(g, key, cap) : -ENOMEM;
    if (grant_len < 0) {
        free(key);
        free(text);
        return NULL;
    }
    struct wire_writer w;
    wire_writer_init(&w, key + grant_len, cap - (size_t)grant_len);
    wire_put_u32(&w, loop);
    wire_put_u32(&w, monitor.generation);
    wire_put_u8(&w, own != NULL);
    wire_put_raw(&w, text, text_len);
    free(text);
    *ret_len = (size_t)grant_len + (size_t)wire_writer_length(&w);
    return key;
}

/* The identity of a grant in a loop, new or known. Takes what is in g if it is new. */
static struct identity *identity_of(unsigned loop, struct auth_grant *g, const struct config *own)
{
    size_t key_len;
    uint8_t *key = key_of(loop, g, own, &key_len);
    struct identity *i = NULL;
    if (!key)
        return NULL;
    HASH_FIND(hh, identities, key, key_len, i);
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
    *i = (struct identity){
        .id = ++last_identity * monitor.loops + loop, .key = key, .grant = *g, .config = config};
    memset(g, 0, sizeof(*g));
    i->revive = event_new(monitor.base, -1, 0, on_revive, i);
    HASH_ADD_KEYPTR(hh, identities, i->key, key_len, i);
    start_broker(i);
    return i;
}

/* --- sessions ---------------------------------------------------------------------------------------- */

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

/* 0 or an error: with the general options he might be allowed what his own forbid. */
static int send_own_config(const struct login *l)
{
    char *text = config_text(l->own);
    int fd = memfd_create("session-config", MFD_CLOEXEC);
    int r = !text ? -ENOMEM : fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ? -EIO : 0;
    if (r == 0)
        monitor_send(MSG_SESSION_CONFIG, l->session, 0, NULL, 0, fd);
    if (fd >= 0)
        close(fd);
    free(text);
    return r;
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
    int r = l->own ? send_own_config(l) : 0;
    if (r < 0)
        return r;
    char *cwd = strdup(g->cwd);
    struct identity *i = identity_of(l->session % monitor.loops, g, l->own);
    if (!i || !cwd) {
        free(cwd);
        return -ENOMEM;
    }
    reply.identity = i->id;
    reply.user = i->grant.user;
    reply.cwd = cwd;
    reply_login(l->session, &reply);
    free(cwd);
    return 0;
}

static void on_checked(void *ctx, int error, struct auth_grant *g, const char *why)
{
    struct login *l = ctx;
    bool holds = monitor.config->session_support && error == 0 && g->kind != LOGIN_ANONYMOUS;
    if (error == 0) {
        error = grant_login(l, g);
        auth_grant_fini(g);
    }
    if (error == 0) {
        if (!holds) /* no PAM session, and then no LOGOUT is needed */
            logins_logout(l->session);
        return;
    }
    if (*why)
        tell("%s", why);
    struct login_reply reply = {.result = auth_result(error)};
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

/* --- chown_uploads ----------------------------------------------------------------------------------- */

/* Only a file that the anonymous user just made, and only to the configured owner; one that is his stays as it is. */
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
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return EPERM;
    if (st.st_uid == to->pw_uid)
        return 0;
    if (st.st_uid != from_uid || st.st_nlink > 1)
        return EPERM;
    if (fchmod(fd, c->chown_upload_mode & 0777) < 0 || fchown(fd, to->pw_uid, (gid_t)-1) < 0)
        return errno;
    return 0;
}

void logins_chown(const struct ipc_message *m)
{
    uint32_t error = (uint32_t)give_away(monitor.config, m->fd);
    close(m->fd);
    monitor_send(MSG_CHOWN_REPLY, m->id, m->serial, &error, sizeof(error), -1);
}
