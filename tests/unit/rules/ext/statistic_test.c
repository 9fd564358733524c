/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void random_and_nth(void **state)
{
    static const struct row_case cases[] = {
        {"-m statistic --mode random --probability 0.1",
         "-m statistic --mode random --probability 0.10000000009",
         " statistic mode random probability 0.10000000009"},
        {"-m statistic --mode nth ! --every 3 --packet 2", NULL, " statistic mode nth ! every 3 packet 2"},
        {"-m statistic --mode nth --every 3 --packet 0", NULL, " statistic mode nth every 3"},
        {"-m statistic --mode nth --every 3 --packet 3", "!0 to 2", NULL},
        {"-m statistic --mode nth --every 3", "!--packet", NULL},
        {"-m statistic --mode random", "!--probability", NULL},
        {"-m statistic --mode random --probability 1.5", "!0 to 1", NULL},
        {"-m statistic --mode randon --probability 1", "!did you mean random", NULL},
        {"-m statistic --probability 1", "!--mode", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_and_nth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
