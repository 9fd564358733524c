/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void directions_and_counters(void **state)
{
    static const struct row_case cases[] = {
        {"-m set --match-set foo src", NULL, " match-set foo src"},
        {"-m set --packets-gt 5 ! --bytes-eq 0x6 ! --update-counters --match-set bar src,dst,src",
         "-m set --match-set bar src,dst,src ! --update-counters --packets-gt 5 ! --bytes-eq 6",
         " match-set bar src,dst,src ! update-counters packets-gt 5 ! bytes-eq 6"},
        {"-m set ! --match-set foo dst --return-nomatch", NULL, NULL},
        {"-m set --set foo src --update-counters", "-m set --match-set foo src", NULL},
        {"-m set --match-set foo", "!directions are missing", NULL},
        {"-m set --match-set foo scr", "!did you mean src", NULL},
        {"-m set --match-set foo src,src,src,src,src,src,src", "!too many", NULL},
        {"-m set", "!--match-set", NULL},
        {"-m set --match-set foo src --packets-gt 5 --packets-lt 6", "!", NULL},
        {"-m set --match-set foo --return-nomatch", "!directions are missing", NULL},
        {"-m set --match-set a123456789012345678901234567890123 src", "!31", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

/* As iptables 1.8.9 saves and lists them. */
static void changes(void **state)
{
    static const struct row_case cases[] = {
        {"-j SET --add-set a src", NULL, " add-set a src"},
        {"-j SET --exist --add-set a src --timeout 60", "-j SET --add-set a src --exist --timeout 60",
         " add-set a src exist timeout 60"},
        {"-j SET --add-set a src,dst --timeout 0", NULL, " add-set a src,dst timeout 0"},
        {"-j SET --add-set a src --del-set b dst", NULL, " add-set a src del-set b dst"},
        {"-j SET --map-set a src --map-mark", NULL, " map-set a src map-mark"},
        {"-j SET --map-set a src", "!--map-mark", NULL},
        {"-j SET --del-set a dst --exist", "!--add-set", NULL},
        {"-j SET --timeout 5", "!", NULL},
        {"-j SET --add-set a", "!directions are missing", NULL},
        {"-j SET", "!--add-set", NULL},
    };
    static const struct row_place place = {.table = "mangle", .chain = "FORWARD"};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directions_and_counters),
        cmocka_unit_test(changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
