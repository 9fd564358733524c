/* SPDX-License-Identifier: BSD-2-Clause */

/* Every line here but for its addresses was printed by conntrack 1.4.7 on Linux 6.18. */
#include "track/talk.h"

static struct talk t;

static int begin(void **state)
{
    (void)state;
    talk_init(&t, TRACK_LINUX);
    t.template.helper = TRACK_HELPER_NONE;
    talk_start(&t);
    return 0;
}

static int end(void **state)
{
    (void)state;
    talk_end(&t);
    return 0;
}

static void assert_line(const char *line)
{
    char text[512];

    assert_int_equal(track_flow_format(&t.flow, t.now, text, sizeof(text)), strlen(line));
    assert_string_equal(text, line);
}

static void send_plain(uint8_t protocol)
{
    struct packet_recipe r = talk_recipe(&t, TRACK_ORIGINAL, protocol);

    r.icmp = (struct packet_icmp){.type = protocol == PACKET_ICMPV6 ? 128 : 8, .id = 77};
    r.payload = "\0\7\0\10xxxxxxxxxxxx";
    r.payload_size = 16;
    talk_send(&t, &r, false);
}

static void tcp_looks_as_conntrack_prints_it(void **state)
{
    (void)state;
    talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL);
    t.now += 1;
    assert_line("tcp      6 119 SYN_SENT src=192.0.2.1 dst=198.51.100.7 sport=40000 dport=21 [UNREPLIED] "
                "src=198.51.100.7 dst=192.0.2.1 sport=21 dport=40000 mark=0 use=1");
    t.template.zone = 9;
    t.template.helper = TRACK_HELPER_FTP;
    talk_addresses(&t, "2001:db8::1", "2001:db8::2");
    t.next[TRACK_ORIGINAL]--;
    talk_handshake(&t);
    t.now += 1;
    assert_line(
        "tcp      6 431999 ESTABLISHED src=2001:db8::1 dst=2001:db8::2 sport=40000 dport=21 src=2001:db8::2 "
        "dst=2001:db8::1 sport=21 dport=40000 [ASSURED] mark=0 zone=9 helper=ftp use=1");
}

static void the_other_protocols_too(void **state)
{
    (void)state;
    t.now = 5000;
    send_plain(PACKET_UDP);
    assert_line(
        "udp      17 30 src=192.0.2.1 dst=198.51.100.7 sport=40000 dport=21 [UNREPLIED] src=198.51.100.7 "
        "dst=192.0.2.1 sport=21 dport=40000 mark=0 use=1");
    send_plain(PACKET_ICMP);
    assert_line(
        "icmp     1 30 src=192.0.2.1 dst=198.51.100.7 type=8 code=0 id=77 [UNREPLIED] src=198.51.100.7 "
        "dst=192.0.2.1 type=0 code=0 id=77 mark=0 use=1");
    send_plain(PACKET_GRE);
    assert_line(
        "gre      47 30 src=192.0.2.1 dst=198.51.100.7 srckey=0x0 dstkey=0x0 [UNREPLIED] src=198.51.100.7 "
        "dst=192.0.2.1 srckey=0x0 dstkey=0x0 mark=0 use=1");
    send_plain(PACKET_DCCP);
    assert_line("dccp     33 600 src=192.0.2.1 dst=198.51.100.7 sport=0 dport=0 [UNREPLIED] src=198.51.100.7 "
                "dst=192.0.2.1 sport=0 dport=0 mark=0 use=1");
    send_plain(50);
    assert_line(
        "unknown  50 600 src=192.0.2.1 dst=198.51.100.7 [UNREPLIED] src=198.51.100.7 dst=192.0.2.1 mark=0 "
        "use=1");
    talk_addresses(&t, "2001:db8::1", "2001:db8::2");
    send_plain(PACKET_ICMPV6);
    assert_line(
        "icmpv6   58 30 src=2001:db8::1 dst=2001:db8::2 type=128 code=0 id=77 [UNREPLIED] src=2001:db8::2 "
        "dst=2001:db8::1 type=129 code=0 id=77 mark=0 use=1");
}

static void assert_line_as(const struct track_format *how, const char *line)
{
    char text[512];

    assert_int_equal(track_flow_format_as(&t.flow, t.now, how, text, sizeof(text)), strlen(line));
    assert_string_equal(text, line);
}

static void options_of_conntrack_add_to_it(void **state)
{
    static const uint64_t PACKETS[] = {4, 3}, BYTES[] = {221, 166};
    struct track_format how = {.packets = PACKETS, .bytes = BYTES, .family = true, .number = true};

    (void)state;
    t.template.helper = TRACK_HELPER_FTP;
    talk_handshake(&t);
    t.now += 1;
    t.flow.serial = 77;
    assert_line_as(
        &how, "ipv4     2 tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.7 sport=40000 dport=21 "
              "packets=4 bytes=221 src=198.51.100.7 dst=192.0.2.1 sport=21 dport=40000 packets=3 bytes=166 "
              "[ASSURED] mark=0 helper=ftp use=1 id=77");
    how = (struct track_format){.kind = TRACK_FORMAT_NEW};
    assert_line_as(&how, "tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.7 sport=40000 dport=21 "
                         "src=198.51.100.7 dst=192.0.2.1 sport=21 dport=40000 [ASSURED] helper=ftp");
    how.kind = TRACK_FORMAT_UPDATE;
    t.flow.mark = 5;
    assert_line_as(&how, "tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.7 sport=40000 dport=21 "
                         "src=198.51.100.7 dst=192.0.2.1 sport=21 dport=40000 [ASSURED] mark=5");
    how = (struct track_format){.kind = TRACK_FORMAT_DESTROY, .packets = PACKETS, .bytes = BYTES};
    t.flow.expires = t.now;
    assert_line_as(
        &how,
        "tcp      6 ESTABLISHED src=192.0.2.1 dst=198.51.100.7 sport=40000 dport=21 packets=4 bytes=221 "
        "src=198.51.100.7 dst=192.0.2.1 sport=21 dport=40000 packets=3 bytes=166 [ASSURED] mark=5");
}

static void states_of_tcp_have_names(void **state)
{
    (void)state;
    assert_int_equal(track_tcp_state_find("SYN_RECV"), TRACK_TCP_SYN_RECV);
    assert_int_equal(track_tcp_state_find("TIME_WAIT"), TRACK_TCP_TIME_WAIT);
    assert_int_equal(track_tcp_state_find("syn_recv"), -1);
    assert_int_equal(track_tcp_state_find(""), -1);
}

static void marks_and_short_buffers(void **state)
{
    char text[20];
    (void)state;
    send_plain(PACKET_UDP);
    t.flow.mark = 66;
    assert_line(
        "udp      17 30 src=192.0.2.1 dst=198.51.100.7 sport=40000 dport=21 [UNREPLIED] src=198.51.100.7 "
        "dst=192.0.2.1 sport=21 dport=40000 mark=66 use=1");
    assert_true(track_flow_format(&t.flow, t.now, text, sizeof(text)) > 100);
    assert_string_equal(text, "udp      17 30 src=");
    assert_true(track_flow_format(&t.flow, t.now, NULL, 0) > 100);
}

static void assert_expectation(const char *line)
{
    struct talk_expected x = talk_expected(&t);
    char text[512];

    assert_int_equal(x.count, 1);
    assert_int_equal(track_expectation_format(t.tracker, &x.last, t.now, text, sizeof(text)), strlen(line));
    assert_string_equal(text, line);
}

static void expectations_look_as_conntrack_prints_them(void **state)
{
    (void)state;
    t.template.helper = TRACK_HELPER_FTP;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    t.now += 999;
    assert_expectation(
        "299 proto=6 src=198.51.100.7 dst=192.0.2.1 sport=0 dport=10241 mask-src=255.255.255.255 "
        "mask-dst=255.255.255.255 sport=0 dport=65535 master-src=192.0.2.1 master-dst=198.51.100.7 "
        "sport=40000 dport=21 class=0 helper=ftp");
    tracker_tick(t.tracker, t.now + 300000);
    t.now += 300000;
    talk_addresses(&t, "2001:db8::1", "2001:db8::2");
    talk_login(&t);
    server_says(&t, "229 Entering Extended Passive Mode (|||777|)\r\n");
    assert_expectation(
        "300 proto=6 src=2001:db8::1 dst=2001:db8::2 sport=0 dport=777 "
        "mask-src=ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "mask-dst=ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff sport=0 dport=65535 "
        "master-src=2001:db8::1 master-dst=2001:db8::2 sport=40000 dport=21 class=0 helper=ftp");
}

static void every_reason_has_a_sentence(void **state)
{
    (void)state;
    for (enum track_reason r = TRACK_OK; r < TRACK_REASONS; r++) {
        const char *text = track_reason_text(r);
        assert_string_not_equal(text, track_reason_text(TRACK_REASONS));
        assert_true(text[0] >= 'a' && text[0] <= 'z' && text[strlen(text) - 1] != '.');
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tcp_looks_as_conntrack_prints_it), TEST(the_other_protocols_too),
        TEST(options_of_conntrack_add_to_it),   TEST(states_of_tcp_have_names),
        TEST(marks_and_short_buffers),          TEST(expectations_look_as_conntrack_prints_them),
        TEST(every_reason_has_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
