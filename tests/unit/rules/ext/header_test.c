/* SPDX-License-Identifier: BSD-2-Clause */
#include "row.h"

static void fields(void **state)
{
    static const struct row_case cases[] = {
        {"-m length --length 5", NULL, " length 5"},
        {"-m length ! --length 5:", "-m length ! --length 5:65535", " length !5:65535"},
        {"-m length --length 65536", "!65535", NULL},
        {"-m ttl --ttl 5", "-m ttl --ttl-eq 5", " TTL match TTL == 5"},
        {"-m ttl ! --ttl-eq 5", NULL, " TTL match TTL != 5"},
        {"-m ttl --ttl-lt 5", NULL, " TTL match TTL < 5"},
        {"-m ttl", "!--ttl-eq", NULL},
        {"-m ttl --ttl-lt 5 --ttl-gt 6", "!", NULL},
        {"-m ttl --ttl-eq 256", "!255", NULL},
        {"-m tos --tos Minimize-Delay", "-m tos --tos 0x10/0x3f", " tos match0x10/0x3f"},
        {"-m tos ! --tos 4", "-m tos ! --tos 0x04/0xff", " tos match!0x04/0xff"},
        {"-m tos --tos Minimise-Delay", "!did you mean Minimize-Delay", NULL},
        {"-m tos --tos 5/256", "!0xff", NULL},
        {"-m dscp --dscp-class ef", "-m dscp --dscp 0x2e", " DSCP match 0x2e"},
        {"-m dscp ! --dscp-class AF41", "-m dscp ! --dscp 0x22", " DSCP match !0x22"},
        {"-m dscp --dscp 64", "!63", NULL},
        {"-m dscp", "!--dscp", NULL},
        {"-m dscp --dscp-class AF44", "!did you mean AF4", NULL},
        {"-p tcp -m tcpmss --mss 5", NULL, " tcpmss match 5"},
        {"-m tcpmss --mss 5", "!tcp", NULL},
        {"-p tcp -m tcpmss ! --mss 5:9", NULL, " tcpmss match !5:9"},
        {"-p tcp -m tcpmss --mss 9:5", "!goes down", NULL},
        {"-m length --length 9:5", NULL, " length 9:5"},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void hop_limit(void **state)
{
    static const struct row_case cases[] = {
        {"-m hl ! --hl 3", "-m hl ! --hl-eq 3", " HL match HL != 3"},
        {"-m ttl --ttl-eq 3", "!", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV6};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

/* As iptables 1.8.9 saves and lists them. */
static void changes(void **state)
{
    static const struct row_case cases[] = {
        {"-j TTL --ttl-set 0", NULL, " TTL set to 0"},
        {"-j TTL --ttl-inc 1", NULL, " TTL increment by 1"},
        {"-j TTL --ttl-dec 255", NULL, " TTL decrement by 255"},
        {"-j TTL --ttl-inc 0", "!1 to 255", NULL},
        {"-j TTL", "!--ttl-set", NULL},
        {"-j TTL --ttl-dec 1 --ttl-inc 2", "!", NULL},
        {"-j HL --hl-set 1", "!", NULL},
        {"-j TOS --set-tos 0x10", "-j TOS --set-tos 0x10/0xff", " TOS set 0x10/0xff"},
        {"-j TOS --set-tos Minimize-Delay", "-j TOS --set-tos 0x10/0x3f", " TOS set 0x10/0x3f"},
        {"-j TOS --and-tos 0x0f", "-j TOS --set-tos 0x00/0xf0", " TOS set 0x00/0xf0"},
        {"-j TOS --or-tos 0x0f", "-j TOS --set-tos 0x0f/0x0f", " TOS set 0x0f/0x0f"},
        {"-j TOS --xor-tos 0x0f", "-j TOS --set-tos 0x0f/0x00", " TOS set 0x0f/0x00"},
        {"-j TOS --set-tos 0/0", "-j TOS --set-tos 0x00/0x00", " TOS set 0x00/0x00"},
        {"-j TOS", "!--set-tos", NULL},
        {"-j DSCP --set-dscp 0", "-j DSCP --set-dscp 0x00", " DSCP set 0x00"},
        {"-j DSCP --set-dscp-class EF", "-j DSCP --set-dscp 0x2e", " DSCP set 0x2e"},
        {"-j DSCP --set-dscp 64", "!63", NULL},
        {"-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 0", NULL,
         " tcp flags:0x06/0x02 TCPMSS set 0"},
        {"-p tcp -j TCPMSS --clamp-mss-to-pmtu", NULL, " TCPMSS clamp to PMTU"},
        {"-j TCPMSS --set-mss 1360", "!tcp", NULL},
        {"-p tcp -j TCPMSS --set-mss 5 --clamp-mss-to-pmtu", "!", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4, .table = "mangle", .chain = "FORWARD"};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

static void extension_headers(void **state)
{
    static const struct row_case cases[] = {
        {"-m ipv6header --header prot,hop", "-m ipv6header --header hop-by-hop,protocol",
         " ipv6header flags:0x81"},
        {"-m ipv6header ! --header frag,dst --soft", "-m ipv6header ! --header ipv6-opts,ipv6-frag --soft",
         " ipv6header flags:!0x50 soft"},
        {"-m ipv6header --header 43,esp,51,none", "-m ipv6header --header ipv6-route,ah,esp,ipv6-nonxt",
         " ipv6header flags:0x2E"},
        {"-m ipv6header --header rout", "!did you mean route", NULL},
        {"-m ipv6header", "!--header", NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV6};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

/* What 1.8.9 prints, and takes back, although nothing is in it. */
static void ranges_that_go_down(void **state)
{
    static const struct row_case cases[] = {
        {"-p udp -m udp --dport 50000:99", NULL, " udp dpts:50000:99"},
        {"-p udp -m udp ! --sport 9:5", NULL, " udp spts:!9:5"},
        {"-p tcp -m tcp --dport 50000:99", "!goes down", NULL},
        {"-m conntrack --ctorigdstport 99:1", NULL, " ctorigdstport 99:1"},
        {"-p icmp -m icmp --icmp-type 255/0:255", "-p icmp -m icmp --icmp-type any", " icmptype 255"},
        {"-p icmp -m icmp --icmp-type 3/0:255", "-p icmp -m icmp --icmp-type 3", " icmptype 3"},
        {"-p icmp -m icmp --icmp-type 3/2:1", "!code", NULL},
        {"-j IDLETIMER --timeout 5 --label office", NULL, NULL},
        {"-m cgroup --path \"/user\" -j ACCEPT", NULL, NULL},
        {"-m connlabel --label \"5\"", NULL, NULL},
    };
    static const struct row_place place = {.family = PACKET_IPV4};

    (void)state;
    row_check_all(&place, cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(hop_limit),
        cmocka_unit_test(changes),
        cmocka_unit_test(extension_headers),
        cmocka_unit_test(ranges_that_go_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
