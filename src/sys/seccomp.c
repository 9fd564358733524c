/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Calls that have a number on every architecture, but no name in Debian 12's libseccomp. */
enum {
    CALL_FCHMODAT2 = 452,
    CALL_YOUNGEST = 451, /* from here on, calls that this code does not know */
    CALL_FUTURE = 520,
};

/* Memory, threads, time, signals: what the C library does by itself, in either process. */
static const int common[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(sched_yield),
    SCMP_SYS(membarrier),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(sysinfo),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(getrandom),
    SCMP_SYS(getcpu),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(ftruncate),
    SCMP_SYS(uname),
    SCMP_SYS(dup),
};

/* Moving bytes between descriptors that others opened. */
static const int worker[] = {
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendfile),
    SCMP_SYS(splice),
    SCMP_SYS(tee),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fallocate),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(fadvise64),
    SCMP_SYS(readahead),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(preadv),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(signalfd4),
    SCMP_SYS(pwritev),
    SCMP_SYS(flock),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(fstatfs),
};

/* Files by name, below a root that openat2 holds to; a listing goes into a memfd. */
static const int broker[] = {
    SCMP_SYS(openat2),      SCMP_SYS(newfstatat), SCMP_SYS(statx),     SCMP_SYS(getdents64),
    SCMP_SYS(readlinkat),   SCMP_SYS(unlinkat),   SCMP_SYS(mkdirat),   SCMP_SYS(renameat),
    SCMP_SYS(renameat2),    SCMP_SYS(linkat),     SCMP_SYS(fchmod),    CALL_FCHMODAT2,
    SCMP_SYS(faccessat),    SCMP_SYS(faccessat2), SCMP_SYS(utimensat), SCMP_SYS(fstatfs),
    SCMP_SYS(memfd_create), SCMP_SYS(fsync),
};

/* What an intruder, or a mistake of ours, would try: an error that can be handled, and seen by tests. */
static const int refused[] = {
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(openat2),
    SCMP_SYS(creat),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(socket),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(truncate),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(utime),
    SCMP_SYS(utimes),
    SCMP_SYS(utimensat),
    SCMP_SYS(chdir),
    SCMP_SYS(fchdir),
    SCMP_SYS(chroot),
    SCMP_SYS(pivot_root),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
    SCMP_SYS(capget),
    SCMP_SYS(setrlimit),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(umask),
    SCMP_SYS(memfd_create),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(bpf),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(setpriority),
    SCMP_SYS(sched_setscheduler),
    SCMP_SYS(vmsplice),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    SCMP_SYS(setsid),
    SCMP_SYS(personality),
    SCMP_SYS(inotify_init1),
};

/* What the runtime of an instrumented build asks for while it reports. */
static const int sanitizer[] = {
    SCMP_SYS(getrlimit),
    SCMP_SYS(prctl),
    SCMP_SYS(getpgrp),
    SCMP_SYS(getppid),
    SCMP_SYS(capget),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(getpriority),
    SCMP_SYS(mincore),
};

/* A filter in the making; the first failure sticks. */
struct filter {
    scmp_filter_ctx ctx;
    int error;
};

static void add(struct filter *f, uint32_t action, int call)
{
    if (f->error == 0)
        f->error = seccomp_rule_add(f->ctx, action, call, 0);
}

/* Adds the rule for calls whose argument has exactly value in the bits of mask. */
static void add_masked(struct filter *f, uint32_t action, int call, unsigned argument, uint64_t mask,
                       uint64_t value)
{
    if (f->error == 0)
        f->error =
            seccomp_rule_add(f->ctx, action, call, 1, SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

/* For arguments that are ints: the kernel looks at their lower half only. */
static void allow_values(struct filter *f, int call, unsigned argument, const int *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_masked(f, SCMP_ACT_ALLOW, call, argument, UINT32_MAX, (uint32_t)values[i]);
}

/* Threads, but no process and no namespace. clone3 keeps its flags in memory, where a filter cannot see them:
 * ENOSYS makes the C library take clone. */
static void allow_threads(struct filter *f)
{
    const uint64_t thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
    const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                CLONE_NEWPID | CLONE_NEWNET;
    add_masked(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 0, thread | namespaces, thread);
    add_masked(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 0, CLONE_THREAD, 0);
    add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
}

/* Memory, but none that could be written first and run then. */
static void allow_memory(struct filter *f)
{
    static const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    for (size_t i = 0; i < COUNT(calls); i++) {
        add_masked(f, SCMP_ACT_ALLOW, calls[i], 2, PROT_EXEC, 0);
        add_masked(f, SCMP_ACT_ERRNO(EPERM), calls[i], 2, PROT_EXEC, PROT_EXEC);
    }
}

/* Calls that do a dozen different things by one argument: only the harmless ones. */
static void allow_multiplexed(struct filter *f)
{
    static const int fcntls[] = {F_GETFD,      F_SETFD,      F_GETFL,         F_SETFL,
                                 F_DUPFD,      F_GETLK,      F_DUPFD_CLOEXEC, F_SETLK,
                                 F_SETLKW,     F_OFD_GETLK,  F_OFD_SETLK,     F_OFD_SETLKW,
                                 F_SETPIPE_SZ, F_GETPIPE_SZ, F_GET_SEALS,     F_ADD_SEALS};
    static const int ioctls[] = {FIONREAD, FIONBIO, TIOCOUTQ, TCGETS, TIOCGWINSZ};
    static const int prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE};
    allow_values(f, SCMP_SYS(fcntl), 1, fcntls, COUNT(fcntls));
    allow_values(f, SCMP_SYS(ioctl), 1, ioctls, COUNT(ioctls));
    if (!SANITIZED)
        allow_values(f, SCMP_SYS(prctl), 0, prctls, COUNT(prctls));
    const int calling_thread = 0;
    allow_values(f, SCMP_SYS(sched_setaffinity), 0, &calling_thread, 1);
    const int self = getpid(), domain = AF_UNIX;
    allow_values(f, SCMP_SYS(tgkill), 0, &self, 1); /* abort() and pthread_kill */
    allow_values(f, SCMP_SYS(socketpair), 0, &domain, 1);
    if (f->error == 0) /* our own limits, to read */
        f->error = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                                    SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0),
                                    SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, UINT64_MAX, 0));
}

static bool contains(const int *table, size_t count, int call)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i] == call)
            return true;
    }
    return false;
}

/* EPERM, or ENOSYS for what is younger than this code, unless the process's own table allows it. */
static void refuse_the_rest(struct filter *f, const int *own, size_t own_count)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        bool allowed = contains(own, own_count, refused[i]) ||
                       (SANITIZED && contains(sanitizer, COUNT(sanitizer), refused[i]));
        if (!allowed)
            add(f, SCMP_ACT_ERRNO(EPERM), refused[i]);
    }
    for (int call = CALL_YOUNGEST; call < CALL_FUTURE; call++) {
        if (!contains(own, own_count, call))
            add(f, SCMP_ACT_ERRNO(ENOSYS), call);
    }
}

static struct filter filter_new(uint32_t action)
{
    struct filter f = {.ctx = seccomp_init(action)};
    f.error = f.ctx ? seccomp_attr_set(f.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) : -ENOMEM;
    return f;
}

/* 0 or -errno. f is used up. */
static int filter_load(struct filter *f)
{
    if (f->error == 0)
        f->error = seccomp_load(f->ctx);
    if (f->ctx)
        seccomp_release(f->ctx);
    return f->error;
}

static int load(const int *own, size_t own_count)
{
    struct filter f = filter_new(SCMP_ACT_KILL_PROCESS);
    if (f.error == 0)
        f.error = seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree of call numbers */
    for (size_t i = 0; i < COUNT(common); i++)
        add(&f, SCMP_ACT_ALLOW, common[i]);
    for (size_t i = 0; i < own_count; i++)
        add(&f, SCMP_ACT_ALLOW, own[i]);
    for (size_t i = 0; SANITIZED && i < COUNT(sanitizer); i++)
        add(&f, SCMP_ACT_ALLOW, sanitizer[i]);
    allow_threads(&f);
    allow_memory(&f);
    allow_multiplexed(&f);
    refuse_the_rest(&f, own, own_count);
    return filter_load(&f);
}

/* setsockopt of this level, with an option that has exactly value in the bits of mask. */
static void refuse_option(struct filter *f, int level, uint64_t mask, uint64_t value)
{
    if (f->error == 0)
        f->error = seccomp_rule_add(f->ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setsockopt), 2,
                                    SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)level),
                                    SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, mask, value));
}

/* A connection that has the kernel's TLS, and keys of its own choice, is much code of the kernel's to play with. A filter of its
 * own: one that allows setsockopt can't refuse some of it, and of several the strictest counts. */
static int refuse_kernel_tls(bool but_sending)
{
    struct filter f = filter_new(SCMP_ACT_ALLOW);
    if (!but_sending) {
        refuse_option(&f, IPPROTO_TCP, UINT32_MAX, TCP_ULP);
        refuse_option(&f, SOL_TLS, UINT32_MAX, TLS_TX);
    }
    refuse_option(&f, SOL_TLS, TLS_TX, 0); /* what is not TLS_TX lacks its bit, or has another */
    for (uint64_t bit = 1; bit < UINT32_MAX; bit <<= 1) {
        if (bit != TLS_TX)
            refuse_option(&f, SOL_TLS, bit, bit);
    }
    return filter_load(&f);
}

int sandbox_seccomp_worker(bool kernel_tls)
{
    int r = refuse_kernel_tls(kernel_tls);
    return r < 0 ? r : load(worker, COUNT(worker));
}

int sandbox_seccomp_broker(void)
{
    return load(broker, COUNT(broker));
}

int sandbox_seccomp_keys(void)
{
    return load(NULL, 0);
}
