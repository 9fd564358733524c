/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"
#include "unit.h"

static struct rules *read_rules(const char *text, uint8_t family)
{
    struct rules_error error = {0};
    struct rules *rules;

    if (rules_read(text, strlen(text), "test", family, &rules, &error) < 0)
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
    return rules;
}

static char *list(const struct rules *rules, enum rules_table_type table, const char *chain, uint32_t number,
                  unsigned flags)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(rules_list(rules, table, chain, number, flags, out), 0);
    fclose(out);
    return text;
}

static void check(const struct rules *rules, const char *chain, uint32_t number, unsigned flags,
                  const char *expected)
{
    char *text = list(rules, RULES_FILTER, chain, number, flags);

    assert_string_equal(text, expected);
    free(text);
}

/* A server as people list it: iptables -nL. */
static void a_server(void **state)
{
    struct rules *rules =
        read_rules("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                   "-A INPUT -d 192.168.0.18/32 -p tcp -m tcp --dport 10090:10100 -j ACCEPT\n"
                   "-A INPUT -d 192.168.0.18/32 -p tcp -m state --state RELATED,ESTABLISHED "
                   "-m tcp --dport 1024:65534 -j ACCEPT\n"
                   "-A INPUT -s 192.168.0.2/32 -d 192.168.0.18/32 -p tcp -m tcp --dport 22 "
                   "-j ACCEPT\n"
                   "-A INPUT -s 192.168.0.1/32 -d 192.168.0.18/32 -j ACCEPT\n"
                   "-A INPUT -d 192.168.0.18/32 -j DROP\nCOMMIT\n",
                   PACKET_IPV4);

    (void)state;
    check(rules, NULL, 0, RULES_LIST_NUMERIC,
          "Chain INPUT (policy ACCEPT)\n"
          "target     prot opt source               destination         \n"
          "ACCEPT     tcp  --  0.0.0.0/0            192.168.0.18         tcp dpts:10090:10100\n"
          "ACCEPT     tcp  --  0.0.0.0/0            192.168.0.18         state RELATED,ESTABLISHED tcp "
          "dpts:1024:65534\n"
          "ACCEPT     tcp  --  192.168.0.2          192.168.0.18         tcp dpt:22\n"
          "ACCEPT     all  --  192.168.0.1          192.168.0.18        \n"
          "DROP       all  --  0.0.0.0/0            192.168.0.18        \n"
          "\n"
          "Chain FORWARD (policy ACCEPT)\n"
          "target     prot opt source               destination         \n"
          "\n"
          "Chain OUTPUT (policy ACCEPT)\n"
          "target     prot opt source               destination         \n");
    rules_free(&rules);
}

static const char several[] =
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [123456:99999999999]\n:OUTPUT ACCEPT [0:0]\n"
    ":foo - [0:0]\n:a-chain-of-a-long-name - [0:0]\n"
    "[12:345] -A FORWARD ! -s 10.0.0.0/8 ! -i eth0 -o averylongname0 -p tcp -j foo\n"
    "[99999:100000] -A FORWARD -d 1.0.3.0/255.0.255.0 ! -p udp -f -g a-chain-of-a-long-name\n"
    "[99999999:12345678901234567890] -A FORWARD -s 127.0.0.1/32 -p 47\n"
    "COMMIT\n";

static void names_without_n(void **state)
{
    struct rules *rules = read_rules(several, PACKET_IPV4);

    (void)state;
    check(rules, "FORWARD", 0, 0,
          "Chain FORWARD (policy DROP)\n"
          "target     prot opt source               destination         \n"
          "foo        tcp  -- !10.0.0.0/8           anywhere            \n"
          "a-chain-of-a-long-name !udp  -f  anywhere             1.0.3.0/255.0.255.0 [goto] \n"
          "           gre  --  localhost            anywhere            \n");
    check(rules, "foo", 0, 0,
          "Chain foo (1 references)\n"
          "target     prot opt source               destination         \n");
    rules_free(&rules);
}

static void counters(void **state)
{
    struct rules *rules = read_rules(several, PACKET_IPV4);

    (void)state;
    check(rules, "FORWARD", 0, RULES_LIST_NUMERIC | RULES_LIST_VERBOSE,
          "Chain FORWARD (policy DROP 123K packets, 100G bytes)\n"
          " pkts bytes target     prot opt in     out     source               destination         \n"
          "   12   345 foo        tcp  --  !eth0  averylongname0 !10.0.0.0/8           0.0.0.0/0           \n"
          "99999  100K a-chain-of-a-long-name !udp  -f  *      *       0.0.0.0/0            "
          "1.0.3.0/255.0.255.0 [goto] \n"
          " 100M 12345679T            47   --  *      *       127.0.0.1            0.0.0.0/0           \n");
    check(rules, "FORWARD", 3,
          RULES_LIST_NUMERIC | RULES_LIST_VERBOSE | RULES_LIST_EXACT | RULES_LIST_NUMBERS,
          "3    99999999 12345678901234567890            47   --  *      *       127.0.0.1            "
          "0.0.0.0/0           \n");
    check(rules, "INPUT", 0, RULES_LIST_VERBOSE | RULES_LIST_EXACT | RULES_LIST_NUMBERS,
          "Chain INPUT (policy ACCEPT 0 packets, 0 bytes)\n"
          "num      pkts      bytes target     prot opt in     out     source               destination      "
          "   "
          "\n");
    rules_free(&rules);
}

static void ipv6(void **state)
{
    struct rules *rules = read_rules("*filter\n:INPUT ACCEPT [0:0]\n"
                                     "-A INPUT -s 2001:db8::/32 -p ipv6-icmp -j ACCEPT\nCOMMIT\n",
                                     PACKET_IPV6);

    (void)state;
    check(rules, "INPUT", 1, 0, "ACCEPT     ipv6-icmp --  2001:db8::/32        anywhere            \n");
    check(rules, "INPUT", 1, RULES_LIST_NUMERIC,
          "ACCEPT     ipv6-icmp --  2001:db8::/32        ::/0                \n");
    rules_free(&rules);
}

static void what_is_not_there(void **state)
{
    struct rules *rules = read_rules(several, PACKET_IPV4);
    char *text = list(rules, RULES_RAW, NULL, 0, RULES_LIST_NUMERIC); /* absent: as if empty */

    (void)state;
    assert_string_equal(text, "Chain PREROUTING (policy ACCEPT)\n"
                              "target     prot opt source               destination         \n"
                              "\n"
                              "Chain OUTPUT (policy ACCEPT)\n"
                              "target     prot opt source               destination         \n");
    free(text);
    assert_int_equal(rules_list(rules, RULES_FILTER, "bar", 0, 0, stdout), -ENOENT);
    assert_int_equal(rules_list(rules, RULES_FILTER, "INPUT", 4, 0, stdout), -ERANGE);
    rules_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server), cmocka_unit_test(names_without_n),   cmocka_unit_test(counters),
        cmocka_unit_test(ipv6),     cmocka_unit_test(what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
