/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/run.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void input_comes_out_again(void **state)
{
    enum { MUCH = 1 << 20 }; /* more than a pipe holds */
    char *input = malloc(MUCH + 1);
    struct run_said said = {0};

    (void)state;
    assert_non_null(input);
    memset(input, 'x', MUCH);
    input[MUCH] = '\0';
    assert_int_equal(run_program("cat", NULL, input, -1, &said), 0);
    assert_int_equal(said.size, MUCH);
    assert_string_equal(said.output, input);
    assert_string_equal(said.errors, "");
    run_said_free(&said);
    free(input);
}

static void failures_say_how(void **state)
{
    static const char *const words[] = {"-c", "echo no >&2; exit 3", NULL}, *const killed[] = {
                                                                                "-c", "kill -9 $$", NULL};
    struct run_said said = {0};

    (void)state;
    assert_int_equal(run_program("sh", words, "", -1, &said), -EPERM);
    assert_int_equal(said.status, 3);
    assert_string_equal(said.errors, "no\n");
    assert_string_equal(said.output, "");
    run_said_free(&said);
    assert_int_equal(run_program("sh", killed, "", -1, &said), -EPERM);
    assert_int_equal(said.status, 137);
    run_said_free(&said);
}

static void nothing_of_this_one_is_passed_on(void **state)
{
    static const char *const words[] = {"-c", "echo \"$SECRET\"; ls /proc/self/fd | wc -l", NULL};
    struct run_said said = {0};

    (void)state;
    assert_int_equal(setenv("SECRET", "told", 1), 0);
    assert_int_equal(run_program("sh", words, "", -1, &said), 0);
    assert_string_equal(said.output, "\n4\n"); /* three, and the one by which ls reads them */
    run_said_free(&said);
}

static void what_is_not_there_is_told(void **state)
{
    struct run_said said = {0};

    (void)state;
    assert_int_equal(run_program("no-such-program", NULL, "", -1, &said), -ENOENT);
    assert_null(said.output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_comes_out_again),
        cmocka_unit_test(failures_say_how),
        cmocka_unit_test(nothing_of_this_one_is_passed_on),
        cmocka_unit_test(what_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
