/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/broker.h"

#include "server/broker/owners.h"
#include "server/broker/resolve.h"
#include "server/broker/state.h"
#include "server/broker/upload.h"
#include "sys/fd.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
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
    STACK_BYTES = 128 * 1024,
};

/* --- requests --------------------------------------------------------------------------------------- */

/* What each message needs and who serves it; a type that is not here is none of ours. */
static const struct handler {
    int (*handle)(struct call *call);
    uint32_t rights;
    bool has_path;
} handlers[MSG_COUNT] = {
    [MSG_FILE_STAT] = {file_stat, 0, true},
    [MSG_FILE_CHDIR] = {file_chdir, 0, true},
    [MSG_FILE_READ] = {file_read, RIGHT_READ, true},
    [MSG_FILE_WRITE] = {file_write, RIGHT_STORE, true},
    [MSG_FILE_END] = {file_end, RIGHT_STORE, false},
    [MSG_FILE_LIST] = {file_list, RIGHT_LIST, true},
    [MSG_FILE_MKDIR] = {file_mkdir, RIGHT_MKDIR, true},
    [MSG_FILE_RMDIR] = {file_rmdir, RIGHT_DELETE, true},
    [MSG_FILE_DELETE] = {file_delete, RIGHT_DELETE, true},
    [MSG_FILE_RENAME] = {file_rename, RIGHT_RENAME, true},
    [MSG_FILE_CHMOD] = {file_chmod, RIGHT_CHMOD, true},
    [MSG_FILE_UTIME] = {file_utime, RIGHT_TIMES, true},
    [MSG_FILE_SPACE] = {file_space, 0, true},
    [MSG_FILE_USAGE] = {file_usage, 0, false},
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
    if (r == 0)
        r = h->handle(&call);
    if (call.replied)
        r = 0;
    else {
        out.error = (uint32_t)-r;
        r = call_reply(&call);
    }
    fd_close(&call.fd);
    return r;
}

/* --- threads ---------------------------------------------------------------------------------------- */

/*
 * A few identical threads take requests from one socket, so that one that waits for a slow disk holds up
 * nobody else. There is one to begin with; whoever takes a request while no other thread is free starts
 * another.
 *
 * The end of the socket reaches every thread; the last one to leave, when no request is under way any more,
 * cleans up.
 */
static void *serve(void *arg);

int broker_thread_create(pthread_t *ret, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    int r = pthread_attr_init(&attr);
    if (r == 0) {
        (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
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
    int r = ipc_receive(b->sock, &server_protocol, TO_BROKER, STAGE_SERVING, w->packet, &m);
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
    _exit(atomic_load(&b->failed) ? EXIT_FAILURE : EXIT_SUCCESS);
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
    if (r != -EPIPE && r != -ENOMEM) { /* protocol broken: nobody is to go on */
        atomic_store(&b->failed, true);
        (void)shutdown(b->sock, SHUT_RDWR);
    }
    if (atomic_fetch_sub(&b->threads, 1) == 1)
        end(b);
    return NULL;
}

/* --- start ------------------------------------------------------------------------------------------ */

static _Noreturn void fail(const struct auth_grant *g, const char *what, int error, const char *advice)
{
    (void)fprintf(stderr, "sallyd: broker for %s: cannot %s: %s.%s%s\n", g->user ? g->user : "?", what,
                  strerror(-error), advice[0] ? " " : "", advice);
    _exit(EXIT_FAILURE);
}

/* The root with the user's own rights: a home behind a directory closed to them must not open just because we
 * are root. */
static int open_root_as_user(const struct auth_grant *g)
{
    if (setgroups(g->group_count, g->groups) < 0 || setegid(g->gid) < 0 || seteuid(g->uid) < 0)
        return -errno;
    int fd = open(g->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fd = -errno;
    if (seteuid(0) < 0 || setegid(0) < 0) {
        fd_close(&fd);
        return -EPERM;
    }
    return fd;
}

static int open_root(const struct auth_grant *g)
{
    if (g->root_as_user && geteuid() == 0)
        return open_root_as_user(g);
    int fd = open(g->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
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
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, 64 * 1024); /* set, it no longer grows by itself */
    (void)mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

/* Everything that needs the file system outside the root. */
static void prepare(struct broker *b, const struct auth_grant *g)
{
    b->root_fd = open_root(g);
    if (b->root_fd < 0)
        fail(g, g->root, b->root_fd, "This directory is to be the root of the session.");
    if (fstat(b->root_fd, &b->root) < 0)
        fail(g, "look at the root", -errno, "");
    int keep[] = {b->sock, b->root_fd};
    (void)fd_close_others(keep, 2);
    tzset();
    if (b->c->text_userdb_names && owners_load(&b->owners) < 0)
        fail(g, "read the names of users", -ENOMEM, "");
    reset_signals();
    set_limits();
    (void)umask(0); /* modes are computed for each request: threads share a umask */
    (void)prctl(PR_SET_NAME, "sallyd: broker");
}

/* Gives everything up. */
static void confine(struct broker *b, const struct auth_grant *g)
{
    const uint32_t changing =
        RIGHT_STORE | RIGHT_MKDIR | RIGHT_RENAME | RIGHT_DELETE | RIGHT_CHMOD | RIGHT_TIMES;
    if (fchdir(b->root_fd) < 0 && geteuid() == 0)
        fail(g, "enter the root", -errno, "");
    if (geteuid() == 0 && (chroot(".") < 0 || chdir("/") < 0))
        fail(g, "chroot", -errno, "");
    int r = sandbox_become(g->uid, g->gid, g->groups, g->group_count);
    if (r < 0)
        fail(g, "become the user", r,
             "The account must not be root's, and sallyd needs CAP_SETUID and CAP_SETGID.");
    (void)prctl(PR_SET_DUMPABLE, 0);

    int probe = resolve_open(b, "/", O_PATH | O_DIRECTORY, 0);
    if (probe == -ENOSYS)
        fail(g, "keep to the root", probe, "Linux 5.6 or later is needed, for openat2.");
    fd_close(&probe);
    r = sandbox_landlock(b->root_fd, g->rights & changing);
    if (r < 0 && r != -EOPNOTSUPP)
        fail(g, "apply landlock", r, "");
    r = sandbox_seccomp_broker();
    if (r < 0)
        fail(g, "apply the seccomp filter", r, "");
    (void)malloc_trim(0);
}

_Noreturn void broker_main(int sock, const struct config *c, const struct auth_grant *grant)
{
    static struct broker b;
    b.sock = sock;
    b.c = c;
    b.grant = grant;
    (void)pthread_mutex_init(&b.uploads.lock, NULL);
    prepare(&b, grant);
    confine(&b, grant);
    atomic_store(&b.threads, 1);
    (void)serve(&b);
    for (;;) /* the main thread left first: another ends the process */
        (void)poll(NULL, 0, -1);
}
