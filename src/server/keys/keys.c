/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/keys/keys.h"

#include "server/keys/load.h"
#include "server/messages.h"
#include "sys/sandbox.h"
#include "tls/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 64, /* sockets of theirs */
};

static struct {
    struct keys_loaded loaded;
    struct pollfd ends[1 + WORKERS_MAX]; /* the monitor's, then workers' */
    nfds_t count;
    uint8_t buffer[IPC_PACKET_MAX];
} process;

/* --- words ------------------------------------------------------------------------------------------- */

static void say(const char *line)
{
    const struct ipc_message m = {
        .type = MSG_KEYS_SAYS, .payload = (const uint8_t *)line, .len = strlen(line), .fd = -1};
    (void)!ipc_send(process.ends[0].fd, &m); /* a monitor that is gone hears nothing more */
}

_Noreturn static void fail(const char *what, int error)
{
    char line[256];
    (void)snprintf(line, sizeof(line), "the key process does not start: %s: %s", what, strerror(error));
    say(line);
    _exit(EXIT_FAILURE);
}

/* --- what is asked ----------------------------------------------------------------------------------- */

static void drop(nfds_t i)
{
    close(process.ends[i].fd);
    process.ends[i] = process.ends[--process.count];
}

/* A worker's socket: the files go out first. */
static void add_worker(int fd)
{
    const struct ipc_message m = {.type = MSG_TLS_FILES, .fd = process.loaded.files};
    if (process.count == 1 + WORKERS_MAX || ipc_send(fd, &m) < 0) {
        close(fd);
        return;
    }
    process.ends[process.count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* False: the monitor has closed its end; who was served before still is. */
static bool hear_monitor(void)
{
    struct ipc_message m;
    int r = ipc_receive(process.ends[0].fd, &server_protocol, KEYS_COMMAND, process.buffer, &m);
    if (r == 0 && m.fd >= 0)
        add_worker(m.fd);
    return r == 0 || r == -EAGAIN;
}

/* False: this worker is gone, or broke protocol. */
static bool serve_worker(int fd)
{
    struct ipc_message m;
    struct tls_to_sign what;
    uint8_t signature[TLS_SIGNATURE_MAX];
    size_t len = 0;
    int r = ipc_receive(fd, &server_protocol, TO_KEYS, process.buffer, &m);
    if (r < 0)
        return r == -EAGAIN;
    if (!sign_request_decode(&m, &what))
        return false;
    if (what.key >= process.loaded.count ||
        tls_sign(process.loaded.keys[what.key], &what, signature, &len) < 0)
        len = 0;
    const struct ipc_message answer = {
        .type = MSG_SIGNED, .serial = m.serial, .id = m.id, .payload = signature, .len = len, .fd = -1};
    return ipc_send(fd, &answer) == 0;
}

_Noreturn static void serve(void)
{
    bool has_monitor = true;
    while (has_monitor || process.count > 1) {
        if (poll(process.ends, process.count, -1) < 0)
            continue; /* EINTR: once more */
        for (nfds_t i = process.count; i-- > 1;) {
            if (process.ends[i].revents && !serve_worker(process.ends[i].fd))
                drop(i);
        }
        if (process.ends[0].revents && !hear_monitor()) {
            has_monitor = false;
            close(process.ends[0].fd);
            process.ends[0].fd = -1; /* poll passes it over */
        }
    }
    _exit(EXIT_SUCCESS);
}

/* --- start ------------------------------------------------------------------------------------------- */

/* As in a new program, but that it ends only after those it serves. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN); /* a number that there is */
}

/* Who started a server in the background waits for the end of its output. */
static void let_go_of_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; fd++) {
        if (null < 0 || dup2(null, fd) < 0)
            fail("/dev/null", errno);
    }
    close(null);
}

static void confine(const struct config *c)
{
    bool root = geteuid() == 0;
    const struct passwd *nobody = root ? getpwnam(c->nopriv_user) : NULL;
    int r = 0;
    if (root && (!nobody || nobody->pw_uid == 0))
        fail("nopriv_user must name a user that exists and is not root", EINVAL);
    if (root)
        r = sandbox_empty_root(c->secure_chroot_dir);
    if (r == 0)
        r = sandbox_become(nobody ? nobody->pw_uid : geteuid(), nobody ? nobody->pw_gid : getegid(), NULL, 0);
    if (r < 0)
        fail(sandbox_step(), -r);
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        fail("prctl (PR_SET_DUMPABLE)", errno);
    if ((r = sandbox_seccomp_keys()) < 0)
        fail("seccomp", -r);
}

_Noreturn void keys_main(int monitor, int kept, const struct config *c)
{
    const struct ipc_message ready = {.type = MSG_KEYS_READY, .fd = -1};
    process.ends[0] = (struct pollfd){.fd = monitor, .events = POLLIN};
    process.count = 1;
    (void)prctl(PR_SET_NAME, "sallyd: keys"); /* a name for ps, no more */
    reset_signals();
    if (!keys_load(c, kept, &process.loaded, say))
        _exit(EXIT_FAILURE);
    close(kept);
    if (c->background)
        let_go_of_streams();
    confine(c);
    if (ipc_send(monitor, &ready) < 0)
        _exit(EXIT_FAILURE);
    serve();
}
