/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "server/auth/password.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void a_hash_verifies_its_password_and_no_other(void **state)
{
    (void)state;
    char *hash = password_hash("correct horse");
    assert_non_null(hash);
    assert_memory_equal(hash, "$y$", 3);
    assert_true(password_verify("correct horse", hash));
    assert_false(password_verify("correct horsf", hash));
    assert_false(password_verify("correct hors", hash));
    assert_false(password_verify("", hash));
    free(hash);
}

static void every_hash_has_its_own_salt(void **state)
{
    (void)state;
    char *a = password_hash("same"), *b = password_hash("same");
    assert_string_not_equal(a, b);
    free(a);
    free(b);
}

static void what_is_not_a_hash_matches_nothing(void **state)
{
    (void)state;
    static const char *const others[] = {"", "*", "!", "x", "*0", "*1", "$y$", "plain"};
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(password_verify("", others[i]));
        assert_false(password_verify("plain", others[i]));
        assert_false(password_verify(others[i], others[i]));
    }
    assert_false(password_verify("", NULL));
}

static void older_methods_still_verify(void **state)
{
    (void)state;
    /* sha512crypt of "Hello world!", from the method's specification */
    static const char hash[] =
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoE"
        "OfaS35inz1";
    assert_true(password_verify("Hello world!", hash));
    assert_false(password_verify("Hello world", hash));
}

static void a_password_longer_than_crypt_takes_is_refused(void **state)
{
    (void)state;
    char longest[PASSWORD_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[PASSWORD_MAX + 1] = '\0';
    assert_null(password_hash(longest));
    longest[PASSWORD_MAX] = '\0';
    char *hash = password_hash(longest);
    assert_non_null(hash);
    assert_true(password_verify(longest, hash));
    free(hash);
}

/* Processor time: what else the machine does must not count. */
static double seconds_of(const char *password, const char *hash)
{
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        struct timespec from, to;
        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from), 0);
        (void)password_verify(password, hash);
        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to), 0);
        double s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        best = s < best ? s : best;
    }
    return best;
}

static void no_hash_takes_the_time_of_a_hash(void **state)
{
    (void)state;
    char *hash = password_hash("right");
    double right = seconds_of("right", hash), wrong = seconds_of("wrong", hash);
    double none = seconds_of("wrong", NULL), locked = seconds_of("wrong", "!");
    print_message("right %.2f ms, wrong %.2f ms, no such name %.2f ms, locked %.2f ms\n", right * 1e3,
                  wrong * 1e3, none * 1e3, locked * 1e3);
    assert_true(wrong > right * 0.8 && wrong < right * 1.25);
    assert_true(none > right * 0.8 && none < right * 1.25);
    assert_true(locked > right * 0.8 && locked < right * 1.25);
    free(hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_verifies_its_password_and_no_other),
        cmocka_unit_test(every_hash_has_its_own_salt),
        cmocka_unit_test(what_is_not_a_hash_matches_nothing),
        cmocka_unit_test(older_methods_still_verify),
        cmocka_unit_test(a_password_longer_than_crypt_takes_is_refused),
        cmocka_unit_test(no_hash_takes_the_time_of_a_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
