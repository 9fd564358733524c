/* SPDX-License-Identifier: BSD-2-Clause */
#include "talk.h"
#include "track/hear.h"

static struct talk t;

static int begin_linux(void **state)
{
    (void)state;
    talk_init(&t, TRACK_LINUX);
    talk_start(&t);
    return 0;
}

static int begin_robust(void **state)
{
    (void)state;
    talk_init(&t, TRACK_ROBUST);
    talk_start(&t);
    return 0;
}

static int end(void **state)
{
    (void)state;
    talk_end(&t);
    return 0;
}

/* ---- what both manners read ---- */

static void each_announcement_is_expected(void **state)
{
    static const struct {
        const char *client, *server, *announcement;
        bool reply;
        unsigned port;
    } cases[] = {
        {"192.0.2.1", "198.51.100.7", "PORT 192,0,2,1,40,1\r\n", false, 10241},
        {"192.0.2.1", "198.51.100.7", "EPRT |1|192.0.2.1|777|\r\n", false, 777},
        {"192.0.2.1", "198.51.100.7", "227 Entering Passive Mode (198,51,100,7,195,80).\r\n", true, 50000},
        {"192.0.2.1", "198.51.100.7", "227 =198,51,100,7,195,82\r\n", true, 50002},
        {"192.0.2.1", "198.51.100.7", "229 Extended Passive Mode OK (|||50001|)\r\n", true, 50001},
        {"2001:db8::1", "2001:db8::2", "EPRT |2|2001:db8::1|777|\r\n", false, 777},
        {"2001:db8::1", "2001:db8::2", "eprt !2!2001:DB8:0:0:0:0:0:1!778!\r\n", false, 778},
        {"2001:db8::1", "2001:db8::2", "229 Entering Extended Passive Mode (|||50001|)\r\n", true, 50001},
        {"::ffff:1.2.3.4", "2001:db8::2", "EPRT |2|::ffff:1.2.3.4|777|\r\n", false, 777},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        t.client_port++;
        talk_addresses(&t, cases[i].client, cases[i].server);
        talk_login(&t);
        talk_segment(&t, cases[i].reply ? TRACK_REPLY : TRACK_ORIGINAL, PACKET_ACK, cases[i].announcement);
        assert_true(t.passed);
        assert_true(talk_told(&t, TRACK_EXPECT_NEW, TRACK_OK));
        struct track_expectation e = t.events[t.event_count - 1].expectation;
        assert_int_equal(e.port, cases[i].port);
        assert_true(packet_address_equal(&e.source, cases[i].reply ? &t.client : &t.server));
        assert_true(packet_address_equal(&e.destination, cases[i].reply ? &t.server : &t.client));
        t.event_count = 0;
    }
}

static void the_expected_connection_is_related_once(void **state)
{
    (void)state;
    talk_login(&t);
    server_says(&t, "227 Entering Passive Mode (198,51,100,7,195,80).\r\n");
    t.server_port = 50000;
    t.client_port = 1234;
    t.template.helper = TRACK_HELPER_NONE;
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL), TRACK_RELATED);
    assert_true(talk_told(&t, TRACK_EXPECT_USED, TRACK_OK));
    assert_true(t.flow.status & TRACK_EXPECTED);
    assert_int_equal(t.flow.expected_by, TRACK_HELPER_FTP);
    assert_int_equal(tracker_flow(t.tracker, t.flow.master)->tuple.destination_port, 21);
    assert_int_equal(talk_segment(&t, TRACK_REPLY, PACKET_SYN | PACKET_ACK, NULL), TRACK_ESTABLISHED);
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_ACK, NULL), TRACK_ESTABLISHED);
    t.client_port = 1235;
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL), TRACK_NEW);
}

static void an_expectation_that_the_filter_drops_is_used_up(void **state)
{
    (void)state;
    talk_login(&t);
    server_says(&t, "229 Entering Extended Passive Mode (|||50001|)\r\n");
    t.server_port = 50001;
    struct packet_recipe r = talk_recipe(&t, TRACK_ORIGINAL, PACKET_TCP);
    r.tcp.flags = PACKET_SYN;
    talk_send(&t, &r, true);
    assert_int_equal(t.view.state, TRACK_RELATED);
    assert_int_equal(talk_expected(&t).count, 0);
    talk_send(&t, &r, true);
    assert_int_equal(t.view.state, TRACK_NEW);
}

static void a_second_announcement_replaces_the_first(void **state)
{
    (void)state;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    client_says(&t, "PORT 192,0,2,1,40,2\r\n");
    assert_true(talk_told(&t, TRACK_EXPECT_REPLACED, TRACK_OK));
    assert_int_equal(talk_expected_port(&t), 10242);
    t.now += 1000;
    client_says(&t, "PORT 192,0,2,1,40,2\r\n");
    assert_true(talk_told(&t, TRACK_EXPECT_REFRESHED, TRACK_OK));
    assert_int_equal(talk_expected(&t).last.expires, t.now + 300000);
}

static void an_expectation_lasts_300_seconds(void **state)
{
    (void)state;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    tracker_tick(t.tracker, t.now + 299999);
    assert_int_equal(talk_expected(&t).count, 1);
    tracker_tick(t.tracker, t.now + 300000);
    assert_int_equal(talk_expected(&t).count, 0);
    assert_true(talk_told(&t, TRACK_EXPECT_EXPIRED, TRACK_OK));
}

static void an_expectation_goes_with_its_control_connection(void **state)
{
    (void)state;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    talk_segment(&t, TRACK_REPLY, PACKET_RST | PACKET_ACK, NULL);
    assert_int_equal(talk_expected(&t).count, 1);
    tracker_tick(t.tracker, t.now + 10000);
    assert_int_equal(talk_expected(&t).count, 0);
    assert_true(talk_told(&t, TRACK_EXPECT_REMOVED, TRACK_OK));
}

static void a_foreign_address_is_not_expected_but_passed_on(void **state)
{
    (void)state;
    talk_login(&t);
    client_says(&t, "PORT 10,0,0,9,40,1\r\n");
    assert_true(t.passed);
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_FOREIGN_ADDRESS));
    assert_int_equal(talk_expected(&t).count, 0);
}

static void a_foreign_address_is_expected_if_loose(void **state)
{
    (void)state;
    talk_end(&t);
    t.config.ftp_loose = true;
    talk_start(&t);
    talk_login(&t);
    server_says(&t, "227 Entering Passive Mode (10,0,0,9,195,80).\r\n");
    struct packet_address foreign;
    uint8_t family;
    assert_int_equal(packet_address_parse("10.0.0.9", &foreign, &family), 0);
    assert_int_equal(talk_expected_port(&t), 50000);
    struct talk_expected x = talk_expected(&t);
    assert_true(packet_address_equal(&x.last.destination, &foreign));
}

/* ---- as Linux does: NETFILTER.md's list, word by word ---- */

static void the_first_payload_of_a_direction_is_never_looked_at(void **state)
{
    (void)state;
    talk_handshake(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    assert_true(t.passed);
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_FIRST_PAYLOAD));
    server_says(&t, "227 Entering Passive Mode (198,51,100,7,195,80).\r\n");
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_FIRST_PAYLOAD));
    assert_int_equal(talk_expected(&t).count, 0);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    assert_int_equal(talk_expected_port(&t), 10241);
}

static void only_the_start_of_a_segment_counts(void **state)
{
    (void)state;
    talk_login(&t);
    client_says(&t, "NOOP\r\nPORT 192,0,2,1,40,1\r\n");
    assert_true(t.passed);
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_NOT_AT_SEGMENT_START));
    server_says(&t, "227-Entering\r\n227 Entering Passive Mode (198,51,100,7,195,80).\r\n");
    assert_true(t.passed);
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_NOT_AT_SEGMENT_START));
    assert_int_equal(talk_expected(&t).count, 0);
}

static void only_right_after_a_newline(void **state)
{
    (void)state;
    talk_login(&t);
    client_says(&t, "NOOP");
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    assert_true(t.passed);
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_NOT_AT_LINE_START));
    assert_int_equal(talk_expected(&t).count, 0);
}

static void a_partial_match_drops_the_packet(void **state)
{
    static const struct {
        const char *text;
        bool reply;
    } cases[] = {
        {"P", false},
        {"PORT", false},
        {"PORT 192,0,2,", false},
        {"PORT 192,0,2,1,40,1\n", false},
        {"PORT 192,0,2,1,40\r\n", false},
        {"EPRT |2|2001:db8::1|777|\r\n", false},
        {"EPRT |1|192.0.2.1|0|\r\n", false},
        {"227 Logout.\r\n", true},
        {"22", true},
        {"227 Entering Passive Mode (198,51,100,7,195,80", true},
        {"229 Extended Passive Mode\r\n", true},
    };
    (void)state;
    talk_login(&t);
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum track_direction from = cases[i].reply ? TRACK_REPLY : TRACK_ORIGINAL;
        uint32_t next = t.next[from];
        talk_segment(&t, from, PACKET_ACK, cases[i].text);
        assert_false(t.passed);
        assert_int_equal(t.reason, TRACK_PARTIAL_MATCH);
        assert_true(talk_told(&t, TRACK_PACKET_DROPPED, TRACK_PARTIAL_MATCH));
        t.next[from] = next; /* it was dropped, so it comes again */
    }
    client_says(&t, "port 192,0,2,1,40,1\r\n");
    assert_int_equal(talk_expected_port(&t), 10241);
}

static void octets_are_not_range_checked(void **state)
{
    (void)state;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,999\r\n");
    assert_int_equal(talk_expected_port(&t), 11239);
    client_says(&t, "PORT 192,0,2,1,0,22\r\n");
    assert_int_equal(talk_expected_port(&t), 22);
    client_says(&t, "EPRT |1|192.0.2.1|65557|\r\n"); /* wraps */
    assert_int_equal(talk_expected_port(&t), 21);
    client_says(&t, "PORT 192,0,2,1,,7\r\n");
    assert_int_equal(talk_expected_port(&t), 7);
}

static void another_control_connection_can_not_expect_the_same(void **state)
{
    (void)state;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    t.client_port = 40001;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    assert_false(t.passed);
    assert_int_equal(t.reason, TRACK_EXPECTATION_TAKEN);
    assert_int_equal(talk_expected(&t).count, 1);
}

static void a_full_table_of_expectations_drops_the_packet(void **state)
{
    (void)state;
    talk_end(&t);
    t.config.max_expectations = 1;
    talk_start(&t);
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    t.client_port = 40001;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,2\r\n");
    assert_false(t.passed);
    assert_int_equal(t.reason, TRACK_EXPECTATIONS_FULL);
}

static void without_a_helper_the_reason_is_told(void **state)
{
    (void)state;
    t.template.helper = TRACK_HELPER_NONE;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_HELPER_REMOVED));
    t.server_port = 2121;
    talk_login(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_NO_HELPER));
}

static void old_kernels_attach_the_helper_by_themselves(void **state)
{
    static const struct {
        uint32_t kernel;
        bool on, helped;
    } cases[] = {
        {TRACK_KERNEL(3, 4), false, true},  {TRACK_KERNEL(4, 6), true, true},
        {TRACK_KERNEL(4, 6), false, false}, {TRACK_KERNEL(4, 7), true, true},
        {TRACK_KERNEL(5, 19), true, true},  {TRACK_KERNEL(6, 0), true, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        talk_end(&t);
        track_config_default(&t.config, TRACK_LINUX, cases[i].kernel);
        assert_int_equal(t.config.automatic_helper, cases[i].kernel < TRACK_KERNEL(4, 7));
        t.config.automatic_helper = cases[i].on;
        t.template.helper = TRACK_HELPER_NONE;
        talk_start(&t);
        talk_login(&t);
        assert_int_equal(t.flow.helper, cases[i].helped ? TRACK_HELPER_FTP : TRACK_HELPER_NONE);
    }
}

/* ---- the robust manner ---- */

static void robust_hears_the_first_payload(void **state)
{
    (void)state;
    talk_handshake(&t);
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    assert_int_equal(talk_expected_port(&t), 10241);
}

static void robust_reads_across_segments(void **state)
{
    static const char *const pieces[] = {"P", "ORT 19", "2,0,2,1,4", "0,1\r", "\n"};
    (void)state;
    talk_login(&t);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        assert_int_equal(talk_expected(&t).count, 0);
        client_says(&t, pieces[i]);
        assert_true(t.passed);
    }
    assert_int_equal(talk_expected_port(&t), 10241);
    client_says(&t, "NOOP\r\nPORT 192,0,2,1,40,2\r\nNOOP\r\n");
    assert_int_equal(talk_expected_port(&t), 10242);
}

static void robust_ignores_the_middle_of_a_reply(void **state)
{
    (void)state;
    talk_login(&t);
    server_says(&t, "211-Features\r\n227 Entering Passive Mode (198,51,100,7,195,80).\r\n211 End\r\n");
    assert_int_equal(talk_expected(&t).count, 0);
    server_says(
        &t, "227-Entering\r\n (198,51,100,7,1,2)\r\n227 Entering Passive Mode (198,51,100,7,195,81).\r\n");
    assert_int_equal(talk_expected_port(&t), 50001);
}

static void robust_drops_nothing(void **state)
{
    static const char *const server[] = {"227 Logout.\r\n", "229 Extended\r\n", "227 Mode (1,2,3)\r\n"};
    static const char *const client[] = {"P", "\r\n", "PORT\r\n", "EPRT |2|2001:db8::1|777|\r\n"};
    (void)state;
    talk_login(&t);
    for (size_t i = 0; i < COUNT(server); i++) {
        server_says(&t, server[i]);
        assert_true(t.passed);
    }
    for (size_t i = 0; i < COUNT(client); i++) {
        client_says(&t, client[i]);
        assert_true(t.passed);
    }
    assert_int_equal(talk_expected(&t).count, 0);
}

static void robust_checks_octets_and_ports(void **state)
{
    static const char *const wrong[] = {
        "PORT 192,0,2,1,40,999\r\n",    "PORT 192,0,2,1,0,0\r\n",       "PORT 192,0,258,1,40,1\r\n",
        "EPRT |1|192.0.2.1|65557|\r\n", "EPRT |1|192.0.2.257|777|\r\n", "EPRT |1|192.0.2.1|0|\r\n",
    };
    (void)state;
    talk_login(&t);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        client_says(&t, wrong[i]);
        assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_BAD_ADDRESS));
    }
    assert_int_equal(talk_expected(&t).count, 0);
}

static void robust_survives_lost_and_repeated_segments(void **state)
{
    (void)state;
    talk_login(&t);
    uint32_t before = t.next[TRACK_ORIGINAL];
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    t.next[TRACK_ORIGINAL] = before;
    client_says(&t, "PORT 192,0,2,1,40,1\r\n");
    assert_true(talk_told(&t, TRACK_EXPECT_REFRESHED, TRACK_OK));
    t.next[TRACK_ORIGINAL] += 6; /* NOOP is lost */
    client_says(&t, "PORT 192,0,2,1,40,2\r\n");
    assert_int_equal(talk_expected_port(&t), 10241);
    assert_true(talk_told(&t, TRACK_EXPECT_MISSED, TRACK_NOT_AT_LINE_START));
    client_says(&t, "PORT 192,0,2,1,40,3\r\n");
    assert_int_equal(talk_expected_port(&t), 10243);
}

static void robust_reads_no_more_of_a_line_than_it_keeps(void **state)
{
    char line[3000] = "227 ";
    (void)state;
    memset(line + 4, 'x', 2000);
    strcpy(line + 2004, " (198,51,100,7,195,80)\r\n");
    talk_login(&t);
    server_says(&t, line);
    assert_int_equal(talk_expected(&t).count, 0);
    server_says(&t, "227 (198,51,100,7,195,80)\r\n");
    assert_int_equal(talk_expected_port(&t), 50000);
}

static void tls_is_told_from_text(void **state)
{
    (void)state;
    assert_true(track_payload_is_tls("\x16\x03\x01", 3));
    assert_true(track_payload_is_tls("\x17\x03\x03", 3));
    assert_false(track_payload_is_tls("\x17\x03", 2));
    assert_false(track_payload_is_tls("PORT", 4));
}

#define LINUX(test)  cmocka_unit_test_setup_teardown(test, begin_linux, end)
#define ROBUST(test) {"robust: " #test, test, begin_robust, end, NULL}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINUX(each_announcement_is_expected),
        LINUX(the_expected_connection_is_related_once),
        LINUX(an_expectation_that_the_filter_drops_is_used_up),
        LINUX(a_second_announcement_replaces_the_first),
        LINUX(an_expectation_lasts_300_seconds),
        LINUX(an_expectation_goes_with_its_control_connection),
        LINUX(a_foreign_address_is_not_expected_but_passed_on),
        LINUX(a_foreign_address_is_expected_if_loose),
        LINUX(the_first_payload_of_a_direction_is_never_looked_at),
        LINUX(only_the_start_of_a_segment_counts),
        LINUX(only_right_after_a_newline),
        LINUX(a_partial_match_drops_the_packet),
        LINUX(octets_are_not_range_checked),
        LINUX(another_control_connection_can_not_expect_the_same),
        LINUX(a_full_table_of_expectations_drops_the_packet),
        LINUX(without_a_helper_the_reason_is_told),
        LINUX(old_kernels_attach_the_helper_by_themselves),
        ROBUST(each_announcement_is_expected),
        ROBUST(the_expected_connection_is_related_once),
        ROBUST(a_second_announcement_replaces_the_first),
        ROBUST(an_expectation_goes_with_its_control_connection),
        ROBUST(a_foreign_address_is_not_expected_but_passed_on),
        ROBUST(a_foreign_address_is_expected_if_loose),
        ROBUST(robust_hears_the_first_payload),
        ROBUST(robust_reads_across_segments),
        ROBUST(robust_ignores_the_middle_of_a_reply),
        ROBUST(robust_drops_nothing),
        ROBUST(robust_checks_octets_and_ports),
        ROBUST(robust_survives_lost_and_repeated_segments),
        ROBUST(robust_reads_no_more_of_a_line_than_it_keeps),
        cmocka_unit_test(tls_is_told_from_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
