/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/keys.h"

#include "server/keys/keys.h"
#include "server/keys/load.h"
#include "server/messages.h"
#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"
#include "sys/fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const double start_seconds = 20; /* for it to read its files */

static const struct timeval revive_delay = {.tv_sec = 5};
static struct keys_process keys = {0, -1};
static double started; /* the one that counts */
static struct event *revive;

/* --- start ------------------------------------------------------------------------------------------- */

/* Tells what it says, until it is ready: 0. */
static int await_ready(int sock)
{
    static uint8_t buffer[IPC_PACKET_MAX];
    const double until = monitor_now() + start_seconds;
    struct ipc_message m;
    for (;;) {
        struct pollfd word = {.fd = sock, .events = POLLIN};
        double left = (until - monitor_now()) * 1000;
        int n = poll(&word, 1, left > 0 ? (int)left : 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            tell("the key process has not read its files within %.0f seconds", start_seconds);
        int r = n <= 0 ? -ETIMEDOUT : ipc_receive(sock, &server_protocol, KEYS_REPORT, buffer, &m);
        if (r < 0 || m.type == MSG_KEYS_READY)
            return r;
        tell("%.*s", (int)m.len, (const char *)m.payload);
    }
}

static int start(const struct config *c, struct keys_process *ret)
{
    static int kept = -1; /* for the life of the server: what key processes leave each other */
    int pair[2];
    if (kept < 0 && (kept = memfd_create("self-signed", MFD_CLOEXEC)) < 0)
        return -errno;
    int r = ipc_pair(pair);
    if (r < 0)
        return r;
    pid_t pid = fork();
    if (pid == 0) {
        int keep[] = {pair[1], kept};
        monitor_child_begin(keep, 2);
        keys_main(pair[1], kept, c);
    }
    r = pid < 0 ? -errno : 0;
    close(pair[1]);
    if (r == 0)
        r = await_ready(pair[0]);
    if (r == 0) {
        *ret = (struct keys_process){pid, pair[0]};
        return 0;
    }
    close(pair[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return r;
}

int keys_start(const struct config *c, struct keys_process *ret)
{
    *ret = (struct keys_process){0, -1};
    return c->ssl_enable ? start(c, ret) : 0;
}

static void say(const char *line)
{
    tell("%s", line);
}

bool keys_check(const struct config *c)
{
    struct keys_loaded loaded;
    if (!c->ssl_enable)
        return true;
    if (geteuid() != 0 && !c->run_as_launching_user) {
        tell("warning: certificates and keys are not looked at: that takes root");
        return true;
    }
    int kept = memfd_create("self-signed", MFD_CLOEXEC);
    bool is_good = keys_load(c, kept, &loaded, say);
    fd_close(&kept);
    if (is_good)
        keys_loaded_fini(&loaded);
    return is_good;
}

/* --- one counts -------------------------------------------------------------------------------------- */

/* A loop and the key process get an end each of a pair of sockets. */
static int introduce(unsigned loop)
{
    int pair[2];
    int r = ipc_pair(pair);
    if (r == 0) {
        const struct ipc_message serve = {.type = MSG_KEYS_SERVE, .fd = pair[1]};
        r = ipc_send(keys.sock, &serve);
        if (r == 0)
            monitor_send(MSG_KEYS, loop, 0, NULL, 0, pair[0]);
        close(pair[0]);
        close(pair[1]);
    }
    return r;
}

void keys_send(void)
{
    int r = 0;
    if (keys.sock < 0)
        monitor_send_all(MSG_NO_KEYS, NULL, 0, -1);
    for (unsigned i = 0; keys.sock >= 0 && r == 0 && i < monitor.loops; i++)
        r = introduce(i);
    if (r < 0)
        tell("the worker and the key process cannot speak with each other: %s; sessions have the TLS that "
             "they had",
             strerror(-r));
}

void keys_use(const struct keys_process *k)
{
    fd_close(&keys.sock);
    keys = *k;
    started = monitor_now();
    keys_send();
}

static void on_revive(evutil_socket_t fd, short what, void *arg)
{
    struct keys_process k;
    (void)fd;
    (void)what;
    (void)arg;
    if (keys.pid > 0 || monitor.draining)
        return;
    if (keys_start(monitor.config, &k) == 0)
        keys_use(&k);
    else if (!event_add(revive, &revive_delay))
        tell("no TLS for new sessions until that is mended; trying again");
}

bool keys_child_ended(pid_t pid, int status)
{
    if (pid != keys.pid)
        return false;
    fd_close(&keys.sock);
    keys.pid = 0;
    if (monitor.draining)
        return true;
    tell("the key process ended unexpectedly (%s %d); starting another",
         WIFSIGNALED(status) ? "signal" : "status",
         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (!revive)
        revive = event_new(monitor.base, -1, 0, on_revive, NULL);
    bool is_quick = monitor_now() - started < 1;
    if (!revive || (is_quick && event_add(revive, &revive_delay) < 0))
        tell("out of memory: no TLS for new sessions until a reload");
    else if (!is_quick)
        on_revive(-1, 0, NULL);
    return true;
}

void keys_forget(void)
{
    fd_close(&keys.sock);
}
