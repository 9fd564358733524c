/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * A filter answers before the kernel looks at the arguments. So each call gets arguments that the kernel
 * itself must refuse in a known way (a descriptor -1, flags that don't exist): another answer is the filter's,
 * or that of a kernel without the call.
 */
static struct open_how how;
static char room[256];

#define NAME(text) (long)(text)
#define ROOM       (long)room, sizeof(room)

enum {
    EVERY = PROBE_MONITOR | PROBE_WORKER | PROBE_BROKER,
    HERE = -1, /* no descriptor */
};

static const struct probe {
    const char *name;
    unsigned processes;
    int error; /* the kernel's own answer; 0: success */
    long number;
    long arguments[6];
} probes[] = {
    {"getrandom", EVERY, 0, SYS_getrandom, {NAME(room), 8, 0}},
    {"fcntl", EVERY, EBADF, SYS_fcntl, {HERE, F_GETFL}},
    {"recvmsg", EVERY, EBADF, SYS_recvmsg, {HERE}},
    {"sendmsg", EVERY, EBADF, SYS_sendmsg, {HERE}},
    {"lseek", EVERY, EBADF, SYS_lseek, {HERE}},

    {"getgroups", PROBE_MONITOR, EINVAL, SYS_getgroups, {-1}},
    {"socketpair", PROBE_MONITOR, EAFNOSUPPORT, SYS_socketpair, {HERE, 0, 0, NAME(room)}},
    {"memfd_create", PROBE_MONITOR | PROBE_BROKER, EINVAL, SYS_memfd_create, {NAME("x"), 0xffff0000L}},
    {"accept4", PROBE_MONITOR | PROBE_WORKER, EBADF, SYS_accept4, {HERE}},

    {"recvfrom", PROBE_WORKER, EBADF, SYS_recvfrom, {HERE}},
    {"sendto", PROBE_WORKER, EBADF, SYS_sendto, {HERE}},
    {"shutdown", PROBE_WORKER, EBADF, SYS_shutdown, {HERE}},
    {"setsockopt", PROBE_WORKER, EBADF, SYS_setsockopt, {HERE}},
    {"getsockopt", PROBE_WORKER, EBADF, SYS_getsockopt, {HERE}},
    {"getsockname", PROBE_WORKER, EBADF, SYS_getsockname, {HERE}},
    {"getpeername", PROBE_WORKER, EBADF, SYS_getpeername, {HERE}},
    {"pread64", PROBE_WORKER | PROBE_BROKER, EBADF, SYS_pread64, {HERE, ROOM}},
    {"fsync", PROBE_WORKER | PROBE_BROKER, EBADF, SYS_fsync, {HERE}},
    {"fstat", PROBE_WORKER | PROBE_BROKER, EBADF, SYS_fstat, {HERE, NAME(room)}},

    {"openat2", PROBE_BROKER, EBADF, SYS_openat2, {HERE, NAME("x"), (long)&how, sizeof(how)}},
    {"newfstatat", PROBE_BROKER, EBADF, SYS_newfstatat, {HERE, NAME("x"), NAME(room)}},
    {"getdents64", PROBE_BROKER, EBADF, SYS_getdents64, {HERE, ROOM}},
    {"readlinkat", PROBE_BROKER, EBADF, SYS_readlinkat, {HERE, NAME("x"), ROOM}},
    {"mkdirat", PROBE_BROKER, EBADF, SYS_mkdirat, {HERE, NAME("x")}},
    {"unlinkat", PROBE_BROKER, EBADF, SYS_unlinkat, {HERE, NAME("x")}},
    {"renameat", PROBE_BROKER, EBADF, SYS_renameat, {HERE, NAME("x"), HERE, NAME("y")}},
    {"renameat2", PROBE_BROKER, EBADF, SYS_renameat2, {HERE, NAME("x"), HERE, NAME("y"), 1}},
    {"linkat", PROBE_BROKER, EBADF, SYS_linkat, {HERE, NAME("x"), HERE, NAME("y")}},
    {"utimensat", PROBE_BROKER, EBADF, SYS_utimensat, {HERE, NAME("x")}},
    {"fchmod", PROBE_BROKER, EBADF, SYS_fchmod, {HERE}},
    {"faccessat", PROBE_BROKER, EBADF, SYS_faccessat, {HERE, NAME("x")}},
    {"fstatfs", PROBE_BROKER, EBADF, SYS_fstatfs, {HERE, NAME(room)}},
    {"ftruncate", PROBE_BROKER, EBADF, SYS_ftruncate, {HERE}},
    {"fcntl (F_ADD_SEALS)", PROBE_BROKER, EBADF, SYS_fcntl, {HERE, F_ADD_SEALS}},
};

/* 0, or the errno of who refuses. */
static int try_call(const struct probe *p)
{
    const long *a = p->arguments;
    long r = syscall(p->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (p->error == 0)
        return r < 0 ? errno : 0;
    return r < 0 && errno == p->error ? 0 : r < 0 ? errno : EINVAL;
}

static void *do_nothing(void *arg)
{
    return arg;
}

static int try_thread(void)
{
    pthread_t thread;
    int r = pthread_create(&thread, NULL, do_nothing, NULL);
    return r == 0 ? pthread_join(thread, NULL) : r;
}

const char *probe_calls(enum probe_process process, int *ret_error)
{
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        int error = probes[i].processes & process ? try_call(&probes[i]) : 0;
        if (error != 0) {
            *ret_error = error;
            return probes[i].name;
        }
    }
    int error = process == PROBE_MONITOR ? 0 : try_thread();
    if (error == 0)
        return NULL;
    *ret_error = error;
    return "clone (threads)";
}

/* A socket without a connection: the kernel first looks for the protocol (ENOENT: none of that name), then at the connection
 * (ENOTCONN). A filter's EPERM is a no as well. */
bool probe_kernel_tls(void)
{
    static const char name[] = "tls";
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool has_it = setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name) - 1) == 0 || errno == ENOTCONN;
    close(fd);
    return has_it;
}
