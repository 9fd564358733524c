/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void all_options(void **state)
{
    static const struct row_case cases[] = {
        {"-j NFLOG", NULL, NULL},
        {"-j NFLOG --nflog-size 100 --nflog-group 5 --nflog-prefix \"a b\"",
         "-j NFLOG --nflog-prefix \"a b\" --nflog-group 5 --nflog-size 100",
         " nflog-prefix \"a b\" nflog-group 5 nflog-size 100"},
        {"-j NFLOG --nflog-range 10 --nflog-threshold 5", NULL, NULL},
        {"-j NFLOG --nflog-threshold 0", "-j NFLOG", NULL},
        {"-j NFLOG --nflog-size 0", NULL, NULL},
        {"-j NFLOG --nflog-prefix \"\"", "!empty", NULL},
        {"-j NFLOG --nflog-prefix 1234567890123456789012345678901234567890123456789012345678901234567890",
         "-j NFLOG --nflog-prefix 123456789012345678901234567890123456789012345678901234567890123", NULL},
        {"-j NFLOG --nflog-range 5 --nflog-size 6", "!", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
