/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the two walks the program's own ways take: both are interposed (--wrap, see meson.build) and
 * counted. */
#include "explain/diff/diff.h"
#include "explain/packet/question.h"
#include "explain/play/play.h"
#include "explain/replay/replay.h"

#include "unit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "packet/build.h"
#include "verdict/image/image.h"
#include "verdict/linear.h"

enum { RULES = 1000, PACKETS = 1000 };

static struct {
    uint64_t linear, image; /* walks */
    uint64_t work;          /* rules that were asked one by one */
} walks;

void __real_linear_walk(struct rules *r, enum rules_table_type table, const struct verdict_packet *p,
                        struct verdict_memory *memory, bool count, const struct verdict_trace *trace,
                        struct verdict *ret);
void __wrap_linear_walk(struct rules *r, enum rules_table_type table, const struct verdict_packet *p,
                        struct verdict_memory *memory, bool count, const struct verdict_trace *trace,
                        struct verdict *ret);
void __real_image_walk(const struct image *image, enum rules_table_type table, const struct verdict_packet *p,
                       struct verdict_memory *memory, struct verdict *ret);
void __wrap_image_walk(const struct image *image, enum rules_table_type table, const struct verdict_packet *p,
                       struct verdict_memory *memory, struct verdict *ret);

void __wrap_linear_walk(struct rules *r, enum rules_table_type table, const struct verdict_packet *p,
                        struct verdict_memory *memory, bool count, const struct verdict_trace *trace,
                        struct verdict *ret)
{
    __real_linear_walk(r, table, p, memory, count, trace, ret);
    walks.linear++;
    walks.work += ret->work;
}

void __wrap_image_walk(const struct image *image, enum rules_table_type table, const struct verdict_packet *p,
                       struct verdict_memory *memory, struct verdict *ret)
{
    __real_image_walk(image, table, p, memory, ret);
    walks.image++;
}

/* So many rules that take nobody, then what INPUT's last rules say. */
static struct rules *many_rules(const char *last)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct rules *r = NULL;
    struct rules_error error;

    assert_non_null(out);
    fputs("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n", out);
    for (int i = 0; i < RULES; i++)
        fprintf(out, "-A INPUT -s 10.1.%d.%d -p tcp --dport 3000 -j ACCEPT\n", i / 250, i % 250);
    fputs(last, out);
    fputs("COMMIT\n", out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(rules_read(text, size, "test", PACKET_IPV4, &r, &error), 0);
    free(text);
    return r;
}

static struct replay *replay_many(const struct rules *r, bool looked)
{
    const uint32_t head[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 101};
    struct replay_options options = {.looked = looked, .has_server = true};
    struct replay *replay = NULL;
    char *capture = NULL, *message = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&capture, &size);

    assert_non_null(out);
    fwrite(head, sizeof(head), 1, out);
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint8_t bytes[64];
        struct packet_recipe recipe = {.family = PACKET_IPV4,
                                       .protocol = PACKET_TCP,
                                       .source = {{htonl(0xc0a80002)}},
                                       .destination = {{htonl(0xc0a80012)}},
                                       .source_port = (uint16_t)(20000 + i),
                                       .destination_port = 80,
                                       .tcp = {.flags = PACKET_SYN, .window = 1000},
                                       .window_scale = -1};
        uint32_t length = (uint32_t)packet_build(&recipe, bytes, sizeof(bytes));
        const uint32_t frame[] = {1000, i, length, length};

        fwrite(frame, sizeof(frame), 1, out);
        fwrite(bytes, length, 1, out);
    }
    assert_int_equal(fclose(out), 0);
    play_defaults(&options.play);
    options.play.server.word[0] = htonl(0xc0a80012);
    memset(&walks, 0, sizeof(walks));
    assert_int_equal(replay_capture(fmemopen(capture, size, "r"), "test", r, &options, &replay, &message), 0);
    free(capture);
    return replay;
}

static void a_replay_walks_the_image_if_no_rules_are_told(void **state)
{
    struct rules *r = many_rules("");
    struct replay *quiet = replay_many(r, false);

    (void)state;
    assert_true(walks.image > PACKETS * 9 / 10);
    assert_true(walks.work < (uint64_t)PACKETS * RULES / 10);
    struct replay *told = replay_many(r, true);
    assert_int_equal(walks.image, 0);
    assert_int_equal(walks.work, (uint64_t)PACKETS * RULES);
    assert_int_equal(quiet->story->steps[PACKETS - 1].looked_count, 0);
    assert_int_equal(told->story->steps[1].looked_count, RULES);
    assert_string_equal(quiet->story->conclusion, told->story->conclusion);
    replay_free(&quiet);
    replay_free(&told);
    rules_free(&r);
}

static void a_session_and_its_fixes_walk_the_image(void **state)
{
    struct rules *r = many_rules("-A INPUT -p tcp --dport 21 -j ACCEPT\n"
                                 "-A INPUT -p tcp --dport 12000:12100 -j DROP\n");
    struct play play;

    (void)state;
    play_defaults(&play);
    memset(&walks, 0, sizeof(walks));
    struct story *story = play_session(r, &play);
    assert_non_null(story);
    assert_true(story->fix_count > 0);
    assert_true(walks.work < (walks.image + walks.linear) * RULES / 4);
    story_free(&story);
    rules_free(&r);
}

static void a_diff_walks_the_image(void **state)
{
    struct rules *old = many_rules("-A INPUT -p tcp --dport 21 -j ACCEPT\n");
    struct rules *new = many_rules("-A INPUT -p tcp --dport 20:21 -j ACCEPT\n");
    struct play play;

    (void)state;
    play_defaults(&play);
    memset(&walks, 0, sizeof(walks));
    struct diff *d = diff_rules(old, new, &play);
    assert_non_null(d);
    assert_true(walks.image > walks.linear);
    diff_free(&d);
    rules_free(&old);
    rules_free(&new);
}

static void one_packet_is_not_worth_an_image(void **state)
{
    struct rules *r = many_rules("-A INPUT -j ACCEPT\n"); /* one that is stopped is repaired */
    struct story *story = NULL;
    struct play play;
    char *message = NULL;

    (void)state;
    play_defaults(&play);
    memset(&walks, 0, sizeof(walks));
    assert_int_equal(
        packet_question_ask(r, "tcp 192.0.2.7:40000 > 192.0.2.18:22 syn", &play, &story, &message), 0);
    assert_int_equal(walks.image, 0);
    assert_int_equal(walks.work, RULES + 1);
    story_free(&story);
    rules_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_walks_the_image_if_no_rules_are_told),
        cmocka_unit_test(a_session_and_its_fixes_walk_the_image),
        cmocka_unit_test(a_diff_walks_the_image),
        cmocka_unit_test(one_packet_is_not_worth_an_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
