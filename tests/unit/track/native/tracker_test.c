/* SPDX-License-Identifier: BSD-2-Clause */
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

static void restart(void)
{
    talk_end(&t);
    talk_start(&t);
}

static enum track_state send_plain(enum track_direction from, uint8_t protocol)
{
    struct packet_recipe r = talk_recipe(&t, from, protocol);

    r.payload = "payload";
    r.payload_size = 7;
    talk_send(&t, &r, false);
    return t.view.state;
}

static uint64_t seconds_left(void)
{
    return (t.flow.expires - t.now) / 1000;
}

static void udp_becomes_a_stream_after_two_seconds(void **state)
{
    (void)state;
    assert_int_equal(send_plain(TRACK_ORIGINAL, PACKET_UDP), TRACK_NEW);
    assert_int_equal(seconds_left(), 30);
    assert_int_equal(send_plain(TRACK_ORIGINAL, PACKET_UDP), TRACK_NEW);
    assert_int_equal(send_plain(TRACK_REPLY, PACKET_UDP), TRACK_ESTABLISHED);
    t.now += 2000;
    assert_int_equal(send_plain(TRACK_ORIGINAL, PACKET_UDP), TRACK_ESTABLISHED);
    assert_int_equal(seconds_left(), 30);
    assert_false(t.flow.status & TRACK_ASSURED);
    t.now += 1;
    assert_int_equal(send_plain(TRACK_ORIGINAL, PACKET_UDP), TRACK_ESTABLISHED);
    assert_int_equal(seconds_left(), 120);
    assert_true(t.flow.status & TRACK_ASSURED);
}

static void other_protocols_have_ages_of_their_own(void **state)
{
    static const struct {
        uint8_t protocol;
        uint16_t first, both;
        bool assured;
    } cases[] = {{PACKET_GRE, 30, 180, true}, {50, 600, 600, false}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(send_plain(TRACK_ORIGINAL, cases[i].protocol), TRACK_NEW);
        assert_int_equal(seconds_left(), cases[i].first);
        assert_int_equal(send_plain(TRACK_REPLY, cases[i].protocol), TRACK_ESTABLISHED);
        assert_int_equal(send_plain(TRACK_ORIGINAL, cases[i].protocol), TRACK_ESTABLISHED);
        assert_int_equal(seconds_left(), cases[i].both);
        assert_int_equal(!!(t.flow.status & TRACK_ASSURED), cases[i].assured);
    }
}

static void notrack_is_untracked_and_zones_are_apart(void **state)
{
    (void)state;
    t.template.notrack = true;
    assert_int_equal(send_plain(TRACK_ORIGINAL, PACKET_UDP), TRACK_UNTRACKED);
    assert_int_equal(tracker_flow_count(t.tracker), 0);
    t.template.notrack = false;
    assert_int_equal(send_plain(TRACK_ORIGINAL, PACKET_UDP), TRACK_NEW);
    t.template.zone = 5;
    assert_int_equal(send_plain(TRACK_REPLY, PACKET_UDP), TRACK_NEW);
    assert_int_equal(t.flow.tuple.zone, 5);
}

static void a_dropped_beginning_leaves_nothing(void **state)
{
    (void)state;
    struct packet_recipe r = talk_recipe(&t, TRACK_ORIGINAL, PACKET_TCP);
    r.tcp.flags = PACKET_SYN;
    talk_send(&t, &r, true);
    assert_int_equal(t.view.state, TRACK_NEW);
    assert_int_equal(tracker_flow_count(t.tracker), 0);
    assert_int_equal(t.event_count, 0);
    talk_send(&t, &r, false);
    assert_int_equal(t.view.state, TRACK_NEW);
    assert_int_equal(tracker_flow_count(t.tracker), 1);
    assert_true(talk_told(&t, TRACK_FLOW_NEW, TRACK_OK));
}

static void broken_packets_are_invalid(void **state)
{
    uint8_t bytes[100];
    struct packet_recipe r = talk_recipe(&t, TRACK_ORIGINAL, PACKET_TCP);
    (void)state;
    r.tcp.flags = PACKET_SYN;
    int size = packet_build(&r, bytes, sizeof(bytes));
    bytes[36] ^= 1; /* TCP's checksum */
    talk_track_bytes(&t, bytes, (size_t)size, false);
    assert_int_equal(t.view.state, TRACK_INVALID);
    assert_int_equal(t.reason, TRACK_BAD_CHECKSUM);
    t.config.check_sums = false;
    restart();
    talk_track_bytes(&t, bytes, (size_t)size, false);
    assert_int_equal(t.view.state, TRACK_NEW);

    bytes[32] = 0x40; /* a header of 16 bytes */
    talk_track_bytes(&t, bytes, (size_t)size, false);
    assert_int_equal(t.reason, TRACK_SHORT_PACKET);
    bytes[6] = 0; /* a later fragment */
    bytes[7] = 3;
    talk_track_bytes(&t, bytes, (size_t)size, false);
    assert_int_equal(t.reason, TRACK_FRAGMENT);
}

static bool count_flow(void *arg, const struct track_flow *flow)
{
    uint32_t *last = arg;

    assert_true(flow->serial > *last);
    *last = flow->serial;
    return true;
}

static void flows_come_in_the_order_in_which_they_began(void **state)
{
    uint32_t last = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        t.client_port = (uint16_t)(1 + i * 7919 % 60000);
        send_plain(TRACK_ORIGINAL, PACKET_UDP);
        t.event_count = 0;
        t.now += 1000;
    }
    tracker_tick(t.tracker, t.now);
    tracker_each_flow(t.tracker, count_flow, &last);
    assert_int_equal(last, 100);
    assert_int_equal(tracker_flow_count(t.tracker), 29);
    assert_true(t.event_count >= 1);
}

static void a_full_table_pushes_out_who_is_not_assured(void **state)
{
    (void)state;
    t.config.max_flows = 4;
    restart();
    for (unsigned i = 0; i < 4; i++) {
        t.client_port++;
        talk_handshake(&t);
    }
    t.client_port++;
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL), TRACK_INVALID);
    assert_int_equal(t.reason, TRACK_TABLE_FULL);
    assert_false(t.passed);
    talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL);
    t.client_port--;
    talk_segment(&t, TRACK_ORIGINAL, PACKET_RST | PACKET_ACK, NULL);
    t.now += 10001;
    t.client_port += 5;
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL),
                     TRACK_NEW); /* in an expired one's place */
    t.client_port++;
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL), TRACK_NEW); /* in its place */
    assert_int_equal(tracker_flow_count(t.tracker), 4);
}

static void a_child_inherits_the_mark(void **state)
{
    struct track_view view;
    enum track_reason reason;
    uint8_t bytes[100];
    struct packet packet;
    (void)state;
    t.template.helper = TRACK_HELPER_FTP;
    talk_login(&t);
    /* A rule marks the control connection while its packet is looked at. */
    struct packet_recipe r = talk_recipe(&t, TRACK_ORIGINAL, PACKET_TCP);
    int size = packet_build(&r, bytes, sizeof(bytes));
    assert_int_equal(packet_decode(bytes, (size_t)size, true, &packet), 0);
    tracker_begin(t.tracker, &packet, t.now, NULL, &view);
    view.flow->mark = 66;
    assert_true(tracker_commit(t.tracker, &packet, NULL, &view, &reason));

    server_says(&t, "229 Entering Extended Passive Mode (|||50001|)\r\n");
    uint32_t control = talk_expected(&t).last.master;
    t.server_port = 50001;
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL), TRACK_RELATED);
    assert_int_equal(t.flow.mark, 66);
    assert_int_equal(t.flow.helper, TRACK_HELPER_NONE);
    assert_int_equal(t.flow.master, control);

    /* The handle outlives the control connection, and then leads nowhere. */
    struct track_tuple child = t.flow.tuple;
    t.server_port = 21;
    t.next[TRACK_ORIGINAL]--; /* the SYN was not this connection's */
    talk_segment(&t, TRACK_REPLY, PACKET_RST | PACKET_ACK, NULL);
    tracker_tick(t.tracker, t.now + 11000);
    assert_non_null(tracker_find(t.tracker, &child, t.now + 11000));
    assert_null(tracker_flow(t.tracker, control));
}

static void a_flow_is_found_by_its_first_direction(void **state)
{
    (void)state;
    send_plain(TRACK_ORIGINAL, PACKET_UDP);
    struct track_tuple tuple = t.flow.tuple;
    assert_non_null(tracker_find(t.tracker, &tuple, t.now));
    assert_null(tracker_find(t.tracker, &tuple, t.now + 30000));
    struct track_tuple inverse = tuple;
    inverse.source = tuple.destination;
    inverse.destination = tuple.source;
    inverse.source_port = tuple.destination_port;
    inverse.destination_port = tuple.source_port;
    assert_null(tracker_find(t.tracker, &inverse, t.now));
}

/* Against a plain list of what must be there. */
static void the_table_loses_and_invents_nothing(void **state)
{
    enum { PORTS = 3000 };
    static bool there[PORTS];
    uint32_t random = 1;
    size_t count = 0;
    (void)state;
    talk_end(&t);
    t.tracker = tracker_new(&t.config, NULL, NULL);
    for (unsigned i = 0; i < 60000; i++) {
        random = random * 1664525 + 1013904223;
        unsigned port = random >> 16 % PORTS;
        port %= PORTS;
        t.client_port = (uint16_t)(1024 + port);
        bool is_reset = random >> 8 & 1;
        t.next[0] = 1000;
        if (is_reset) { /* refused: gone at once */
            talk_segment(&t, TRACK_REPLY, PACKET_RST | PACKET_ACK, NULL);
            assert_int_equal(t.view.state, there[port] ? TRACK_ESTABLISHED : TRACK_INVALID);
            count -= there[port];
            there[port] = false;
        } else {
            t.next[1] = 0;
            talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL);
            assert_int_equal(t.view.state, TRACK_NEW);
            count += !there[port];
            there[port] = true;
        }
        assert_int_equal(tracker_flow_count(t.tracker), count);
    }
}

static void a_million_flows_take_less_than_200_bytes_each(void **state)
{
    uint8_t bytes[100];
    struct packet packet;
    struct track_view view;
    enum track_reason reason;
    (void)state;
    talk_end(&t);
    t.config.max_flows = 1000000;
    t.tracker = tracker_new(&t.config, NULL, NULL);
    struct packet_recipe r = talk_recipe(&t, TRACK_ORIGINAL, PACKET_UDP);
    int size = packet_build(&r, bytes, sizeof(bytes));
    assert_int_equal(packet_decode(bytes, (size_t)size, true, &packet), 0);
    for (uint32_t i = 0; i < 1000000; i++) {
        packet.source.word[0] = i;
        tracker_begin(t.tracker, &packet, t.now, NULL, &view);
        assert_true(tracker_commit(t.tracker, &packet, NULL, &view, &reason));
    }
    assert_int_equal(tracker_flow_count(t.tracker), 1000000);
    assert_true(tracker_memory(t.tracker) < 200ULL * 1000000);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(udp_becomes_a_stream_after_two_seconds),
        TEST(other_protocols_have_ages_of_their_own),
        TEST(notrack_is_untracked_and_zones_are_apart),
        TEST(a_dropped_beginning_leaves_nothing),
        TEST(broken_packets_are_invalid),
        TEST(flows_come_in_the_order_in_which_they_began),
        TEST(a_full_table_pushes_out_who_is_not_assured),
        TEST(a_child_inherits_the_mark),
        TEST(a_flow_is_found_by_its_first_direction),
        TEST(the_table_loses_and_invents_nothing),
        TEST(a_million_flows_take_less_than_200_bytes_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
