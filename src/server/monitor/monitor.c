/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/monitor.h"

#include "server/messages.h"
#include "server/monitor/auth_child.h"
#include "server/monitor/connect.h"
#include "server/monitor/listen.h"
#include "server/monitor/logins.h"
#include "server/monitor/logs.h"
#include "server/monitor/tell.h"
#include "server/worker/worker.h"
#include "sys/fd.h"
#include "sys/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_FILE "/etc/sallyd.conf"

enum {
    WORKER_DEATHS_MAX = 5, /* in a row, each within a second of its start: then something is wrong for good */
    BANNER_BYTES_MAX = 64 * 1024,
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

/* --- configuration
 * ------------------------------------------------------------------------------------------------------- */

struct config *monitor_load_config(const char *file, char *const *assignments)
{
    struct config *c = config_new();
    int r = c ? 0 : -ENOMEM;
    bool wanted = file || access(DEFAULT_FILE, F_OK) == 0;
    const char *name = file ? file : DEFAULT_FILE;
    if (r == 0 && wanted)
        r = config_load(c, name, tell_remark, NULL);
    for (; assignments && *assignments; assignments++) {
        if (config_set(c, *assignments, tell_remark, NULL) < 0)
            r = -EINVAL;
    }
    if (r == 0)
        r = config_check(c, name, tell_remark, NULL);
    if (r == 0)
        r = config_resolve(c, name, tell_remark, NULL);
    if (r < 0)
        config_free(&c);
    return c;
}

static char *load_banner(const struct config *c)
{
    if (!c->banner_file)
        return NULL;
    char *text = calloc(1, BANNER_BYTES_MAX + 1);
    int fd = open(c->banner_file, O_RDONLY | O_CLOEXEC);
    ssize_t n = text && fd >= 0 ? read(fd, text, BANNER_BYTES_MAX) : -1;
    if (n < 0) {
        tell("banner_file: cannot read %s: %s; greeting without it", c->banner_file, strerror(errno));
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

/* The worker cannot read files: it gets the text, and after a NUL the banner. */
static void send_config(void)
{
    char *text = config_text(monitor.config);
    int fd = memfd_create("config", MFD_CLOEXEC);
    bool ok = text && fd >= 0 && write(fd, text, strlen(text) + 1) == (ssize_t)strlen(text) + 1;
    if (ok && monitor.banner)
        ok = write(fd, monitor.banner, strlen(monitor.banner)) == (ssize_t)strlen(monitor.banner);
    if (ok)
        monitor_send(MSG_CONFIG, 0, 0, NULL, 0, fd);
    if (fd >= 0)
        close(fd);
    free(text);
}

static void on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
    (void)signal_number;
    (void)what;
    (void)arg;
    notify_systemd("RELOADING=1");
    struct config *c = monitor_load_config(config_file, config_assignments);
    if (!c)
        tell("the configuration is not reloaded: the old one stays in force");
    else {
        config_free(&monitor.config);
        free(monitor.banner);
        monitor.config = c;
        monitor.banner = load_banner(c);
        monitor.generation++;
        logs_send();
        send_config();
        tell("configuration reloaded: it counts for new sessions; listening addresses and ports stay until a "
             "restart");
    }
    notify_systemd("READY=1");
}

/* --- children
 * --------------------------------------------------------------------------------------------------------------
 */

void monitor_child_begin(int *keep, size_t count)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGPIPE};
    sigset_t none;
    (void)fd_close_others(keep, count);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i],
               SIG_IGN); /* a terminal's Ctrl-C reaches the whole group; the monitor alone acts on it */
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void monitor_send(uint16_t type, uint32_t id, uint16_t serial, const void *payload, size_t len, int fd)
{
    struct ipc_message m = {
        .type = type, .serial = serial, .id = id, .payload = payload, .len = len, .fd = fd};
    if (monitor.link && link_send(monitor.link, &m) == -ENOMEM && monitor.worker > 0)
        kill(monitor.worker,
             SIGKILL); /* it takes no messages; one that is gone is noticed when its socket is read */
}

static void on_connect(const struct ipc_message *m)
{
    struct connect_request request;
    int fd = connect_request_decode(m, &request) ? connect_begin(&request, m->fd) : -EPROTO;
    if (m->fd >= 0)
        close(m->fd);
    uint32_t error = fd < 0 ? (uint32_t)-fd : 0;
    monitor_send(MSG_CONNECT_REPLY, m->id, m->serial, &error, sizeof(error), fd < 0 ? -1 : fd);
    if (fd >= 0)
        close(fd);
}

static void on_logout(const struct ipc_message *m)
{
    logins_logout(m->id);
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
    (void)m;
    if (listen_one_more())
        listen_send_last();
    else
        monitor_send(MSG_NO_LISTENER, 0, 0, NULL, 0, -1);
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
        [MSG_DRAINED] = on_drained,
        [MSG_RELEASE] = on_release,
        [MSG_BROKER_BROKE] = on_broker_broke,
    };
    (void)ctx;
    handlers[m->type](m); /* the gate let only TO_MONITOR rows through, and each has a handler */
}

/* A worker that breaks protocol has been taken over; one whose socket closed is dying. SIGCHLD does the rest.
 */
static void on_worker_ended(void *ctx, int error)
{
    (void)ctx;
    link_free(&monitor.link);
    if (error == -EPROTO)
        tell("the worker broke protocol and is ended");
    if (monitor.worker > 0)
        kill(monitor.worker, SIGKILL);
}

static int start_worker(void)
{
    int pair[2];
    int r = ipc_pair(pair);
    if (r < 0)
        return r;
    struct config *config = config_copy(monitor.config);
    char *banner = monitor.banner ? strdup(monitor.banner) : NULL;
    pid_t pid = fork();
    if (pid == 0) {
        monitor_child_begin(&pair[1], 1);
        worker_main(pair[1], config, banner);
    }
    config_free(&config);
    free(banner);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -EAGAIN;
    }
    monitor.worker = pid;
    monitor.worker_started = monitor_now();
    monitor.link = link_new(monitor.base, pair[0], TO_MONITOR, on_worker_message, on_worker_ended, NULL);
    if (!monitor.link) {
        close(pair[0]);
        return -ENOMEM;
    }
    logs_send();
    listen_send_all();
    return 0;
}

static void worker_ended(int status)
{
    monitor.worker = 0;
    link_free(&monitor.link);
    logins_forget_all();
    if (monitor.draining) {
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
        else if (!logins_child_ended(pid))
            auth_child_reaped(pid);
    }
}

/* --- the end
 * ------------------------------------------------------------------------------------------------------------------
 */

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
    monitor_send(MSG_DRAIN, 0, 0, &seconds, sizeof(seconds), -1);
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
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    rlim_t need = (rlim_t)monitor.config->max_clients + 256;
    if (limit.rlim_max < need)
        tell("warning: max_clients is %u, but this process may open %llu files only; raise LimitNOFILE",
             monitor.config->max_clients, (unsigned long long)limit.rlim_max);
}

static int check_privilege(void)
{
    monitor.root = geteuid() == 0 && !monitor.config->run_as_launching_user;
    if (geteuid() != 0 && !monitor.config->run_as_launching_user) {
        tell("sallyd must be started as root, or with run_as_launching_user=YES to serve files of this user "
             "alone");
        return -EPERM;
    }
    if (!monitor.root)
        tell("running as the launching user: no other local users, no chroot, no ports below 1024 unless "
             "allowed, no chown_uploads");
    return 0;
}

static int go_to_background(void)
{
    if (!monitor.config->background)
        return 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0)
        _exit(0);
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        dup2(null, fd);
    tell_to_syslog();
    return 0;
}

static int start_all(void)
{
    int r;
    if ((r = check_privilege()) < 0 || (r = listen_open_control()) < 0 || (r = listen_open_passive()) < 0)
        return r;
    raise_limits();
    monitor.banner = load_banner(monitor.config);
    printf("sallyd %s ready: %s\n", SALLY_VERSION, listen_describe());
    if ((r = go_to_background()) < 0)
        return r;
    monitor.base = event_base_new();
    if (!monitor.base || add_signal(SIGCHLD, on_child) < 0 || add_signal(SIGHUP, on_hangup) < 0 ||
        add_signal(SIGTERM, on_terminate) < 0 || add_signal(SIGINT, on_terminate) < 0)
        return -ENOMEM;
    signal(SIGPIPE, SIG_IGN);
    listen_open_admin();
    if ((r = start_worker()) < 0)
        tell("cannot start the worker: %s", strerror(-r));
    return r;
}

int monitor_run(const char *file, char *const *assignments)
{
    config_file = file;
    config_assignments = assignments;
    monitor.config = monitor_load_config(file, assignments);
    if (!monitor.config)
        return 2;
    if (start_all() < 0)
        return 1;
    fflush(stdout);
    notify_systemd("READY=1");
    event_base_dispatch(monitor.base);
    return monitor.draining ? 0 : 1;
}
