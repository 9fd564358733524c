/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/worker.h"

#include "base/cursor.h"
#include "server/link.h"
#include "server/worker/admin.h"
#include "server/worker/command.h"
#include "server/worker/data.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"
#include "server/worker/login.h"
#include "server/worker/passive.h"
#include "server/worker/session.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct worker worker;

enum {
    ACCEPTS_A_TURN = 64,
};

static const struct timeval accept_rest = {.tv_usec = 100 * 1000};

double worker_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* --- settings ------------------------------------------------------------------------------------------- */

struct settings *settings_new(struct config *config, char *banner)
{
    struct settings *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    *s = (struct settings){.refs = 1, .config = config, .banner = banner};
    command_forbid(s);
    return s;
}

struct settings *settings_ref(struct settings *s)
{
    s->refs++;
    return s;
}

void settings_unref(struct settings **settings)
{
    struct settings *s = *settings;
    *settings = NULL;
    if (!s || --s->refs > 0)
        return;
    config_free(&s->config);
    free(s->banner);
    free(s->anonymous_user);
    free(s->anonymous_cwd);
    free(s);
}

static void ignore_remark(void *ctx, const struct config_remark *remark)
{
    (void)ctx;
    (void)remark; /* the monitor told the administrator when it read the file */
}

static char *read_all(int fd, size_t *ret_len)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (text && pread(fd, text, (size_t)size, 0) != size) {
        free(text);
        text = NULL;
    }
    if (text) {
        text[size] = '\0';
        *ret_len = (size_t)size;
    }
    return text;
}

struct settings *settings_receive(int fd)
{
    size_t len = 0;
    char *text = read_all(fd, &len);
    struct config *config = text ? config_new() : NULL;
    struct settings *s = NULL;
    close(fd);
    if (config && config_parse(config, "monitor", text, strlen(text), ignore_remark, NULL) == 0) {
        size_t banner_at = strlen(text) + 1;
        char *banner = banner_at < len ? strdup(text + banner_at) : NULL;
        s = settings_new(config, banner);
        if (s)
            config = NULL;
        else
            free(banner);
    }
    config_free(&config);
    free(text);
    return s;
}

/* --- listeners ---------------------------------------------------------------------------------------------
 */

struct control_listener {
    SLIST_ENTRY(control_listener) next;
    struct event *event, *rest;
};

static SLIST_HEAD(, control_listener) control_listeners = SLIST_HEAD_INITIALIZER(control_listeners);

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct control_listener *l = arg;
    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0)
            session_accept(client);
        else if (errno == EAGAIN)
            return;
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            event_del(l->event); /* nothing can be taken from the queue: asking on and on would only burn the
                                    processor */
            event_add(l->rest, &accept_rest);
            return;
        }
    }
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct control_listener *l = arg;
    (void)fd;
    (void)what;
    event_add(l->event, NULL);
}

static void control_listener_free(struct control_listener *l)
{
    if (l->event)
        event_free(l->event);
    if (l->rest)
        event_free(l->rest);
    free(l);
}

static void add_control_listener(int fd)
{
    struct control_listener *l = calloc(1, sizeof(*l));
    if (l) {
        l->event = event_new(worker.base, fd, EV_READ | EV_PERSIST, on_client, l);
        l->rest = event_new(worker.base, -1, 0, on_rested, l);
        if (l->event && l->rest && event_add(l->event, NULL) == 0) {
            SLIST_INSERT_HEAD(&control_listeners, l, next);
            return;
        }
        control_listener_free(l);
    }
    close(fd);
}

static void close_control_listeners(void)
{
    struct control_listener *l;
    while ((l = SLIST_FIRST(&control_listeners))) {
        SLIST_REMOVE_HEAD(&control_listeners, next);
        int fd = event_get_fd(l->event);
        control_listener_free(l);
        close(fd);
    }
}

/* --- draining
 * ------------------------------------------------------------------------------------------------ */

void worker_check_drained(void)
{
    struct ipc_message m = {.type = MSG_DRAINED, .fd = -1};
    if (!worker.draining || worker.session_count > 0 || event_base_got_break(worker.base))
        return;
    (void)link_send(worker.monitor, &m);
    event_base_loopbreak(worker.base);
}

static void drain_session(struct session *s, void *force)
{
    if (s->ended || (s->transfer && !*(bool *)force))
        return;
    reply(s, 421, "Service shutting down.");
    session_end(s);
    session_settle(s);
}

/* Time is up: transfers that still run are cut off. */
static void on_drain_over(evutil_socket_t fd, short what, void *arg)
{
    bool force = true;
    (void)fd;
    (void)what;
    (void)arg;
    session_each(drain_session, &force);
    worker_check_drained();
}

static void drain(uint32_t seconds)
{
    const struct timeval limit = {.tv_sec = seconds};
    bool force = false;
    if (worker.draining)
        return;
    worker.draining = true;
    close_control_listeners();
    session_each(drain_session, &force);
    worker.drain_timer = event_new(worker.base, -1, 0, on_drain_over, NULL);
    event_add(worker.drain_timer, &limit);
    worker_check_drained();
}

/* --- what the monitor says
 * --------------------------------------------------------------------------------------- */

typedef void handler(const struct ipc_message *m);

static uint32_t read_u32(const struct ipc_message *m)
{
    struct wire_reader r;
    wire_reader_init(&r, m->payload, m->len);
    return wire_get_u32(&r);
}

static void on_login_reply(const struct ipc_message *m)
{
    struct login_reply reply_;
    struct session *s = session_find(m->id);
    if (!s || s->waiting != WAIT_LOGIN || !login_reply_decode(m, &reply_))
        return;
    worker.logins_pending--;
    login_remember(s, &reply_);
    if (reply_.result == LOGIN_GRANTED)
        login_granted(s, &reply_);
    else if (reply_.result == LOGIN_DENIED)
        login_denied(s);
    else {
        session_resume(s);
        reply(s, 421, "Logins cannot be checked now. Please try later.");
        session_end(s);
    }
    session_settle(s);
}

static void on_check_reply(const struct ipc_message *m)
{
    struct session *s = session_find(m->id);
    if (!s || s->waiting != WAIT_LOGIN)
        return;
    login_user_checked(s, read_u32(m) == 1);
    session_settle(s);
}

static void on_session_config(const struct ipc_message *m)
{
    struct session *s = session_find(m->id);
    struct settings *own = settings_receive(m->fd);
    if (!s || !own) {
        settings_unref(&own);
        return;
    }
    settings_unref(&s->settings);
    s->settings = own;
}

static void on_broker(const struct ipc_message *m)
{
    identity_broker(m->id, m->fd);
}

static void on_connect_reply(const struct ipc_message *m)
{
    struct session *s = session_find(m->id);
    if (s && !s->ended && transfer_awaits_data(s) && s->connect_serial == m->serial) {
        data_connect_reply(s, (int)read_u32(m), m->fd);
        session_settle(s);
    } else if (m->fd >= 0)
        close(m->fd);
}

static void on_chown_reply(const struct ipc_message *m)
{
    struct session *s = session_find(m->id);
    if (read_u32(m) != 0)
        log_event(s, "chown_uploads: %s", strerror((int)read_u32(m)));
}

static void on_listener(const struct ipc_message *m)
{
    struct wire_reader r;
    wire_reader_init(&r, m->payload, m->len);
    uint16_t port = wire_get_u16(&r);
    bool passive = wire_get_u8(&r) != 0;
    if (m->fd < 0)
        return;
    if (passive)
        passive_add_listener(m->fd, port);
    else
        add_control_listener(m->fd);
}

static void on_no_listener(const struct ipc_message *m)
{
    (void)m;
    passive_no_more();
}

static void on_log_file(const struct ipc_message *m)
{
    uint8_t sink = m->len > 0 ? m->payload[0] : LOG_SINK_COUNT;
    if (sink < LOG_SINK_COUNT)
        log_set_sink(sink, m->fd);
    else if (m->fd >= 0)
        close(m->fd);
}

static void on_config(const struct ipc_message *m)
{
    struct settings *s = settings_receive(m->fd);
    if (!s) {
        log_event(NULL, "a reloaded configuration could not be taken over; the old one stays");
        return;
    }
    settings_unref(&worker.settings);
    worker.settings = s;
    worker.no_more_ports = false;
}

static void on_admin(const struct ipc_message *m)
{
    admin_serve(m->fd);
}

static void on_drain(const struct ipc_message *m)
{
    drain(read_u32(m));
}

static handler *const handlers[MSG_COUNT] = {
    [MSG_LOGIN_REPLY] = on_login_reply,
    [MSG_CHECK_REPLY] = on_check_reply,
    [MSG_SESSION_CONFIG] = on_session_config,
    [MSG_BROKER] = on_broker,
    [MSG_CONNECT_REPLY] = on_connect_reply,
    [MSG_CHOWN_REPLY] = on_chown_reply,
    [MSG_LISTENER] = on_listener,
    [MSG_NO_LISTENER] = on_no_listener,
    [MSG_LOG_FILE] = on_log_file,
    [MSG_CONFIG] = on_config,
    [MSG_ADMIN] = on_admin,
    [MSG_DRAIN] = on_drain,
};

static void on_monitor_message(void *ctx, const struct ipc_message *m)
{
    (void)ctx;
    handlers[m->type](m); /* the gate let only TO_WORKER rows through, and each has a handler */
}

/* A dead monitor takes all down. */
static void on_monitor_ended(void *ctx, int error)
{
    (void)ctx;
    (void)error;
    _exit(1);
}

/* --- giving up what a process that hears the network must not have
 * ------------------------------------------------ */

_Noreturn static void refuse_to_run(const char *what, int error)
{
    fprintf(stderr, "sallyd: the worker does not start: %s: %s\n", what, strerror(error));
    _exit(1);
}

/* All that needs a file is done before: the time zone, OpenSSL's own start, jansson's random seed. */
static void confine(const struct config *c)
{
    bool root = geteuid() == 0 && !c->run_as_launching_user;
    const struct passwd *nobody = root ? getpwnam(c->nopriv_user) : NULL;
    uid_t uid = nobody ? nobody->pw_uid : geteuid();
    gid_t gid = nobody ? nobody->pw_gid : getegid();
    int r;
    tzset();
    transfer_prepare();
    json_object_seed(0);
    if (root && (!nobody || uid == 0))
        refuse_to_run("nopriv_user must name a user that exists and is not root", EINVAL);
    if (root && (r = sandbox_empty_root(c->secure_chroot_dir)) < 0)
        refuse_to_run("no empty directory to be locked up in", -r);
    if ((r = sandbox_become(uid, gid, NULL, 0)) < 0)
        refuse_to_run("its privileges could not be dropped", -r);
    if ((r = sandbox_seccomp_worker()) < 0)
        refuse_to_run("its system calls could not be limited (seccomp)", -r);
}

_Noreturn void worker_main(int monitor, struct config *config, char *banner)
{
    struct rlimit limit = {.rlim_cur = 1024};
    (void)prctl(PR_SET_NAME, "sallyd: worker");
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    worker.control_fd_most = (int)(limit.rlim_cur - limit.rlim_cur / 8);
    worker.base = event_base_new();
    worker.settings = settings_new(config, banner);
    if (!worker.base || !worker.settings || transfer_pool_init(worker.base, transfer_ended) < 0)
        _exit(1);
    worker.monitor = link_new(worker.base, monitor, TO_WORKER, on_monitor_message, on_monitor_ended, NULL);
    if (!worker.monitor)
        _exit(1);
    confine(config);
    event_base_dispatch(worker.base);
    _exit(0);
}
