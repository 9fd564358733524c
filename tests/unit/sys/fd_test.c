/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/fd.h"

#include "refuse_call.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_close(void **state)
{
    (void)state;
    int fd = dup(2), copy = fd;
    errno = ENOENT;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
    fd_close(&fd);
}

static int close_others(void)
{
    for (int i = 0; i < 20; i++)
        (void)fcntl(2, F_DUPFD, 30 + i);
    int keep[] = {45, -1, 33};
    if (fd_close_others(keep, 3) != 0)
        return 1;
    for (int fd = 0; fd < 60; fd++) {
        bool open = fcntl(fd, F_GETFD) >= 0, wanted = fd == 33 || fd == 45;
        if (fd > 2 && open != wanted)
            return 2;
    }
    return 0;
}

static int close_others_without_close_range(void)
{
    return refuse_call(SCMP_SYS(close_range), EPERM) == 0 ? close_others() : 3;
}

/* Nor is /proc to be had. */
static int close_others_by_number(void)
{
    const struct rlimit few = {256, 256};
    if (setrlimit(RLIMIT_NOFILE, &few) < 0 || refuse_call(SCMP_SYS(close_range), ENOSYS) < 0 ||
        refuse_call(SCMP_SYS(openat), EPERM) < 0)
        return 3;
    return close_others();
}

static void check_in_child(int (*run)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(run());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_close_others(void **state)
{
    (void)state;
    check_in_child(close_others);
    check_in_child(close_others_without_close_range);
    check_in_child(close_others_by_number);
}

static void test_open_in_root(void **state)
{
    (void)state;
    char dir[] = "/tmp/sally-fd-XXXXXX";
    assert_non_null(mkdtemp(dir));
    int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    assert_int_equal(fd_open_in_root(root, "/etc/passwd", O_RDONLY, 0, 0), -ENOENT);
    assert_int_equal(fd_open_in_root(root, "../../etc/passwd", O_RDONLY, 0, 0), -ENOENT);
    int fd = fd_open_in_root(root, "/a", O_WRONLY | O_CREAT | O_EXCL, 0600, 0);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    int again = fd_open_in_root(root, "../a", O_WRONLY, 0, 0);
    assert_true(again >= 0);
    assert_int_equal(fd_lock(fd, F_WRLCK), 0);
    assert_int_equal(fd_lock(again, F_WRLCK), -EAGAIN);
    fd_close(&fd);
    assert_int_equal(fd_lock(again, F_WRLCK), 0);
    fd_close(&again);
    assert_int_equal(unlinkat(root, "a", 0), 0);
    fd_close(&root);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_close_others),
        cmocka_unit_test(test_open_in_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
