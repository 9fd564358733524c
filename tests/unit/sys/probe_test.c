/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/probe.h"

#include "refuse_call.h"
#include "sys/sandbox.h"
#include "unit.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int in_child(int (*run)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(run());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* 0 if nothing is missing within the filter that the process of that kind has. */
static int is_all_there(enum probe_process process, int (*confine)(void))
{
    int error = 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || (confine && confine() < 0))
        return 99;
    const char *missing = probe_calls(process, &error);
    if (missing)
        (void)!write(2, missing, strlen(missing));
    return missing ? 1 : 0;
}

static int try_monitor(void)
{
    return is_all_there(PROBE_MONITOR, NULL);
}

static int confine_worker(void)
{
    return sandbox_seccomp_worker(false);
}

static int try_worker(void)
{
    return is_all_there(PROBE_WORKER, confine_worker);
}

static int try_broker(void)
{
    return is_all_there(PROBE_BROKER, sandbox_seccomp_broker);
}

static void our_own_filters_refuse_nothing_of_it(void **state)
{
    (void)state;
    assert_int_equal(in_child(try_monitor), 0);
    assert_int_equal(in_child(try_worker), 0);
    assert_int_equal(in_child(try_broker), 0);
}

static int try_refused(void)
{
    static const struct {
        int call;
        const char *name;
        enum probe_process process;
        int error;
    } rows[] = {
        {SCMP_SYS(openat2), "openat2", PROBE_BROKER, EPERM},
        {SCMP_SYS(memfd_create), "memfd_create", PROBE_MONITOR, ENOSYS},
        {SCMP_SYS(accept4), "accept4", PROBE_WORKER, EPERM},
        {SCMP_SYS(getrandom), "getrandom", PROBE_WORKER, ENOSYS},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int error = 0;
        if (refuse_call(rows[i].call, rows[i].error) < 0)
            return 99;
        const char *missing = probe_calls(rows[i].process, &error);
        if (!missing || strcmp(missing, rows[i].name) != 0 || error != rows[i].error)
            return 1 + (int)i;
    }
    return 0;
}

static void what_is_refused_is_named(void **state)
{
    (void)state;
    assert_int_equal(in_child(try_refused), 0);
}

/* Its counters are there once it is, and asking loads what there is to be loaded. */
static void kernel_tls_is_what_the_kernel_shows(void **state)
{
    (void)state;
    bool has_it = probe_kernel_tls();
    assert_int_equal(has_it, access("/proc/net/tls_stat", F_OK) == 0);
    assert_int_equal(probe_kernel_tls(), has_it);
}

static int try_refused_kernel_tls(void)
{
    return refuse_call(SCMP_SYS(setsockopt), EPERM) < 0 ? 99 : probe_kernel_tls();
}

static void a_filter_in_the_way_is_a_no(void **state)
{
    (void)state;
    assert_int_equal(in_child(try_refused_kernel_tls), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_filters_refuse_nothing_of_it),
        cmocka_unit_test(what_is_refused_is_named),
        cmocka_unit_test(kernel_tls_is_what_the_kernel_shows),
        cmocka_unit_test(a_filter_in_the_way_is_a_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
