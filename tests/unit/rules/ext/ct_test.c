/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void targets_of_raw(void **state)
{
    static const struct row_case cases[] = {
        {"-p tcp -m tcp --dport 21 -j CT --helper ftp", NULL, " CT helper ftp"},
        {"-p tcp -j CT --helper ftp-2121", NULL, NULL},
        {"-p udp -j CT --helper mine", NULL, NULL},
        {"-j CT --notrack", NULL, " CT notrack"},
        {"-j NOTRACK", NULL, " NOTRACK"},
        {"-j CT --zone-orig mark", NULL, " CT zone-orig mark"},
        {"-j CT --zone 0", "-j CT", NULL},
        {"-j CT --expevents new --ctevents destroy,new", "-j CT --ctevents new,destroy --expevents new",
         " CT ctevents new,destroy expevents new"},
        {"-j CT --helper ftp", "!-p tcp", NULL},
        {"-p tcp -j CT --helper ftpp", "!did you mean ftp", NULL},
        {"-j CT --ctevents nwe", "!did you mean new", NULL},
        {"-j CT --zone 65536", "!65535", NULL},
        {"-p tcp -j CT --helper 1234567890123456", "!15", NULL},
        {"-j NOTRACK --helper ftp", "!", NULL},
    };
    static const struct row_place place = {.table = "raw", .chain = "PREROUTING"};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void not_in_filter(void **state)
{
    static const struct row_case cases[] = {
        {"-j CT --notrack", "!does not work in the table filter", NULL},
        {"-m helper --helper ftp", NULL, " helper match \"ftp\""},
        {"-m helper ! --helper \"\"", NULL, NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_of_raw),
        cmocka_unit_test(not_in_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
