/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/monitor.h"

#include "server/broker/broker.h"
#include "server/messages.h"
#include "server/monitor/auth_child.h"
#include "server/monitor/banner.h"
#include "server/monitor/connect.h"
#include "server/monitor/doors.h"
#include "server/monitor/keys.h"
#include "server/monitor/listen.h"
#include "server/monitor/logins.h"
#include "server/monitor/logs.h"
#include "server/monitor/tell.h"
#include "server/worker/worker.h"
#include "sys/cpus.h"
#include "sys/fd.h"
#include "sys/notify.h"
#include "sys/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKER_DEATHS_MAX = 5, /* in a row, each within a second of its start: then something is wrong for good */
    TRIAL_SECONDS = 20,
    CHILDREN_SECONDS = 5, /* at the end, for them to end */
    NOBODY = 65534,
};

struct monitor monitor;

static const char *config_file;
static char *const *config_assignments;

double monitor_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* --- configuration ----------------------------------------------------------------------------------- */

struct config *monitor_load_config(const char *file, char *const *assignments)
{
    struct config *c = config_new();
    int r = c ? 0 : -ENOMEM;
    if (r == 0)
        r = config_load(c, file, tell_remark, NULL);
    for (; assignments && *assignments; assignments++) {
        if (config_set(c, *assignments, tell_remark, NULL) < 0)
            r = -EINVAL;
    }
    if (r == 0)
        r = config_check(c, file, tell_remark, NULL);
    if (r == 0 && c->login_certificates) {
        tell(
            "%s: login_certificates is for users' own files (user_config_dir): here it would let whoever has "
            "such a certificate in as anybody",
            file);
        r = -EINVAL;
    }
    if (r == 0)
        r = config_resolve(c, file, tell_remark, NULL);
    if (r < 0)
        config_free(&c);
    return c;
}

/* The worker cannot read files: it gets the text, and after a NUL the banner. A descriptor or -1. */
static int config_memfd(const struct config *c, const char *banner)
{
    char *text = config_text(c);
    int fd = memfd_create("config", MFD_CLOEXEC);
    bool ok = text && fd >= 0 && write(fd, text, strlen(text) + 1) == (ssize_t)strlen(text) + 1;
    if (ok && banner)
        ok = write(fd, banner, strlen(banner)) == (ssize_t)strlen(banner);
    free(text);
    if (!ok)
        fd_close(&fd);
    return fd;
}

/* Greetings are the worker's: it gets the configuration anew, which is the same but for the banner. */
static void on_banner_changed(void)
{
    banner_follow(on_banner_changed); /* a link may lead to another folder now */
    char *banner = banner_read(monitor.config);
    int fd = config_memfd(monitor.config, banner);
    if (fd < 0) {
        tell("banner_file: what %s says now could not be taken over; the old greeting stays",
             monitor.config->banner_file);
        free(banner);
        return;
    }
    free(monitor.banner);
    monitor.banner = banner;
    monitor_send_all(MSG_CONFIG, NULL, 0, fd);
    close(fd);
}

static void take_over(struct config *c, char *banner, int fd, const struct keys_process *keys)
{
    config_free(&monitor.config);
    free(monitor.banner);
    monitor.config = c;
    monitor.banner = banner;
    monitor.generation++;
    banner_follow(on_banner_changed);
    logs_send();
    monitor_send_all(MSG_CONFIG, NULL, 0, fd);
    keys_use(keys);
    tell("configuration reloaded: it counts for new sessions; listening addresses and ports stay until a "
         "restart");
}

static void on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
    (void)signal_number;
    (void)what;
    (void)arg;
    notify_systemd("RELOADING=1");
    struct config *c = monitor_load_config(config_file, config_assignments);
    char *banner = c ? banner_read(c) : NULL;
    int fd = c ? config_memfd(c, banner) : -1;
    struct keys_process keys;
    struct doors_way doors = {.is_as_now = false};
    if (fd >= 0 && doors_make_ready(c, &doors) == 0 && keys_start(c, &keys) == 0) {
        take_over(c, banner, fd, &keys);
        doors_use(&doors);
    } else {
        doors_drop(&doors);
        tell("the configuration is not reloaded: the old one stays in force");
        config_free(&c);
        free(banner);
    }
    fd_close(&fd);
    if (monitor.ready)
        notify_systemd("READY=1");
}

/* --- background -------------------------------------------------------------------------------------- */

static int starter = -1; /* to the process that was started and waits for our word before it ends */

/* Who started us learns by the exit status whether there is a server. */
static _Noreturn void wait_for_ready(int from_server)
{
    char byte;
    ssize_t n;
    do
        n = read(from_server, &byte, 1);
    while (n < 0 && errno == EINTR);
    _exit(n == 1 ? 0 : 1);
}

static int go_to_background(void)
{
    int pair[2];
    if (!monitor.config->background)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0) {
        close(pair[1]);
        wait_for_ready(pair[0]);
    }
    close(pair[0]);
    starter = pair[1];
    setsid(); /* fails only for the leader of a group, which a child of fork is not */
    return 0;
}

/* Ready: what is said from now on goes to syslog. */
static void stay_in_background(void)
{
    if (starter < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        dup2(null, fd); /* between open descriptors: nothing to fail; nothing is written there any more */
    fd_close(&null);
    tell_to_syslog();
    (void)!write(starter, "", 1); /* a starter that is gone wants to know no more */
    fd_close(&starter);
}

/* --- children ---------------------------------------------------------------------------------------- */

void monitor_child_begin(int *keep, size_t count)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGPIPE};
    sigset_t none;
    int r = fd_close_others(keep, count);
    if (r < 0) {
        tell("a process does not start: it cannot close what is not its own: close_range and /proc/self/fd: "
             "%s",
             strerror(-r));
        _exit(WORKER_CANNOT_RUN);
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i],
               SIG_IGN); /* a terminal's Ctrl-C reaches the whole group; the monitor alone acts on it */
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void send_to(unsigned loop, const struct ipc_message *m)
{
    struct link *l = monitor.links[loop];
    if (l && link_send(l, m) == -ENOMEM && monitor.worker > 0)
        kill(monitor.worker,
             SIGKILL); /* it takes no messages; one that is gone is noticed when its socket is read */
}

void monitor_send(uint16_t type, uint32_t id, uint16_t serial, const void *payload, size_t len, int fd)
{
    const struct ipc_message m = {
        .type = type, .serial = serial, .id = id, .payload = payload, .len = len, .fd = fd};
    send_to(id % monitor.loops, &m);
}

void monitor_send_all(uint16_t type, const void *payload, size_t len, int fd)
{
    const struct ipc_message m = {.type = type, .payload = payload, .len = len, .fd = fd};
    for (unsigned i = 0; i < monitor.loops; i++)
        send_to(i, &m);
}

static void on_connect(const struct ipc_message *m)
{
    struct connect_request request;
    uint8_t payload[8];
    bool is_door = false;
    int fd = connect_request_decode(m, &request) ? connect_begin(m->id, &request, m->fd, &is_door) : -EPROTO;
    if (m->fd >= 0)
        close(m->fd);
    const struct connect_reply reply = {.error = fd < 0 ? (uint32_t)-fd : 0, .is_door = is_door};
    int len = connect_reply_encode(&reply, payload, sizeof(payload));
    monitor_send(MSG_CONNECT_REPLY, m->id, m->serial, payload, (size_t)len, fd < 0 ? -1 : fd);
    if (fd >= 0)
        close(fd);
}

static void on_logout(const struct ipc_message *m)
{
    logins_logout(m->id);
}

static void on_door_shut(const struct ipc_message *m)
{
    doors_shut(m->id);
}

static void on_broker_broke(const struct ipc_message *m)
{
    logins_end_broker(m->id);
}

static void on_release(const struct ipc_message *m)
{
    logins_release(m->id);
}

static void on_more_ports(const struct ipc_message *m)
{
    if (listen_one_more())
        listen_send_last(m->id % monitor.loops);
    else
        monitor_send(MSG_NO_LISTENER, m->id, 0, NULL, 0, -1);
}

/* The first worker's loops are confined, and a broker was tried before: what is said now is true. */
static void on_ready(const struct ipc_message *m)
{
    (void)m;
    if (++monitor.loops_ready < monitor.loops || monitor.ready)
        return;
    monitor.ready = true;
    printf("sallyd %s ready: %s\n", SALLY_VERSION, listen_describe());
    fflush(stdout);
    if (starter < 0)
        doors_explain();
    stay_in_background();
    notify_systemd("READY=1");
}

static void on_drained(const struct ipc_message *m)
{
    (void)m; /* the worker ends by itself now */
}

static void on_worker_message(void *ctx, const struct ipc_message *m)
{
    static void (*const handlers[MSG_COUNT])(const struct ipc_message *) = {
        [MSG_LOGIN] = logins_login,
        [MSG_CHECK_USER] = logins_check_user,
        [MSG_LOGOUT] = on_logout,
        [MSG_CONNECT] = on_connect,
        [MSG_MORE_PORTS] = on_more_ports,
        [MSG_CHOWN] = logins_chown,
        [MSG_LOG_LOST] = logs_lost,
        [MSG_DRAINED] = on_drained,
        [MSG_READY] = on_ready,
        [MSG_DOOR] = doors_open,
        [MSG_DOOR_SHUT] = on_door_shut,
        [MSG_RELEASE] = on_release,
        [MSG_BROKER_BROKE] = on_broker_broke,
    };
    (void)ctx;
    handlers[m->type](m); /* the gate let only TO_MONITOR rows through, and each has a handler */
}

static void free_links(void)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        link_free(&monitor.links[i]);
}

/* A worker that breaks protocol has been taken over; one whose socket closed is dying. SIGCHLD does the rest.
 */
static void on_worker_ended(void *ctx, int error)
{
    (void)ctx;
    free_links();
    if (error == -EPROTO)
        tell("the worker broke protocol and is ended");
    if (monitor.worker > 0)
        kill(monitor.worker, SIGKILL);
}

/* The ends of pairs of sockets, one a loop: the monitor's, and the worker's. */
struct ends {
    int ours[LOOPS_MAX], theirs[LOOPS_MAX];
    unsigned count;
};

static int open_ends(struct ends *e)
{
    int pair[2];
    for (e->count = 0; e->count < monitor.loops; e->count++) {
        int r = ipc_pair(pair);
        if (r < 0)
            return r;
        e->ours[e->count] = pair[0];
        e->theirs[e->count] = pair[1];
    }
    return 0;
}

static void close_ends(int *ends, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fd_close(&ends[i]);
}

static int open_links(struct ends *e)
{
    for (unsigned i = 0; i < e->count; i++) {
        monitor.links[i] =
            link_new(monitor.base, e->ours[i], TO_MONITOR, on_worker_message, on_worker_ended, NULL);
        if (!monitor.links[i])
            return -ENOMEM;
        e->ours[i] = -1;
    }
    return 0;
}

static pid_t fork_worker(const struct ends *e)
{
    struct config *config = config_copy(monitor.config);
    char *banner = monitor.banner ? strdup(monitor.banner) : NULL;
    pid_t pid = config ? fork() : -1;
    if (pid == 0) {
        int keep[LOOPS_MAX]; /* which gets sorted */
        memcpy(keep, e->theirs, sizeof(keep));
        monitor_child_begin(keep, e->count);
        worker_main(e->theirs, e->count, config, banner);
    }
    config_free(&config);
    free(banner);
    return pid;
}

static int start_worker(void)
{
    struct ends e;
    int r = open_ends(&e);
    pid_t pid = r == 0 ? fork_worker(&e) : -1;
    if (r == 0 && pid < 0)
        r = -EAGAIN;
    if (r == 0) {
        monitor.worker = pid;
        monitor.worker_started = monitor_now();
        monitor.loops_ready = 0;
        r = open_links(&e);
    }
    close_ends(e.ours, e.count);
    close_ends(e.theirs, e.count);
    if (r < 0)
        return r;
    logs_send();
    keys_send();
    doors_send();
    listen_send_all();
    return 0;
}

static void worker_ended(int status)
{
    monitor.worker = 0;
    free_links();
    logins_forget_all();
    doors_shut_all();
    if (monitor.draining) {
        event_base_loopbreak(monitor.base);
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_CANNOT_RUN &&
        !monitor.ready) { /* it has said why */
        tell("the worker cannot run here; giving up");
        event_base_loopbreak(monitor.base);
        return;
    }
    monitor.quick_deaths = monitor_now() - monitor.worker_started < 1 ? monitor.quick_deaths + 1 : 0;
    tell("the worker ended unexpectedly (%s %d); starting another", WIFSIGNALED(status) ? "signal" : "status",
         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (monitor.quick_deaths < WORKER_DEATHS_MAX && start_worker() == 0)
        return;
    tell("the worker cannot be kept running; giving up");
    event_base_loopbreak(monitor.base);
}

static void on_child(evutil_socket_t signal_number, short what, void *arg)
{
    int status;
    pid_t pid;
    (void)signal_number;
    (void)what;
    (void)arg;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == monitor.worker)
            worker_ended(status);
        else if (!keys_child_ended(pid, status) && !logins_child_ended(pid, status))
            auth_child_reaped(pid);
    }
}

/* --- the end ----------------------------------------------------------------------------------------- */

static void on_terminate(evutil_socket_t signal_number, short what, void *arg)
{
    uint32_t seconds = monitor.config->drain_timeout;
    (void)signal_number;
    (void)what;
    (void)arg;
    if (monitor.draining) { /* asked twice: at once */
        if (monitor.worker > 0)
            kill(monitor.worker, SIGKILL);
        return;
    }
    monitor.draining = true;
    notify_systemd("STOPPING=1");
    listen_close_all();
    listen_close_admin();
    monitor_send_all(MSG_DRAIN, &seconds, sizeof(seconds), -1);
    if (monitor.worker == 0)
        event_base_loopbreak(monitor.base);
}

static int add_signal(int number, event_callback_fn on_signal)
{
    struct event *e = evsignal_new(monitor.base, number, on_signal, NULL);
    return e && event_add(e, NULL) == 0 ? 0 : -ENOMEM;
}

/* Thousands of sessions want thousands of descriptors; what the machine allows is ours. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    rlim_t may = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        may = limit.rlim_max;
    rlim_t need = (rlim_t)monitor.config->max_clients + 256;
    if (may < need)
        tell("warning: max_clients is %u, but this process may open %llu files only; raise LimitNOFILE",
             monitor.config->max_clients, (unsigned long long)may);
}

static int check_privilege(void)
{
    monitor.root = geteuid() == 0;
    if (!monitor.root && !monitor.config->run_as_launching_user) {
        tell("sallyd must be started as root, or with run_as_launching_user=YES to serve files of this user "
             "alone");
        return -EPERM;
    }
    if (!monitor.root)
        tell("running as the launching user: no other local users, no chroot, no ports below 1024 unless "
             "allowed, no chown_uploads");
    else if (monitor.config->run_as_launching_user)
        tell("running as the launching user, who is root: sessions own root's files below their root "
             "directory, without any capability; no local users, no chown_uploads");
    return 0;
}

/*
 * A broker that does nothing, to see before anybody logs in whether brokers can be had here. It goes through
 * what every broker goes through, with all rights, as nobody or as who started us.
 */
static int try_broker(void)
{
    const struct config *c = monitor.config;
    const bool self = c->run_as_launching_user;
    const struct auth_grant harmless = {.user = (char *)"a trial at start",
                                        .uid = self ? geteuid() : NOBODY,
                                        .gid = self ? getegid() : NOBODY,
                                        .root = (char *)"/",
                                        .rights = RIGHT_ALL};
    int pair[2], status = 0;
    int r = ipc_pair(pair);
    if (r < 0)
        return r;
    pid_t pid = fork();
    if (pid == 0) {
        monitor_child_begin(&pair[1], 1);
        alarm(TRIAL_SECONDS);
        broker_try(pair[1], c, &harmless);
    }
    r = pid < 0 ? -errno : 0;
    close(pair[0]);
    close(pair[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return r < 0 ? r : status == 0 ? 0 : -EPERM; /* it has said why */
}

/* The calls that this process itself can't do without. 0 or -errno. */
static int check_calls(void)
{
    int error = 0;
    const char *missing = probe_calls(PROBE_MONITOR, &error);
    if (missing)
        tell("not started: %s: %s; a seccomp profile or an old kernel stands in the way", missing,
             strerror(error));
    return -error;
}

/* workers=auto: one for each processor. */
static unsigned count_loops(void)
{
    const char *wanted = monitor.config->workers;
    unsigned count = cpus_count();
    if (wanted && strcmp(wanted, "auto") != 0)
        count = (unsigned)strtoul(wanted, NULL, 10);
    return count < 1 ? 1 : count > LOOPS_MAX ? LOOPS_MAX : count;
}

static int start_all(void)
{
    int r;
    monitor.loops = count_loops();
    if ((r = check_privilege()) < 0 || (r = check_calls()) < 0 || (r = listen_open_control()) < 0 ||
        (r = listen_open_passive()) < 0)
        return r;
    raise_limits();
    monitor.banner = banner_read(monitor.config);
    if ((r = go_to_background()) < 0)
        return r;
    if ((r = try_broker()) < 0) {
        tell("not started: no broker, the process that opens files, can run here");
        return r;
    }
    struct keys_process keys;
    if ((r = keys_start(monitor.config, &keys)) < 0) {
        tell("not started: ssl_enable=YES, and TLS can't be served");
        return r;
    }
    keys_use(&keys);
    struct doors_way doors;
    if ((r = doors_make_ready(monitor.config, &doors)) < 0)
        return r;
    doors_use(&doors);
    monitor.base = event_base_new();
    if (!monitor.base || add_signal(SIGCHLD, on_child) < 0 || add_signal(SIGHUP, on_hangup) < 0 ||
        add_signal(SIGTERM, on_terminate) < 0 || add_signal(SIGINT, on_terminate) < 0)
        return -ENOMEM;
    signal(SIGPIPE, SIG_IGN);
    banner_follow(on_banner_changed);
    listen_open_admin();
    if ((r = start_worker()) < 0)
        tell("cannot start the worker: %s", strerror(-r));
    return r;
}

/* Brokers remove uploads that were not finished, and end. Whoever keeps us (systemd) ends at once what is left when we have. */
static void wait_for_brokers(void)
{
    static const struct timespec nap = {.tv_nsec = 5 * 1000 * 1000};
    double until = monitor_now() + (double)CHILDREN_SECONDS;
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && monitor_now() < until) {
        if (pid == 0)
            nanosleep(&nap, NULL);
    }
}

int monitor_run(const char *file, char *const *assignments)
{
    config_file = file;
    config_assignments = assignments;
    monitor.config = monitor_load_config(file, assignments);
    if (!monitor.config)
        return 2;
    int r = start_all();
    if (r == 0)
        event_base_dispatch(
            monitor.base); /* if it ends before we drain, that is the failure, whatever it says */
    listen_close_admin();
    doors_end();
    keys_forget();
    wait_for_brokers();
    return r == 0 && monitor.draining ? 0 : 1;
}
