/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/sandbox.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What a process is like inside its sandbox can only be tried from inside: each case runs in a forked child,
 * which answers by its exit status, as no failed assertion of a child would be seen.
 */
enum {
    NOBODY = 65534,
    DIED = 1000, /* + signal */
};

static int in_child(int (*run)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(20);
        _exit(run());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : DIED + WTERMSIG(status);
}

static void no_new_privs(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        _exit(99);
}

/* --- seccomp: what must not work --------------------------------------------------------------------- */

/* 0 if the call was refused with EPERM. */
#define REFUSED(call) ((call) == -1 && errno == EPERM ? 0 : 1)

static int try_open(void)
{
    return REFUSED(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}

#ifdef SYS_open
static int try_old_open(void)
{
    return REFUSED(syscall(SYS_open, "/etc/passwd", O_RDONLY));
}
#endif

static int try_openat2(void)
{
    struct open_how how = {.flags = O_RDONLY};
    return REFUSED(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof(how)));
}

static int try_socket(void)
{
    return REFUSED(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_unix_socket(void)
{
    return REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_connect(void)
{
    struct sockaddr nowhere = {.sa_family = AF_UNIX};
    return REFUSED(connect(0, &nowhere, sizeof(nowhere)));
}

static int try_bind(void)
{
    struct sockaddr nowhere = {.sa_family = AF_UNIX};
    return REFUSED(bind(0, &nowhere, sizeof(nowhere)));
}

static int try_execve(void)
{
    char *none[] = {NULL};
    return REFUSED(execve("/bin/true", none, none));
}

static int try_fork(void)
{
    return REFUSED(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int try_namespace(void)
{
    return REFUSED(syscall(SYS_unshare, 0x10000000));
}

static int try_ptrace(void)
{
    return REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_kill(void)
{
    return REFUSED(kill(getppid(), 0));
}

static int try_executable_memory(void)
{
    return REFUSED((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int try_make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? 2 : REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int try_setuid(void)
{
    return REFUSED(syscall(SYS_setuid, 0));
}

static int try_io_uring(void)
{
    return REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
}

static int try_symlink(void)
{
    return REFUSED(symlinkat("/etc/passwd", AT_FDCWD, "x"));
}

static int try_unlink(void)
{
    return REFUSED(unlinkat(AT_FDCWD, "/nothing-is-here", 0));
}

static int try_reboot(void) /* not even an error: nobody calls this by mistake */
{
    return (int)syscall(SYS_reboot, 0, 0, 0, NULL) + 2;
}

static int give_to_kernel_tls(void)
{
    return REFUSED(setsockopt(0, IPPROTO_TCP, TCP_ULP, "tls", 3));
}

static int give_it_keys(void)
{
    return REFUSED(setsockopt(0, SOL_TLS, TLS_TX, "", 0));
}

struct attempt {
    const char *name;
    int (*run)(void);
    bool worker, broker; /* who must not be able to */
    int expected;
};

static const struct attempt attempts[] = {
    {"openat", try_open, true, true, 0},
#ifdef SYS_open
    {"open", try_old_open, true, true, 0},
#endif
    {"openat2", try_openat2, true, false, 0},
    {"unlinkat", try_unlink, true, false, 0},
    {"socket", try_socket, true, true, 0},
    {"socket(AF_UNIX)", try_unix_socket, true, true, 0},
    {"connect", try_connect, true, true, 0},
    {"bind", try_bind, true, true, 0},
    {"execve", try_execve, true, true, 0},
    {"fork", try_fork, true, true, 0},
    {"unshare", try_namespace, true, true, 0},
    {"ptrace", try_ptrace, true, true, 0},
    {"kill", try_kill, true, true, 0},
    {"mmap(PROT_EXEC)", try_executable_memory, true, true, 0},
    {"mprotect(PROT_EXEC)", try_make_executable, true, true, 0},
    {"setuid", try_setuid, true, true, 0},
    {"io_uring", try_io_uring, true, true, 0},
    {"symlinkat", try_symlink, true, true, 0},
    {"setsockopt(TCP_ULP)", give_to_kernel_tls, true, false, 0},
    {"setsockopt(TLS_TX)", give_it_keys, true, false, 0},
    {"reboot", try_reboot, true, true, DIED + SIGSYS},
};

static const struct attempt *attempt;

static int attempt_in_worker(void)
{
    no_new_privs();
    return sandbox_seccomp_worker(false) == 0 ? attempt->run() : 98;
}

static int attempt_in_broker(void)
{
    no_new_privs();
    return sandbox_seccomp_broker() == 0 ? attempt->run() : 98;
}

static void test_worker_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(attempts); i++) {
        attempt = &attempts[i];
        int got = attempt->worker ? in_child(attempt_in_worker) : attempt->expected;
        if (got != attempt->expected)
            fail_msg("worker: %s: %d, expected %d", attempt->name, got, attempt->expected);
    }
}

static void test_broker_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(attempts); i++) {
        attempt = &attempts[i];
        int got = attempt->broker ? in_child(attempt_in_broker) : attempt->expected;
        if (got != attempt->expected)
            fail_msg("broker: %s: %d, expected %d", attempt->name, got, attempt->expected);
    }
}

/* --- seccomp: what must go on working ---------------------------------------------------------------- */

static void *touch_memory(void *arg)
{
    char *bytes = malloc(4 * 1024 * 1024);
    if (bytes)
        memset(bytes, 1, 4 * 1024 * 1024);
    free(bytes);
    (void)prctl(PR_SET_NAME, "a thread");
    return bytes ? arg : NULL;
}

static int threads_and_memory(void)
{
    pthread_t threads[4];
    void *result;
    for (size_t i = 0; i < COUNT(threads); i++) {
        if (pthread_create(&threads[i], NULL, touch_memory, threads) != 0)
            return 1;
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        if (pthread_join(threads[i], &result) != 0 || result != threads)
            return 2;
    }
    return 0;
}

static int abort_dies(void)
{
    abort();
}

static int in_worker_threads(void)
{
    no_new_privs();
    return sandbox_seccomp_worker(false) == 0 ? threads_and_memory() : 98;
}

static int in_broker_threads(void)
{
    no_new_privs();
    return sandbox_seccomp_broker() == 0 ? threads_and_memory() : 98;
}

static int in_worker_abort(void)
{
    no_new_privs();
    (void)signal(SIGABRT, SIG_DFL);
    return sandbox_seccomp_worker(false) == 0 ? abort_dies() : 98;
}

static void test_threads_memory_and_abort(void **state)
{
    (void)state;
    assert_int_equal(in_child(in_worker_threads), 0);
    assert_int_equal(in_child(in_broker_threads), 0);
    assert_int_equal(in_child(in_worker_abort), DIED + SIGABRT);
}

/* With the kernel's TLS: what sending takes reaches the kernel (which knows of no descriptor -1), and nothing else of it. */
static int kernel_tls_for_sending(void)
{
    static const struct {
        int level, option, error;
    } rows[] = {{IPPROTO_TCP, TCP_ULP, EBADF},
                {SOL_TLS, TLS_TX, EBADF},
                {SOL_TLS, TLS_RX, EPERM},
                {SOL_TLS, 0, EPERM},
                {SOL_TLS, 3, EPERM},
                {SOL_TLS, 4, EPERM},
                {SOL_TLS, TLS_TX | 1 << 7, EPERM},
                {SOL_TLS, -1, EPERM},
                {SOL_SOCKET, SO_LINGER, EBADF},
                {IPPROTO_TCP, TCP_NODELAY, EBADF}};
    no_new_privs();
    if (sandbox_seccomp_worker(true) != 0)
        return 98;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (setsockopt(-1, rows[i].level, rows[i].option, "", 0) != -1 || errno != rows[i].error)
            return 1 + (int)i;
    }
    return threads_and_memory();
}

static void test_kernel_tls_for_sending(void **state)
{
    (void)state;
    assert_int_equal(in_child(kernel_tls_for_sending), 0);
}

/* A call that this code never heard of is for the C library to do without. */
static int future_call(void)
{
    no_new_privs();
    if (sandbox_seccomp_worker(false) != 0)
        return 98;
    return syscall(500) == -1 && errno == ENOSYS && syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS ? 0
                                                                                                          : 1;
}

static void test_future_calls_are_unknown(void **state)
{
    (void)state;
    assert_int_equal(in_child(future_call), 0);
}

/* --- identity ---------------------------------------------------------------------------------------- */

static bool has_no_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[2], none[2] = {{0}};
    if (syscall(SYS_capget, &header, now) < 0 || memcmp(now, none, sizeof(now)) != 0)
        return false;
    for (unsigned long cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && geteuid() != 0 && getenv("SALLY_TEST_WAS_ROOT"))
            return false;
    }
    return true;
}

static int become_nobody(void)
{
    const gid_t groups[] = {NOBODY, 100};
    gid_t now[8];
    if (sandbox_become(NOBODY, NOBODY, groups, 2) != 0)
        return 1;
    if (getuid() != NOBODY || getgroups(8, now) != 2)
        return 2;
    if (setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0 ||
        setgroups(0, NULL) == 0)
        return 3;
    if (chroot("/") == 0)
        return 4;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 5;
    return has_no_capability() ? 0 : 6;
}

static int become_root(void)
{
    return sandbox_become(0, 0, NULL, 0) < 0 ? 0 : 1;
}

static int become_ourselves(void)
{
    if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
        return 1;
    if (sandbox_become(getuid() + 1, getgid(), NULL, 0) != -EPERM)
        return 2;
    if (sandbox_become(getuid(), getgid(), NULL, 0) != 0)
        return 3;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && has_no_capability() ? 0 : 4;
}

static void skip_without_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("SKIPPED: needs root (run the tests with sudo to have this proved)\n");
    skip();
}

static void test_nobody_stays_nobody(void **state)
{
    (void)state;
    skip_without_root();
    assert_int_equal(setenv("SALLY_TEST_WAS_ROOT", "1", 1), 0);
    assert_int_equal(in_child(become_nobody), 0);
    assert_int_equal(unsetenv("SALLY_TEST_WAS_ROOT"), 0);
    assert_int_equal(in_child(become_root), 0);
}

static void test_without_root(void **state)
{
    (void)state;
    assert_int_equal(in_child(become_ourselves), 0);
}

/* --- an empty root ----------------------------------------------------------------------------------- */

static const char *wanted_root;

static int enter_empty_root(void)
{
    struct stat st;
    if (sandbox_empty_root(wanted_root) != 0)
        return 1;
    if (stat("/etc/passwd", &st) == 0 || stat("/proc", &st) == 0 || stat("../../../etc", &st) == 0)
        return 2;
    if (wanted_root && strcmp(wanted_root, "/etc") == 0 && mkdir("/x", 0700) == 0)
        return 3; /* a directory without a name takes nothing in, not even from root */
    return stat("/", &st) == 0 ? 0 : 4;
}

static void test_empty_root(void **state)
{
    char dir[] = "/tmp/sally-empty-XXXXXX";
    (void)state;
    skip_without_root();
    assert_non_null(mkdtemp(dir));
    const char *const roots[] = {dir, "/etc", "/no/such/directory",
                                 NULL}; /* all but the first: not empty, so elsewhere */
    for (size_t i = 0; i < COUNT(roots); i++) {
        wanted_root = roots[i];
        assert_int_equal(in_child(enter_empty_root), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

/* --- landlock ---------------------------------------------------------------------------------------- */

static char landlocked[64];
static bool landlock_writable;

/* 0, or 77 where the kernel has none. */
static int enter_landlock(void)
{
    no_new_privs();
    int root = open(landlocked, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = sandbox_landlock(root, landlock_writable);
    if (r == -EOPNOTSUPP)
        return 77;
    if (r != 0 || fchdir(root) < 0)
        return 1;
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
        return 2;
    if (open("file", O_RDONLY | O_CLOEXEC) < 0)
        return 3;
    if ((open("file", O_WRONLY | O_CLOEXEC) >= 0) != landlock_writable)
        return 4;
    if ((rename("file", "dir/file") == 0) != landlock_writable)
        return 5;
    if ((mkdir("new", 0700) == 0) != landlock_writable)
        return 6;
    /* A device: what looks like 0:0, a whiteout, is none, and Linux 6.1 lets it pass. */
    return mknod("null", S_IFCHR | 0600, makedev(1, 3)) == 0 ? 7 : 0;
}

static void test_landlock(void **state)
{
    char command[256];
    (void)state;
    for (int writable = 0; writable < 2; writable++) {
        strcpy(landlocked, "/tmp/sally-landlock-XXXXXX");
        assert_non_null(mkdtemp(landlocked));
        (void)snprintf(command, sizeof(command), "mkdir %s/dir && touch %s/file", landlocked, landlocked);
        assert_int_equal(system(command), 0);
        landlock_writable = writable;
        int r = in_child(enter_landlock);
        (void)snprintf(command, sizeof(command), "rm -rf %s", landlocked);
        assert_int_equal(system(command), 0);
        if (r == 77) {
            print_message("SKIPPED: this kernel has no landlock, or only its first version\n");
            skip();
        }
        assert_int_equal(r, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_is_refused),
        cmocka_unit_test(test_broker_is_refused),
        cmocka_unit_test(test_threads_memory_and_abort),
        cmocka_unit_test(test_kernel_tls_for_sending),
        cmocka_unit_test(test_future_calls_are_unknown),
        cmocka_unit_test(test_nobody_stays_nobody),
        cmocka_unit_test(test_without_root),
        cmocka_unit_test(test_empty_root),
        cmocka_unit_test(test_landlock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
