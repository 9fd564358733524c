/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void as_the_kernel_keeps_it(void **state)
{
    static const struct row_case cases[] = {
        {"-m time --timestart 10:00",
         "-m time --timestart 10:00:00 --timestop 23:59:59 --datestop 2038-01-19T03:14:07",
         " TIME from 10:00:00 to 23:59:59 UTC"},
        {"-m time --timestart 23:00 --timestop 4:00 --contiguous",
         "-m time --timestart 23:00:00 --timestop 04:00:00 --datestop 2038-01-19T03:14:07 --contiguous",
         " TIME from 23:00:00 to 04:00:00 UTC contiguous"},
        {"-m time --weekdays 1,Tu,Fri --monthdays 1,2,3,22,31",
         "-m time --monthdays 1,2,3,22,31 --weekdays Mon,Tue,Fri --datestop 2038-01-19T03:14:07",
         " TIME on Mon,Tue,Fri on 1st,2nd,3rd,22nd,31st UTC"},
        {"-m time ! --weekdays Mon,2,3,4,5 --localtz",
         "-m time --weekdays Sat,Sun --datestop 2038-01-19T03:14:07 --kerneltz", " TIME on Sat,Sun"},
        {"-m time --datestart 2020 --datestop 2021-02-03T04:05:06",
         "-m time --datestart 2020-01-01T00:00:00 --datestop 2021-02-03T04:05:06",
         " TIME starting from 2020-01-01 00:00:00 until date 2021-02-03 04:05:06 UTC"},
        {"-m time --datestart 2020-02-31",
         "-m time --datestart 2020-03-02T00:00:00 --datestop 2038-01-19T03:14:07", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void impossible_times(void **state)
{
    static const struct row_case cases[] = {
        {"-m time --timestart 24:00", "!23:59:59", NULL},
        {"-m time --timestart 10", "!hh:mm", NULL},
        {"-m time --timestart 1:2:3:4", "!hh:mm", NULL},
        {"-m time --datestart 1969", "!1970", NULL},
        {"-m time --datestart 2020-13", "!YYYY", NULL},
        {"-m time --weekdays 8", "!7", NULL},
        {"-m time --weekdays Mo,Xy", "!day of the week", NULL},
        {"-m time --monthdays 32", "!31", NULL},
        {"-m time --monthdays 0", "!1", NULL},
        {"-m time ! --weekdays 1,2,3,4,5,6,7", "!never match", NULL},
        {"-m time --utc --kerneltz", "!", NULL},
        {"-m time --contiguous --timestart 1:00 --timestop 2:00", "!midnight", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_kernel_keeps_it),
        cmocka_unit_test(impossible_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
