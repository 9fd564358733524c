/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "rules/forms/forms_text.h"

#define HEAD  "Chain INPUT (policy DROP 3 packets, 180 bytes)\n"
#define NHEAD " pkts bytes target     prot opt in     out     source               destination         \n"
#define OTHERS                                                                                               \
    "\nChain FORWARD (policy ACCEPT 0 packets, 0 bytes)\n" NHEAD                                             \
    "\nChain OUTPUT (policy ACCEPT 0 packets, 0 bytes)\n" NHEAD

/* One rule with -nvL, and what it is. */
static void is_rule(const char *listed, const char *expected)
{
    char text[2048], wanted[1024];

    snprintf(text, sizeof(text), HEAD NHEAD "%s\n" OTHERS, listed);
    snprintf(wanted, sizeof(wanted), "-P INPUT DROP\n-A INPUT%s\n", expected);
    form_is(text, 0, RULES_FILTER, wanted);
}

#define ANY "*      *       0.0.0.0/0            0.0.0.0/0           "

static void columns_are_read(void **state)
{
    (void)state;
    is_rule("    0     0 ACCEPT     all  --  lo     *       0.0.0.0/0            0.0.0.0/0           ",
            " -i lo -j ACCEPT");
    is_rule(" 812K   52M DROP       !6   --  !eth+  *      !192.0.2.0/24         198.51.100.7        ",
            " ! -s 192.0.2.0/24 -d 198.51.100.7/32 ! -i eth+ ! -p tcp -j DROP");
    is_rule("    0     0            udp  -f  " ANY, " -p udp -f");
    is_rule("    0     0            0    !f  " ANY, " ! -f");
    is_rule("    0     0 REJECT     0    --  " ANY " reject-with icmp-host-prohibited",
            " -j REJECT --reject-with icmp-host-prohibited");
}

static void matches_are_read_back(void **state)
{
    static const struct {
        const char *listed, *expected;
    } cases[] = {
        {"tcp dpt:21", "-p tcp -m tcp --dport 21"},
        {"tcp spts:1024:65535 dpt:!20 flags:0x17/0x02",
         "-p tcp -m tcp --sport 1024:65535 ! --dport 20 --tcp-flags FIN,SYN,RST,ACK SYN"},
        {"tcp flags:!0x3F/0x00", "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE"},
        {"ctstate RELATED,ESTABLISHED", "-p tcp -m conntrack --ctstate RELATED,ESTABLISHED"},
        {"! ctstate NEW ctstatus SEEN_REPLY", "-p tcp -m conntrack ! --ctstate NEW --ctstatus SEEN_REPLY"},
        {"state NEW", "-p tcp -m state --state NEW"},
        {"multiport dports  !21,80:90", "-p tcp -m multiport ! --dports 21,80:90"},
        {"limit: avg 3/min burst 5", "-p tcp -m limit --limit 3/min"},
        {"source IP range 192.0.2.1-192.0.2.9", "-p tcp -m iprange --src-range 192.0.2.1-192.0.2.9"},
        {"mark match ! 0x1/0xff", "-p tcp -m mark ! --mark 0x1/0xff"},
        {"connmark match  0x7", "-p tcp -m connmark --mark 0x7"},
        {"match-set banned src", "-p tcp -m set --match-set banned src"},
        {"! match-set banned src,dst", "-p tcp -m set ! --match-set banned src,dst"},
        {"recent: UPDATE seconds: 60 hit_count: 4 name: ssh side: source mask: 255.255.255.255",
         "-p tcp -m recent --update --seconds 60 --hitcount 4 --name ssh --mask 255.255.255.255 --rsource"},
        {"#conn src/32 > 5", "-p tcp -m connlimit --connlimit-above 5 --connlimit-mask 32 --connlimit-saddr"},
        {"ADDRTYPE match dst-type !LOCAL", "-p tcp -m addrtype ! --dst-type LOCAL"},
        {"helper match \"ftp\"", "-p tcp -m helper --helper ftp"},
        {"MAC 00:0C:29:11:22:33", "-p tcp -m mac --mac-source 00:0c:29:11:22:33"},
        {"MAC00:0C:29:11:22:33", "-p tcp -m mac --mac-source 00:0c:29:11:22:33"},
        {"TTL match TTL < 5", "-p tcp -m ttl --ttl-lt 5"},
        {"length 0:100", "-p tcp -m length --length 0:100"},
        {"/* say \"hi\" */ tcp dpt:22", "-p tcp -m comment --comment \"say \\\"hi\\\"\" -m tcp --dport 22"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char listed[512], expected[512];
        snprintf(listed, sizeof(listed), "    0     0 ACCEPT     tcp  --  " ANY " %s", cases[i].listed);
        snprintf(expected, sizeof(expected), " %s -j ACCEPT", cases[i].expected);
        is_rule(listed, expected);
    }
}

static void targets_are_read_back(void **state)
{
    static const struct {
        const char *target, *listed, *expected;
    } cases[] = {
        {"LOG", "limit: avg 1/sec burst 5 LOG flags 0 level 4 prefix \"[to:x] \"",
         " -m limit --limit 1/sec -j LOG --log-prefix \"[to:x] \""},
        {"MARK", "MARK set 0x5", NULL},
        {"NFQUEUE", "NFQUEUE num 3 bypass", " -j NFQUEUE --queue-num 3 --queue-bypass"},
        {"REJECT", "/* reject-with tcp-reset */ reject-with icmp-admin-prohibited",
         " -m comment --comment \"reject-with tcp-reset\" -j REJECT --reject-with icmp-admin-prohibited"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char listed[512];
        snprintf(listed, sizeof(listed), "    0     0 %-10s 0    --  " ANY " %s", cases[i].target,
                 cases[i].listed);
        is_rule(listed, cases[i].expected ? cases[i].expected : " -j MARK --set-xmark 0x5/0xffffffff");
    }
}

/* What can't be read is unknown, and never left out. */
static void what_is_not_understood_is_unknown(void **state)
{
    (void)state;
    is_rule("    0     0 ACCEPT     6    --  " ANY " tcp dpt:22 OS fingerprint match Linux ctstate NEW",
            " -p tcp -m tcp --dport 22 -m unknown --because \"what the listing says as: OS fingerprint match "
            "Linux "
            "ctstate NEW\" -j ACCEPT");
    is_rule(
        "    0     0 ACCEPT     6    --  " ANY " /* a */ tcp dpt:22 /* b */",
        " -p tcp -m unknown --because \"what the listing says as: /* a */ tcp dpt:22 /* b */\" -j ACCEPT");
    is_rule("    0     0 ACCEPT     6    --  *      *       server.example.org   0.0.0.0/0           ",
            " -p tcp -m unknown --because \"which addresses server.example.org has: a listing with -n shows "
            "them\" -j ACCEPT");
    /* a target whose part can't be read may do anything */
    form_is("Chain PREROUTING (policy ACCEPT 0 packets, 0 bytes)\n" NHEAD
            "    0     0 DNAT       6    --  " ANY " to:192.0.2.1 sideways\n",
            0, RULES_NAT,
            "-P INPUT ?\n-P OUTPUT ?\n-P POSTROUTING ?\n"
            "-A PREROUTING -m unknown --because \"what the listing says as: 0     0 DNAT       6    --  *    "
            "  *       "
            "0.0.0.0/0            0.0.0.0/0            to:192.0.2.1 sideways\" -j ACCEPT\n"
            "-A PREROUTING -m unknown --because \"what the listing says as: 0     0 DNAT       6    --  *    "
            "  *       "
            "0.0.0.0/0            0.0.0.0/0            to:192.0.2.1 sideways\" -j DROP\n");
}

static void without_v_no_rule_is_certain(void **state)
{
    static const char text[] =
        "Chain INPUT (policy DROP)\n"
        "target     prot opt source               destination         \n"
        "ACCEPT     all  --  anywhere             anywhere            \n"
        "ACCEPT     tcp  --  192.0.2.0/24         anywhere             tcp dpt:ssh\n"
        "\nChain FORWARD (policy DROP)\ntarget     prot opt source               destination         \n"
        "\nChain OUTPUT (policy ACCEPT)\ntarget     prot opt source               destination         \n";
    struct rules *r = form_read(text, 0);

    (void)state;
    assert_true(form_remarks(r, "A listing without -v does not show interfaces"));
    rules_free(&r);
    form_is(text, 0, RULES_FILTER,
            "-P INPUT DROP\n-P FORWARD DROP\n"
            "-A INPUT -m unknown --because \"its interfaces, which a listing without -v does not show\" -j "
            "ACCEPT\n"
            "-A INPUT -s 192.0.2.0/24 -p tcp -m unknown --because \"its interfaces, which a listing without "
            "-v does not "
            "show\" -m tcp --dport 22 -j ACCEPT\n");
}

static void chains_are_entered_left_and_gone_to(void **state)
{
    (void)state;
    form_is(HEAD
            "num   pkts bytes target     prot opt in     out     source               destination         \n"
            "1        0     0 web        6    --  " ANY " [goto]  tcp dpt:80\n"
            "2        0     0 gone       0    --  " ANY "\n" OTHERS
            "\nChain web (1 references)\nnum   pkts bytes target     prot opt in     out     source          "
            "     destination         \n"
            "1        0     0 RETURN     0    --  " ANY "\n",
            0, RULES_FILTER,
            "-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 80 -g web\n-A INPUT -j gone\n"
            "-A gone -m unknown --because \"what is in the chain gone, which is not shown\" -j ACCEPT\n"
            "-A gone -m unknown --because \"what is in the chain gone, which is not shown\" -j DROP\n"
            "-A web -j RETURN\n");
}

static const char raw[] =
    "IPV4 (raw):\n"
    "Chain INPUT (policy DROP 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "       9      540 ACCEPT     6    --  *      *       0.0.0.0/0            0.0.0.0/0            tcp "
    "dpt:21\n"
    "\nChain FORWARD (policy DROP 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "\nChain OUTPUT (policy ACCEPT 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "\nChain ufw-user-input (0 references)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "Chain PREROUTING (policy ACCEPT 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "\nChain INPUT (policy ACCEPT 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "\nChain OUTPUT (policy ACCEPT 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "\nChain POSTROUTING (policy ACCEPT 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "       0        0 MASQUERADE  0    --  *      wan0    0.0.0.0/0            0.0.0.0/0           \n"
    "\n\nIPV6:\n"
    "Chain INPUT (policy DROP 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "       0        0 ACCEPT     58   --  *      *       ::/0                 ::/0                 "
    "ipv6-icmptype 135\n"
    "\nChain FORWARD (policy DROP 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n"
    "\nChain OUTPUT (policy ACCEPT 0 packets, 0 bytes)\n"
    "    pkts      bytes target     prot opt in     out     source               destination         \n";

static void ufw_show_raw_is_listings_of_both_families(void **state)
{
    (void)state;
    form_is(raw, PACKET_IPV4, RULES_FILTER,
            "-P INPUT DROP\n-P FORWARD DROP\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n");
    form_is(raw, PACKET_IPV4, RULES_NAT, "-A POSTROUTING -o wan0 -j MASQUERADE\n");
    form_is(raw, PACKET_IPV6, RULES_FILTER,
            "-P INPUT DROP\n-P FORWARD DROP\n-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\n");
    form_is(raw, 0, RULES_NAT, "-A POSTROUTING -o wan0 -j MASQUERADE\n");
}

static void old_ip6tables_had_no_column_of_options(void **state)
{
    (void)state;
    form_is("Chain INPUT (policy DROP 0 packets, 0 bytes)\n" NHEAD
            "    0     0 ACCEPT     tcp      lo     *       ::/0                 2001:db8::18/128     tcp "
            "dpt:21\n"
            "    0     0            udp      *      *       ::/0                 ::/0                \n",
            0, RULES_FILTER,
            "-P INPUT DROP\n-P FORWARD ?\n-P OUTPUT ?\n-A INPUT -d 2001:db8::18/128 -i lo -p tcp -m tcp "
            "--dport 21 -j ACCEPT\n"
            "-A INPUT -p udp\n");
}

static void a_line_that_is_none_is_refused_in_its_place(void **state)
{
    (void)state;
    form_refused(HEAD NHEAD "    0     0 ACCEPT\n", 3, "expected a line of a listing");
    form_refused("Chain INPUT (policy DROP)\nACCEPT     all  --  anywhere             anywhere\n", 2,
                 "expected a line of a listing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_read),
        cmocka_unit_test(matches_are_read_back),
        cmocka_unit_test(targets_are_read_back),
        cmocka_unit_test(what_is_not_understood_is_unknown),
        cmocka_unit_test(without_v_no_rule_is_certain),
        cmocka_unit_test(chains_are_entered_left_and_gone_to),
        cmocka_unit_test(ufw_show_raw_is_listings_of_both_families),
        cmocka_unit_test(old_ip6tables_had_no_column_of_options),
        cmocka_unit_test(a_line_that_is_none_is_refused_in_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
