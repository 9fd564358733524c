/* SPDX-License-Identifier: BSD-2-Clause */
/* Matches that remember: limit, hashlimit, recent, statistic --mode nth; and time. */
#include "ask.h"

#include <time.h>

#include "verdict/memory.h"

/* A rule set whose INPUT is asked again and again. */
struct bench {
    struct rules *rules;
    struct verdict_memory *memory;
    struct sample sample;
    struct verdict_packet packet;
};

static void bench_init(struct bench *b, const char *const *rules, size_t count)
{
    char text[2048] = "*filter\n:INPUT ACCEPT [0:0]\n";

    for (size_t i = 0; i < count; i++) {
        strcat(text, "-A INPUT ");
        strcat(text, rules[i]);
        strcat(text, "\n");
    }
    strcat(text, "COMMIT\n");
    b->rules = read_rules(text, PACKET_IPV4);
    b->memory = verdict_memory_new();
    assert_int_equal(verdict_memory_learn(b->memory, b->rules), 0);
    sample_build(&b->sample,
                 &(struct packet_recipe){.source_port = 40000, .destination_port = 21, .window_scale = -1});
    b->packet = (struct verdict_packet){
        .packet = &b->sample.packet, .hook = RULES_INPUT, .in = "eth0", .now_ms = 1000000};
}

static void bench_fini(struct bench *b)
{
    verdict_memory_free(&b->memory);
    rules_free(&b->rules);
}

#define BENCH(b, ...)                                                                                        \
    const char *const words_[] = {__VA_ARGS__};                                                              \
    bench_init(b, words_, COUNT(words_))

static enum verdict_answer ask_number(struct bench *b, unsigned number)
{
    return match_rule(&b->rules->tables[RULES_FILTER].chains[0]->rules[number - 1], &b->packet, b->memory)
        .answer;
}

/* How many of so many packets, each step ms after the one before, match. */
static unsigned count_matches(struct bench *b, unsigned number, unsigned packets, uint64_t step)
{
    unsigned count = 0;

    for (unsigned i = 0; i < packets; i++) {
        count += ask_number(b, number) == VERDICT_YES;
        b->packet.now_ms += step;
    }
    return count;
}

static void limit(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m limit --limit 1/sec --limit-burst 3", "-m limit --limit 6/min",
          "-m limit --limit 1/day --limit-burst 1");
    assert_int_equal(count_matches(&b, 1, 10, 0), 3);
    b.packet.now_ms += 996; /* a jiffy less than a second */
    assert_int_equal(ask_number(&b, 1), VERDICT_NO);
    b.packet.now_ms += 4;
    assert_int_equal(ask_number(&b, 1), VERDICT_YES);
    assert_int_equal(ask_number(&b, 1), VERDICT_NO);
    b.packet.now_ms += 3600000; /* never more than the burst */
    assert_int_equal(count_matches(&b, 1, 10, 0), 3);
    /* 5 of the burst, then one each 10 s. */
    assert_int_equal(count_matches(&b, 2, 600, 100), 5 + 5);
    assert_int_equal(count_matches(&b, 3, 25, 3600000), 2);
    bench_fini(&b);
}

/* Two rules, two buckets; a bucket goes with its rule. */
static void limits_of_two_rules(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m limit --limit 1/sec --limit-burst 1", "-m limit --limit 1/sec --limit-burst 1");
    assert_int_equal(count_matches(&b, 1, 3, 0), 1);
    assert_int_equal(count_matches(&b, 2, 3, 0), 1);
    bench_fini(&b);
}

static void hashlimit_by_source(void **state)
{
    struct bench b;
    (void)state;

    BENCH(
        &b,
        "-m hashlimit --hashlimit-upto 2/sec --hashlimit-burst 4 --hashlimit-mode srcip --hashlimit-name a",
        "-m hashlimit --hashlimit-above 2/sec --hashlimit-burst 4 --hashlimit-mode srcip --hashlimit-name b",
        "-m hashlimit --hashlimit-upto 2/sec --hashlimit-burst 4 --hashlimit-mode srcip --hashlimit-srcmask "
        "24 "
        "--hashlimit-name c",
        "-m hashlimit --hashlimit-upto 2/sec --hashlimit-burst 4 --hashlimit-mode srcip,srcport "
        "--hashlimit-name d");
    assert_int_equal(count_matches(&b, 1, 10, 0), 4);
    assert_int_equal(count_matches(&b, 2, 10, 0), 6);
    assert_int_equal(count_matches(&b, 3, 10, 0), 4);
    assert_int_equal(count_matches(&b, 4, 10, 0), 4);
    b.packet.now_ms += 500;
    assert_int_equal(count_matches(&b, 1, 10, 0), 1);
    b.sample.packet.source = address("192.0.2.77");
    assert_int_equal(count_matches(&b, 1, 10, 0), 4);
    assert_int_equal(count_matches(&b, 3, 10, 0), 1);
    wire_write16(b.sample.bytes + 20, 40001);
    assert_int_equal(count_matches(&b, 4, 10, 0), 4);
    bench_fini(&b);
}

/* An entry that nobody asks for is forgotten, and then its burst is whole again. */
static void hashlimit_forgets(void **state)
{
    struct bench b;
    (void)state;

    BENCH(
        &b,
        "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name a "
        "--hashlimit-htable-expire 10000");
    assert_int_equal(count_matches(&b, 1, 10, 0), 5);
    b.packet.now_ms += 9000;
    assert_int_equal(count_matches(&b, 1, 10, 0), 0);
    b.packet.now_ms += 12000;
    assert_int_equal(count_matches(&b, 1, 10, 0), 5);
    bench_fini(&b);
}

static void hashlimit_by_bytes(void **state)
{
    struct bench b;
    (void)state;

    /* 40 bytes are 3 chunks of 16; 1,024 b/s are 65. */
    BENCH(&b, "-m hashlimit --hashlimit-upto 1kb/s --hashlimit-mode srcip --hashlimit-name a",
          "-m hashlimit --hashlimit-above 1kb/s --hashlimit-burst 2kb --hashlimit-mode srcip "
          "--hashlimit-name b");
    assert_int_equal(count_matches(&b, 1, 100, 0), 21);
    b.packet.now_ms += 1000;
    assert_int_equal(count_matches(&b, 1, 100, 0), 21);
    assert_true(count_matches(&b, 2, 100, 0) <= 100 - 3 * 21);
    bench_fini(&b);
}

static void hashlimit_rate(void **state)
{
    struct bench b;
    (void)state;

    BENCH(
        &b,
        "-m hashlimit --hashlimit-above 10/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name a "
        "--hashlimit-rate-match --hashlimit-rate-interval 1 --hashlimit-htable-expire 10000");
    assert_int_equal(count_matches(&b, 1, 20, 0), 5); /* 10 + 5 are within */
    b.packet.now_ms += 1000;
    assert_int_equal(count_matches(&b, 1, 20, 0), 20); /* the second before was over */
    bench_fini(&b);
}

static void hashlimit_shares_a_name(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b,
          "-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 3 --hashlimit-mode srcip --hashlimit-name a",
          "-m hashlimit --hashlimit-upto 100/sec --hashlimit-burst 50 --hashlimit-mode srcip "
          "--hashlimit-name a");
    assert_int_equal(count_matches(&b, 2, 10, 0), 3);
    assert_int_equal(count_matches(&b, 1, 10, 0), 0);
    bench_fini(&b);
}

static void recent(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m recent --name r --set", "-m recent --name r --rcheck --seconds 60",
          "-m recent --name r --update --seconds 60", "-m recent --name r --remove",
          "-m recent --name r ! --rcheck", "-m recent --name r --rcheck --rdest",
          "-m recent --name r --rcheck --rttl");
    assert_int_equal(ask_number(&b, 2), VERDICT_NO);
    assert_int_equal(ask_number(&b, 5), VERDICT_YES);
    assert_int_equal(ask_number(&b, 4), VERDICT_NO);
    assert_int_equal(ask_number(&b, 1), VERDICT_YES);
    assert_int_equal(ask_number(&b, 2), VERDICT_YES);
    assert_int_equal(ask_number(&b, 5), VERDICT_NO);
    assert_int_equal(ask_number(&b, 6), VERDICT_NO);
    assert_int_equal(ask_number(&b, 7), VERDICT_YES);
    b.sample.packet.ttl--;
    assert_int_equal(ask_number(&b, 7), VERDICT_NO);
    b.packet.now_ms += 60000;
    assert_int_equal(ask_number(&b, 2), VERDICT_YES);
    assert_int_equal(ask_number(&b, 3), VERDICT_YES); /* seen now */
    b.packet.now_ms += 60000;
    assert_int_equal(ask_number(&b, 2), VERDICT_YES);
    b.packet.now_ms += 4;
    assert_int_equal(ask_number(&b, 2), VERDICT_NO);
    assert_int_equal(ask_number(&b, 3), VERDICT_NO); /* too late to be seen again */
    assert_int_equal(ask_number(&b, 5), VERDICT_NO);
    assert_int_equal(ask_number(&b, 4), VERDICT_YES);
    assert_int_equal(ask_number(&b, 5), VERDICT_YES);
    bench_fini(&b);
}

/* The usual guard against guessed passwords. */
static void recent_hit_count(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m recent --name ssh --set", "-m recent --name ssh --update --seconds 60 --hitcount 4");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ask_number(&b, 1), VERDICT_YES);
        assert_int_equal(ask_number(&b, 2), VERDICT_NO);
        b.packet.now_ms += 1000;
    }
    assert_int_equal(ask_number(&b, 1), VERDICT_YES);
    assert_int_equal(ask_number(&b, 2), VERDICT_YES);
    bench_fini(&b);
}

static void recent_reaps_and_overflows(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m recent --name r --set", "-m recent --name r --update --seconds 10 --reap",
          "-m recent --name r --rcheck");
    for (unsigned i = 0; i < 101; i++) { /* one more than a list holds */
        b.sample.packet.source.word[0] = i + 1;
        assert_int_equal(ask_number(&b, 1), VERDICT_YES);
    }
    b.sample.packet.source.word[0] = 1;
    assert_int_equal(ask_number(&b, 3), VERDICT_NO);
    b.sample.packet.source.word[0] = 2;
    assert_int_equal(ask_number(&b, 3), VERDICT_YES);
    b.packet.now_ms += 20000;
    b.sample.packet.source.word[0] = 50;
    assert_int_equal(ask_number(&b, 2), VERDICT_NO); /* and the oldest of all is gone */
    b.sample.packet.source.word[0] = 2;
    assert_int_equal(ask_number(&b, 3), VERDICT_NO);
    assert_int_equal(memory_count(b.memory), 99);
    bench_fini(&b);
}

/* The address that --reap would take is the one that is just being seen: it stays. */
static void recent_spares_the_seen(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m recent --name r --set", "-m recent --name r ! --update --seconds 10 --reap",
          "-m recent --name r --rcheck --seconds 10", "-m recent --name r --rcheck --seconds 10 --reap");
    assert_int_equal(ask_number(&b, 1), VERDICT_YES);
    b.packet.now_ms += 20000;
    assert_int_equal(ask_number(&b, 2), VERDICT_YES);
    assert_int_equal(ask_number(&b, 3), VERDICT_YES);
    verdict_memory_doubt(b.memory, true);
    assert_int_equal(ask_number(&b, 4), VERDICT_UNKNOWN); /* gone or not, nobody knows */
    bench_fini(&b);
}

/* Its ring of stamps has as many places as 16 bits can count. */
static void recent_counts_to_the_most(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m recent --name r --set", "-m recent --name r --rcheck --seconds 1 --reap --hitcount 65535");
    assert_int_equal(count_matches(&b, 1, 65534, 0), 65534);
    assert_int_equal(ask_number(&b, 2), VERDICT_NO);
    assert_int_equal(count_matches(&b, 1, 2, 0), 2);
    assert_int_equal(ask_number(&b, 2), VERDICT_YES);
    assert_int_equal(memory_count(b.memory), 1);
    b.packet.now_ms += 2000;
    assert_int_equal(ask_number(&b, 2), VERDICT_NO);
    assert_int_equal(memory_count(b.memory), 0);
    bench_fini(&b);
}

static void statistic_nth(void **state)
{
    static const enum verdict_answer first[] = {YES, NO, NO, YES, NO, NO},
                                     second[] = {NO, NO, YES, NO, NO, YES};
    struct bench b;
    (void)state;

    BENCH(&b, "-m statistic --mode nth --every 3 --packet 0", "-m statistic --mode nth --every 3 --packet 2",
          "-m statistic --mode nth --every 1 --packet 0");
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(ask_number(&b, 1), first[i]);
        assert_int_equal(ask_number(&b, 2), second[i]);
        assert_int_equal(ask_number(&b, 3), VERDICT_YES);
    }
    bench_fini(&b);
}

/* In doubt nothing is drawn from a bucket; what it holds is not known any more, until it must be full. */
static void doubt(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m limit --limit 1/sec --limit-burst 3", "-m recent --name r --set",
          "-m recent --name r --rcheck");
    verdict_memory_doubt(b.memory, true);
    assert_int_equal(ask_number(&b, 1), VERDICT_UNKNOWN);
    assert_int_equal(ask_number(&b, 2), VERDICT_YES);
    verdict_memory_doubt(b.memory, false);
    assert_int_equal(ask_number(&b, 1), VERDICT_UNKNOWN);
    assert_int_equal(ask_number(&b, 3), VERDICT_UNKNOWN);
    b.packet.now_ms += 3000;
    assert_int_equal(count_matches(&b, 1, 10, 0), 3);
    bench_fini(&b);
}

static int64_t utc(int year, int month, int day, int hour, int minute, int second)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};

    return timegm(&tm);
}

static void time_of_day(void **state)
{
    struct sample s;
    (void)state;

    sample_build(&s, &(struct packet_recipe){0});
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0"};
    p.time = utc(2024, 2, 29, 23, 30, 0); /* a Thursday */
    ASK_ALL(&p, {"-m time --timestart 23:00 --timestop 23:30", YES}, {"-m time --timestart 23:30:01", NO},
            {"-m time --timestart 22:00 --timestop 06:00", YES},
            {"-m time --timestart 06:00 --timestop 22:00", NO}, {"-m time --weekdays Thu", YES},
            {"-m time --weekdays Mon,Fri", NO}, {"-m time ! --weekdays Thu", NO},
            {"-m time --monthdays 29", YES}, {"-m time --monthdays 28,30", NO},
            {"-m time ! --monthdays 1", YES}, {"-m time --datestart 2024-02-29T23:30:00", YES},
            {"-m time --datestart 2024-02-29T23:30:01", NO}, {"-m time --datestop 2024-02-29T23:30:00", YES},
            {"-m time --datestop 2024-02-29T23:29:59", NO}, {"-m time --kerneltz --weekdays Thu", YES});
    p.time = utc(2024, 3, 1, 0, 30, 0); /* Friday */
    ASK_ALL(&p, {"-m time --timestart 23:00 --timestop 01:00 --weekdays Thu", NO},
            {"-m time --timestart 23:00 --timestop 01:00 --weekdays Thu --contiguous", YES},
            {"-m time --timestart 23:00 --timestop 01:00 --weekdays Fri --contiguous", NO},
            {"-m time --monthdays 1", YES});
    p.zone_minutes = -60; /* west */
    ASK_ALL(&p, {"-m time --kerneltz --weekdays Thu --monthdays 29", YES}, {"-m time --weekdays Fri", YES},
            {"-m time --kerneltz --timestart 23:30 --timestop 23:30:00", YES});
    p.unknown = VERDICT_NO_TIME;
    ASK_ALL(&p, {"-m time --weekdays Thu", UNKNOWN});
}

/* How many packets follow a SYN that is played is the network's to say: when a bucket that they drew from is empty is not known. */
static void of_packets_that_are_played(void **state)
{
    struct bench b;
    (void)state;

    BENCH(&b, "-m limit --limit 1/min --limit-burst 2",
          "-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 2 --hashlimit-name h",
          "-m statistic --mode nth --every 2 --packet 0");
    b.packet.unknown = VERDICT_NO_BYTES | VERDICT_NO_SHAPE;
    b.sample.packet.tcp.flags = PACKET_SYN;
    for (unsigned rule = 1; rule <= 2; rule++) {
        assert_int_equal(count_matches(&b, rule, 2, 0), 2);
        assert_int_equal(ask_number(&b, rule), VERDICT_NO);
    }
    b.packet.now_ms += 600000;
    for (unsigned rule = 1; rule <= 2; rule++) {
        assert_int_equal(ask_number(&b, rule), VERDICT_YES);
        b.sample.packet.tcp.flags = PACKET_ACK;
        assert_int_equal(ask_number(&b, rule), VERDICT_YES);
        assert_int_equal(ask_number(&b, rule), VERDICT_UNKNOWN);
        b.sample.packet.tcp.flags = PACKET_SYN;
        assert_int_equal(ask_number(&b, rule), VERDICT_UNKNOWN);
    }
    assert_int_equal(ask_number(&b, 3), VERDICT_YES);
    b.sample.packet.tcp.flags = PACKET_ACK;
    assert_int_equal(ask_number(&b, 3), VERDICT_UNKNOWN);
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit),
        cmocka_unit_test(limits_of_two_rules),
        cmocka_unit_test(hashlimit_by_source),
        cmocka_unit_test(hashlimit_forgets),
        cmocka_unit_test(hashlimit_by_bytes),
        cmocka_unit_test(hashlimit_rate),
        cmocka_unit_test(hashlimit_shares_a_name),
        cmocka_unit_test(recent),
        cmocka_unit_test(recent_hit_count),
        cmocka_unit_test(recent_reaps_and_overflows),
        cmocka_unit_test(recent_spares_the_seen),
        cmocka_unit_test(recent_counts_to_the_most),
        cmocka_unit_test(statistic_nth),
        cmocka_unit_test(of_packets_that_are_played),
        cmocka_unit_test(doubt),
        cmocka_unit_test(time_of_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
