/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/time.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What has no year of four digits is told by the nearest that has one, and not as if it were true. */
static void the_ends_of_time(void **state)
{
    char text[16];
    (void)state;
    assert_true(ftp_time_format(INT64_C(253402300799), text));
    assert_false(ftp_time_format(INT64_C(253402300800), text));
    assert_string_equal(text, "99991231235959");
    assert_false(ftp_time_format(INT64_MIN, text));
    assert_string_equal(text, "00000101000000");
    assert_int_equal(ftp_moment_of(INT64_MAX).year, 9999);
    assert_false(ftp_time_can_say(INT64_C(-62167219201)));
}

/* Every day of 400 years and more, against the C library. */
static void times_agree_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = -400 * 366; day < 400 * 366; day++) {
        time_t t = (time_t)(day * 86400 + ((day * 7919) % 86400 + 86400) % 86400);
        struct tm tm;
        char ours[16], theirs[64];
        int64_t back;
        gmtime_r(&t, &tm);
        snprintf(theirs, sizeof(theirs), "%04d%02d%02d%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        assert_true(ftp_time_format(t, ours));
        if (strcmp(ours, theirs) != 0)
            fail_msg("%lld: %s, not %s", (long long)t, theirs, ours);
        assert_int_equal(ftp_time_parse(ours, &back, NULL), 0);
        if (back != t)
            fail_msg("%s: %lld, not %lld", ours, (long long)t, (long long)back);
    }
}

static void times_that_are_none_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "2024",
        "2024010112000",
        "202401011200000",
        "20240001120000",
        "20241301120000",
        "20240100120000",
        "20240132120000",
        "20230229120000",
        "19000229120000",
        "20240431120000",
        "20240101240000",
        "20240101126000",
        "20240101120061",
        "20240101120000.",
        "20240101120000.x",
        "20240101120000 ",
        "2024010112000x",
        "-2024010112000",
        "+2024010112000",
        " 20240101120000",
        "20240101120000.5 name",
        "99999999999999",
    };
    int64_t seconds = 4711;
    const char *end;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (ftp_time_parse(bad[i], &seconds, NULL) != -EINVAL)
            fail_msg("%s was taken", bad[i]);
    assert_int_equal(seconds, 4711);
    assert_int_equal(ftp_time_parse("20240229235960", &seconds, NULL), 0); /* a leap second */
    assert_int_equal(ftp_time_parse("20000229000000", &seconds, NULL), 0);
    assert_int_equal(ftp_time_parse("20240101120000.123", &seconds, NULL), 0);
    assert_int_equal(seconds, 1704110400);
    assert_int_equal(ftp_time_parse("20240101120000 name", &seconds, &end), 0);
    assert_string_equal(end, " name");
    assert_int_equal(ftp_time_parse("20240101120000.5 name", &seconds, &end), 0);
    assert_string_equal(end, " name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ends_of_time),
        cmocka_unit_test(times_agree_with_the_c_library),
        cmocka_unit_test(times_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
