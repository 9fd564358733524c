/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/nearest.h"

#include "unit.h"

#include <string.h>

static const char *const options[] = {"anonymous_enable", "local_enable", "listen",
                                      "listen_ipv6",      "pasv_enable",  "ls_recurse_enable"};
static const char *const verbs[] = {"RETR", "STOR", "STOU", "LIST", "NLST", "QUIT", "PWD", "CWD"};

static const char *near_option(const char *word)
{
    return nearest_name(word, options, COUNT(options));
}

static void a_slip_finds_the_name(void **state)
{
    (void)state;
    assert_string_equal(near_option("anonymus_enable"), "anonymous_enable");   /* dropped */
    assert_string_equal(near_option("anonymouss_enable"), "anonymous_enable"); /* inserted */
    assert_string_equal(near_option("locat_enable"), "local_enable");          /* replaced */
    assert_string_equal(near_option("lsiten"), "listen");                      /* swapped */
    assert_string_equal(near_option("LISTEN_IPV6"), "listen_ipv6");            /* case */
    assert_string_equal(near_option("listen"), "listen");
}

static void short_words_allow_one_edit(void **state)
{
    (void)state;
    assert_string_equal(nearest_name("rert", verbs, COUNT(verbs)), "RETR");
    assert_string_equal(nearest_name("LSIT", verbs, COUNT(verbs)), "LIST");
    assert_string_equal(nearest_name("STO", verbs, COUNT(verbs)), "STOR"); /* the first of two equally near */
    assert_null(nearest_name("XYZ", verbs, COUNT(verbs)));
}

static void a_swap_counts_as_one_edit_only_once(void **state)
{
    static const char *const one[] = {"abcd"};
    (void)state;
    assert_string_equal(nearest_name("abdc", one, 1), "abcd");
    assert_null(nearest_name("badc", one, 1)); /* two swaps in a short word */
}

static void what_is_far_finds_nothing(void **state)
{
    char longest[200];
    static const char *const long_name[] = {
        "0123456789012345678901234567890123456789012345678901234567890123456789"};
    (void)state;
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(near_option("tcp_wrappers"));
    assert_null(near_option(""));
    assert_null(near_option(longest));
    assert_null(nearest_name("listen", options, 0));
    assert_null(nearest_name("01234567890123456789012345678901234567890123456789012345678901", long_name, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_finds_the_name),
        cmocka_unit_test(short_words_allow_one_edit),
        cmocka_unit_test(a_swap_counts_as_one_edit_only_once),
        cmocka_unit_test(what_is_far_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
