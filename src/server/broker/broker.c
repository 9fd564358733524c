/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/broker.h"

#include "server/broker/owners.h"
#include "server/broker/resolve.h"
#include "server/broker/state.h"
#include "server/broker/upload.h"
#include "sys/cpus.h"
#include "sys/fd.h"
#include "sys/probe.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 8,
    STACK_BYTES = 256 * 1024, /* a listing takes 60 KiB of it, and sanitizers as much again for themselves */
};

/* --- requests ---------------------------------------------------------------------------------------- */

/* What each message needs and who serves it; a type that is not here is none of ours. */
static const struct handler {
    int (*handle)(struct call *call);
    uint32_t rights;
    bool has_path;
    bool is_long;
} handlers[MSG_COUNT] = {
    [MSG_FILE_STAT] = {file_stat, 0, true, false},
    [MSG_FILE_CHDIR] = {file_chdir, 0, true, false},
    [MSG_FILE_READ] = {file_read, RIGHT_READ, true, false},
    [MSG_FILE_WRITE] = {file_write, RIGHT_STORE, true, false},
    [MSG_FILE_END] = {file_end, RIGHT_STORE, false, false},
    [MSG_FILE_LIST] = {file_list, RIGHT_LIST, true, true},
    [MSG_FILE_MKDIR] = {file_mkdir, RIGHT_MKDIR, true, false},
    [MSG_FILE_RMDIR] = {file_rmdir, RIGHT_DELETE, true, false},
    [MSG_FILE_DELETE] = {file_delete, RIGHT_DELETE, true, false},
    [MSG_FILE_RENAME] = {file_rename, RIGHT_RENAME, true, false},
    [MSG_FILE_CHMOD] = {file_chmod, RIGHT_CHMOD, true, false},
    [MSG_FILE_UTIME] = {file_utime, RIGHT_TIMES, true, false},
    [MSG_FILE_SPACE] = {file_space, 0, true, false},
    [MSG_FILE_USAGE] = {file_usage, 0, false, true},
};

int call_reply(struct call *call)
{
    struct workspace *w = call->w;
    struct ipc_message reply = {.type = MSG_FILE_REPLY,
                                .serial = call->request->serial,
                                .id = call->request->id,
                                .payload = w->payload,
                                .fd = call->fd};
    int len = file_reply_encode(call->out, w->payload, sizeof(w->payload));
    call->replied = true;
    reply.len = len > 0 ? (size_t)len : 0;
    return len < 0 ? len : ipc_send(call->b->sock, &reply);
}

static int serve_request(struct broker *b, struct workspace *w, const struct ipc_message *m)
{
    struct file_request in;
    struct file_reply out = {0};
    const struct handler *h = &handlers[m->type];
    if (!h->handle || !file_request_decode(m, &in))
        return -EPROTO;

    struct call call = {.b = b, .w = w, .in = &in, .out = &out, .request = m, .fd = -1};
    int r = broker_may(b, h->rights) ? 0 : -EACCES;
    if (r == 0 && h->has_path)
        r = resolve_check(b, in.path);
    bool roams = h->is_long && b->cpu >= 0;
    if (roams)
        cpus_unpin();
    if (r == 0)
        r = h->handle(&call);
    if (roams)
        cpus_pin((unsigned)b->cpu);
    if (call.replied)
        r = 0;
    else {
        out.error = (uint32_t)-r;
        r = call_reply(&call);
    }
    fd_close(&call.fd);
    return r;
}

/* --- threads ----------------------------------------------------------------------------------------- */

/*
 * A few identical threads take requests from one socket, so that one that waits for a slow disk holds up
 * nobody else. There is one to begin with; whoever takes a request while no other thread is free starts
 * another.
 *
 * The end of the socket reaches every thread; the last one to leave, when no request is under way any more,
 * cleans up. Only the worker's closing it is a good end (exit status 0, see monitor/logins.h): that the last
 * thread has no memory left to serve with is none.
 */
static void *serve(void *arg);

int broker_thread_create(pthread_t *ret, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    int r = pthread_attr_init(&attr);
    if (r == 0) {
        (void)pthread_attr_setstacksize(&attr,
                                        STACK_BYTES); /* more than the least there may be: cannot fail */
        r = pthread_create(ret, &attr, run, arg);
        (void)pthread_attr_destroy(&attr);
    }
    return -r;
}

static void start_thread(struct broker *b)
{
    pthread_t thread;
    if (atomic_fetch_add(&b->threads, 1) >= THREADS_MAX || broker_thread_create(&thread, serve, b) < 0)
        atomic_fetch_sub(&b->threads, 1); /* those there are go on */
    else
        (void)pthread_detach(thread);
}

static int receive_and_serve(struct broker *b, struct workspace *w)
{
    struct ipc_message m;
    atomic_fetch_add(&b->idle, 1);
    int r = ipc_receive(b->sock, &server_protocol, TO_BROKER, w->packet, &m);
    unsigned idle = atomic_fetch_sub(&b->idle, 1) - 1;
    if (r < 0)
        return r;
    if (idle == 0 && atomic_load(&b->threads) < THREADS_MAX)
        start_thread(b);
    return serve_request(b, w, &m);
}

static _Noreturn void end(struct broker *b)
{
    uploads_drop_all(b);
    _exit(atomic_load(&b->closed) && !atomic_load(&b->failed) ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void *serve(void *arg)
{
    struct broker *b = arg;
    struct workspace *w =
        mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int r = w == MAP_FAILED ? -ENOMEM : 0;
    while (r == 0)
        r = receive_and_serve(b, w);
    if (w != MAP_FAILED)
        (void)munmap(w, sizeof(*w));
    if (r == -EPIPE)
        atomic_store(&b->closed, true);
    else if (r != -ENOMEM) { /* protocol broken: nobody is to go on */
        atomic_store(&b->failed, true);
        (void)shutdown(b->sock, SHUT_RDWR);
    }
    if (atomic_fetch_sub(&b->threads, 1) == 1)
        end(b);
    return NULL;
}

/* --- start ------------------------------------------------------------------------------------------- */

static const char advice[] = "A seccomp profile around sallyd, a capability that it lacks, or an old kernel "
                             "stands in the way: doc/trust.md names what it needs.";

static _Noreturn void fail(const struct auth_grant *g, const char *what, int error, const char *hint)
{
    (void)fprintf(stderr, "sallyd: broker for %s does not start: %s: %s.%s%s\n", g->user ? g->user : "?",
                  what, strerror(-error), hint[0] ? " " : "", hint);
    _exit(EXIT_FAILURE);
}

/* Signals as in a new program, except that a terminal's or systemd's request to end goes to the monitor: we
 * end when our sessions have, so that what they were storing is put in order. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ};
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        (void)signal(s, SIG_DFL);
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* An upload holds a descriptor until it ends: as many as the system lets us. And memory goes back when a
 * listing is done. */
static void set_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* else fewer uploads at once, and the others are told */
    }
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, 64 * 1024); /* set, it no longer grows by itself */
    (void)mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

/* Everything that needs the file system outside the root. */
static void prepare(struct broker *b, const struct auth_grant *g)
{
    b->root_fd = auth_open_root(g);
    if (b->root_fd < 0)
        fail(g, g->root, b->root_fd, "This directory is to be the root of the session.");
    if (fstat(b->root_fd, &b->root) < 0)
        fail(g, "fstat", -errno, advice);
    if (g->root_ino != 0 && (b->root.st_dev != g->root_dev || b->root.st_ino != g->root_ino))
        _exit(BROKER_ROOT_CHANGED);
    int keep[] = {b->sock, b->root_fd};
    int r = fd_close_others(keep, 2);
    if (r < 0)
        fail(g, "close what is not its own (close_range, /proc/self/fd)", r, advice);
    tzset();
    if (b->c->text_userdb_names && owners_load(&b->owners) < 0)
        fail(g, "the names of users", -ENOMEM, "");
    reset_signals();
    set_limits();
    (void)umask(0); /* modes are computed for each request: threads share a umask */
    (void)prctl(PR_SET_NAME, "sallyd: broker"); /* a name for ps, no more */
}

/* Gives everything up. */
static void confine(struct broker *b, const struct auth_grant *g)
{
    const uint32_t changing =
        RIGHT_STORE | RIGHT_MKDIR | RIGHT_RENAME | RIGHT_DELETE | RIGHT_CHMOD | RIGHT_TIMES;
    int r = geteuid() == 0 ? sandbox_chroot(b->root_fd) : 0;
    if (r < 0)
        fail(g, sandbox_step(), r, advice);
    r = b->c->run_as_launching_user ? sandbox_stay()
                                    : sandbox_become(g->uid, g->gid, g->groups, g->group_count);
    if (r < 0)
        fail(g, sandbox_step(), r, advice);
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        fail(g, "prctl (PR_SET_DUMPABLE)", -errno, advice);

    r = sandbox_landlock(b->root_fd, g->rights & changing);
    if (r < 0 && (r != -EOPNOTSUPP || geteuid() == 0))
        fail(g, sandbox_step(), r,
             geteuid() == 0 ? "Without landlock no session runs as root: start as another user." : advice);
    r = sandbox_seccomp_broker();
    if (r < 0)
        fail(g, "seccomp", r, advice);
    (void)malloc_trim(0);
}

/* The whole of it, but for what identity there is. */
static void start(struct broker *b, int sock, const struct config *c, const struct auth_grant *grant)
{
    b->sock = sock;
    b->c = c;
    b->grant = grant;
    (void)pthread_mutex_init(&b->uploads.lock, NULL);
    prepare(b, grant);
    confine(b, grant);
}

_Noreturn void broker_try(int sock, const struct config *c, const struct auth_grant *grant)
{
    static struct broker b;
    int error = 0;
    start(&b, sock, c, grant);
    const char *missing = probe_calls(PROBE_BROKER, &error);
    if (missing)
        fail(grant, missing, -error, advice);
    int fd = resolve_open(&b, "/", O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        fail(grant, "openat2", fd, advice);
    _exit(EXIT_SUCCESS);
}

_Noreturn void broker_main(int sock, const struct config *c, const struct auth_grant *grant, int cpu)
{
    static struct broker b;
    b.cpu = cpu;
    if (cpu >= 0)
        cpus_pin((unsigned)cpu);
    start(&b, sock, c, grant);
    atomic_store(&b.threads, 1);
    (void)serve(&b);             /* a thread's result, which is always NULL */
    for (;;)                     /* the main thread left first: another ends the process */
        (void)poll(NULL, 0, -1); /* a sleep; who wakes sleeps again */
}
