/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void words_are_kept(void **state)
{
    static const struct row_case cases[] = {
        {"-m string --string \"GET /\" --algo bm --to 65535 -j DROP", NULL, NULL},
        {"-m string --hex-string \"|0a|\" --algo kmp", NULL, NULL},
        {"-m quota --quota 100 -m comment --comment x", NULL, NULL},
        {"-m policy --dir in ! --pol ipsec --reqid 1", NULL, NULL},
        {"-m bpf --bytecode \"4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0\"", NULL, NULL},
        {"-j NFQUEUE --queue-num 0 --queue-bypass", NULL, " --queue-num 0 --queue-bypass"},
        {"-j TEE --gateway 10.0.0.1", NULL, NULL},
        {"-j TRACE", NULL, NULL},
        {"-p esp -m esp --espspi 1:5 -j ACCEPT", NULL, NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void but_names_are_known(void **state)
{
    static const struct row_case cases[] = {
        {"-m strign --string x", "!did you mean string", NULL},
        {"-j NFQUEU", "!did you mean NFQUEUE", NULL},
        {"-j CHECKSUM --checksum-fill", "!mangle", NULL},
        {"-m eui64", "!", NULL},
        {"-m nonsense", "!", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void of_ipv6(void **state)
{
    static const struct row_case cases[] = {
        {"-m rt --rt-type 0 -j DROP", NULL, NULL},
        {"-m frag --fragmore", NULL, NULL},
        {"-m realm --realm 5", "!", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV6};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_kept),
        cmocka_unit_test(but_names_are_known),
        cmocka_unit_test(of_ipv6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
