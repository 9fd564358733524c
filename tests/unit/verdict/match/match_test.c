/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/ask.h"

/* ---- header ---- */

static void addresses_and_protocol(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.source_port = 40000, .destination_port = 21});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0", .out = ""};
    ASK_ALL(&p, {"", YES}, {"-s 192.0.2.1", YES}, {"-s 192.0.2.0/31", YES}, {"-s 192.0.2.2/31", NO},
            {"! -s 192.0.2.1", NO}, {"! -s 192.0.2.9", YES}, {"-s 0.0.0.1/0.0.0.255", YES},
            {"-d 192.0.2.2", YES}, {"! -d 192.0.2.0/24", NO}, {"-p tcp", YES}, {"! -p tcp", NO},
            {"-p udp", NO}, {"! -p udp", YES}, {"-p 6", YES}, {"-f", NO}, {"! -f", YES});
}

static void interfaces(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){0});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0", .out = ""};
    ASK_ALL(&p, {"-i eth0", YES}, {"-i eth1", NO}, {"-i eth", NO}, {"-i eth+", YES}, {"-i eth0+", YES},
            {"-i eth00+", NO}, {"-i +", YES}, {"! -i +", NO}, {"! -i eth0", NO}, {"! -i lo", YES},
            {"! -i e+", NO});
    p.unknown = VERDICT_NO_IN;
    ASK_ALL(&p, {"-i lo", NO}, {"! -i lo", YES}, {"-i eth0", UNKNOWN}, {"! -i eth0", UNKNOWN},
            {"-i e+", UNKNOWN}, {"-i +", YES}, {"", YES}, {"-s 192.0.2.9 -i eth0", NO});
    p.unknown = VERDICT_NO_OUT | VERDICT_NO_IN;
    p.hook = RULES_FORWARD;
    ASK_ALL(&p, {"-o lo", NO}, {"-o eth1", UNKNOWN}, {"-i lo -o eth1", NO}, {"-i eth0 -o eth1", UNKNOWN});
    p.hook = RULES_OUTPUT;
    p.unknown = 0;
    p.out = "eth1";
    ASK_ALL(&p, {"-o eth1", YES}, {"-o eth+", YES}, {"-o eth0", NO});
}

/* In a user chain a rule may ask for an interface that the hook does not have: it is "" then. */
static void interface_that_a_hook_lacks(void **state)
{
    struct sample s;
    struct verdict_memory *memory = verdict_memory_new();
    (void)state;

    sample_build(&s, &(struct packet_recipe){0});
    struct rules *r = read_rules(
        "*filter\n:INPUT ACCEPT\n:U -\n-A U -o eth0\n-A U ! -o eth0\n-A U -o +\nCOMMIT\n", PACKET_IPV4);
    const struct rules_rule *rules = rules_chain_find(r, RULES_FILTER, "U")->rules;
    struct verdict_packet p = {
        .packet = &s.packet, .hook = RULES_INPUT, .in = "eth0", .out = "eth0", .unknown = VERDICT_NO_OUT};

    assert_int_equal(match_rule(&rules[0], &p, memory).answer, VERDICT_NO);
    assert_int_equal(match_rule(&rules[1], &p, memory).answer, VERDICT_YES);
    assert_int_equal(match_rule(&rules[2], &p, memory).answer, VERDICT_YES);
    verdict_memory_free(&memory);
    rules_free(&r);
}

static void ipv6_header(void **state)
{
    struct sample s;
    (void)state;

    sample_build(
        &s, &(struct packet_recipe){.family = PACKET_IPV6, .source_port = 40000, .destination_port = 21});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-s 2001:db8::/64", YES}, {"-s 2001:db8::2", NO}, {"! -d 2001:db8::/127", YES},
            {"-p tcp --dport 21", YES}, {"-p ipv6-icmp", NO}, {"-s 2001:db8::1/ffff::ffff", YES});

    /* A chain of extension headers that is cut off: whoever asks for a protocol drops it. */
    s.bytes[6] = 0;    /* hop-by-hop... */
    s.bytes[41] = 200; /* ...of 1,608 bytes */
    sample_decode(&s);
    ASK_ALL(&p, {"-s 2001:db8::/64", YES}, {"-p tcp", HOTDROP}, {"! -p udp", HOTDROP},
            {"-i eth1 -p tcp", NO});
}

/* ---- transport ---- */

static void tcp(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.source_port = 40000,
                                             .destination_port = 21,
                                             .mss = 1460,
                                             .window_scale = -1,
                                             .tcp.flags = PACKET_SYN | PACKET_ECE | PACKET_CWR});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-p tcp --dport 21", YES}, {"-p tcp --dport ftp", YES}, {"-p tcp ! --dport 21", NO},
            {"-p tcp --dport 20:21", YES}, {"-p tcp --dport :20", NO}, {"-p tcp --dport 22:", NO},
            {"-p tcp --sport 40000 --dport 21", YES}, {"-p tcp --sport 39999", NO}, {"-p tcp --syn", YES},
            {"-p tcp ! --syn", NO}, {"-p tcp --tcp-flags ALL SYN", YES}, {"-p tcp --tcp-flags ALL NONE", NO},
            {"-p tcp --tcp-flags SYN,ACK SYN,ACK", NO}, {"-p tcp --tcp-option 2", YES},
            {"-p tcp --tcp-option 3", NO}, {"-p tcp ! --tcp-option 3", YES}, {"-p tcp ! --tcp-option 2", NO},
            {"-p tcp -m tcpmss --mss 1460", YES}, {"-p tcp -m tcpmss --mss 1461:", NO},
            {"-p tcp -m tcpmss ! --mss 536:1459", YES}, {"-p udp --dport 21", NO});
}

static void tcp_broken_headers(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s,
                 &(struct packet_recipe){.source_port = 40000, .destination_port = 21, .window_scale = -1});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};

    s.bytes[32] = 4 << 4; /* a header of 16 bytes */
    sample_decode(&s);
    ASK_ALL(&p, {"-p tcp --dport 21", YES}, {"-p tcp --tcp-option 2", HOTDROP},
            {"-p tcp --dport 22 --tcp-option 2", NO}, {"-p tcp -m tcpmss --mss 1460", HOTDROP});
    s.bytes[32] = 15 << 4; /* of 60, which are not there */
    sample_decode(&s);
    ASK_ALL(&p, {"-p tcp --dport 21", YES}, {"-p tcp --tcp-option 2", HOTDROP},
            {"-p tcp ! --tcp-option 2", HOTDROP});
    wire_write16(s.bytes + 2, 39); /* 19 bytes of TCP */
    s.size = 39;
    sample_decode(&s);
    ASK_ALL(&p, {"-p tcp", YES}, {"-p tcp --dport 21", HOTDROP}, {"-p tcp --dport 22", HOTDROP},
            {"-p tcp -m multiport --dports 21", YES}, {"-p tcp -s 192.0.2.9 --dport 21", NO});
    wire_write16(s.bytes + 2, 23); /* 3 bytes */
    s.size = 23;
    sample_decode(&s);
    ASK_ALL(&p, {"-p tcp -m multiport --dports 21", HOTDROP});
}

static void tcp_options_that_run_on(void **state)
{
    static const uint8_t options[] = {3, 0,   2, 4,
                                      5, 180, 8, 40}; /* a length of 0, and one that is too long */
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.source_port = 1, .destination_port = 2, .window_scale = -1});
    memcpy(s.bytes + 40, options, sizeof options);
    s.bytes[32] = 7 << 4;
    s.size = 48;
    wire_write16(s.bytes + 2, 48);
    sample_decode(&s);
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-p tcp --tcp-option 3", YES}, {"-p tcp --tcp-option 2", YES},
            {"-p tcp --tcp-option 8", YES}, {"-p tcp --tcp-option 40", NO},
            {"-p tcp -m tcpmss --mss 1460", YES});
}

static void a_capture_that_is_cut(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s,
                 &(struct packet_recipe){.source_port = 40000, .destination_port = 21, .window_scale = -1});
    s.size = 30;
    sample_decode(&s);
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-p tcp", YES}, {"-p tcp --dport 21", UNKNOWN}, {"-p tcp -m multiport --dports 21", YES},
            {"-m u32 --u32 0x1c=0:1", UNKNOWN}, {"-m u32 --u32 0x64=0:1", NO});
}

static void later_fragments(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s,
                 &(struct packet_recipe){.source_port = 40000, .destination_port = 21, .window_scale = -1});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    wire_write16(s.bytes + 6, 2);
    sample_decode(&s);
    ASK_ALL(&p, {"-f", YES}, {"! -f", NO}, {"-p tcp", YES}, {"-p tcp --dport 21", NO},
            {"-p tcp ! --dport 22", NO}, {"-p tcp -m multiport ! --dports 22", NO});
    wire_write16(s.bytes + 6, 1); /* at byte 8: over the flags */
    sample_decode(&s);
    ASK_ALL(&p, {"-p tcp --dport 22", HOTDROP}, {"-p tcp", YES}, {"-d 192.0.2.9 -p tcp --dport 22", NO});
    wire_write16(s.bytes + 6, 0x2000); /* the first */
    sample_decode(&s);
    ASK_ALL(&p, {"-f", NO}, {"! -f", YES}, {"-p tcp --dport 21", YES});
    s.bytes[9] = PACKET_UDP;
    wire_write16(s.bytes + 6, 1);
    sample_decode(&s);
    ASK_ALL(&p, {"-p udp --dport 21", NO}, {"-f -p udp", YES});
}

static void udp(void **state)
{
    struct sample s;
    (void)state;

    sample_build(
        &s, &(struct packet_recipe){.protocol = PACKET_UDP, .source_port = 53, .destination_port = 1024});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-p udp --sport 53", YES}, {"-p udp --sport domain", YES},
            {"-p udp ! --sport 53 --dport 1024", NO}, {"-p udp --dport 1024:65535", YES},
            {"-p udp --dport 1025:65535", NO}, {"-p tcp --sport 53", NO});
    s.size = 27;
    wire_write16(s.bytes + 2, 27);
    sample_decode(&s);
    ASK_ALL(&p, {"-p udp --dport 1024", HOTDROP}, {"-p udp", YES});
}

static void icmp(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.protocol = PACKET_ICMP, .icmp = {.type = 3, .code = 1}});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-p icmp --icmp-type 3", YES}, {"-p icmp --icmp-type 3/1", YES},
            {"-p icmp --icmp-type 3/2", NO}, {"-p icmp ! --icmp-type 3/2", YES},
            {"-p icmp --icmp-type any", YES}, {"-p icmp --icmp-type host-unreachable", YES},
            {"-p icmp --icmp-type 8", NO}, {"-p icmp ! --icmp-type any", NO});
    sample_build(
        &s, &(struct packet_recipe){.family = PACKET_IPV6, .protocol = PACKET_ICMPV6, .icmp = {.type = 128}});
    ASK_ALL(&p, {"-p ipv6-icmp --icmpv6-type 128", YES}, {"-p ipv6-icmp --icmpv6-type echo-reply", NO},
            {"-p ipv6-icmp ! --icmpv6-type 129", YES}, {"-p ipv6-icmp --icmpv6-type 255", NO});
}

static void multiport(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.source_port = 40000, .destination_port = 21});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-p tcp -m multiport --dports 20,21", YES}, {"-p tcp -m multiport --dports 22,80:90", NO},
            {"-p tcp -m multiport --dports 10:30", YES}, {"-p tcp -m multiport --sports 21", NO},
            {"-p tcp -m multiport --ports 21", YES}, {"-p tcp -m multiport --ports 40000", YES},
            {"-p tcp -m multiport ! --dports 21", NO}, {"-p tcp -m multiport ! --ports 5,6", YES});
}

/* ---- what else stands in the packet ---- */

static void header_fields(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.ttl = 64, .tos = 0xb8, .window_scale = -1});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-m length --length 40", YES}, {"-m length --length 41:", NO},
            {"-m length ! --length :39", YES}, {"-m ttl --ttl-eq 64", YES}, {"-m ttl --ttl-lt 64", NO},
            {"-m ttl --ttl-gt 63", YES}, {"-m ttl ! --ttl-eq 64", NO}, {"-m tos --tos 0xb8", YES},
            {"-m tos --tos 0x10/0x10", YES}, {"-m tos ! --tos 0x04/0x04", YES}, {"-m dscp --dscp 0x2e", YES},
            {"-m dscp --dscp-class EF", YES}, {"-m dscp ! --dscp 0x2e", NO},
            {"-m iprange --src-range 192.0.2.0-192.0.2.1", YES},
            {"-m iprange --src-range 192.0.2.2-192.0.2.9", NO},
            {"-m iprange ! --src-range 192.0.2.2-192.0.2.9 --dst-range 192.0.2.2-192.0.2.2", YES},
            {"-m comment --comment \"what for\"", YES});
    sample_build(&s,
                 &(struct packet_recipe){.family = PACKET_IPV6, .ttl = 3, .tos = 0x20, .window_scale = -1});
    ASK_ALL(&p, {"-m length --length 60", YES}, {"-m hl --hl-eq 3", YES}, {"-m hl --hl-lt 3", NO},
            {"-m tos --tos 0x20", YES}, {"-m dscp --dscp 8", YES},
            {"-m iprange --src-range 2001:db8::-2001:db8::1", YES},
            {"-m iprange --src-range 2001:db8::2-2001:db8::3", NO});
}

/* The hop is counted before FORWARD is asked. */
static void hops_at_forward(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.ttl = 64, .window_scale = -1});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_FORWARD, .in = "eth0", .out = "eth1"};
    ASK_ALL(&p, {"-m ttl --ttl-eq 63", YES}, {"-m u32 --u32 \"8>>24=63\"", YES},
            {"-m u32 --u32 \"5&0xff=64\"", NO}, {"-m u32 --u32 \"9>>24=6\"", YES});
}

static void u32(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.source_port = 40000,
                                             .destination_port = 21,
                                             .window_scale = -1,
                                             .payload = "USER x\r\n",
                                             .payload_size = 8});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    ASK_ALL(&p, {"-m u32 --u32 \"6&0xff=6\"", YES}, {"-m u32 --u32 \"6&0xff=17\"", NO},
            {"-m u32 ! --u32 \"6&0xff=17\"", YES}, {"-m u32 --u32 \"0>>22&0x3c@0&0xffff=21\"", YES},
            {"-m u32 --u32 \"0>>22&0x3c@0>>16=40000\"", YES},
            {"-m u32 --u32 \"0>>22&0x3c@12>>26&0x3c@0=0x55534552\"", YES},
            {"-m u32 --u32 \"44=0x20780d0a\"", YES}, {"-m u32 --u32 \"45=0:0xffffffff\"", NO},
            {"-m u32 ! --u32 \"45=0:0xffffffff\"", YES}, {"-m u32 --u32 \"6&0xff=6&&0&0xffff=48\"", YES},
            {"-m u32 --u32 \"6&0xff=6&&0&0xffff=49\"", NO}, {"-m u32 --u32 \"0&0xffff=40:44,48,50\"", YES},
            {"-m u32 --u32 \"12@0=1\"", NO}, {"-m u32 --u32 \"2&0xff<<8=0:0xffffff\"", YES});
}

/* ---- what is known besides ---- */

static void marks_and_link(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){0});
    struct verdict_packet p = {.packet = &s.packet,
                               .hook = RULES_INPUT,
                               .in = "eth0",
                               .mark = 0x12,
                               .mac = {2, 0, 0, 0, 0, 1},
                               .pkttype = 2};
    ASK_ALL(&p, {"-m mark --mark 0x12", YES}, {"-m mark --mark 0x2/0xf", YES},
            {"-m mark ! --mark 0x2/0xf", NO}, {"-m mac --mac-source 02:00:00:00:00:01", YES},
            {"-m mac --mac-source 02:00:00:00:00:02", NO}, {"-m mac ! --mac-source 02:00:00:00:00:02", YES},
            {"-m pkttype --pkt-type multicast", YES}, {"-m pkttype --pkt-type unicast", NO},
            {"-m pkttype ! --pkt-type broadcast", YES});
    p.unknown = VERDICT_NO_MARK | VERDICT_NO_MAC | VERDICT_NO_PKTTYPE;
    ASK_ALL(&p, {"-m mark --mark 0x12", UNKNOWN}, {"-m mark --mark 0x0/0x0", YES},
            {"-m mac --mac-source 02:00:00:00:00:01", UNKNOWN}, {"-m pkttype --pkt-type unicast", UNKNOWN});
    p.unknown = 0;
    p.in = "lo";
    ASK_ALL(&p, {"-m mac --mac-source 02:00:00:00:00:01", NO},
            {"-m mac ! --mac-source 02:00:00:00:00:02", NO});
}

static void addrtype(void **state)
{
    const struct packet_address local[] = {address("192.0.2.2"), address("198.51.100.1")};
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){0});
    struct verdict_packet p = {
        .packet = &s.packet, .hook = RULES_INPUT, .in = "eth0", .local = local, .local_count = COUNT(local)};
    ASK_ALL(&p, {"-m addrtype --dst-type LOCAL", YES}, {"-m addrtype ! --dst-type LOCAL", NO},
            {"-m addrtype --src-type LOCAL", NO}, {"-m addrtype --src-type UNICAST --dst-type LOCAL", YES},
            {"-m addrtype --dst-type UNICAST", NO}, {"-m addrtype --dst-type LOCAL,BROADCAST", YES},
            {"-m addrtype --src-type BLACKHOLE", UNKNOWN},
            {"-m addrtype --dst-type LOCAL --limit-iface-in", UNKNOWN},
            {"-m addrtype --src-type LOCAL --limit-iface-in", NO});
    s.packet.destination = address("255.255.255.255");
    ASK_ALL(&p, {"-m addrtype --dst-type BROADCAST", YES}, {"-m addrtype --dst-type LOCAL", NO});
    s.packet.destination = address("192.0.2.255");
    ASK_ALL(&p, {"-m addrtype --dst-type BROADCAST", UNKNOWN}, {"-m addrtype --dst-type LOCAL", NO},
            {"-m addrtype --dst-type UNICAST,BROADCAST", YES}, {"-m addrtype --dst-type UNICAST", UNKNOWN});
    s.packet.destination = address("10.9.8.255");
    ASK_ALL(&p, {"-m addrtype --dst-type BROADCAST", NO}, {"-m addrtype --dst-type UNICAST", YES});
    s.packet.destination = address("239.1.2.3");
    ASK_ALL(&p, {"-m addrtype --dst-type MULTICAST", YES}, {"-m addrtype ! --dst-type UNICAST", YES});
    s.packet.destination = address("127.0.0.53");
    ASK_ALL(&p, {"-m addrtype --dst-type LOCAL", YES});
    s.packet.destination = address("192.0.2.2");
    p.unknown = VERDICT_NO_ADDRTYPE;
    ASK_ALL(&p, {"-m addrtype --dst-type LOCAL", UNKNOWN}, {"-m addrtype --dst-type MULTICAST", NO},
            {"-m addrtype --dst-type LOCAL,UNICAST,BROADCAST", YES});
}

static void addrtype_of_ipv6(void **state)
{
    const struct packet_address local[] = {address("2001:db8::2")};
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){.family = PACKET_IPV6});
    struct verdict_packet p = {
        .packet = &s.packet, .hook = RULES_INPUT, .in = "eth0", .local = local, .local_count = COUNT(local)};
    /* Here UNICAST is said of the address itself, also of a local one; and each kind asked for must hold. */
    ASK_ALL(&p, {"-m addrtype --dst-type LOCAL", YES}, {"-m addrtype --dst-type UNICAST", YES},
            {"-m addrtype --dst-type UNICAST,MULTICAST", NO}, {"-m addrtype --src-type LOCAL", NO},
            {"-m addrtype --src-type ANYCAST", UNKNOWN});
    s.packet.destination = address("ff02::1");
    ASK_ALL(&p, {"-m addrtype --dst-type MULTICAST", YES}, {"-m addrtype --dst-type UNICAST", NO});
}

static void what_nobody_knows(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){0});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_OUTPUT, .out = "eth0"};
    ASK_ALL(&p, {"-m owner --uid-owner 0", UNKNOWN}, {"-m owner ! --uid-owner 0", UNKNOWN},
            {"-d 192.0.2.9 -m owner --uid-owner 0", NO}, {"-m set --match-set nobody src", UNKNOWN},
            {"-m statistic --mode random --probability 0.5", UNKNOWN},
            {"-m statistic --mode random --probability 1", YES},
            {"-m statistic --mode random --probability 0", NO},
            {"-m statistic --mode random ! --probability 1", NO});
    p.hook = RULES_INPUT;
    p.in = "eth0";
    ASK_ALL(&p, {"-m physdev --physdev-in eth0", UNKNOWN});
}

/* An UNKNOWN match does not hide one that says NO, and a broken header behind it drops only maybe. */
static void unknown_and_certain_matches(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s,
                 &(struct packet_recipe){.source_port = 40000, .destination_port = 21, .window_scale = -1});
    s.bytes[32] = 4 << 4;
    sample_decode(&s);
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_OUTPUT, .out = "eth0"};
    assert_int_equal(ask_rule("-p tcp -m owner --uid-owner 0 -m tcp --dport 22", &p).answer, VERDICT_NO);
    struct match_answer a = ask_rule("-p tcp -m owner --uid-owner 0 -m tcp --tcp-option 2", &p);
    assert_int_equal(a.answer, VERDICT_UNKNOWN);
    assert_true(a.hotdrop);
    assert_string_equal(a.because, "the owner of the socket");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_protocol),
        cmocka_unit_test(interfaces),
        cmocka_unit_test(interface_that_a_hook_lacks),
        cmocka_unit_test(ipv6_header),
        cmocka_unit_test(tcp),
        cmocka_unit_test(tcp_broken_headers),
        cmocka_unit_test(tcp_options_that_run_on),
        cmocka_unit_test(a_capture_that_is_cut),
        cmocka_unit_test(later_fragments),
        cmocka_unit_test(udp),
        cmocka_unit_test(icmp),
        cmocka_unit_test(multiport),
        cmocka_unit_test(header_fields),
        cmocka_unit_test(hops_at_forward),
        cmocka_unit_test(u32),
        cmocka_unit_test(marks_and_link),
        cmocka_unit_test(addrtype),
        cmocka_unit_test(addrtype_of_ipv6),
        cmocka_unit_test(what_nobody_knows),
        cmocka_unit_test(unknown_and_certain_matches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
