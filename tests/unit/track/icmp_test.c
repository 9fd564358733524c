/* SPDX-License-Identifier: BSD-2-Clause */
#include "talk.h"

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

static void use_ipv6(void)
{
    talk_addresses(&t, "2001:db8::1", "2001:db8::2");
}

static struct packet_recipe message(enum track_direction from, uint8_t type, uint8_t code)
{
    uint8_t protocol = t.family == PACKET_IPV6 ? PACKET_ICMPV6 : PACKET_ICMP;
    struct packet_recipe r = talk_recipe(&t, from, protocol);

    r.icmp = (struct packet_icmp){.type = type, .code = code, .id = 77};
    return r;
}

static enum track_state send_message(enum track_direction from, uint8_t type)
{
    struct packet_recipe r = message(from, type, 0);

    talk_send(&t, &r, false);
    return t.view.state;
}

static void only_requests_begin_a_connection(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        bool starts = type == 8 || type == 13 || type == 15 || type == 17;
        assert_int_equal(send_message(TRACK_ORIGINAL, (uint8_t)type), starts ? TRACK_NEW : TRACK_INVALID);
        if (starts)
            assert_int_equal((t.flow.expires - t.now) / 1000, 30);
    }
    use_ipv6();
    for (unsigned type = 0; type < 256; type++) {
        bool untracked = (type >= 130 && type <= 136) || type == 143;
        bool starts = type == 128 || type == 139;
        assert_int_equal(send_message(TRACK_ORIGINAL, (uint8_t)type), starts      ? TRACK_NEW
                                                                      : untracked ? TRACK_UNTRACKED
                                                                                  : TRACK_INVALID);
    }
}

static void an_answer_finds_its_request(void **state)
{
    static const uint8_t pairs[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};
    static const uint8_t pairs6[][2] = {{128, 129}, {139, 140}};
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        assert_int_equal(send_message(TRACK_REPLY, pairs[i][1]), TRACK_INVALID);
        assert_int_equal(t.reason, TRACK_ICMP_NOT_A_REQUEST);
        assert_int_equal(send_message(TRACK_ORIGINAL, pairs[i][0]), TRACK_NEW);
        assert_int_equal(send_message(TRACK_ORIGINAL, pairs[i][0]), TRACK_NEW);
        assert_int_equal(send_message(TRACK_REPLY, pairs[i][1]), TRACK_ESTABLISHED);
        assert_int_equal(send_message(TRACK_ORIGINAL, pairs[i][0]), TRACK_ESTABLISHED);
    }
    /* The other side's own request is another connection, though it has the same id. */
    assert_int_equal(send_message(TRACK_REPLY, 8), TRACK_NEW);
    assert_int_equal(tracker_flow_count(t.tracker), 5);
    use_ipv6();
    for (size_t i = 0; i < COUNT(pairs6); i++) {
        assert_int_equal(send_message(TRACK_ORIGINAL, pairs6[i][0]), TRACK_NEW);
        assert_int_equal(send_message(TRACK_REPLY, pairs6[i][1]), TRACK_ESTABLISHED);
    }
}

/* An error about the client's SYN, cut to size bytes of the inner packet, from the server. */
static enum track_state send_error(uint8_t type, size_t size, const struct packet_address *to,
                                   uint16_t inner_port)
{
    uint8_t inner[100];
    struct packet_recipe syn = talk_recipe(&t, TRACK_ORIGINAL, PACKET_TCP);
    struct packet_recipe error = message(TRACK_REPLY, type, 1);

    syn.destination_port = inner_port;
    int built = packet_build(&syn, inner, sizeof(inner));
    assert_true(built > 0 && size <= (size_t)built);
    if (to)
        error.destination = *to;
    error.payload = inner;
    error.payload_size = size;
    talk_send(&t, &error, false);
    return t.view.state;
}

static void errors_are_related_to_what_they_complain_of(void **state)
{
    static const struct {
        uint8_t family, errors[5], other;
        uint8_t header;
    } families[] = {{4, {3, 4, 5, 11, 12}, 6, 20}, {6, {1, 2, 3, 4, 127}, 200, 40}};
    struct packet_address stranger;
    uint8_t family;
    (void)state;
    for (size_t f = 0; f < COUNT(families); f++) {
        if (families[f].family == 6)
            use_ipv6();
        assert_int_equal(
            packet_address_parse(families[f].family == 6 ? "2001:db8::9" : "192.0.2.99", &stranger, &family),
            0);
        size_t header = families[f].header;
        assert_int_equal(send_error(families[f].errors[0], header + 8, NULL, 21), TRACK_INVALID);
        assert_int_equal(t.reason, TRACK_ICMP_UNKNOWN_INNER);
        talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL);
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(send_error(families[f].errors[i], header + 8, NULL, 21), TRACK_RELATED);
            assert_int_equal(t.view.direction, TRACK_REPLY);
            assert_false(t.flow.status & TRACK_SEEN_REPLY);
        }
        assert_int_equal(send_error(families[f].errors[0], header + 8, NULL, 22), TRACK_INVALID);
        assert_int_equal(send_error(families[f].errors[0], header + 8, &stranger, 21), TRACK_INVALID);
        assert_int_equal(t.reason, TRACK_ICMP_WRONG_OUTER);
        assert_int_equal(send_error(families[f].other, header + 8, NULL, 21), TRACK_INVALID);
        assert_int_equal(send_error(families[f].errors[0], header + 3, NULL, 21), TRACK_INVALID);
        assert_int_equal(send_error(families[f].errors[0], header - 1, NULL, 21), TRACK_INVALID);
        assert_int_equal(send_error(families[f].errors[0], 0, NULL, 21), TRACK_INVALID);
    }
}

static void an_error_about_an_echo_is_related(void **state)
{
    uint8_t inner[100];
    struct packet_recipe echo = message(TRACK_ORIGINAL, 8, 0), error = message(TRACK_REPLY, 11, 0);
    (void)state;
    talk_send(&t, &echo, false);
    error.payload = inner;
    error.payload_size = (size_t)packet_build(&echo, inner, sizeof(inner));
    talk_send(&t, &error, false);
    assert_int_equal(t.view.state, TRACK_RELATED);
    echo.icmp.id = 78;
    error.payload_size = (size_t)packet_build(&echo, inner, sizeof(inner));
    talk_send(&t, &error, false);
    assert_int_equal(t.view.state, TRACK_INVALID);
}

static void an_error_does_not_lengthen_the_flow(void **state)
{
    (void)state;
    talk_segment(&t, TRACK_ORIGINAL, PACKET_SYN, NULL);
    uint64_t expires = t.flow.expires;
    t.now += 1000;
    assert_int_equal(send_error(3, 28, NULL, 21), TRACK_RELATED);
    assert_int_equal(t.flow.expires, expires);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_requests_begin_a_connection),
        TEST(an_answer_finds_its_request),
        TEST(errors_are_related_to_what_they_complain_of),
        TEST(an_error_about_an_echo_is_related),
        TEST(an_error_does_not_lengthen_the_flow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
