/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void a_rate_is_kept_as_the_kernel_keeps_it(void **state)
{
    static const struct row_case cases[] = {
        {"-m limit", "-m limit --limit 3/hour", " limit: avg 3/hour burst 5"},
        {"-m limit --limit 5", "-m limit --limit 5/sec", " limit: avg 5/sec burst 5"},
        {"-m limit --limit 7/Minute --limit-burst 9", "-m limit --limit 7/min --limit-burst 9", NULL},
        {"-m limit --limit 100/d --limit-burst 5", "-m limit --limit 100/day", NULL},
        {"-m limit --limit 10000/sec", NULL, NULL},
        {"-m limit --limit 1/day --limit-burst 6", NULL, NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void what_the_kernel_refuses_is_refused(void **state)
{
    static const struct row_case cases[] = {
        {"-m limit --limit 20000/s", "!too fast", NULL},
        {"-m limit --limit 0/s", "!--limit", NULL},
        {"-m limit --limit 5/fortnight", "!no unit of time", NULL},
        {"-m limit --limit five", "!no rate", NULL},
        {"-m limit --limit 5/", "!no unit of time", NULL},
        {"-m limit --limit 1/day --limit-burst 5", "!too large", NULL},
        {"-m limit --limit-burst 0", "!too small", NULL},
        {"-m limit --limit-burst 10001", "!10000", NULL},
        {"-m limit ! --limit 5/s", "!", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_kept_as_the_kernel_keeps_it),
        cmocka_unit_test(what_the_kernel_refuses_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
