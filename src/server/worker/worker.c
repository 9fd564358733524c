/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/worker.h"

#include "base/cursor.h"
#include "server/link.h"
#include "server/worker/admin.h"
#include "server/worker/anonymous.h"
#include "server/worker/cmd_login.h"
#include "server/worker/cmd_transfer.h"
#include "server/worker/command.h"
#include "server/worker/control.h"
#include "server/worker/data.h"
#include "server/worker/door.h"
#include "server/worker/handshake.h"
#include "server/worker/identity.h"
#include "server/worker/inbox.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "server/worker/passive.h"
#include "server/worker/session.h"
#include "server/worker/sink.h"
#include "sys/cpus.h"
#include "sys/fd.h"
#include "sys/probe.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 64,
    LEAN = 4, /* a loop may have a quarter more sessions than the idlest, for the sake of nearness */
};

static const struct timeval accept_rest = {.tv_usec = 100 * 1000};

/* --- which loop has a session ------------------------------------------------------------------------- */

static atomic_uint newcomers[LOOPS_MAX]; /* on their way to each loop */

static unsigned count_of(unsigned loop)
{
    return session_count_of(loop) + atomic_load_explicit(&newcomers[loop], memory_order_relaxed);
}

/* The one with the fewest. */
static unsigned idlest_loop(void)
{
    unsigned idlest = worker.loop;
    for (unsigned i = 0; i < worker_loops; i++) {
        if (count_of(i) < count_of(idlest))
            idlest = i;
    }
    return idlest;
}

/* The loop of the processor that the connection's packets come in on: there its replies cost no interrupt of another one. But
 * where all come in on one, the others take their part, too. */
static unsigned choose_loop(int client)
{
    unsigned idlest = idlest_loop();
    int near = worker_loops > 1 ? cpus_incoming(client) : 0;
    if (near < 0 || (unsigned)near >= worker_loops)
        return idlest;
    unsigned most = count_of(idlest);
    return count_of((unsigned)near) <= most + most / LEAN + 1 ? (unsigned)near : idlest;
}

struct newcomer {
    struct inbox_message message;
    int fd;
};

static void on_newcomer(struct inbox_message *m)
{
    struct newcomer *n = (struct newcomer *)m;
    control_accept(n->fd);
    atomic_fetch_sub(&newcomers[worker.loop], 1);
    free(n);
}

static void admit(int client)
{
    unsigned loop = choose_loop(client);
    struct newcomer *n = loop != worker.loop ? malloc(sizeof(*n)) : NULL;
    if (!n) {
        control_accept(client);
        return;
    }
    *n = (struct newcomer){.message.run = on_newcomer, .fd = client};
    atomic_fetch_add(&newcomers[loop], 1);
    inbox_post(loop, &n->message);
}

/* --- listeners --------------------------------------------------------------------------------------- */

struct control_listener {
    SLIST_ENTRY(control_listener) next;
    struct event *event, *rest;
};

static SLIST_HEAD(, control_listener)
    control_listeners = SLIST_HEAD_INITIALIZER(control_listeners); /* loop 0's */

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct control_listener *l = arg;
    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0)
            admit(client);
        else if (errno == EAGAIN)
            return;
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* Nothing can be taken from the queue: asking on and on would only burn the processor. */
            if (event_add(l->rest, &accept_rest) == 0)
                event_del(l->event);
            return;
        }
    }
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct control_listener *l = arg;
    (void)fd;
    (void)what;
    if (event_add(l->event, NULL) < 0 && event_add(l->rest, &accept_rest) < 0)
        _exit(EXIT_FAILURE); /* it would never accept again: the monitor starts another worker */
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

/* --- draining ---------------------------------------------------------------------------------------- */

static _Thread_local struct event *drain_timer;
static _Thread_local bool drain_over; /* whoever is left is cut off */

static void drain_session(struct session *s, void *ctx)
{
    (void)ctx;
    if (s->transfer && !drain_over)
        return;
    reply(s, 421, "Service shutting down.");
    session_end(s);
}

/* Time is up: transfers that still run are cut off. */
static void on_drain_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    drain_over = true;
    session_each(drain_session, NULL);
}

static void drain(uint32_t seconds)
{
    const struct timeval limit = {.tv_sec = seconds};
    if (worker.draining)
        return;
    worker.draining = true;
    if (worker.loop == 0)
        close_control_listeners();
    session_each(drain_session, NULL);
    drain_timer = event_new(worker.base, -1, 0, on_drain_over, NULL);
    if (!drain_timer || event_add(drain_timer, &limit) < 0)
        on_drain_over(-1, 0, NULL);
}

static bool is_drained(void)
{
    return worker.draining && (drain_over || session_count() == 0);
}

/* --- what the monitor says --------------------------------------------------------------------------- */

typedef void handler(const struct ipc_message *m);

static uint32_t read_u32(const struct ipc_message *m)
{
    struct wire_reader r;
    wire_reader_init(&r, m->payload, m->len);
    return wire_get_u32(&r);
}

static void on_login_reply(const struct ipc_message *m)
{
    struct login_reply answer;
    struct session *s = session_find(m->id);
    if (!login_reply_decode(m, &answer))
        return;
    anonymous_answered(m->id, &answer);
    if (s && s->waiting == WAIT_LOGIN) {
        identity_login_over();
        login_answered(s, &answer);
    }
    struct session *waiting;
    while ((waiting = anonymous_next_waiting(m->id)))
        login_other_answered(waiting);
}

static void on_check_reply(const struct ipc_message *m)
{
    struct session *s = session_find(m->id);
    if (!s || s->waiting != WAIT_LOGIN)
        return;
    login_user_checked(s, read_u32(m) == 1);
}

static void on_session_config(const struct ipc_message *m)
{
    struct session *s = session_find(m->id);
    struct settings *own = settings_receive(m->fd);
    if (!s || !own) {
        if (s)
            s->login.lacks_own_settings = true;
        settings_unref(&own);
        return;
    }
    command_forbid(own);
    settings_unref(&s->settings);
    s->settings = own;
}

static void on_broker(const struct ipc_message *m)
{
    identity_broker(m->id, m->fd);
}

static void on_connect_reply(const struct ipc_message *m)
{
    struct connect_reply answer;
    struct session *s = session_find(m->id);
    if (s && connect_reply_decode(m, &answer))
        data_connect_reply(s, m->serial, &answer, m->fd);
    else if (m->fd >= 0)
        close(m->fd);
}

static void on_chown_reply(const struct ipc_message *m)
{
    struct session *s = session_find(m->id);
    if (s)
        store_given_away(s, m->serial, (int)read_u32(m));
}

static void on_doors(const struct ipc_message *m)
{
    door_set_needed(read_u32(m) == 1);
}

static void on_door_reply(const struct ipc_message *m)
{
    struct door_reply answer;
    struct session *s = session_find(m->id);
    if (s && !s->ended && door_reply_decode(m, &answer))
        door_answered(s, m->serial, (int)answer.error, answer.is_heard == 1);
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
    struct wire_reader r;
    wire_reader_init(&r, m->payload, m->len);
    uint8_t sink = wire_get_u8(&r);
    bool wanted = wire_get_u8(&r) != 0;
    bool is_lost =
        m->fd_lost; /* no descriptor was free: the old one is better than none, and the monitor tries again */
    if (wire_reader_done(&r) && sink < LOG_SINK_COUNT && !is_lost)
        sink_set(sink, wanted, m->fd);
    else if (wire_reader_done(&r) && sink < LOG_SINK_COUNT)
        sink_not_taken(sink);
    else if (m->fd >= 0)
        close(m->fd);
}

static void on_config(const struct ipc_message *m)
{
    struct settings *s = settings_receive(m->fd);
    if (!s) {
        log_event(NULL, "a reloaded configuration could not be taken over; the old one stays");
        anonymous_forget(false);
        return;
    }
    command_forbid(s);
    settings_unref(&worker.settings);
    worker.settings = s;
    passive_may_be_more();
    anonymous_forget(true);
}

static void on_admin(const struct ipc_message *m)
{
    admin_serve(m->fd);
}

static void on_keys(const struct ipc_message *m)
{
    if (m->fd >= 0)
        keys_connect(m->fd);
}

static void on_no_keys(const struct ipc_message *m)
{
    (void)m;
    keys_none();
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
    [MSG_DOORS] = on_doors,
    [MSG_DOOR_REPLY] = on_door_reply,
    [MSG_LISTENER] = on_listener,
    [MSG_NO_LISTENER] = on_no_listener,
    [MSG_LOG_FILE] = on_log_file,
    [MSG_CONFIG] = on_config,
    [MSG_ADMIN] = on_admin,
    [MSG_DRAIN] = on_drain,
    [MSG_KEYS] = on_keys,
    [MSG_NO_KEYS] = on_no_keys,
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

/* --- giving up what a process that hears the network must not have ----------------------------------- */

_Noreturn static void refuse_to_run(const char *what, int error)
{
    fprintf(stderr, "sallyd: the worker does not start: %s: %s\n", what, strerror(error));
    _exit(WORKER_CANNOT_RUN);
}

/* All that needs a file is done before: the time zone, OpenSSL's own start, jansson's random seed. So is asking for kernel TLS,
 * since root's question loads the module, and nobody's finds no protocol. */
static void confine(const struct config *c)
{
    bool root = geteuid() == 0; /* with run_as_launching_user as well: nothing here needs to be root */
    const struct passwd *nobody = root ? getpwnam(c->nopriv_user) : NULL;
    uid_t uid = nobody ? nobody->pw_uid : geteuid();
    gid_t gid = nobody ? nobody->pw_gid : getegid();
    int r;
    tzset();
    transfer_prepare();
    json_object_seed(0);
    worker_has_kernel_tls = c->ssl_enable && c->ssl_ktls && probe_kernel_tls();
    if (root && (!nobody || uid == 0))
        refuse_to_run("nopriv_user must name a user that exists and is not root", EINVAL);
    if (root && (r = sandbox_empty_root(c->secure_chroot_dir)) < 0)
        refuse_to_run(sandbox_step(), -r);
    if ((r = sandbox_become(uid, gid, NULL, 0)) < 0)
        refuse_to_run(sandbox_step(), -r);
    if ((r = sandbox_seccomp_worker(worker_has_kernel_tls)) < 0)
        refuse_to_run("seccomp", -r);
    const char *missing = probe_calls(PROBE_WORKER, &r);
    if (missing)
        refuse_to_run(missing, r);
}

/* It is known what TLS there is: that was the last thing that was missing. */
static void on_keys_settled(const char *why)
{
    if (why) {
        fprintf(stderr, "sallyd: the worker does not start: TLS: %s\n", why);
        _exit(WORKER_CANNOT_RUN);
    }
    worker_must_tell(MSG_READY, 0);
}

/* A turn of the loop; what it changed is settled, and so is what handshakes change. */
static bool turn(void)
{
    static _Thread_local bool is_more;
    if (event_base_loop(worker.base, is_more ? EVLOOP_NONBLOCK : EVLOOP_ONCE) < 0)
        return false;
    control_settle();
    is_more = handshake_turns();
    control_settle();
    return true;
}

/* What a loop begins with. */
struct start {
    unsigned loop;
    int monitor;
    struct config *config;
    char *banner;
};

static void open_loop(const struct start *start)
{
    worker.loop = start->loop;
    worker.base = event_base_new();
    worker.settings = settings_new(start->config, start->banner);
    if (!worker.base || !worker.settings)
        refuse_to_run("its event loop", ENOMEM);
    int r = transfer_init();
    if (r < 0 || (r = inbox_open()) < 0)
        refuse_to_run("eventfd2", -r);
    worker.monitor =
        link_new(worker.base, start->monitor, TO_WORKER, on_monitor_message, on_monitor_ended, NULL);
    if (!worker.monitor)
        refuse_to_run("its link to the monitor", ENOMEM);
    command_forbid(worker.settings);
    session_init();
    anonymous_init();
    handshake_init(on_keys_settled);
}

static void run_loop(void)
{
    if (worker_loops > 1)
        cpus_pin(worker.loop);
    while (!is_drained() && turn())
        ;
    (void)!worker_tell(MSG_DRAINED, 0); /* it ends either way; the monitor sees that too */
}

static pthread_barrier_t opened; /* nobody posts to a loop before it is there */

static void *loop_main(void *arg)
{
    (void)prctl(PR_SET_NAME, "sallyd:loop"); /* a name for ps, no more */
    open_loop(arg);
    pthread_barrier_wait(&opened);
    run_loop();
    return NULL;
}

static struct start start_of(unsigned loop, int monitor, const struct config *config, const char *banner)
{
    struct start s = {loop, monitor, config_copy(config), banner ? strdup(banner) : NULL};
    if (!s.config || (banner && !s.banner))
        refuse_to_run("a loop", ENOMEM);
    return s;
}

_Noreturn void worker_main(const int *monitors, unsigned count, struct config *config, char *banner)
{
    struct start starts[LOOPS_MAX];
    pthread_t threads[LOOPS_MAX];
    (void)prctl(PR_SET_NAME, "sallyd: worker"); /* a name for ps, no more */
    worker_loops = count;
    for (unsigned i = 0; i < count; i++)
        starts[i] = start_of(i, monitors[i], config, banner);
    identity_init(transfer_broker_lost);
    data_init();
    list_init();
    control_init();
    handshake_prepare();
    (void)cpus_count(); /* before anything is pinned */
    /* Who started a server in the background waits for the end of its output; ours is needed until here. */
    int null = config->background ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    confine(config);
    for (int fd = 0; null >= 0 && fd <= 2; fd++) {
        if (dup2(null, fd) < 0)
            refuse_to_run("dup2", errno);
    }
    fd_close(&null);
    pthread_barrier_init(&opened, NULL, count);
    for (unsigned i = 1; i < count; i++) {
        int r = pthread_create(&threads[i], NULL, loop_main, &starts[i]);
        if (r != 0)
            refuse_to_run("a thread for a loop", r);
    }
    open_loop(&starts[0]);
    pthread_barrier_wait(&opened);
    run_loop();
    for (unsigned i = 1; i < count; i++)
        (void)pthread_join(threads[i], NULL); /* of a thread that there is */
    _exit(0);
}
