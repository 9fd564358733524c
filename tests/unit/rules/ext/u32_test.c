/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void locations_and_ranges(void **state)
{
    static const struct row_case cases[] = {
        {"-m u32 --u32 \"0x4&0xFF=1:5,7&&6 & 0xFF = 0x6\"",
         "-m u32 --u32 \"0x4&0xff=0x1:0x5,0x7&&0x6&0xff=0x6\"",
         " u32 \"0x4&0xff=0x1:0x5,0x7&&0x6&0xff=0x6\""},
        {"-m u32 ! --u32 \"6&0xFF=6 && 0>>22&0x3C@ 12>>26&0x3C @ 0=9\"",
         "-m u32 ! --u32 \"0x6&0xff=0x6&&0x0>>0x16&0x3c@0xc>>0x1a&0x3c@0x0=0x9\"", NULL},
        {"-m u32 --u32 \"1&2&3&4&5&6&7&8&9&10=1,2,3,4,5,6,7,8,9,10\"",
         "-m u32 --u32 \"0x1&0x2&0x3&0x4&0x5&0x6&0x7&0x8&0x9&0xa=0x1,0x2,0x3,0x4,0x5,0x6,0x7,0x8,0x9,0xa\"",
         NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void where_it_breaks(void **state)
{
    static const struct row_case cases[] = {
        {"-m u32", "!--u32", NULL},
        {"-m u32 --u32 \"0=1;\"", "!character 4", NULL},
        {"-m u32 --u32 \"0&5\"", "!character 4", NULL},
        {"-m u32 --u32 \"0=1&&\"", "!a number at character 6", NULL},
        {"-m u32 --u32 \"=1\"", "!a number at character 1", NULL},
        {"-m u32 --u32 \"4294967296=1\"", "!0xffffffff", NULL},
        {"-m u32 --u32 \"1&2&3&4&5&6&7&8&9&10&11=1\"", "!ten numbers", NULL},
        {"-m u32 --u32 \"1=1,2,3,4,5,6,7,8,9,10,11\"", "!ten ranges", NULL},
        {"-m u32 --u32 \"1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1\"", "!ten tests", NULL},
        {"-m u32 --u32 \"1<2=3\"", "!<<", NULL},
        {"-m u32 --u32 \"-1=1\"", "!a number", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locations_and_ranges),
        cmocka_unit_test(where_it_breaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
