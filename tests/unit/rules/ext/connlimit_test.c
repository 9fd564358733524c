/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void masks_of_both_families(void **state)
{
    static const struct row_case cases[] = {
        {"-m connlimit --connlimit-above 3",
         "-m connlimit --connlimit-above 3 --connlimit-mask 32 --connlimit-saddr", " #conn src/32 > 3"},
        {"-m connlimit ! --connlimit-above 3 --connlimit-mask 255.255.0.0 --connlimit-daddr",
         "-m connlimit --connlimit-upto 3 --connlimit-mask 16 --connlimit-daddr", " #conn dst/16 <= 3"},
        {"-m connlimit --connlimit-mask 24", "!--connlimit-above", NULL},
        {"-m connlimit --connlimit-upto 3 --connlimit-mask 255.0.255.0", "!no prefix", NULL},
        {"-m connlimit --connlimit-upto 3 --connlimit-saddr --connlimit-daddr", "!", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void ipv6_counts_whole_addresses(void **state)
{
    static const struct row_case cases[] = {
        {"-m connlimit --connlimit-upto 3",
         "-m connlimit --connlimit-upto 3 --connlimit-mask 128 --connlimit-saddr", " #conn src/128 <= 3"},
    };
    static const struct row_place place = {.family = PACKET_IPV6};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_of_both_families),
        cmocka_unit_test(ipv6_counts_whole_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
