/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void owners(void **state)
{
    static const struct row_case cases[] = {
        {"-m owner --uid-owner root", "-m owner --uid-owner 0", " owner UID match 0"},
        {"-m owner ! --uid-owner www-data --gid-owner 5:10 ! --socket-exists --suppl-groups",
         "-m owner ! --socket-exists ! --uid-owner 33 --gid-owner 5-10 --suppl-groups",
         " ! owner socket exists ! owner UID match 33 owner GID match 5-10 incl. suppl. groups"},
        {"-m owner", "!--uid-owner", NULL},
        {"-m owner --uid-owner alice", "!its number", NULL},
        {"-m owner --uid-owner 9-5", "!goes down", NULL},
        {"-m owner --uid-owner 5:", "!", NULL},
        {"-m owner --suppl-groups", "!--gid-owner", NULL},
    };
    static const struct row_place place = {.chain = "OUTPUT"};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void bridge_ports(void **state)
{
    static const struct row_case cases[] = {
        {"-m physdev ! --physdev-in eth+ --physdev-is-in --physdev-out br0",
         "-m physdev --physdev-is-in ! --physdev-in eth+ --physdev-out br0",
         " PHYSDEV match --physdev-is-in ! --physdev-in eth+ --physdev-out br0"},
        {"-m physdev ! --physdev-is-out --physdev-is-bridged", NULL, NULL},
        {"-m physdev", "!--physdev-in", NULL},
        {"-m physdev --physdev-in abcdefghijklmnop", "!15", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners),
        cmocka_unit_test(bridge_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
