/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void ranges_addresses_types(void **state)
{
    static const struct row_case cases[] = {
        {"-m iprange ! --src-range 10.0.0.9 --dst-range 1.2.3.4-1.2.3.3",
         "-m iprange ! --src-range 10.0.0.9-10.0.0.9 --dst-range 1.2.3.4-1.2.3.3",
         " source IP range ! 10.0.0.9-10.0.0.9 destination IP range 1.2.3.4-1.2.3.3"},
        {"-m iprange", "!--src-range", NULL},
        {"-m iprange --src-range 10.0.0.0/8", "!IPv4 address", NULL},
        {"-m iprange --src-range ::1", "!", NULL},
        {"-m mac --mac-source 0:11:22:aA:bb:C", "-m mac --mac-source 00:11:22:aa:bb:0c",
         " MAC 00:11:22:aa:bb:0c"},
        {"-m mac --mac-source 00:11:22:33:44:555", "!no MAC", NULL},
        {"-m mac --mac-source 00:11:22:33:44", "!no MAC", NULL},
        {"-m mac --mac-source 00:11:22:33:44:55:66", "!no MAC", NULL},
        {"-m addrtype ! --dst-type LOCAL,UNI,M --limit-iface-in",
         "-m addrtype ! --dst-type UNICAST,LOCAL,MULTICAST --limit-iface-in",
         " ADDRTYPE match dst-type !UNICAST,LOCAL,MULTICAST limit-in"},
        {"-m addrtype --src-type LOCAL", NULL, NULL},
        {"-m addrtype", "!--src-type", NULL},
        {"-m addrtype --dst-type LOCAL --limit-iface-out", "!does not work on packets of INPUT", NULL},
        {"-m addrtype --src-type LOKAL", "!did you mean LOCAL", NULL},
        {"-m pkttype --pkt-type bcast", "-m pkttype --pkt-type broadcast", " PKTTYPE = broadcast"},
        {"-m pkttype ! --pkt-type otherhost", NULL, " PKTTYPE != otherhost"},
        {"-m pkttype --pkt-type multycast", "!did you mean multicast", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

/* As iptables 1.8.9 saves and lists it. */
static void rpfilter(void **state)
{
    static const struct row_case cases[] = {
        {"-m rpfilter", NULL, " rpfilter"},
        {"-m rpfilter --invert --validmark", "-m rpfilter --validmark --invert",
         " rpfilter validmark invert"},
        {"-m rpfilter --accept-local --loose", "-m rpfilter --loose --accept-local",
         " rpfilter loose accept-local"},
        {"-m rpfilter ! --loose", "!", NULL},
    };
    static const struct row_place place = {.table = "raw", .chain = "PREROUTING"};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void ipv6(void **state)
{
    static const struct row_case cases[] = {
        {"-m iprange --src-range ::1-::5", NULL, NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV6};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_addresses_types),
        cmocka_unit_test(rpfilter),
        cmocka_unit_test(ipv6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
