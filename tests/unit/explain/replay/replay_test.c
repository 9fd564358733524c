/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/replay.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* pcap link types (www.tcpdump.org/linktypes.html). */
enum { LINK_ETHERNET = 1, LINK_RAW = 101, LINK_COOKED = 113 };

/* A capture that is being written. */
struct tape {
    FILE *out;
    char *bytes;
    size_t size;
    uint32_t link, seconds;
    uint32_t sequence[2]; /* of client, server, on the control channel */
};

static void put32(struct tape *t, uint32_t v)
{
    assert_int_equal(fwrite(&v, sizeof(v), 1, t->out), 1);
}

static void tape_open(struct tape *t, uint32_t link)
{
    *t = (struct tape){.link = link, .seconds = 1000000, .sequence = {1000, 5000}};
    t->out = open_memstream(&t->bytes, &t->size);
    assert_non_null(t->out);
    put32(t, 0xa1b2c3d4); /* magic, then version 2.4, zone, accuracy, snap length, link */
    put32(t, 2 | 4 << 16);
    put32(t, 0);
    put32(t, 0);
    put32(t, 65535);
    put32(t, link);
}

static size_t link_header(const struct tape *t, uint8_t header[18])
{
    static const uint8_t ethernet[] = {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 7, 0x81, 0, 0, 42, 8, 0};
    static const uint8_t cooked[] = {0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0};
    size_t size = t->link == LINK_ETHERNET ? sizeof(ethernet) : t->link == LINK_COOKED ? sizeof(cooked) : 0;
    memcpy(header, t->link == LINK_ETHERNET ? ethernet : cooked, size);
    return size;
}

static void tape_frame(struct tape *t, const uint8_t *packet, size_t size)
{
    uint8_t header[18];
    size_t link = link_header(t, header);
    put32(t, t->seconds++);
    put32(t, 0);
    put32(t, (uint32_t)(link + size));
    put32(t, (uint32_t)(link + size));
    assert_int_equal(fwrite(header, 1, link, t->out), link);
    assert_int_equal(fwrite(packet, 1, size, t->out), size);
}

static void tape_tcp(struct tape *t, bool up, uint16_t client_port, uint16_t server_port, uint8_t flags,
                     uint32_t sequence, uint32_t ack, const char *text)
{
    uint8_t bytes[512], family;
    struct packet_recipe recipe = {
        .family = PACKET_IPV4,
        .protocol = PACKET_TCP,
        .source_port = up ? client_port : server_port,
        .destination_port = up ? server_port : client_port,
        .tcp = {.sequence = sequence, .acknowledgement = ack, .window = 60000, .flags = flags},
        .window_scale = -1,
        .payload = text,
        .payload_size = strlen(text),
    };
    assert_int_equal(packet_address_parse("192.168.0.2", up ? &recipe.source : &recipe.destination, &family),
                     0);
    assert_int_equal(packet_address_parse("192.168.0.18", up ? &recipe.destination : &recipe.source, &family),
                     0);
    int size = packet_build(&recipe, bytes, sizeof(bytes));
    assert_true(size > 0);
    tape_frame(t, bytes, (size_t)size);
}

static void tape_say(struct tape *t, bool up, const char *text)
{
    tape_tcp(t, up, 40000, 21, PACKET_PSH | PACKET_ACK, t->sequence[!up], t->sequence[up], text);
    t->sequence[!up] += (uint32_t)strlen(text);
}

/* A session until the data connection's SYN, which is sent twice. */
static void tape_session(struct tape *t)
{
    tape_tcp(t, true, 40000, 21, PACKET_SYN, t->sequence[0]++, 0, "");
    tape_tcp(t, false, 40000, 21, PACKET_SYN | PACKET_ACK, t->sequence[1]++, t->sequence[0], "");
    tape_tcp(t, true, 40000, 21, PACKET_ACK, t->sequence[0], t->sequence[1], "");
    tape_say(t, false, "220 ready\r\n");
    tape_say(t, true, "USER kim\r\n");
    tape_say(t, false, "331 Password?\r\n");
    tape_say(t, true, "PASS swordfish\r\n");
    tape_say(t, false, "230 In.\r\n");
    tape_say(t, true, "PASV\r\n");
    tape_say(t, false, "227 Entering Passive Mode (192,168,0,18,39,109).\r\n");
    tape_tcp(t, true, 40001, 10093, PACKET_SYN, 77, 0, "");
    tape_tcp(t, true, 40001, 10093, PACKET_SYN, 77, 0, "");
}

static struct rules *rules_with(bool helper)
{
    static const char filter[] = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                                 "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n"
                                 "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n";
    static const char raw[] = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                              "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n";
    char text[1024];
    struct rules *r = NULL;
    struct rules_error error;
    snprintf(text, sizeof(text), "%s%s", helper ? raw : "", filter);
    assert_int_equal(rules_read(text, strlen(text), "test", PACKET_IPV4, &r, &error), 0);
    return r;
}

static int run(struct tape *t, size_t cut, const struct rules *r, struct replay **ret, char **message)
{
    struct replay_options options = {0};
    play_defaults(&options.play);
    options.play.rules_name = "test";
    options.play.kernel = TRACK_KERNEL(6, 18);
    if (t->out)
        assert_int_equal(fclose(t->out), 0);
    t->out = NULL;
    FILE *in = fmemopen(t->bytes, t->size - cut, "r");
    assert_non_null(in);
    int result = replay_capture(in, "test.pcap", r, &options, ret, message);
    return result;
}

static struct replay *replay_of(struct tape *t, bool helper)
{
    struct rules *r = rules_with(helper);
    struct replay *replay = NULL;
    char *message = NULL;
    assert_int_equal(run(t, 0, r, &replay, &message), 0);
    rules_free(&r);
    return replay;
}

static void without_a_helper_the_data_channel_is_stopped(void **state)
{
    (void)state;
    struct tape t;
    tape_open(&t, LINK_RAW);
    tape_session(&t);
    struct replay *replay = replay_of(&t, false);
    const struct story *s = replay->story;
    assert_int_equal(s->outcome, STORY_BLOCKED);
    assert_string_equal(s->server, "192.168.0.18");
    assert_int_equal(s->step_count, 12);
    assert_int_equal(s->steps[10].fate, WALL_DROP);
    assert_int_equal(s->steps[10].state, TRACK_NEW);
    assert_int_equal(s->steps[10].channel, STORY_DATA);
    assert_string_equal(s->steps[10].rule.text, "-P INPUT DROP");
    assert_non_null(strstr(s->conclusion, "Packet 10 announced that connection"));
    assert_int_equal(replay->expectation_count, 0);
    replay_free(&replay);
    assert_null(replay);
    free(t.bytes);
}

static void with_a_helper_it_is_related(void **state)
{
    (void)state;
    struct tape t;
    tape_open(&t, LINK_RAW);
    tape_session(&t);
    struct replay *replay = replay_of(&t, true);
    assert_int_equal(replay->story->outcome, STORY_BLOCKED); /* nobody answers it, and it was tried twice */
    assert_non_null(strstr(replay->story->conclusion, "no answer came to the connection to port 10093"));
    assert_int_equal(replay->story->steps[10].state, TRACK_RELATED);
    assert_int_equal(replay->expectation_count, 1);
    assert_int_equal(replay->connection_count, 2);
    assert_non_null(strstr(replay->connections[0], "dport=21"));
    replay_free(&replay);
    free(t.bytes);
}

static void a_data_channel_names_who_announced_it(void **state)
{
    (void)state;
    struct tape t;
    tape_open(&t, LINK_RAW);
    tape_session(&t);
    struct replay *replay = replay_of(&t, false);
    assert_int_equal(replay->channel_count, 1);
    assert_string_equal(replay->channels[0].data, "192.168.0.2:40001 -> 192.168.0.18:10093");
    assert_non_null(strstr(replay->channels[0].announced_by, "227 Entering Passive Mode"));
    replay_free(&replay);
    free(t.bytes);
}

static void a_password_is_not_told_and_a_repetition_is_known(void **state)
{
    (void)state;
    struct tape t;
    tape_open(&t, LINK_RAW);
    tape_session(&t);
    struct replay *replay = replay_of(&t, false);
    assert_string_equal(replay->story->steps[6].label, "PASS ...");
    assert_false(replay->story->steps[10].is_retry);
    assert_true(replay->story->steps[11].is_retry);
    replay_free(&replay);
    free(t.bytes);
}

static void every_link_gives_the_same_packets(void **state)
{
    (void)state;
    static const uint32_t links[] = {LINK_ETHERNET, LINK_COOKED};
    for (size_t i = 0; i < COUNT(links); i++) {
        struct tape t;
        tape_open(&t, links[i]);
        tape_session(&t);
        struct replay *replay = replay_of(&t, true);
        assert_int_equal(replay->story->step_count, 12);
        assert_int_equal(replay->story->steps[10].state, TRACK_RELATED);
        replay_free(&replay);
        free(t.bytes);
    }
}

static void a_capture_that_breaks_off_is_replayed_so_far(void **state)
{
    (void)state;
    struct tape t;
    struct replay *replay = NULL;
    char *message = NULL;
    tape_open(&t, LINK_RAW);
    tape_session(&t);
    assert_int_equal(run(&t, 20, NULL, &replay, &message), 0);
    assert_int_equal(replay->story->step_count, 11);
    bool told = false;
    for (size_t i = 0; i < replay->story->note_count; i++)
        told = told || strstr(replay->story->notes[i], "read up to packet 11: it breaks off");
    assert_true(told);
    replay_free(&replay);
    free(t.bytes);
}

static void what_is_no_capture_is_refused(void **state)
{
    (void)state;
    struct tape t = {.bytes = strdup("*filter\nthis is a rule file\n"), .size = 28};
    struct replay *replay = NULL;
    char *message = NULL;
    assert_int_equal(run(&t, 0, NULL, &replay, &message), -EINVAL);
    assert_non_null(strstr(message, "is a rule set and no capture"));
    assert_null(replay);
    free(message);
    free(t.bytes);
}

static void a_capture_without_packets_says_so(void **state)
{
    (void)state;
    struct tape t;
    struct replay *replay = NULL;
    char *message = NULL;
    tape_open(&t, LINK_RAW);
    assert_int_equal(run(&t, 0, NULL, &replay, &message), -EINVAL);
    assert_non_null(message);
    free(message);
    free(t.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_helper_the_data_channel_is_stopped),
        cmocka_unit_test(with_a_helper_it_is_related),
        cmocka_unit_test(a_data_channel_names_who_announced_it),
        cmocka_unit_test(a_password_is_not_told_and_a_repetition_is_known),
        cmocka_unit_test(every_link_gives_the_same_packets),
        cmocka_unit_test(a_capture_that_breaks_off_is_replayed_so_far),
        cmocka_unit_test(what_is_no_capture_is_refused),
        cmocka_unit_test(a_capture_without_packets_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
