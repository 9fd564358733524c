/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/tuple.h"

#include "unit.h"

static struct track_tuple tuple_of(uint8_t protocol, uint16_t source_port, uint16_t destination_port)
{
    return (struct track_tuple){
        .source = {{0x0a000009, 0, 0, 0}},
        .destination = {{0x0a000002, 0, 0, 0}},
        .source_port = source_port,
        .destination_port = destination_port,
        .family = PACKET_IPV4,
        .protocol = protocol,
        .zone = 3,
    };
}

static void a_flow_knows_the_tuples_of_both_directions(void **state)
{
    struct track_tuple original = tuple_of(PACKET_TCP, 40000, 21), reply, inverse = original;
    struct track_flow flow;

    (void)state;
    track_flow_name(&flow, &original);
    reply = *track_flow_tuple(&flow, TRACK_REPLY);
    assert_true(track_tuple_equal(&original, track_flow_tuple(&flow, TRACK_ORIGINAL)));
    assert_true(track_tuple_invert(&original, &inverse));
    assert_true(track_tuple_equal(&reply, &inverse));
    assert_int_equal(track_flow_direction(&flow, &original), TRACK_ORIGINAL);
    assert_int_equal(track_flow_direction(&flow, &reply), TRACK_REPLY);
    reply.zone = 4;
    assert_int_equal(track_flow_direction(&flow, &reply), TRACK_DIRECTIONS);
}

static void an_answer_has_the_other_type(void **state)
{
    struct track_tuple question = tuple_of(PACKET_ICMP, 77, ICMP4_ECHO << 8), reply;
    struct track_flow flow;

    (void)state;
    track_flow_name(&flow, &question);
    reply = *track_flow_tuple(&flow, TRACK_REPLY);
    assert_int_equal(reply.source_port, 77);
    assert_int_equal(reply.destination_port, ICMP4_ECHO_REPLY << 8);
    assert_int_equal(track_flow_direction(&flow, &reply), TRACK_REPLY);
}

/* Who translates addresses changes the reply tuple, and answers are known by that. */
static void an_answer_to_a_translated_flow_is_known(void **state)
{
    struct track_tuple original = tuple_of(PACKET_TCP, 40000, 21), answer;
    struct track_flow flow;

    (void)state;
    track_flow_name(&flow, &original);
    flow.reply.destination_port = 50000;
    answer = flow.reply;
    assert_int_equal(track_flow_direction(&flow, &answer), TRACK_REPLY);
    answer.destination_port = 40000;
    assert_int_equal(track_flow_direction(&flow, &answer), TRACK_DIRECTIONS);
}

/* Both directions have one key, and who asks has another one than who is asked with the same id. */
static void both_directions_have_one_key(void **state)
{
    static const uint8_t protocols[] = {PACKET_TCP, PACKET_UDP, PACKET_GRE, PACKET_ICMP};

    (void)state;
    for (size_t i = 0; i < COUNT(protocols); i++) {
        bool icmp = protocols[i] == PACKET_ICMP;
        struct track_tuple t = tuple_of(protocols[i], 7, icmp ? ICMP4_TIMESTAMP << 8 : 9);
        struct track_tuple inverse = t, key, other;
        assert_true(track_tuple_invert(&t, &inverse));
        track_tuple_key(&t, &key);
        track_tuple_key(&inverse, &other);
        assert_true(track_tuple_equal(&key, &other));
        struct track_tuple theirs = t;
        theirs.source = t.destination;
        theirs.destination = t.source;
        track_tuple_key(&theirs, &other);
        assert_false(track_tuple_equal(&key, &other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_knows_the_tuples_of_both_directions),
        cmocka_unit_test(an_answer_has_the_other_type),
        cmocka_unit_test(an_answer_to_a_translated_flow_is_known),
        cmocka_unit_test(both_directions_have_one_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
