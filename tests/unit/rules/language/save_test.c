/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "rules/rules_text.h"

/* What is given after "-A INPUT", and what iptables-save 1.8.9 printed for it. */
struct given_saved {
    const char *given, *saved;
};

static void check(uint8_t family, const struct given_saved *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rules *r = rules_new(family);
        char command[512];
        snprintf(command, sizeof(command), "-A INPUT %s", cases[i].given);
        text_do(r, "-N a");
        text_do(r, command);
        const struct rules_chain *chain = rules_chain_at(r, RULES_FILTER, RULES_INPUT);
        char *text = rules_rule_text(r, chain, &chain->rules[0]);
        assert_string_equal(text + strlen("-A INPUT"), cases[i].saved);
        free(text);
        char *all = rules_save(r, NULL, RULES_SAVE_COUNTERS);
        struct rules *again = text_read(all, family);
        assert_true(rules_equal(r, again));
        rules_free(&again);
        free(all);
        rules_free(&r);
    }
}

static const struct given_saved ipv4[] = {
    {"", ""},
    {"-s 0.0.0.0/0", ""},
    {"! -s 0/0", " ! -s 0.0.0.0/0"},
    {"-s 10/8", " -s 10.0.0.0/8"},
    {"-s 10.1", " -s 10.1.0.0/32"},
    {"-s 0x0a000001", " -s 10.0.0.1/32"},
    {"-s 1.2.3.4/255.0.255.0", " -s 1.0.3.0/255.0.255.0"},
    {"-i + -p ALL", ""},
    {"-i eth+ -f", " -i eth+ -f"},
    {"-p 58", " -p ipv6-icmp"},
    {"-p 201", " -p 201"},
    {"-p 0x6 --dport :", " -p tcp -m tcp"},
    {"-p tcp --sport :5 ! --dport ftp:80 --tcp-option 5 --syn",
     " -p tcp -m tcp --sport 0:5 ! --dport 21:80 --tcp-option 5 --tcp-flags FIN,SYN,RST,ACK SYN"},
    {"-p tcp --tcp-flags ALL NONE", " -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE"},
    {"-p udp --sport 53", " -p udp -m udp --sport 53"},
    {"-p icmp --icmp-type any", " -p icmp -m icmp --icmp-type any"},
    {"-p icmp --icmp-type host-unr", " -p icmp -m icmp --icmp-type 3/1"},
    {"-p icmp ! --icmp-type ping", " -p icmp -m icmp ! --icmp-type 8"},
    {"-m state --state established,RELATED", " -m state --state RELATED,ESTABLISHED"},
    {"-m conntrack --ctstate NEW,SNAT ! --ctproto tcp --ctorigsrc 1.2.3.4/24 --ctexpire 5:10 --ctstatus "
     "ASSURED,NONE --ctdir REPLY ! --ctorigdstport 5:6",
     " -m conntrack --ctstate NEW,SNAT ! --ctproto 6 --ctorigsrc 1.2.3.4/24 ! --ctorigdstport 5:6 --ctstatus "
     "ASSURED --ctexpire 5:10 --ctdir REPLY"},
    {"-m conntrack --ctorigsrc 1.2.3.4/255.0.255.0 --ctreplsrc 10.1",
     " -m conntrack --ctorigsrc 1.2.3.4/255.0.255.0 --ctreplsrc 10.0.0.1"},
    {"-m conntrack --ctorigdstport 7: --ctrepldst 1.2.3.4",
     " -m conntrack --ctrepldst 1.2.3.4 --ctorigdstport 7:65535"},
    {"-p tcp -m multiport ! --dports ftp,22,80:90", " -p tcp -m multiport ! --dports 21,22,80:90"},
    {"-m comment --comment 'a \"b\" \\ c'", " -m comment --comment \"a \\\"b\\\" \\\\ c\""},
    {"-m comment --comment a_b-c", " -m comment --comment a_b-c"},
    {"-m comment --comment ''", " -m comment --comment \"\""},
    {"-j LOG --log-level info --log-uid --log-prefix 'x y' --log-tcp-options",
     " -j LOG --log-prefix \"x y\" --log-level 6 --log-tcp-options --log-uid"},
    {"-j LOG --log-level warning", " -j LOG"},
    {"-j REJECT", " -j REJECT --reject-with icmp-port-unreachable"},
    {"-j REJECT --reject-with admin-prohib", " -j REJECT --reject-with icmp-admin-prohibited"},
    {"-p tcp -j REJECT --reject-with tcp-rst", " -p tcp -j REJECT --reject-with tcp-reset"},
    {"-g a", " -g a"},
    {"-j a -p tcp", " -p tcp -j a"},
};

static const struct given_saved ipv6[] = {
    {"-s 2001:db8::1/32 -d ::1", " -s 2001:db8::/32 -d ::1/128"},
    {"-s 2001:db8::1/ffff::ffff", " -s 2001::1/ffff::ffff"},
    {"! -d ::/0", " ! -d ::/0"},
    {"-p icmpv6 --icmpv6-type ping", " -p ipv6-icmp -m icmp6 --icmpv6-type 128"},
    {"-p icmpv6 -m icmpv6 --icmpv6-type 1/3", " -p ipv6-icmp -m icmp6 --icmpv6-type 1/3"},
    {"-j REJECT", " -j REJECT --reject-with icmp6-port-unreachable"},
    {"-j REJECT --reject-with no-route", " -j REJECT --reject-with icmp6-no-route"},
    {"-m conntrack --ctorigsrc 2001:db8::/32", " -m conntrack --ctorigsrc 2001:db8::/32"},
};

static void rules_are_printed_as_iptables_save_prints_them(void **state)
{
    (void)state;
    check(PACKET_IPV4, ipv4, COUNT(ipv4));
    check(PACKET_IPV6, ipv6, COUNT(ipv6));
}

/* iptables-save loses these, and what it prints means something else; we print what they mean. */
static void what_matches_nothing_is_not_lost(void **state)
{
    static const struct given_saved cases[] = {
        {"! -i +", " ! -i +"},
        {"-p tcp ! --dport 0:65535", " -p tcp -m tcp ! --dport 0:65535"},
    };

    (void)state;
    check(PACKET_IPV4, cases, COUNT(cases));
}

static void one_table_is_saved_alone(void **state)
{
    struct rules *r =
        text_read("*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n*filter\n-A INPUT -j DROP\nCOMMIT\n", 0);
    char *nat = rules_save(r, "nat", 0);
    char *raw = rules_save(r, "raw", 0);

    (void)state;
    assert_string_equal(nat, "*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n"); /* a fragment stays one */
    assert_string_equal(raw, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n");
    free(nat);
    free(raw);
    rules_free(&r);
}

static void a_comment_moves_with_its_rule_and_outlives_it(void **state)
{
    struct rules *r = text_read("*filter\n# one\n-A INPUT -p tcp\n# two\n-A INPUT -p udp\nCOMMIT\n", 0);
    static const char head[] = "*filter\n";
    char expected[300];

    (void)state;
    text_do(r, "-I INPUT -p icmp");
    text_do(r, "-D INPUT -p tcp");
    snprintf(expected, sizeof(expected), "# one\n%s-A INPUT -p icmp\n# two\n-A INPUT -p udp\nCOMMIT\n", head);
    char *text = rules_save(r, NULL, 0);
    assert_string_equal(text, expected);
    free(text);
    rules_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_printed_as_iptables_save_prints_them),
        cmocka_unit_test(what_matches_nothing_is_not_lost),
        cmocka_unit_test(one_table_is_saved_alone),
        cmocka_unit_test(a_comment_moves_with_its_rule_and_outlives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
