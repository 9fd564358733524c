/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "server/auth/password.h"

#include <crypt.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The hashes that libcrypt has run to their end. */
static struct {
    unsigned count;
    char phrase[64], setting[64]; /* of the last */
} runs;

/* In libcrypt's place: counts, and lets libcrypt do it. */
char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    char *(*libcrypt)(const char *, const char *, void *, int) = NULL;
    *(void **)&libcrypt = dlsym(RTLD_NEXT, "crypt_rn");
    assert_non_null(libcrypt);
    char *out = libcrypt(phrase, setting, data, size);
    if (out && out[0] != '*') {
        runs.count++;
        (void)snprintf(runs.phrase, sizeof(runs.phrase), "%s", phrase);
        (void)snprintf(runs.setting, sizeof(runs.setting), "%s", setting);
    }
    return out;
}

/* Of "$y$j9T$salt..." the method and its cost: "$y$j9T$". */
static size_t method_len(const char *setting)
{
    const char *cost = strchr(setting + 1, '$');
    assert_non_null(cost);
    const char *salt = strchr(cost + 1, '$');
    assert_non_null(salt);
    return (size_t)(salt + 1 - setting);
}

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

/* A whole hash of the default method and cost was run, and of nothing else: the time that it takes tells nothing. */
static void no_hash_is_as_dear_as_a_hash(void **state)
{
    (void)state;
    char *hash = password_hash("right");
    assert_non_null(hash);
    const char *const hashes[] = {hash, NULL, "", "!", "*", "*0"};
    for (size_t i = 0; i < COUNT(hashes); i++) {
        runs.count = 0;
        assert_false(password_verify("wrong", hashes[i]));
        assert_int_equal(runs.count, 1);
        assert_string_equal(runs.phrase, "wrong");
        assert_int_equal(method_len(runs.setting), method_len(hash));
        assert_memory_equal(runs.setting, hash, method_len(hash));
    }
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
        cmocka_unit_test(no_hash_is_as_dear_as_a_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
