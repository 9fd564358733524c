/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read of a machine, in the words of Debian 12's and 13's ip, and what follows where little was said. */
#include "host/host.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

#include "packet/decode.h"

static struct packet_address parse(const char *text, uint8_t *ret_family)
{
    struct packet_address a;

    assert_int_equal(packet_address_parse(text, &a, ret_family), 0);
    return a;
}

static struct host_way way(const struct host *h, const char *from, const char *to, const char *in)
{
    struct host_question q = {.in = in};
    struct host_way ret;

    q.destination = parse(to, &q.family);
    if (from)
        q.source = parse(from, &q.family);
    host_route(h, &q, &ret);
    return ret;
}

static void want(const struct host *h, const char *from, const char *to, const char *in, enum host_fate fate,
                 const char *out)
{
    struct host_way got = way(h, from, to, in);

    if (got.fate != fate || strcmp(got.out, out) != 0)
        fail_msg("%s to %s: %d by \"%s\" %s%s", from ? from : "", to, (int)got.fate, got.out,
                 got.why ? got.why : "", got.lacks ? got.lacks : "");
    assert_int_equal(got.fate == HOST_UNKNOWN, got.lacks != NULL);
    assert_int_equal(got.fate == HOST_NOWHERE, got.why != NULL);
}

static void take(struct host *h, enum host_text what, const char *text)
{
    struct host_error error;

    if (host_read(h, what, text, strlen(text), &error) < 0)
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
}

static struct host *make(void)
{
    struct host *h = host_new();

    assert_non_null(h);
    return h;
}

static void add(struct host *h, const char *interface, const char *address)
{
    struct host_error error;

    assert_int_equal(host_add_address(h, interface, address, &error), 0);
}

static void route(struct host *h, const char *line)
{
    struct host_error error;

    assert_int_equal(host_add_route(h, line, &error), 0);
}

/* ---- what was said on a command line ---- */

static void test_nothing_is_known(void **state)
{
    (void)state;
    struct host *h = make();
    want(NULL, NULL, "10.0.0.1", NULL, HOST_UNKNOWN, "");
    want(h, NULL, "10.0.0.1", NULL, HOST_UNKNOWN, "");
    want(h, NULL, "fd00::1", NULL, HOST_UNKNOWN, "");
    want(h, NULL, "224.0.0.1", NULL, HOST_SPECIAL, "");
    struct packet_address a = {0};
    assert_int_equal(host_has_address(h, PACKET_IPV4, &a), HOST_CANT_TELL);
    assert_int_equal(host_forwards(h, PACKET_IPV4, "eth0"), HOST_CANT_TELL);
    assert_int_equal(host_has_interface(h, "eth0"), HOST_CANT_TELL);
    host_free(&h);
}

static void test_addresses_alone(void **state)
{
    (void)state;
    struct host *h = make();
    add(h, "eth0", "192.168.0.18/24");
    add(h, NULL, "203.0.113.5");
    want(h, NULL, "192.168.0.18", NULL, HOST_LOCAL, "lo");
    want(h, "10.9.9.9", "192.168.0.18", "eth1", HOST_LOCAL, "");
    want(h, "10.9.9.9", "203.0.113.5", "eth1", HOST_LOCAL, "");
    want(h, NULL, "192.168.0.77", NULL, HOST_FORWARD, "eth0");
    want(h, NULL, "192.168.0.255", NULL, HOST_SPECIAL, "");
    want(h, NULL, "8.8.8.8", NULL, HOST_UNKNOWN, "");
    assert_string_equal(way(h, NULL, "8.8.8.8", NULL).lacks, "a route to it (--route)");
    want(h, NULL, "fd00::1", NULL, HOST_UNKNOWN, "");
    assert_string_equal(way(h, NULL, "fd00::1", NULL).lacks, "which addresses this machine has (--address)");
    host_free(&h);
}

static void test_routes_as_they_are_said(void **state)
{
    (void)state;
    struct host *h = make();
    route(h, "default via 10.0.0.1 dev eth0");
    want(h, NULL, "8.8.8.8", NULL, HOST_UNKNOWN, ""); /* it may be an address of this machine */
    add(h, "eth0", "10.0.0.2/24");
    route(h, "172.16.0.0/12 dev eth1 src 172.16.0.1");
    route(h, "blackhole 198.51.100.0/24");
    route(h, "fd00::/8 via fe80::1 dev eth1 metric 100");
    want(h, NULL, "8.8.8.8", NULL, HOST_FORWARD, "eth0");
    want(h, NULL, "172.17.0.1", NULL, HOST_FORWARD, "eth1");
    assert_true(way(h, NULL, "172.17.0.1", NULL).has_source);
    want(h, NULL, "198.51.100.1", NULL, HOST_NOWHERE, "");
    add(h, "eth1", "fd01::1/64");
    want(h, NULL, "fd77::1", NULL, HOST_FORWARD, "eth1");
    host_free(&h);
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *interface, *address;
    } addresses[] = {{NULL, ""},
                     {NULL, "10.0.0"},
                     {NULL, "10.0.0.1/33"},
                     {NULL, "10.0.0.1/"},
                     {NULL, "default"},
                     {"", "10.0.0.1"},
                     {NULL, "10.0.0.1 x"},
                     {NULL, "fd00::1/129"},
                     {NULL, "10.0.0.1\n10.0.0.2"},
                     {"a-name-of-16-byt", "10.0.0.1"}};
    static const char *const routes[] = {"",
                                         " ",
                                         "via 10.0.0.1",
                                         "default via",
                                         "10.0.0.0/8 via fd00::1",
                                         "default dev",
                                         "default dev a-name-of-16-byt",
                                         "10.0.0.0/8 metric x",
                                         "default\ndefault",
                                         "\tnexthop via 10.0.0.1",
                                         "10.0.0.0/8 src fd00::1"};
    struct host_error error;

    (void)state;
    struct host *h = make();
    for (size_t i = 0; i < COUNT(addresses); i++)
        assert_int_equal(host_add_address(h, addresses[i].interface, addresses[i].address, &error), -EINVAL);
    for (size_t i = 0; i < COUNT(routes); i++)
        assert_int_equal(host_add_route(h, routes[i], &error), -EINVAL);
    static const char half[] = "default via 10.0.0.1 dev eth0\n10.0.0.0/8 dev\n";
    assert_int_equal(host_read(h, HOST_ROUTES4, half, sizeof half - 1, &error), -EINVAL);
    assert_int_equal(error.line, 2);
    add(h, "eth9", "10.9.0.1/16");
    want(h, NULL, "8.8.8.8", NULL, HOST_UNKNOWN, ""); /* nothing of it stayed */
    host_free(&h);
}

/* ---- what ip prints ---- */

static const char addresses13[] =
    "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n"
    "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
    "    inet 127.0.0.1/8 scope host lo\n"
    "       valid_lft forever preferred_lft forever\n"
    "    inet6 ::1/128 scope host noprefixroute \n"
    "       valid_lft forever preferred_lft forever\n"
    "2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n"
    "    link/ether e6:a4:67:f1:94:31 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
    "    altname enp0s3\n"
    "    inet 10.0.0.1/24 metric 100 brd 10.0.0.255 scope global dynamic eth0\n"
    "       valid_lft 3000sec preferred_lft 3000sec\n"
    "    inet 10.0.0.2/24 scope global secondary eth0:1\n"
    "       valid_lft forever preferred_lft forever\n"
    "    inet6 2001:db8::1/64 scope global deprecated dynamic mngtmpaddr proto kernel_ra \n"
    "       valid_lft 1000sec preferred_lft 0sec\n"
    "    inet6 2001:db8::2/64 scope global dynamic \n"
    "    inet6 fe80::1/64 scope link proto kernel_ll \n"
    "3: ppp0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1492\n"
    "    inet 198.51.100.7 peer 198.51.100.1/32 scope global ppp0\n";

static const char addresses_in_lines[] =
    "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
    "2: eth0    inet 10.0.0.1/24 metric 100 brd 10.0.0.255 scope global dynamic eth0\\       valid_lft "
    "3000sec\n"
    "2: eth0    inet 10.0.0.2/24 scope global secondary eth0:1\\       valid_lft forever preferred_lft "
    "forever\n"
    "2: eth0    inet6 2001:db8::1/64 scope global deprecated dynamic \\       valid_lft 1000sec "
    "preferred_lft 0sec\n"
    "2: eth0    inet6 2001:db8::2/64 scope global dynamic \\       valid_lft 1000sec preferred_lft 0sec\n"
    "2: eth0    inet6 fe80::1/64 scope link \\       valid_lft forever preferred_lft forever\n"
    "3: ppp0    inet 198.51.100.7 peer 198.51.100.1/32 scope global ppp0\\       valid_lft forever\n";

static void want_address(const struct host *h, const char *interface, const char *to, uint8_t family,
                         const char *want)
{
    struct packet_address got, destination = {0}, wanted = {0};
    uint8_t f;

    if (to)
        destination = parse(to, &f);
    bool has = host_address_of(h, interface, family, to ? &destination : NULL, &got);
    assert_int_equal(has, want != NULL);
    if (want)
        wanted = parse(want, &f);
    if (want)
        assert_true(packet_address_equal(&got, &wanted));
}

static void test_addresses(void **state)
{
    static const char *const texts[] = {addresses13, addresses_in_lines};
    size_t count;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct host *h = make();
        take(h, HOST_ADDRESSES, texts[i]);
        (void)host_addresses(h, &count);
        assert_int_equal(count, i == 0 ? 8 : 7);
        assert_int_equal(host_has_interface(h, "eth0"), HOST_YES);
        assert_int_equal(host_has_interface(h, "eth1"), HOST_NO);
        want(h, NULL, "10.0.0.2", NULL, HOST_LOCAL, "lo");
        want(h, NULL, "127.3.3.3", NULL, HOST_LOCAL, "lo");
        want(h, NULL, "10.0.0.3", NULL, HOST_FORWARD, "eth0");
        want(h, NULL, "198.51.100.1", NULL, HOST_FORWARD, "ppp0");
        want(h, NULL, "198.51.100.7", NULL, HOST_LOCAL, "lo");
        want(h, NULL, "10.0.0.255", NULL, HOST_SPECIAL, "");
        uint8_t family;
        struct packet_address other = parse("10.0.0.3", &family);
        assert_int_equal(host_has_address(h, family, &other), HOST_NO);
        want_address(h, "eth0", NULL, PACKET_IPV4, "10.0.0.1");
        want_address(h, "eth0", "8.8.8.8", PACKET_IPV4, "10.0.0.1");
        want_address(h, "ppp0", "8.8.8.8", PACKET_IPV4, "198.51.100.7");
        want_address(h, "eth0", "2001:db8:9::1", PACKET_IPV6, "2001:db8::2");
        want_address(h, "eth0", "fe80::5", PACKET_IPV6, "fe80::1");
        want_address(h, "eth1", "8.8.8.8", PACKET_IPV4, NULL);
        host_free(&h);
    }
}

/* inet_select_addr is asked for the next hop. */
static void test_address_for_the_next_hop(void **state)
{
    (void)state;
    struct host *h = make();
    add(h, "eth0", "10.0.0.1/24");
    add(h, "eth0", "10.5.0.1/24");
    route(h, "default via 10.5.0.254 dev eth0 src 10.0.0.1");
    want_address(h, "eth0", "8.8.8.8", PACKET_IPV4, "10.5.0.1");
    want_address(h, "eth0", "10.0.0.9", PACKET_IPV4, "10.0.0.1");
    add(h, "eth1", "fd00::1/64");
    add(h, "eth1", "fd01::1/64");
    want_address(h, "eth1", "fd01::9", PACKET_IPV6, "fd01::1");
    want_address(h, "eth1", "2001:db8::9", PACKET_IPV6, NULL);
    host_free(&h);
}

static void test_routes(void **state)
{
    (void)state;
    struct host *h = make();
    take(h, HOST_ADDRESSES, addresses13);
    take(
        h, HOST_ROUTES4,
        "default via 10.0.0.254 dev eth0 proto dhcp src 10.0.0.1 metric 100 \n"
        "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1 metric 100 \n"
        "10.5.0.0/16 proto static \n\tnexthop via 10.0.0.3 dev eth0 weight 2 \n\tnexthop dev ppp0 weight 1 \n"
        "10.6.0.0/16 \\\tnexthop via 10.0.0.3 dev eth0 weight 2 \\\tnexthop via 10.0.0.4 dev eth0 weight 1 "
        "dead \n"
        "10.7.0.0/16 via inet6 fe80::8 dev ppp0 mtu lock 1400 advmss 30 onlink \n"
        "10.8.0.0/16  encap mpls  100 via 10.0.0.3 dev eth0 \n"
        "10.9.0.0/16 dev eth0 table lan\n"
        "unreachable 10.10.0.0/16 \n"
        "local 10.0.0.1 dev eth0 table local proto kernel scope host src 10.0.0.1 \n");
    want(h, NULL, "8.8.8.8", NULL, HOST_FORWARD, "eth0");
    want(h, NULL, "10.5.0.1", NULL, HOST_FORWARD, "");
    want(h, NULL, "10.6.0.1", NULL, HOST_FORWARD, "eth0");
    want(h, NULL, "10.7.0.1", NULL, HOST_FORWARD, "ppp0");
    want(h, NULL, "10.8.0.1", NULL, HOST_UNKNOWN, "");
    want(h, NULL, "10.10.0.1", NULL, HOST_NOWHERE, "");
    want(h, NULL, "10.0.0.2", NULL, HOST_FORWARD,
         "eth0"); /* its table local says otherwise, and it is all there is */
    assert_int_equal(host_set_switch(h, "net.ipv4.conf.all.rp_filter", 0), 0);
    assert_int_equal(host_set_switch(h, "net.ipv4.conf.eth0.rp_filter", 0), 0);
    assert_int_equal(host_set_switch(h, "net.ipv4.conf.ppp0.rp_filter", 1), 0);
    take(h, HOST_RULES4,
         "0:\tfrom all lookup local\n100:\tnot from 10.0.0.0/8 iif eth0 [detached] lookup lan\n"
         "101:\tfrom all uidrange 5-7 lookup lan\n102:\tfrom all dport 80 lookup lan\n"
         "32766:\tfrom all lookup main suppress_prefixlength 8\n32767:\tfrom all prohibit\n");
    want(h, "8.8.8.8", "10.9.0.1", "eth0", HOST_FORWARD, "eth0");
    want(h, "10.0.0.9", "10.9.0.1", "eth0", HOST_UNKNOWN, ""); /* rule 102 */
    want(h, "10.0.0.9", "8.8.8.8", "eth0", HOST_NOWHERE, "");
    want(h, "10.0.0.9", "10.7.0.1", "ppp0", HOST_NOWHERE, ""); /* rp_filter */
    want(h, "8.8.8.8", "10.9.0.1", "", HOST_FORWARD, "eth0");  /* not from 10/8: whichever it came in by */
    want(h, "10.0.0.9", "10.9.0.1", "", HOST_UNKNOWN, "");     /* rule 100 asks for iif... */
    want(h, "10.0.0.9", "10.7.0.1", "", HOST_FORWARD, "ppp0"); /* ...but its table has nothing for this one */
    host_free(&h);
}

/* A rule that asks the table of a VRF: it may be anything. */
static void test_table_that_is_not_said(void **state)
{
    (void)state;
    struct host *h = make();
    take(h, HOST_ADDRESSES, addresses13);
    take(h, HOST_ROUTES4,
         "default via 10.0.0.254 dev eth0 \n"
         "local 10.0.0.1 dev eth0 table local proto kernel scope host src 10.0.0.1 \n");
    take(h, HOST_RULES4,
         "0:\tfrom all lookup local\n1000:\tfrom all lookup [l3mdev-table]\n32766:\tfrom all lookup main\n");
    want(h, NULL, "10.0.0.1", NULL, HOST_LOCAL, "lo");
    want(h, NULL, "8.8.8.8", NULL, HOST_UNKNOWN, "");
    host_free(&h);
}

static void test_switches(void **state)
{
    (void)state;
    struct host *h = make();
    assert_int_equal(host_set_switch(h, "net.ipv4.ip_forward", 1), 0);
    assert_int_equal(host_set_switch(h, "net.ipv4.conf.eth0/5.forwarding", 0), 0);
    assert_int_equal(host_set_switch(h, "net.ipv6.conf.all.forwarding", 0), 0);
    assert_int_equal(host_set_switch(h, "net.ipv6.conf.eth1.force_forwarding", 1), 0);
    assert_int_equal(host_set_switch(h, "net.ipv4.conf.a-name-of-16-byt.forwarding", 1), 0);
    assert_int_equal(host_set_switch(h, "net.ipv4.conf..forwarding", 1), 0);
    assert_int_equal(host_set_switch(h, "kernel.hostname", 1), 0);
    assert_int_equal(host_forwards(h, PACKET_IPV4, "eth0"), HOST_YES);
    assert_int_equal(host_forwards(h, PACKET_IPV4, "eth0.5"), HOST_NO);
    assert_int_equal(host_forwards(h, PACKET_IPV6, "eth0"), HOST_NO);
    assert_int_equal(host_forwards(h, PACKET_IPV6, "eth1"), HOST_YES);
    host_free(&h);
}

static void test_loopback_from_outside(void **state)
{
    (void)state;
    struct host *h = make();
    take(h, HOST_ADDRESSES, addresses13);
    want(h, "10.0.0.9", "127.0.0.1", "eth0", HOST_UNKNOWN, "");
    assert_int_equal(host_set_switch(h, "net.ipv4.conf.all.route_localnet", 0), 0);
    assert_int_equal(host_set_switch(h, "net.ipv4.conf.eth0.route_localnet", 0), 0);
    want(h, "10.0.0.9", "127.0.0.1", "eth0", HOST_NOWHERE, "");
    assert_int_equal(host_set_switch(h, "net.ipv4.conf.eth0.route_localnet", 1), 0);
    want(h, "10.0.0.9", "127.0.0.1", "eth0", HOST_LOCAL, "");
    host_free(&h);
}

/* Who is looked for before anything is sent to him, and which interfaces have ports. */
static void test_links_and_neighbours(void **state)
{
    static const struct {
        const char *to;
        enum host_answer answer;
    } rows[] = {
        {"fd00:1::9", HOST_NO}, {"fd00:1::8", HOST_YES}, {"fd00:2::9", HOST_NO}, {"2001:db8::1", HOST_YES}};
    struct packet_address a;
    uint8_t family;

    (void)state;
    struct host *h = make();
    take(h, HOST_ADDRESSES,
         "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default\n"
         "2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP group "
         "default\n"
         "    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
         "3: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group "
         "default\n"
         "    inet6 fd00:1::1/64 scope global\n"
         "4: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN group default\n");
    take(h, HOST_RULES6, "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n");
    take(h, HOST_ROUTES6,
         "fd00:1::/64 dev br0 proto kernel metric 256 pref medium\nfd00:2::/64 dev wg0 metric 256 pref "
         "medium\n"
         "default via fd00:1::fe dev br0 metric 1024 pref medium\n");
    struct host_error error;
    struct host *nothing = make(); /* flags of no interface */
    assert_int_equal(host_read(nothing, HOST_ADDRESSES, "  <NOARP> master br0\n", 21, &error), 0);
    host_free(&nothing);
    assert_true(host_has_ports(h, "br0"));
    assert_false(host_has_ports(h, "eth0"));
    assert_false(host_has_ports(NULL, "br0"));
    assert_int_equal(packet_address_parse("fd00:1::9", &a, &family), 0);
    assert_int_equal(host_looks_for(h, &a), HOST_CANT_TELL);
    take(h, HOST_NEIGHBOURS6,
         "fd00:1::9 dev br0 lladdr 02:00:00:00:00:09 PERMANENT \nfd00:1::8 dev br0 lladdr 02:00:00:00:00:08 "
         "REACHABLE\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(packet_address_parse(rows[i].to, &a, &family), 0);
        if (host_looks_for(h, &a) != rows[i].answer)
            fail_msg("%s: not %d", rows[i].to, rows[i].answer);
    }
    host_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_known),         cmocka_unit_test(test_links_and_neighbours),
        cmocka_unit_test(test_addresses_alone),          cmocka_unit_test(test_routes_as_they_are_said),
        cmocka_unit_test(test_what_is_refused),          cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_address_for_the_next_hop), cmocka_unit_test(test_routes),
        cmocka_unit_test(test_table_that_is_not_said),   cmocka_unit_test(test_switches),
        cmocka_unit_test(test_loopback_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
