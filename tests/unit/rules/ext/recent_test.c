/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void every_command(void **state)
{
    static const struct row_case cases[] = {
        {"-m recent --set", "-m recent --set --name DEFAULT --mask 255.255.255.255 --rsource",
         " recent: SET name: DEFAULT side: source mask: 255.255.255.255"},
        {"-m recent --name foo ! --rcheck --seconds 5 --hitcount 3 --rttl --mask 255.255.0.0",
         "-m recent ! --rcheck --seconds 5 --hitcount 3 --rttl --name foo --mask 255.255.0.0 --rsource",
         " ! recent: CHECK seconds: 5 hit_count: 3 TTL-Match name: foo side: source mask: 255.255.0.0"},
        {"-m recent --update --seconds 60 --reap --name DEFAULT --mask 255.255.255.255 --rdest", NULL,
         " recent: UPDATE seconds: 60 reap name: DEFAULT side: dest mask: 255.255.255.255"},
        {"-m recent --remove --rdest --rsource",
         "-m recent --remove --name DEFAULT --mask 255.255.255.255 --rsource", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void what_does_not_go_together(void **state)
{
    static const struct row_case cases[] = {
        {"-m recent", "!--rcheck", NULL},
        {"-m recent --set --update", "!", NULL},
        {"-m recent --set --seconds 5", "!", NULL},
        {"-m recent --set --hitcount 5", "!--rcheck or --update", NULL},
        {"-m recent --update --reap", "!--seconds", NULL},
        {"-m recent --rcheck --hitcount 65536", "!65535", NULL},
        {"-m recent --rcheck --seconds 0", "!", NULL},
        {"-m recent --set --name ../x", "!no name", NULL},
        {"-m recent --set --name \"a b\"", "!no name", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command),
        cmocka_unit_test(what_does_not_go_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
