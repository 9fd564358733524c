/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/auth_child.h"

#include "base/cursor.h"
#include "server/auth/password.h"
#include "server/monitor/monitor.h"
#include "sys/net.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RUNNING_MOST = 16, /* children at once; a flood of logins waits its turn */
    CHECK_SECONDS =
        60, /* for a check: a directory service that does not answer must not hold its place for ever */
    RESULT_BYTES = 64 * 1024,
};

struct auth_child {
    TAILQ_ENTRY(auth_child) queue;
    struct config *config;
    char *user, *password;
    char *certificate; /* "": none */
    struct in6_addr peer;
    auth_child_done_fn *on_done;
    void *ctx;
    int sock;  /* to the child; -1 while queued */
    pid_t pid; /* 0 when it has answered: what it holds then is a PAM session */
    struct event *event;
    bool queued;
};

static TAILQ_HEAD(, auth_child) waiting = TAILQ_HEAD_INITIALIZER(waiting);
/* Checks that run, answered or given up or not, until they are reaped or have answered; 0: a free place. */
static pid_t running[RUNNING_MOST];

static void start_next(void);

static void wipe(struct auth_child *a)
{
    if (a->password)
        explicit_bzero(a->password, strlen(a->password));
    free(a->password);
    a->password = NULL;
}

/* --- in the child ------------------------------------------------------------------------------------ */

/* error, what a denial costs, why, grant: one packet; then, with a PAM session, waits for the monitor to let go. */
_Noreturn static void check(struct auth_child *a, int sock)
{
    static uint8_t packet[RESULT_BYTES], encoded[RESULT_BYTES / 2];
    struct auth_grant grant = {0};
    struct auth_session *session = NULL;
    struct auth_why why = {""};
    struct wire_writer w;
    char peer[INET6_ADDRSTRLEN], byte;
    int grant_len = 0;
    net_ip_format(&a->peer, peer);
    int error = *a->certificate
                    ? auth_certificate(a->config, a->user, a->certificate, &grant, &why)
                    : auth_password(a->config, a->user, a->password, peer, &grant, &session, &why);
    wipe(a);
    if (error == 0 && (grant_len = auth_grant_encode(&grant, encoded, sizeof(encoded))) < 0)
        error = grant_len;
    wire_writer_init(&w, packet, sizeof(packet));
    wire_put_u32(&w, (uint32_t)-error);
    wire_put_u32(&w, (uint32_t)(auth_denial_cost * 1e6));
    wire_put_str(&w, why.text);
    wire_put_bytes(&w, encoded, error == 0 ? (size_t)grant_len : 0);
    /* If it fails, or w is bad, the monitor reads our end instead, which denies the login. */
    (void)!write(sock, packet, (size_t)wire_writer_length(&w));
    if (session) {
        while (read(sock, &byte, 1) < 0 && errno == EINTR)
            ;
        auth_session_close(&session);
    }
    _exit(0);
}

/* --- in the monitor ---------------------------------------------------------------------------------- */

static pid_t *place_of(pid_t pid)
{
    for (size_t i = 0; i < RUNNING_MOST; i++) {
        if (running[i] == pid)
            return &running[i];
    }
    return NULL;
}

void auth_child_reaped(pid_t pid)
{
    pid_t *place = place_of(pid);
    if (!place)
        return;
    *place = 0;
    start_next();
}

static int read_result(const struct config *c, int sock, struct auth_grant *ret_grant,
                       struct auth_why *ret_why)
{
    static uint8_t packet[RESULT_BYTES];
    struct wire_reader r;
    size_t len;
    ssize_t n = read(sock, packet, sizeof(packet));
    if (n <= 0)
        return -EIO; /* it died: a PAM module may do that to it */
    wire_reader_init(&r, packet, (size_t)n);
    int error = -(int)wire_get_u32(&r);
    double denial_cost = wire_get_u32(&r) / 1e6;
    snprintf(ret_why->text, sizeof(ret_why->text), "%s", wire_get_str(&r));
    const uint8_t *grant = wire_get_bytes(&r, &len);
    if (!wire_reader_done(&r))
        return -EPROTO;
    if (denial_cost > 0)
        password_note_denial(denial_cost); /* the children to come inherit it */
    return error == 0 ? auth_grant_decode(c, grant, len, ret_grant) : error;
}

static void on_result(evutil_socket_t sock, short what, void *arg)
{
    struct auth_child *a = arg;
    struct auth_grant grant = {0};
    struct auth_why why = {"the process that checked the password died"};
    int error = -ETIMEDOUT;
    event_del(a->event);
    if (what & EV_TIMEOUT) {
        kill(a->pid, SIGKILL);
        snprintf(why.text, sizeof(why.text),
                 "the check of %.64s's password took over %d seconds and was given up", a->user,
                 CHECK_SECONDS);
    } else {
        error = read_result(a->config, sock, &grant, &why);
        auth_child_reaped(
            a->pid); /* it is done checking: its place is free, though it may stay for its PAM session */
    }
    a->pid = 0;
    a->on_done(a->ctx, error, error == 0 ? &grant : NULL, why.text);
}

/* There is a free place. */
static int start(struct auth_child *a)
{
    const struct timeval limit = {.tv_sec = CHECK_SECONDS};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        monitor_child_begin(&pair[1], 1);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* fails only for a number that is no signal */
        check(a, pair[1]);
    }
    close(pair[1]);
    a->sock = pair[0];
    wipe(a);
    if (pid < 0)
        return -errno;
    a->event = event_new(monitor.base, a->sock, EV_READ | EV_PERSIST, on_result, a);
    a->pid = pid;
    *place_of(0) = pid;
    return a->event && event_add(a->event, &limit) == 0 ? 0 : -ENOMEM;
}

static void start_next(void)
{
    struct auth_child *a;
    while (place_of(0) && (a = TAILQ_FIRST(&waiting))) {
        TAILQ_REMOVE(&waiting, a, queue);
        a->queued = false;
        if (start(a) < 0)
            a->on_done(a->ctx, -EAGAIN, NULL, "no process to check the password in");
    }
}

struct auth_child *auth_child_new(const struct config *c, const struct login_request *request,
                                  auth_child_done_fn *on_done, void *ctx)
{
    struct auth_child *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    *a = (struct auth_child){.on_done = on_done, .ctx = ctx, .sock = -1, .peer = request->peer};
    a->config = config_copy(c);
    a->user = strdup(request->user);
    a->password = strdup(request->password);
    a->certificate = strdup(request->certificate);
    if (!a->config || !a->user || !a->password || !a->certificate) {
        auth_child_free(&a);
        return NULL;
    }
    a->queued = true;
    TAILQ_INSERT_TAIL(&waiting, a, queue);
    return a;
}

void auth_child_begin(void)
{
    start_next();
}

void auth_child_cancel_queue(void)
{
    struct auth_child *a;
    while ((a = TAILQ_FIRST(&waiting))) {
        TAILQ_REMOVE(&waiting, a, queue);
        a->queued = false;
    }
}

void auth_child_free(struct auth_child **child)
{
    struct auth_child *a = *child;
    if (!a)
        return;
    *child = NULL;
    if (a->queued)
        TAILQ_REMOVE(&waiting, a, queue);
    if (a->event)
        event_free(a->event);
    if (a->sock >= 0)
        close(a->sock);
    if (a->pid > 0)
        kill(a->pid, SIGKILL); /* nobody wants its answer; its place is free when it is reaped */
    wipe(a);
    config_free(&a->config);
    free(a->certificate);
    free(a->user);
    free(a);
}
