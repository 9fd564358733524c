/* SPDX-License-Identifier: BSD-2-Clause */
/* What a capture has of a connection, and of what is said on it. */
#include "explain/replay/doubles.h"
#include "explain/replay/follow.h"
#include "explain/replay/speech.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A segment between 192.0.2.1:port and 192.0.2.2:21. */
struct segment {
    bool back;
    uint8_t flags;
    uint32_t sequence, ack;
    size_t size;
};

static struct packet segment_of(const struct segment *s, uint16_t port, uint8_t bytes[256])
{
    static const char payload[200];
    struct packet_recipe recipe = {
        .family = PACKET_IPV4,
        .protocol = PACKET_TCP,
        .source = {{htonl(s->back ? 0xc0000202 : 0xc0000201)}},
        .destination = {{htonl(s->back ? 0xc0000201 : 0xc0000202)}},
        .source_port = s->back ? 21 : port,
        .destination_port = s->back ? port : 21,
        .tcp = {.sequence = s->sequence, .acknowledgement = s->ack, .flags = s->flags, .window = 1000},
        .window_scale = -1,
        .payload = payload,
        .payload_size = s->size};
    int size = packet_build(&recipe, bytes, 256);
    struct packet p;

    assert_true(size > 0);
    assert_int_equal(packet_decode(bytes, (size_t)size, false, &p), 0);
    return p;
}

static struct follow_event meet(struct follower *f, const struct segment *s, uint16_t port)
{
    uint8_t bytes[256];
    struct packet p = segment_of(s, port, bytes);
    struct follow_event e;

    assert_int_equal(follow_packet(f, &p, 1, 0, &e), 0);
    return e;
}

enum {
    S = PACKET_SYN,
    A = PACKET_ACK,
    SA = PACKET_SYN | PACKET_ACK,
    F = PACKET_FIN | PACKET_ACK,
    R = PACKET_RST
};

static void bytes_that_are_acknowledged_and_were_never_seen(void **state)
{
    (void)state;
    static const struct {
        struct segment segment;
        uint32_t fresh, lost;
    } cases[] = {
        {{false, S, 99, 0, 0}, 0, 0},      {{true, SA, 499, 100, 0}, 0, 0},
        {{false, A, 100, 500, 10}, 10, 0}, {{true, A, 500, 110, 0}, 0, 0},
        {{false, A, 100, 500, 10}, 0, 0},                                   /* sent again */
        {{false, A, 105, 500, 10}, 5, 0},                                   /* half of it is new */
        {{false, A, 130, 500, 10}, 10, 0},                                  /* after a gap */
        {{true, A, 500, 115, 0}, 0, 0},                                     /* up to the gap */
        {{false, A, 115, 500, 10}, 10, 0},                                  /* of which this fills a part */
        {{true, A, 500, 140, 0}, 0, 5},                                     /* the other is lost */
        {{true, A, 500, 140, 0}, 0, 0},    {{true, A, 500, 190, 0}, 0, 50}, /* what no packet showed */
        {{false, A, 190, 700, 0}, 0, 200}, {{true, A, 700, 190, 20}, 20, 0},
    };
    struct follower *f = follower_new();

    assert_non_null(f);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct follow_event e = meet(f, &cases[i].segment, 40000);

        assert_int_equal(e.fresh, cases[i].fresh);
        assert_int_equal(e.lost, cases[i].lost);
        assert_int_equal(e.is_new, i == 0);
        assert_int_equal(e.of->serial, 1);
    }
    follower_free(&f);
}

static void one_direction_acknowledges_what_it_likes(void **state)
{
    (void)state;
    static const struct segment up[] = {
        {false, S, 99, 0, 0}, {false, A, 100, 500, 0}, {false, A, 100, 900, 10}};
    struct follower *f = follower_new();
    struct follow_event e;

    for (size_t i = 0; i < COUNT(up); i++) {
        e = meet(f, &up[i], 40000);
        assert_int_equal(e.lost, 0);
    }
    assert_true(e.of->went_on);
    assert_false(e.of->side[1].seen);
    follower_free(&f);
}

static void another_syn_is_another_connection(void **state)
{
    (void)state;
    struct follower *f = follower_new();

    assert_int_equal(meet(f, &(struct segment){false, S, 99, 0, 0}, 40000).of->serial, 1);
    struct follow_event again = meet(f, &(struct segment){false, S, 99, 0, 0}, 40000);
    assert_int_equal(again.of->serial, 1);
    assert_int_equal(again.of->syn_tries, 2);
    assert_int_equal(meet(f, &(struct segment){false, S, 12345, 0, 0}, 40000).of->serial, 2);
    assert_int_equal(meet(f, &(struct segment){true, SA, 12, 12346, 0}, 40000).of->serial, 2);
    assert_int_equal(meet(f, &(struct segment){true, SA, 12, 9, 0}, 40001).of->serial, 3);
    struct follow_event middle = meet(f, &(struct segment){false, A, 9, 13, 0}, 40001);
    assert_false(middle.of->begun);
    assert_int_equal(middle.side, 0); /* an answer to a SYN comes from the other end */
    follower_free(&f);
}

static void what_comes_after_the_end(void **state)
{
    (void)state;
    struct follower *f = follower_new();

    meet(f, &(struct segment){false, S, 99, 0, 0}, 40000);
    meet(f, &(struct segment){true, SA, 499, 100, 0}, 40000);
    assert_false(meet(f, &(struct segment){false, F, 100, 500, 0}, 40000).is_leftover);
    assert_false(meet(f, &(struct segment){true, F, 500, 101, 0}, 40000).is_leftover);
    assert_true(meet(f, &(struct segment){false, A, 101, 501, 0}, 40000).is_leftover);
    meet(f, &(struct segment){false, S, 99, 0, 0}, 40001);
    assert_false(meet(f, &(struct segment){true, R, 0, 100, 0}, 40001).is_leftover);
    assert_true(meet(f, &(struct segment){true, R, 0, 100, 0}, 40001).is_leftover);
    follower_free(&f);
}

static void the_longest_silent_connection_is_forgotten(void **state)
{
    (void)state;
    struct follower *f = follower_new();
    struct packet_address a[2] = {{{htonl(0xc0000201)}}, {{htonl(0xc0000202)}}};
    const uint16_t first[2] = {1, 21}, second[2] = {2, 21};
    uint8_t bytes[256];

    meet(f, &(struct segment){false, S, 1, 0, 0}, 1);
    meet(f, &(struct segment){false, S, 1, 0, 0}, 2);
    meet(f, &(struct segment){false, S, 1, 0, 0}, 1); /* so that the second is older */
    for (uint32_t i = 0; i < FOLLOW_MOST - 1; i++) {
        struct packet p = segment_of(&(struct segment){false, S, 1, 0, 0}, 3, bytes);
        struct follow_event e;

        p.source.word[0] = htonl(0x0a000000 + i);
        assert_int_equal(follow_packet(f, &p, 1, 0, &e), 0);
    }
    assert_non_null(follow_find(f, a, first, PACKET_IPV4));
    assert_null(follow_find(f, a, second, PACKET_IPV4));
    follower_free(&f);
}

/* ---- doubles ---- */

static void the_same_packet_elsewhere_or_at_once(void **state)
{
    (void)state;
    static const struct {
        uint64_t time_us;
        uint32_t where;
        uint8_t ttl;
        uint16_t identification;
        bool known;
    } cases[] = {
        {0, 1, 64, 7, false},       {40, 1, 64, 7, true},       /* a mirror port */
        {3000, 2, 64, 7, true},     {200000, 1, 63, 7, true},   /* a bridge, a router */
        {1000000, 1, 64, 8, false}, {1200000, 1, 64, 9, false}, /* sent again */
        {9000000, 1, 64, 9, false}, {9000100, 1, 64, 0, false},
        {9200100, 1, 64, 0, false}, {9200600, 1, 64, 0, true},
    };
    struct doubles *d = doubles_new();
    uint8_t bytes[256];

    assert_non_null(d);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet p = segment_of(&(struct segment){false, A, 100, 500, 10}, 40000, bytes);

        bytes[4] = (uint8_t)(cases[i].identification >> 8);
        bytes[5] = (uint8_t)cases[i].identification;
        p.ttl = cases[i].ttl;
        assert_int_equal(doubles_know(d, &p, cases[i].time_us, cases[i].where), cases[i].known);
    }
    doubles_free(&d);
}

/* ---- speech ---- */

static char heard[8][SPEECH_LINE + 8];
static size_t heard_count;

static void hear(void *arg, const char *line, bool is_cut)
{
    (void)arg;
    snprintf(heard[heard_count++ % COUNT(heard)], sizeof(heard[0]), "%s%s", line, is_cut ? "..." : "");
}

static void say(struct speech *s, uint32_t sequence, const char *text, uint32_t there)
{
    uint32_t size = (uint32_t)strlen(text);

    assert_int_equal(
        speech_feed(s, sequence, (const uint8_t *)text, there < size ? there : size, size, hear, NULL), 0);
}

static void lines_come_together_in_any_order(void **state)
{
    (void)state;
    struct speech s = {0};

    heard_count = 0;
    say(&s, 100, "US", 99);
    say(&s, 107, "m\r\nPASS x\r\n", 99); /* before its time */
    assert_int_equal(heard_count, 0);
    say(&s, 102, "ER ki", 99);
    assert_int_equal(heard_count, 2);
    assert_string_equal(heard[0], "USER kim");
    assert_string_equal(heard[1], "PASS x");
    say(&s, 107, "m\r\nPASS x\r\n", 99); /* again */
    assert_int_equal(heard_count, 2);
    say(&s, 118,
        "\xff\xf4\xff\xf2"
        "ABOR\r\nRETR a long name\r\n",
        15);
    assert_int_equal(heard_count, 4);
    assert_string_equal(heard[2], "ABOR");
    assert_string_equal(heard[3], "RETR ...");
    say(&s, 300, "lost\r\n", 99);
    speech_skip(&s, 300);
    say(&s, 300, "found\r\n", 99);
    assert_string_equal(heard[4], "found");
    speech_fini(&s);
}

static void protocols_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *lines[4]; /* the server's begin with "<" */
        enum speech_protocol protocol;
    } cases[] = {
        {{"<220 Files", "USER kim"}, SPEECH_FTP},
        {{"<220 mail.example.net ESMTP", "EHLO x"}, SPEECH_SMTP},
        {{"<220 mail.example.net", "EHLO x"}, SPEECH_SMTP},
        {{"<220 mail.example.net", "HELO x", "<250 hi", "QUIT"}, SPEECH_SMTP},
        {{"<220 FTP and ESMTP tester", "USER x", "<331 go"}, SPEECH_FTP},
        {{"<200 news", "MODE READER"}, SPEECH_NNTP},
        {{"<+OK pop", "USER kim", "<+OK", "LIST"}, SPEECH_POP3},
        {{"USER kim", "<+OK", "RETR 1"}, SPEECH_POP3},
        {{"<* OK IMAP4", "a LOGIN x"}, SPEECH_IMAP},
        {{"<SSH-2.0-x", "SSH-2.0-y"}, SPEECH_SSH},
        {{"GET / HTTP/1.1", "<HTTP/1.1 200 OK"}, SPEECH_HTTP},
        {{"RETR a", "<150 here"}, SPEECH_FTP},
        {{"<220 Files"}, SPEECH_UNKNOWN},
        {{"hello", "<:irc 001"}, SPEECH_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct speech_guess g = {0};

        for (size_t k = 0; k < COUNT(cases[i].lines) && cases[i].lines[k]; k++) {
            bool by_server = cases[i].lines[k][0] == '<';
            speech_guess(&g, by_server, true, cases[i].lines[k] + by_server);
        }
        assert_string_equal(speech_protocol_name(g.protocol), speech_protocol_name(cases[i].protocol));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_acknowledged_and_were_never_seen),
        cmocka_unit_test(one_direction_acknowledges_what_it_likes),
        cmocka_unit_test(another_syn_is_another_connection),
        cmocka_unit_test(what_comes_after_the_end),
        cmocka_unit_test(the_longest_silent_connection_is_forgotten),
        cmocka_unit_test(the_same_packet_elsewhere_or_at_once),
        cmocka_unit_test(lines_come_together_in_any_order),
        cmocka_unit_test(protocols_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
