/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

/* As iptables 1.8.9 reads, saves and lists them. */
static void destinations(void **state)
{
    static const struct row_case cases[] = {
        {"-p tcp -j DNAT --to-destination 1.2.3.4", NULL, "to:1.2.3.4"},
        {"-p tcp -j DNAT --to-destination 1.2.3.4-1.2.3.4", "-p tcp -j DNAT --to-destination 1.2.3.4", NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.9-1.2.3.4", NULL, NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.4:http", "-p tcp -j DNAT --to-destination 1.2.3.4:80", NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.4:0x50", "-p tcp -j DNAT --to-destination 1.2.3.4:80", NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.4:80-90/1000", NULL, "to:1.2.3.4:80-90/1000"},
        {"-p tcp -j DNAT --to-destination 1.2.3.4:0", NULL, NULL},
        {"-p tcp -j DNAT --to-destination :80", NULL, "to::80"},
        {"-p tcp -j DNAT --to-destination 1.2.3.4-1.2.3.9:5000-6000 --random --persistent", NULL,
         "to:1.2.3.4-1.2.3.9:5000-6000 random persistent"},
        {"! -p tcp -j DNAT --to-destination 1.2.3.4:80", NULL, NULL},
        {"-p icmp -j DNAT --to-destination 1.2.3.4:80", NULL, NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.4:90-80", "!does not go up", NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.4:80-http", "!http", NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.4:80:90", "!80", NULL},
        {"-p tcp -j DNAT --to-destination [1.2.3.4]:80", "!", NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.4:", "!", NULL},
        {"-p tcp -j DNAT --to-destination 1.2.3.4/24", "!", NULL},
        {"-p tcp -j DNAT --to-destination host", "!", NULL},
        {"-p tcp -j DNAT", "!--to-destination", NULL},
        {"-j DNAT --to-destination 1.2.3.4:80", "!-p tcp, udp", NULL},
        {"-p udplite -j DNAT --to-destination 1.2.3.4:80", "!-p tcp, udp", NULL},
        {"-p tcp -j REDIRECT", NULL, NULL},
        {"-p tcp -j REDIRECT --to-ports 80-90 --random", NULL, "redir ports 80-90 random"},
        {"-p tcp -j REDIRECT --to-ports 80-90/1000", "!REDIRECT", NULL},
        {"-j REDIRECT --to-ports 80", "!-p tcp, udp", NULL},
        {"-j NETMAP --to 10.0.0.7/24", "-j NETMAP --to 10.0.0.0/24", "to:10.0.0.0/24"},
        {"-j NETMAP --to 10.0.0.5", "-j NETMAP --to 10.0.0.5/32", "to:10.0.0.5/32"},
        {"-j NETMAP --to 0.0.0.0/0", NULL, NULL},
        {"-j NETMAP", "!--to", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4, .table = "nat", .chain = "PREROUTING"};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void sources(void **state)
{
    static const struct row_case cases[] = {
        {"-p tcp -j SNAT --to-source 5.6.7.8-5.6.7.20:1024-2000 --random --random-fully --persistent", NULL,
         "to:5.6.7.8-5.6.7.20:1024-2000 random random-fully persistent"},
        {"-p tcp -j SNAT --to-source 5.6.7.8:1-2/3", "-p tcp -j SNAT --to-source 5.6.7.8:1-2/0", NULL},
        {"-p tcp -j MASQUERADE", NULL, NULL},
        {"-p tcp -j MASQUERADE --to-ports 80", NULL, "masq ports: 80"},
        {"-p tcp -j MASQUERADE --to-ports 80-90 --random --random-fully", NULL,
         "masq ports: 80-90 random random-fully"},
        {"-p tcp -j MASQUERADE --persistent", "!persistent", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4, .table = "nat", .chain = "POSTROUTING"};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void six(void **state)
{
    static const struct row_case cases[] = {
        {"-p tcp -j DNAT --to-destination 2001:db8::1", NULL, "to:2001:db8::1"},
        {"-p tcp -j DNAT --to-destination [2001:db8::1]", "-p tcp -j DNAT --to-destination 2001:db8::1",
         NULL},
        {"-p tcp -j DNAT --to-destination [2001:db8::1-2001:db8::9]:80-90", NULL,
         "to:[2001:db8::1-2001:db8::9]:80-90"},
        {"-p tcp -j DNAT --to-destination 2001:db8::1-2001:db8::9", NULL, NULL},
        {"-p tcp -j DNAT --to-destination :80", NULL, NULL},
        {"-p icmpv6 -j DNAT --to-destination [2001:db8::1]:80", "!-p tcp, udp", NULL},
        {"-j NETMAP --to 2001:db8::7/64", "-j NETMAP --to 2001:db8::/64", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV6, .table = "nat", .chain = "PREROUTING"};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(destinations),
        cmocka_unit_test(sources),
        cmocka_unit_test(six),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
