/* SPDX-License-Identifier: BSD-2-Clause */
#include "talk.h"

#include "track/tcp.h"

static struct talk t;

static int begin(void **state)
{
    (void)state;
    talk_init(&t, TRACK_LINUX);
    t.template.helper = TRACK_HELPER_NONE;
    t.server_port = 80;
    talk_start(&t);
    return 0;
}

static int end(void **state)
{
    (void)state;
    talk_end(&t);
    return 0;
}

/* Starts again with what was set in t.config. */
static void restart(void)
{
    talk_end(&t);
    talk_start(&t);
}

static void client_expect(uint8_t flags, enum track_state state, uint8_t tcp_state)
{
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, flags, NULL), state);
    assert_int_equal(t.flow.tcp.state, tcp_state);
}

static void server_expect(uint8_t flags, enum track_state state, uint8_t tcp_state)
{
    assert_int_equal(talk_segment(&t, TRACK_REPLY, flags, NULL), state);
    assert_int_equal(t.flow.tcp.state, tcp_state);
}

static uint64_t seconds_left(void)
{
    return (t.flow.expires - t.now) / 1000;
}

static void the_table_is_netfilters(void **state)
{
    /* Letters in the order of the states: . NONE, s SYN_SENT, r SYN_RECV, e ESTABLISHED, f FIN_WAIT, c
     * CLOSE_WAIT, l LAST_ACK, t TIME_WAIT, x CLOSE, 2 SYN_SENT2; then - INVALID, i IGNORE. */
    static const char letters[] = ".srefcltx2-i";
    static const char *const rows[TRACK_DIRECTIONS][TRACK_TCP_CLASSES] = {
        {"ssiiiiiss2", "--r------r", "--ffllltx-", "e-eeccttx-", "-xxxxxxxxx", "----------"},
        {"-2-----s-2", "-riiiiiiir", "--ffllltx-", "-ireccttxi", "-xxxxxxxxx", "----------"},
    };
    (void)state;
    for (unsigned d = 0; d < TRACK_DIRECTIONS; d++) {
        for (unsigned c = 0; c < TRACK_TCP_CLASSES; c++) {
            for (unsigned s = 0; s < TRACK_TCP_STATES; s++)
                assert_int_equal(letters[track_tcp_next(d, c, s)], rows[d][c][s]);
        }
    }
}

static void only_nine_sets_of_flags_are_valid(void **state)
{
    unsigned valid = 0;
    (void)state;
    for (unsigned flags = 0; flags < 256; flags++)
        valid += track_tcp_flags_are_valid((uint8_t)flags);
    assert_int_equal(valid, 9 * 8); /* times PSH, ECE, CWR */
    for (unsigned flags = 0; flags < 256; flags++) {
        t.client_port++;
        enum track_state got = talk_segment(&t, TRACK_ORIGINAL, (uint8_t)flags, NULL);
        bool starts = track_tcp_flags_are_valid((uint8_t)flags) && !(flags & (PACKET_FIN | PACKET_RST)) &&
                      (flags & (PACKET_SYN | PACKET_ACK)) != (PACKET_SYN | PACKET_ACK);
        assert_int_equal(got, starts ? TRACK_NEW : TRACK_INVALID);
        if (got == TRACK_INVALID)
            assert_int_equal(t.reason, track_tcp_flags_are_valid((uint8_t)flags) ? TRACK_TCP_NOT_A_START
                                                                                 : TRACK_BAD_TCP_FLAGS);
    }
}

static void a_connection_lives_and_closes(void **state)
{
    (void)state;
    client_expect(PACKET_SYN, TRACK_NEW, TRACK_TCP_SYN_SENT);
    assert_int_equal(seconds_left(), 120);
    server_expect(PACKET_SYN | PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_SYN_RECV);
    assert_int_equal(seconds_left(), 60);
    assert_true(talk_told(&t, TRACK_FLOW_REPLIED, TRACK_OK));
    client_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED);
    assert_true(talk_told(&t, TRACK_FLOW_ASSURED, TRACK_OK));
    assert_int_equal(seconds_left(), 432000);
    client_expect(PACKET_FIN | PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_FIN_WAIT);
    assert_int_equal(seconds_left(), 120);
    server_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_CLOSE_WAIT);
    assert_int_equal(seconds_left(), 60);
    server_expect(PACKET_FIN | PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_LAST_ACK);
    assert_int_equal(seconds_left(), 30);
    client_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_TIME_WAIT);
    assert_int_equal(seconds_left(), 120);
    uint32_t old = t.flow.serial;
    t.next[TRACK_ORIGINAL] += 100000;
    client_expect(PACKET_SYN, TRACK_NEW, TRACK_TCP_SYN_SENT); /* the ports are used again */
    assert_int_not_equal(t.flow.serial, old);
    assert_true(talk_told(&t, TRACK_FLOW_ENDED, TRACK_OK));
}

static void unacknowledged_data_shortens_the_wait(void **state)
{
    (void)state;
    talk_handshake(&t);
    client_says(&t, "hello");
    assert_int_equal(seconds_left(), 300);
    server_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED);
    assert_int_equal(seconds_left(), 432000);
}

static void the_same_ack_three_times_is_a_retransmission(void **state)
{
    (void)state;
    talk_handshake(&t);
    for (int i = 0; i < 3; i++)
        client_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED);
    assert_int_equal(t.flow.tcp.retransmissions, 3);
    assert_int_equal(seconds_left(), 300);
}

static void out_of_the_window_is_invalid(void **state)
{
    (void)state;
    talk_handshake(&t);
    t.next[TRACK_ORIGINAL] += 500000;
    assert_int_equal(client_says(&t, "x"), TRACK_INVALID);
    assert_int_equal(t.reason, TRACK_TCP_OUT_OF_WINDOW);
    t.next[TRACK_ORIGINAL] -= 500001;
    t.next[TRACK_REPLY] += 70000; /* acknowledges what was never sent */
    assert_int_equal(client_says(&t, "x"), TRACK_INVALID);
    t.next[TRACK_REPLY] -= 70000;
    assert_int_equal(client_says(&t, "x"), TRACK_ESTABLISHED);
    t.next[TRACK_ORIGINAL] -= 200000; /* long gone: ignored, but not INVALID */
    assert_int_equal(client_says(&t, "x"), TRACK_ESTABLISHED);
    t.config.tcp_be_liberal = true;
    restart();
    talk_handshake(&t);
    t.next[TRACK_ORIGINAL] += 500000;
    assert_int_equal(client_says(&t, "x"), TRACK_ESTABLISHED);
}

static void send_with(enum track_direction from, uint8_t flags, uint16_t window, int8_t scale)
{
    struct packet_recipe r = talk_recipe(&t, from, PACKET_TCP);

    r.tcp.flags = flags;
    r.tcp.window = window;
    r.window_scale = scale;
    talk_send(&t, &r, false);
    t.next[from] += !!(flags & PACKET_SYN);
}

static void windows_scale_if_both_sides_say_so(void **state)
{
    (void)state;
    for (int8_t server = -1; server < 8; server += 8) {
        t.client_port++;
        send_with(TRACK_ORIGINAL, PACKET_SYN, 1000, 7);
        send_with(TRACK_REPLY, PACKET_SYN | PACKET_ACK, 1000, server);
        send_with(TRACK_ORIGINAL, PACKET_ACK, 1000, -1);
        send_with(TRACK_REPLY, PACKET_ACK, 1000, -1);
        assert_int_equal(t.flow.tcp.side[TRACK_ORIGINAL].scale, server < 0 ? 0 : 7);
        t.next[TRACK_ORIGINAL] += 5000;
        assert_int_equal(client_says(&t, "x"), server < 0 ? TRACK_INVALID : TRACK_ESTABLISHED);
    }
}

static void a_bare_ack_of_an_unknown_flow_is_new_if_loose(void **state)
{
    (void)state;
    client_expect(PACKET_ACK, TRACK_NEW, TRACK_TCP_ESTABLISHED);
    assert_int_equal(seconds_left(), 300); /* mid-stream pick-up without a reply is capped */
    server_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED);
    assert_false(t.flow.status & TRACK_ASSURED); /* the reply itself was the first */
    client_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED);
    assert_true(t.flow.status & TRACK_ASSURED);
    t.config.tcp_loose = false;
    restart();
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_ACK, NULL), TRACK_INVALID);
}

static void a_reset_without_a_reply_deletes_the_entry(void **state)
{
    (void)state;
    client_expect(PACKET_SYN, TRACK_NEW, TRACK_TCP_SYN_SENT);
    assert_int_equal(talk_segment(&t, TRACK_REPLY, PACKET_RST | PACKET_ACK, NULL), TRACK_ESTABLISHED);
    assert_int_equal(tracker_flow_count(t.tracker), 0);
    assert_true(talk_told(&t, TRACK_FLOW_ENDED, TRACK_OK));
}

static void a_repeated_syn_does_not_refresh_the_entry(void **state)
{
    (void)state;
    client_expect(PACKET_SYN, TRACK_NEW, TRACK_TCP_SYN_SENT);
    t.now += 50000;
    t.next[TRACK_ORIGINAL]--;
    client_expect(PACKET_SYN, TRACK_NEW, TRACK_TCP_SYN_SENT);
    assert_int_equal(seconds_left(), 70);
}

static void only_the_exact_reset_ends_a_connection(void **state)
{
    (void)state;
    talk_handshake(&t);
    client_says(&t, "hello");
    server_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED);
    t.next[TRACK_ORIGINAL] += 10;
    client_expect(PACKET_RST, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED); /* in the window, but not exact */
    assert_int_equal(seconds_left(), 10);
    t.next[TRACK_ORIGINAL] -= 20;
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_RST, NULL), TRACK_INVALID);
    t.next[TRACK_ORIGINAL] += 10;
    client_expect(PACKET_RST, TRACK_ESTABLISHED, TRACK_TCP_CLOSE);
    assert_int_equal(seconds_left(), 10);
}

/* Out of every window, but it acknowledges a SYN that was let through unseen: of the other side's, that is
 * proof. */
static void a_reset_may_answer_only_the_other_sides_syn(void **state)
{
    (void)state;
    client_expect(PACKET_SYN, TRACK_NEW, TRACK_TCP_SYN_SENT);
    server_expect(PACKET_SYN | PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_SYN_RECV);
    uint32_t syn = t.next[TRACK_ORIGINAL] += 900000;
    client_expect(PACKET_SYN, TRACK_ESTABLISHED, TRACK_TCP_SYN_RECV); /* ignored, and remembered */
    t.next[TRACK_REPLY] = syn + 1;
    t.next[TRACK_ORIGINAL] += 70000000;
    assert_int_equal(talk_segment(&t, TRACK_ORIGINAL, PACKET_RST | PACKET_ACK, NULL), TRACK_INVALID);
    assert_int_equal(t.flow.tcp.state, TRACK_TCP_SYN_RECV);
    t.next[TRACK_ORIGINAL] = syn + 1;
    t.next[TRACK_REPLY] += 70000000;
    server_expect(PACKET_RST | PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_CLOSE);
}

static void a_simultaneous_open_is_followed(void **state)
{
    (void)state;
    client_expect(PACKET_SYN, TRACK_NEW, TRACK_TCP_SYN_SENT);
    server_expect(PACKET_SYN, TRACK_ESTABLISHED, TRACK_TCP_SYN_SENT2);
    t.next[TRACK_ORIGINAL]--;
    client_expect(PACKET_SYN | PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_SYN_RECV);
    server_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED);
}

static void a_client_that_restarts_gets_back_in_step(void **state)
{
    (void)state;
    talk_handshake(&t);
    t.next[TRACK_ORIGINAL] = 777000000;
    client_expect(PACKET_SYN, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED); /* ignored, and remembered */
    t.next[TRACK_REPLY] = 333000000;
    server_expect(PACKET_SYN | PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_SYN_RECV);
    client_expect(PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_ESTABLISHED);
    assert_int_equal(client_says(&t, "hello"), TRACK_ESTABLISHED);
}

static void an_expired_connection_is_forgotten(void **state)
{
    (void)state;
    client_expect(PACKET_SYN, TRACK_NEW, TRACK_TCP_SYN_SENT);
    t.now += 119999;
    server_expect(PACKET_SYN | PACKET_ACK, TRACK_ESTABLISHED, TRACK_TCP_SYN_RECV);
    t.now += 60000;
    assert_int_equal(talk_segment(&t, TRACK_REPLY, PACKET_SYN | PACKET_ACK, NULL), TRACK_INVALID);
    assert_int_equal(t.reason, TRACK_TCP_NOT_A_START);
    assert_true(talk_told(&t, TRACK_FLOW_ENDED, TRACK_OK));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_is_netfilters),
        TEST(only_nine_sets_of_flags_are_valid),
        TEST(a_connection_lives_and_closes),
        TEST(unacknowledged_data_shortens_the_wait),
        TEST(the_same_ack_three_times_is_a_retransmission),
        TEST(out_of_the_window_is_invalid),
        TEST(windows_scale_if_both_sides_say_so),
        TEST(a_bare_ack_of_an_unknown_flow_is_new_if_loose),
        TEST(a_reset_without_a_reply_deletes_the_entry),
        TEST(a_repeated_syn_does_not_refresh_the_entry),
        TEST(only_the_exact_reset_ends_a_connection),
        TEST(a_reset_may_answer_only_the_other_sides_syn),
        TEST(a_simultaneous_open_is_followed),
        TEST(a_client_that_restarts_gets_back_in_step),
        TEST(an_expired_connection_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
