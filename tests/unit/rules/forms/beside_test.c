/* SPDX-License-Identifier: BSD-2-Clause */
/* What acts beside iptables' rules, told from what nft prints. */
#include "rules/forms/beside.h"

#include "unit.h"

#include <string.h>

#define TABLE(name, body) "table " name " { # handle 3\n\tchain c { # handle 1\n" body "\t}\n}\n"
#define HOOK              "\t\ttype filter hook input priority filter; policy accept;\n"

static const struct {
    const char *text;
    uint8_t family;
    bool has_iptables;
    const char *what; /* NULL: nothing */
    bool rewrites;
} cases[] = {
    {"", PACKET_IPV4, true, NULL, false},
    {TABLE("inet firewall", HOOK "\t\ttcp dport 21 drop # handle 2\n"), PACKET_IPV4, true,
     "the nftables table \"inet firewall\"", false},
    {TABLE("inet firewall", "\t\ttcp dport 21 drop # handle 2\n"), PACKET_IPV4, true, NULL, false},
    {TABLE("inet firewall", HOOK "\t\tmeta mark set 0x1 # handle 2\n"), PACKET_IPV4, true,
     "the nftables table \"inet firewall\"", true},
    {TABLE("ip6 firewall", HOOK), PACKET_IPV4, true, NULL, false},
    {TABLE("ip6 firewall", HOOK), PACKET_IPV6, true, "the nftables table \"ip6 firewall\"", false},
    {TABLE("arp filter", HOOK), PACKET_IPV4, true, NULL, false},
    {TABLE("netdev n", HOOK), PACKET_IPV4, true, "the nftables table \"netdev n\"", false},
    {TABLE("ip filter", HOOK), PACKET_IPV4, true, "the chain \"c\" that nft made in the table ip filter",
     true},
    {"table ip filter {\n\tchain INPUT {\n" HOOK "\t}\n}\n", PACKET_IPV4, true, NULL, false},
    {"table ip filter {\n\tchain INPUT {\n" HOOK "\t}\n}\n", PACKET_IPV4, false,
     "the nftables table \"ip filter\"", false},
    {"table inet t {\n\tchain c {\n" HOOK, PACKET_IPV4, true, "the nftables table \"inet t\"",
     false}, /* cut off */
    {"table inet sallyd-5 { # handle 9\n\tflags owner\n\n\tct helper control { # handle 2\n\t\ttype \"sane\" "
     "protocol tcp\n"
     "\t\tl3proto inet\n\t}\n\n\tset ports { # handle 3\n\t\ttype inet_service\n\t\telements = { 21 "
     "}\n\t}\n\n"
     "\tchain in { # handle 1\n\t\ttype filter hook input priority -1; policy accept;\n"
     "\t\ttcp dport @ports ct helper set \"control\" # handle 5\n\t}\n}\n",
     PACKET_IPV4, true, NULL, false},
    {"table inet sallyd-5 {\n\tchain in {\n" HOOK "\t\ttcp dport 22 drop\n\t}\n}\n", PACKET_IPV4, true,
     "the nftables table \"inet sallyd-5\"", false},
};

static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules *r = rules_new(cases[i].family);
        assert_non_null(r);
        assert_int_equal(beside_nft(r, cases[i].text, strlen(cases[i].text), cases[i].has_iptables), 0);
        if (r->beside_count != (cases[i].what != NULL))
            fail_msg("case %zu: %zu beside", i, r->beside_count);
        if (cases[i].what) {
            assert_string_equal(r->beside[0].what, cases[i].what);
            assert_int_equal(r->beside[0].rewrites, cases[i].rewrites);
        }
        rules_free(&r);
    }
}

static void test_rules_of_iptables(void **state)
{
    static const struct {
        const char *text;
        bool rules, rewriting;
    } saved[] = {
        {"", false, false},
        {"*filter\n:INPUT ACCEPT [0:0]\n:DOCKER - [0:0]\nCOMMIT\n", false, false},
        {"*filter\n:INPUT DROP [0:0]\nCOMMIT\n", true, false},
        {"*filter\n-A INPUT -j DROP\n", true, false},
        {"*filter\n[5:300] -A INPUT -j DROP\n", true, false},
        {"*nat\n[5:300] -A PREROUTING -j REDIRECT\n", true, true},
        {"*security\n-A INPUT -j DROP\n*raw\n:OUTPUT ACCEPT [0:0]\n", true, false},
        {"[5:300", false, false},
        {"[]", false, false},
        {":", false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(saved); i++) {
        size_t size = strlen(saved[i].text);
        assert_int_equal(beside_holds_rules(saved[i].text, size), saved[i].rules);
        assert_int_equal(beside_holds_rewriting_rules(saved[i].text, size), saved[i].rewriting);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables),
                                       cmocka_unit_test(test_rules_of_iptables)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
