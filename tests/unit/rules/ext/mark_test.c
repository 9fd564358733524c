/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void matches(void **state)
{
    static const struct row_case cases[] = {
        {"-m mark --mark 5", "-m mark --mark 0x5", " mark match 0x5"},
        {"-m mark ! --mark 0x5/5", "-m mark ! --mark 0x5/0x5", " mark match ! 0x5/0x5"},
        {"-m connmark --mark 0x5", NULL, " connmark match  0x5"},
        {"-m mark", "!--mark", NULL},
        {"-m mark --mark 5/", "!VALUE/MASK", NULL},
        {"-m mark --mark 0x100000000", "!VALUE/MASK", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void targets(void **state)
{
    static const struct row_case cases[] = {
        {"-j MARK --set-mark 5", "-j MARK --set-xmark 0x5/0xffffffff", " MARK set 0x5"},
        {"-j MARK --set-mark 5/3", "-j MARK --set-xmark 0x5/0x7", " MARK xset 0x5/0x7"},
        {"-j MARK --and-mark 0xff", "-j MARK --set-xmark 0x0/0xffffff00", " MARK and 0xff"},
        {"-j MARK --or-mark 5", "-j MARK --set-xmark 0x5/0x5", " MARK or 0x5"},
        {"-j MARK --xor-mark 5", "-j MARK --set-xmark 0x5/0x0", " MARK xor 0x5"},
        {"-j MARK", "!--set-mark", NULL},
        {"-j MARK --set-mark 1 --or-mark 2", "!", NULL},
        {"-j CONNMARK --save-mark", "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
         " CONNMARK save"},
        {"-j CONNMARK --save-mark --ctmask 7 --nfmask 5", "-j CONNMARK --save-mark --nfmask 0x5 --ctmask 0x7",
         " CONNMARK save nfmask 0x5 ctmask ~0x7"},
        {"-j CONNMARK --restore-mark --mask 0xff --right-shift-mark 3",
         "-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff --right-shift-mark 3",
         " CONNMARK restore mask 0xff right-shift-mark 3"},
        {"-j CONNMARK --set-mark 5 --mask 4", "-j CONNMARK --set-xmark 0x5/0x4", NULL},
        {"-j CONNMARK --left-shift-mark 3", "!operation", NULL},
        {"-j CONNMARK --save-mark --left-shift-mark 32", "!31", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches),
        cmocka_unit_test(targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
