/* SPDX-License-Identifier: BSD-2-Clause */
/* What ways rules leave open, and what state they keep. Which packets a rule matches is held against the kernel by
 * tests/oracle/nft.py. */
#include "rules/nft/attach.h"
#include "verdict/nft/walk.h"
#include "verdict/wall.h"

#include "../ask.h"

#define OBJECT(kind, rest) "{\"" kind "\":{\"family\":\"inet\",\"table\":\"t\"," rest "}},"
#define TABLE              "{\"table\":{\"family\":\"inet\",\"name\":\"t\"}},"
#define CHAIN(name)        OBJECT("chain", "\"name\":\"" name "\"")
#define BASE(name, type, hook, prio, policy)                                                                 \
    OBJECT("chain", "\"name\":\"" name "\",\"type\":\"" type "\",\"hook\":\"" hook "\",\"prio\":" prio       \
                    ",\"policy\":\"" policy "\"")
#define RULE(chain, expr)      OBJECT("rule", "\"chain\":\"" chain "\",\"handle\":7,\"expr\":[" expr "]")
#define MATCH(op, left, right) "{\"match\":{\"op\":\"" op "\",\"left\":" left ",\"right\":" right "}},"
#define META(key)              "{\"meta\":{\"key\":\"" key "\"}}"
#define DPORT                  "{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}}"
#define CHANCE                 MATCH("==", "{\"numgen\":{\"mode\":\"random\",\"mod\":2}}", "0")
#define ACCEPT                 "{\"accept\":null}"
#define DROP                   "{\"drop\":null}"
#define JUMP(chain)            "{\"jump\":{\"target\":\"" chain "\"}}"
#define SET_MARK(n)            "{\"mangle\":{\"key\":" META("mark") ",\"value\":" n "}},"
#define INPUT(policy)          BASE("in", "filter", "input", "0", policy)

struct scene {
    struct rules *rules;
    struct wall_rules *walked;
    struct wall *wall;
    struct wall_report report;
    uint64_t now;
};

static void scene_init(struct scene *s, const char *list)
{
    struct track_config config;
    struct rules_error error = {0};
    char *text = NULL;

    *s = (struct scene){.now = 1000};
    assert_true(asprintf(&text, "{\"nftables\":[" TABLE "%s{\"metainfo\":{}}]}", list) > 0);
    if (nft_read_rules(text, strlen(text), "test", PACKET_IPV4, &s->rules, &error))
        fail_msg("%u:%u: %s\n%s", error.line, error.column, error.message, text);
    free(text);
    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    s->walked = wall_rules_new(s->rules);
    s->wall = wall_new(s->walked, &config, NULL, NULL);
    assert_non_null(s->wall);
}

static void scene_fini(struct scene *s)
{
    wall_free(&s->wall);
    wall_rules_free(&s->walked);
    rules_free(&s->rules);
}

/* A SYN from a port of its own to port. */
static enum wall_fate ask_wall(struct scene *s, uint16_t port, uint32_t unknown)
{
    static uint16_t own = 30000;
    const struct wall_world world = {.in = "eth0", .out = "", .unknown = unknown};
    const struct packet_recipe recipe = {.source = address("192.168.0.2"),
                                         .destination = address("192.168.0.18"),
                                         .source_port = own++,
                                         .destination_port = port,
                                         .family = PACKET_IPV4,
                                         .protocol = PACKET_TCP,
                                         .ttl = 64,
                                         .tcp = {.flags = PACKET_SYN, .window = 60000},
                                         .window_scale = -1};
    struct sample sample;

    sample_build(&sample, &recipe);
    wall_packet(s->wall, &sample.packet, WALL_IN, &world, s->now, NULL, &s->report);
    return s->report.fate;
}

/* What becomes of a packet to port 21 of whose interface and mark nothing is known. */
static void expect(const char *list, enum wall_fate fate, const char *because)
{
    struct scene s;

    scene_init(&s, list);
    enum wall_fate found = ask_wall(&s, 21, VERDICT_NO_IN | VERDICT_NO_MARK);
    if (found != fate ||
        (because && (!s.report.verdict.because || !strstr(s.report.verdict.because, because))))
        fail_msg("expected %d (%s), found %d (%s):\n%s", fate, because, found, s.report.verdict.because,
                 list);
    scene_fini(&s);
}

static void doubts_reach_as_far_as_they_matter(void **state)
{
    (void)state;
    /* A rule that maybe matches, and would decide otherwise. */
    expect(INPUT("accept") RULE("in", CHANCE DROP), WALL_UNKNOWN, "numgen");
    expect(INPUT("drop") RULE("in", CHANCE DROP), WALL_DROP, NULL);
    expect(INPUT("drop") RULE("in", CHANCE ACCEPT) RULE("in", ACCEPT), WALL_PASS, NULL);
    /* It is asked only of who comes there. */
    expect(INPUT("accept") RULE("in", MATCH("==", DPORT, "22") CHANCE DROP), WALL_PASS, NULL);
    expect(INPUT("accept") RULE("in", CHANCE MATCH("==", DPORT, "22") DROP), WALL_PASS, NULL);
    /* An interface that is not known is not lo. */
    expect(INPUT("drop") RULE("in", MATCH("==", META("iifname"), "\"lo\"") ACCEPT), WALL_DROP, NULL);
    expect(INPUT("drop") RULE("in", MATCH("==", META("iifname"), "\"eth0\"") ACCEPT), WALL_UNKNOWN,
           "interface");
    /* What is not known is overwritten, or under a mask. */
    expect(INPUT("drop") RULE("in", SET_MARK("5") "{\"counter\":null}")
               RULE("in", MATCH("==", META("mark"), "5") ACCEPT),
           WALL_PASS, NULL);
    expect(INPUT("drop") RULE("in", MATCH("==", "{\"&\":[" META("mark") ",0]}", "0") ACCEPT), WALL_PASS,
           NULL);
    expect(INPUT("drop") RULE("in", CHANCE SET_MARK("5") "{\"counter\":null}")
               RULE("in", MATCH("==", META("mark"), "5") ACCEPT),
           WALL_UNKNOWN, "mark");
}

static void chains_that_are_maybe_entered_are_walked(void **state)
{
    (void)state;
    expect(INPUT("accept") CHAIN("x") RULE("x", DROP) RULE("in", CHANCE JUMP("x")), WALL_UNKNOWN, "numgen");
    expect(INPUT("drop") CHAIN("x") RULE("x", DROP) RULE("in", CHANCE JUMP("x")), WALL_DROP, NULL);
    expect(INPUT("accept") CHAIN("x") RULE("x", "{\"return\":null}") RULE("x", DROP)
               RULE("in", CHANCE JUMP("x")),
           WALL_PASS, NULL);
    expect(INPUT("accept") CHAIN("x") RULE("x", CHANCE "{\"return\":null}") RULE("x", DROP)
               RULE("in", JUMP("x")),
           WALL_UNKNOWN, "numgen");
    /* goto: what stands behind it is not met. */
    expect(INPUT("accept") CHAIN("x") RULE("x", MATCH("==", DPORT, "22") DROP)
               RULE("in", "{\"goto\":{\"target\":\"x\"}}") RULE("in", DROP),
           WALL_PASS, NULL);
    /* A chain that leads to itself, which nf_tables does not take, ends. */
    expect(INPUT("accept") CHAIN("x") RULE("x", JUMP("x")) RULE("in", JUMP("x")), WALL_UNKNOWN, "deeper");
}

#define BY_PORT(key, elements) "{\"vmap\":{\"key\":" key ",\"data\":{\"set\":[" elements "]}}}"

static void verdict_maps_of_unknown_keys_are_all_their_verdicts(void **state)
{
    (void)state;
    expect(INPUT("drop") RULE("in", BY_PORT(DPORT, "[21," ACCEPT "],[22," DROP "]")), WALL_PASS, NULL);
    expect(INPUT("drop") RULE("in", BY_PORT(DPORT, "[22," ACCEPT "],[\"*\"," DROP "]")), WALL_DROP, NULL);
    expect(INPUT("drop") RULE("in", BY_PORT(META("mark"), "[1," ACCEPT "],[2," DROP "]")), WALL_UNKNOWN,
           "mark");
    expect(INPUT("drop") RULE("in", BY_PORT(META("mark"), "[1," DROP "],[2,{\"return\":null}]")), WALL_DROP,
           NULL);
    expect(INPUT("accept") CHAIN("x") RULE("x", DROP) RULE("in", BY_PORT(META("mark"), "[1," JUMP("x") "]")),
           WALL_UNKNOWN, "mark");
}

static void what_is_not_evaluated_is_unknown_by_its_name(void **state)
{
    (void)state;
    expect(INPUT("accept") RULE("in", "{\"queue\":null}"), WALL_UNKNOWN, "queue");
    expect(INPUT("drop") RULE("in", MATCH("==", DPORT, "22") "{\"queue\":null}"), WALL_DROP, NULL);
    expect(INPUT("accept") RULE("in", "{\"xt\":{\"type\":\"match\",\"name\":\"conntrack\"}}," DROP),
           WALL_UNKNOWN, "conntrack");
    expect(BASE("pre", "nat", "prerouting", "-100", "accept") RULE("pre", "{\"redirect\":{\"port\":2121}}"),
           WALL_PASS, NULL);
    expect(BASE("pre", "nat", "prerouting", "-100", "accept") RULE("pre", "{\"redirect\":{\"port\":2121}}")
               INPUT("accept") RULE("in", MATCH("==", DPORT, "2121") DROP),
           WALL_DROP, NULL);
    expect(BASE("pre", "nat", "prerouting", "-100", "accept")
               RULE("pre", MATCH("==", DPORT, "22") "{\"redirect\":{\"port\":2121}}"),
           WALL_PASS, NULL);
}

static void limits_count_packets(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s,
               INPUT("drop") RULE("in", "{\"limit\":{\"rate\":1,\"per\":\"second\",\"burst\":2}}," ACCEPT));
    assert_int_equal(ask_wall(&s, 21, 0), WALL_PASS);
    assert_int_equal(ask_wall(&s, 21, 0), WALL_PASS);
    assert_int_equal(ask_wall(&s, 21, 0), WALL_DROP);
    s.now += 1000;
    assert_int_equal(ask_wall(&s, 21, 0), WALL_PASS);
    assert_int_equal(ask_wall(&s, 21, 0), WALL_DROP);
    scene_fini(&s);
}

static void sets_are_filled_by_rules(void **state)
{
    static const char saddr[] = "{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}}";
    struct scene s;
    char *list = NULL;

    (void)state;
    assert_true(
        asprintf(
            &list,
            OBJECT("set", "\"name\":\"seen\",\"type\":\"ipv4_addr\",\"flags\":[\"timeout\"],\"timeout\":60")
                INPUT("drop") RULE("in", MATCH("==", "%s", "\"@seen\"") ACCEPT)
                    RULE("in",
                         MATCH("==", DPORT, "21") "{\"set\":{\"op\":\"add\",\"elem\":%s,\"set\":\"@seen\"}}"),
            saddr, saddr) > 0);
    scene_init(&s, list);
    assert_int_equal(ask_wall(&s, 80, 0), WALL_DROP);
    assert_int_equal(ask_wall(&s, 21, 0), WALL_DROP);
    assert_int_equal(ask_wall(&s, 80, 0), WALL_PASS);
    s.now += 61000;
    assert_int_equal(ask_wall(&s, 80, 0), WALL_DROP);
    scene_fini(&s);
    free(list);
}

static void chains_are_met_by_priority(void **state)
{
    (void)state;
    expect(BASE("b", "filter", "input", "10", "accept") BASE("a", "filter", "prerouting", "-150", "accept")
               RULE("b", MATCH("==", META("mark"), "5") DROP) RULE("a", SET_MARK("5") "{\"counter\":null}"),
           WALL_DROP, NULL);
    /* Whoever of two at one place is first is not known. */
    expect(BASE("b", "filter", "input", "10", "accept") BASE("a", "filter", "input", "10", "accept")
               RULE("b", MATCH("==", META("mark"), "5") DROP) RULE("a", SET_MARK("5") "{\"counter\":null}"),
           WALL_UNKNOWN, "mark");
    expect(BASE("a", "filter", "input", "10", "accept") BASE("b", "filter", "input", "10", "accept")
               RULE("a", DROP) RULE("b", "{\"reject\":null}"),
           WALL_UNKNOWN, "which of two");
    expect(BASE("a", "filter", "input", "9", "accept") BASE("b", "filter", "input", "10", "accept")
               RULE("a", DROP) RULE("b", "{\"reject\":null}"),
           WALL_DROP, NULL);
    expect(BASE("a", "filter", "prerouting", "-200", "accept")
               RULE("a", MATCH("in", "{\"ct\":{\"key\":\"state\"}}", "\"new\"") DROP),
           WALL_UNKNOWN, "before or behind");
    expect(BASE("a", "filter", "prerouting", "-200", "accept") RULE("a", MATCH("==", DPORT, "21") DROP),
           WALL_DROP, NULL);
    /* accept ends one base chain alone. */
    expect(BASE("a", "filter", "input", "0", "accept") RULE("a", ACCEPT)
               BASE("b", "filter", "input", "1", "drop"),
           WALL_DROP, NULL);
}

static void the_rule_that_decides_is_told(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, INPUT("accept") CHAIN("x") RULE("x", "{\"counter\":null}") RULE("x", DROP)
                       RULE("in", JUMP("x")));
    assert_int_equal(ask_wall(&s, 21, 0), WALL_DROP);
    assert_non_null(s.report.verdict.nft_rule);
    assert_int_equal(s.report.verdict.number, 2);
    assert_string_equal(s.report.verdict.nft_chain->name, "x");
    assert_int_equal(s.report.hook, RULES_INPUT);
    scene_fini(&s);
}

#define HELPER                                                                                               \
    OBJECT("ct helper", "\"name\":\"std\",\"type\":\"ftp\",\"protocol\":\"tcp\",\"l3proto\":\"inet\"")       \
    BASE("pre", "filter", "prerouting", "0", "accept")                                                       \
    RULE("pre", MATCH("==", DPORT, "21") "{\"ct helper\":\"std\"}")

static void connections_get_helpers(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, HELPER);
    assert_int_equal(ask_wall(&s, 21, 0), WALL_PASS);
    assert_int_equal(s.report.flow.helper, TRACK_HELPER_FTP);
    assert_int_equal(ask_wall(&s, 22, 0), WALL_PASS);
    assert_int_equal(s.report.flow.helper, TRACK_HELPER_NONE);
    scene_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubts_reach_as_far_as_they_matter),
        cmocka_unit_test(chains_that_are_maybe_entered_are_walked),
        cmocka_unit_test(verdict_maps_of_unknown_keys_are_all_their_verdicts),
        cmocka_unit_test(what_is_not_evaluated_is_unknown_by_its_name),
        cmocka_unit_test(limits_count_packets),
        cmocka_unit_test(sets_are_filled_by_rules),
        cmocka_unit_test(chains_are_met_by_priority),
        cmocka_unit_test(the_rule_that_decides_is_told),
        cmocka_unit_test(connections_get_helpers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
