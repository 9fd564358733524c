/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void packets(void **state)
{
    static const struct row_case cases[] = {
        {"-m hashlimit --hashlimit 5 --hashlimit-name a",
         "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a",
         " limit: up to 5/sec burst 5"},
        {"-m hashlimit --hashlimit-name a --hashlimit-above 5/min --hashlimit-mode dstport,srcip "
         "--hashlimit-burst 7",
         "-m hashlimit --hashlimit-above 5/min --hashlimit-burst 7 --hashlimit-mode srcip,dstport "
         "--hashlimit-name a",
         " limit: above 5/min burst 7 mode srcip-dstport"},
        {"-m hashlimit ! --hashlimit-above 5/h --hashlimit-srcmask 24 --hashlimit-dstmask 255.255.0.0 "
         "--hashlimit-name a",
         "-m hashlimit --hashlimit-upto 5/hour --hashlimit-burst 5 --hashlimit-name a --hashlimit-srcmask 24 "
         "--hashlimit-dstmask 16",
         " limit: up to 5/hour burst 5 srcmask 24 dstmask 16"},
        {"-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a --hashlimit-htable-size "
         "5 --hashlimit-htable-max 7 --hashlimit-htable-gcinterval 2000 --hashlimit-htable-expire 5000",
         NULL, NULL},
        {"-m hashlimit --hashlimit-upto 5/min --hashlimit-name a --hashlimit-rate-match "
         "--hashlimit-rate-interval 30",
         "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a "
         "--hashlimit-htable-expire 60000 --hashlimit-rate-match --hashlimit-rate-interval 30",
         " limit: up to 10/min burst 5 rate-match rate-interval 30"},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void bytes(void **state)
{
    static const struct row_case cases[] = {
        {"-m hashlimit ! --hashlimit-upto 512kb/s --hashlimit-name a",
         "-m hashlimit --hashlimit-above 512kb/s --hashlimit-name a", " limit: above 512kb/s"},
        {"-m hashlimit --hashlimit-upto 1mb/s --hashlimit-burst 4mb --hashlimit-name a", NULL,
         " limit: up to 1mb/s burst 4mb"},
        {"-m hashlimit --hashlimit-upto 1000b/s --hashlimit-name a",
         "-m hashlimit --hashlimit-upto 992b/s --hashlimit-name a", NULL},
        {"-m hashlimit --hashlimit-upto 1040b/s --hashlimit-burst 1040 --hashlimit-name a",
         "-m hashlimit --hashlimit-upto 1040b/s --hashlimit-burst 1kb --hashlimit-name a", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void wrong_words(void **state)
{
    static const struct row_case cases[] = {
        {"-m hashlimit --hashlimit-upto 5/s", "!--hashlimit-name", NULL},
        {"-m hashlimit --hashlimit-name a", "!--hashlimit-upto", NULL},
        {"-m hashlimit --hashlimit-name a --hashlimit-upto 5 --hashlimit-above 5", "!", NULL},
        {"-m hashlimit --hashlimit-name a --hashlimit-upto 5 --hashlimit-mode srcpi", "!did you mean srcip",
         NULL},
        {"-m hashlimit --hashlimit-name a --hashlimit-upto 5 --hashlimit-burst 1000001", "!1000000", NULL},
        {"-m hashlimit --hashlimit-name a --hashlimit-upto 1mb/s --hashlimit-burst 1kb", "!cannot be smaller",
         NULL},
        {"-m hashlimit --hashlimit-name a --hashlimit-upto 100000mb/s", "!too fast", NULL},
        {"-m hashlimit --hashlimit-name a --hashlimit-upto 5b/s", "!too slow", NULL},
        {"-m hashlimit --hashlimit-name a/b --hashlimit-upto 5", "!no name", NULL},
        {"-m hashlimit --hashlimit-name a --hashlimit-upto 5 --hashlimit-srcmask 33", "!33", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets),
        cmocka_unit_test(bytes),
        cmocka_unit_test(wrong_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
