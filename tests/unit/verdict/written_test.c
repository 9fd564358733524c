/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules write into packets and sets, and what rules, the routing decision and later packets see of it. */
#include "verdict/wall.h"

#include "ask.h"
#include "verdict/sets/sets.h"

static struct wall *make_wall(const char *text, uint8_t family, struct rules **ret_rules)
{
    struct track_config config;

    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    *ret_rules = read_rules(text, family);
    struct wall *wall = wall_new_counting(*ret_rules, &config, NULL, NULL);
    assert_non_null(wall);
    return wall;
}

/* ---- headers ---- */

#define TTL(words)  "-A PREROUTING -j TTL --ttl-" words
#define ASKS(words) "-A FORWARD " words " -j DROP"

/* A packet with a TTL of 64 and TOS 0, through a gateway. */
static void on_the_way_through(void **state)
{
    static const struct {
        const char *mangle, *filter;
        uint32_t unknown;
        enum wall_fate fate;
        enum wall_stage stage; /* not of WALL_PASS */
    } cases[] = {
        {TTL("set 1"), "", 0, WALL_DROP, WALL_BY_RULES},
        {TTL("set 0"), "", VERDICT_NO_SHAPE, WALL_DROP, WALL_BY_RULES},
        {TTL("set 2"), "", VERDICT_NO_SHAPE, WALL_PASS, 0},
        {TTL("set 2"), ASKS("-m ttl --ttl-eq 1"), VERDICT_NO_SHAPE, WALL_DROP, WALL_BY_RULES},
        {TTL("set 2"), ASKS("-m ttl --ttl-eq 2"), VERDICT_NO_SHAPE, WALL_PASS, 0},
        {"", ASKS("-m ttl --ttl-eq 63"), 0, WALL_DROP, WALL_BY_RULES},
        {"", ASKS("-m ttl --ttl-eq 63"), VERDICT_NO_SHAPE, WALL_UNKNOWN, WALL_BY_RULES},
        {TTL("dec 62"), ASKS("-m ttl --ttl-eq 1"), 0, WALL_DROP, WALL_BY_RULES},
        {TTL("dec 63"), "", 0, WALL_DROP, WALL_BY_RULES},
        {TTL("dec 1"), "", VERDICT_NO_SHAPE, WALL_UNKNOWN, WALL_BY_RULES},
        {TTL("inc 1"), "", VERDICT_NO_SHAPE, WALL_PASS, 0},
        {TTL("dec 1") "\n" TTL("set 9"), "", VERDICT_NO_SHAPE, WALL_PASS, 0},
        /* behind the routing decision it is not asked for any more */
        {"-A FORWARD -j TTL --ttl-set 1", ASKS("-m ttl --ttl-eq 1"), VERDICT_NO_SHAPE, WALL_DROP,
         WALL_BY_RULES},
        {"-A FORWARD -j TTL --ttl-set 1", ASKS("-m ttl --ttl-gt 1"), VERDICT_NO_SHAPE, WALL_PASS, 0},
        /* of the TOS field a part may be known */
        {"-A PREROUTING -j DSCP --set-dscp 10", ASKS("-m dscp --dscp 10"), VERDICT_NO_SHAPE, WALL_DROP,
         WALL_BY_RULES},
        {"-A PREROUTING -j DSCP --set-dscp 10", ASKS("-m tos --tos 0x28/0xff"), VERDICT_NO_SHAPE,
         WALL_UNKNOWN, WALL_BY_RULES},
        {"-A PREROUTING -j TOS --or-tos 0x08", ASKS("-m tos --tos 0x08/0x08"), VERDICT_NO_SHAPE, WALL_DROP,
         WALL_BY_RULES},
        {"-A PREROUTING -j TOS --xor-tos 0x08", ASKS("-m tos --tos 0x08/0x08"), VERDICT_NO_SHAPE,
         WALL_UNKNOWN, WALL_BY_RULES},
        {"-A PREROUTING -j TOS --set-tos 0x10\n-A PREROUTING -j TOS --xor-tos 0x18",
         ASKS("-m tos --tos 0x08/0xff"), VERDICT_NO_SHAPE, WALL_DROP, WALL_BY_RULES},
        /* a rule that maybe matches leaves two possibilities */
        {"-A PREROUTING -m ttl --ttl-eq 64 -j DSCP --set-dscp 10", ASKS("-m dscp --dscp 10"),
         VERDICT_NO_SHAPE, WALL_UNKNOWN, WALL_BY_RULES},
        {"-A PREROUTING -j DSCP --set-dscp 10\n-A PREROUTING -m ttl --ttl-eq 64 -j DSCP --set-dscp 10",
         ASKS("-m dscp --dscp 10"), VERDICT_NO_SHAPE, WALL_DROP, WALL_BY_RULES},
        /* the size of segments: what a sender chose, or less */
        {"-A PREROUTING -p tcp -j TCPMSS --set-mss 1200", ASKS("-p tcp -m tcpmss --mss 1201:65535"),
         VERDICT_NO_BYTES | VERDICT_NO_SHAPE, WALL_PASS, 0},
        {"-A PREROUTING -p tcp -j TCPMSS --set-mss 1200", ASKS("-p tcp -m tcpmss --mss 1:1200"),
         VERDICT_NO_BYTES | VERDICT_NO_SHAPE, WALL_DROP, WALL_BY_RULES},
        {"-A PREROUTING -p tcp -j TCPMSS --set-mss 1200", ASKS("-p tcp -m tcpmss --mss 1200"),
         VERDICT_NO_BYTES | VERDICT_NO_SHAPE, WALL_UNKNOWN, WALL_BY_RULES},
        {"", ASKS("-p tcp -m tcpmss --mss 1460"), VERDICT_NO_BYTES | VERDICT_NO_SHAPE, WALL_UNKNOWN,
         WALL_BY_RULES},
        {"", ASKS("-p tcp -m tcp --tcp-option 8"), VERDICT_NO_BYTES | VERDICT_NO_SHAPE, WALL_UNKNOWN,
         WALL_BY_RULES},
        {"", ASKS("-p tcp -m tcpmss --mss 1:65535"), VERDICT_NO_BYTES | VERDICT_NO_SHAPE, WALL_DROP,
         WALL_BY_RULES},
        /* of one that was said, not even that it is there */
        {"", ASKS("-p tcp -m tcpmss --mss 1:65535"), VERDICT_NO_BYTES, WALL_UNKNOWN, WALL_BY_RULES},
        {"", ASKS("-p tcp -m tcp --tcp-option 2"), VERDICT_NO_BYTES, WALL_UNKNOWN, WALL_BY_RULES},
    };
    char text[600];

    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct wall_world world = {.in = "eth0", .out = "eth1", .unknown = cases[i].unknown};
        struct wall_report report;
        struct sample sample;
        struct rules *rules;

        snprintf(text, sizeof(text),
                 "*mangle\n:PREROUTING ACCEPT\n:FORWARD ACCEPT\n:POSTROUTING "
                 "ACCEPT\n%s\nCOMMIT\n*filter\n:FORWARD "
                 "ACCEPT\n%s\nCOMMIT\n",
                 cases[i].mangle, cases[i].filter);
        struct wall *wall = make_wall(text, PACKET_IPV4, &rules);
        sample_build(&sample, &(struct packet_recipe){.source_port = 40000,
                                                      .destination_port = 21,
                                                      .ttl = 64,
                                                      .tcp = {.flags = PACKET_SYN, .window = 60000}});
        wall_packet(wall, &sample.packet, WALL_THROUGH, &world, 1000, NULL, &report);
        if (report.fate != cases[i].fate || (report.fate != WALL_PASS && report.stage != cases[i].stage))
            fail_msg("%s; %s: fate %d by %d", cases[i].mangle, cases[i].filter, report.fate, report.stage);
        wall_free(&wall);
        rules_free(&rules);
    }
}

/* Of a packet whose bytes are known all is. */
static void segments_of_a_real_packet(void **state)
{
    static const struct {
        const char *written;
        const char *asks;
        enum wall_fate fate;
    } cases[] = {
        {"1200", "1200", WALL_DROP}, {"1460", "1460", WALL_DROP}, {"9000", "1460", WALL_DROP},
        {"1200", "1460", WALL_PASS}, {"0", "0", WALL_DROP},
    };
    char text[400];

    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        const struct wall_world world = {.in = "eth0", .out = "eth1"};
        struct wall_report report;
        struct sample sample;
        struct rules *rules;

        snprintf(text, sizeof(text),
                 "*mangle\n:PREROUTING ACCEPT\n:FORWARD ACCEPT\n:POSTROUTING ACCEPT\n-A FORWARD -p tcp -j "
                 "TCPMSS --set-mss %s\nCOMMIT\n"
                 "*filter\n:FORWARD ACCEPT\n-A FORWARD -p tcp -m tcpmss --mss %s -j DROP\nCOMMIT\n",
                 cases[i].written, cases[i].asks);
        struct wall *wall = make_wall(text, PACKET_IPV4, &rules);
        sample_build(&sample, &(struct packet_recipe){.source_port = 40000,
                                                      .destination_port = 21,
                                                      .tcp = {.flags = PACKET_SYN, .window = 60000},
                                                      .mss = 1460});
        wall_packet(wall, &sample.packet, WALL_THROUGH, &world, 1000, NULL, &report);
        if (report.fate != cases[i].fate)
            fail_msg("%s, asked for %s: fate %d", cases[i].written, cases[i].asks, report.fate);
        wall_free(&wall);
        rules_free(&rules);
    }
}

/* ---- sets ---- */

struct knock {
    const char *source;
    uint16_t port;
    uint64_t at_ms;
    enum wall_fate fate;
};

static void play(const char *rules_text, const char *sets_text, const struct knock *knocks, size_t count)
{
    struct rules_error error;
    struct verdict_sets bound;
    struct sets *sets;
    struct rules *rules;
    struct wall *wall = make_wall(rules_text, PACKET_IPV4, &rules);

    assert_int_equal(sets_read(sets_text, strlen(sets_text), "sets", &sets, &error), 0);
    sets_bind(sets, &bound);
    const struct wall_world world = {.in = "eth0", .out = "", .sets = &bound};
    for (size_t i = 0; i < count; i++) {
        struct wall_report report;
        struct sample sample;

        sample_build(&sample, &(struct packet_recipe){.source = address(knocks[i].source),
                                                      .source_port = (uint16_t)(40000 + i),
                                                      .destination_port = knocks[i].port,
                                                      .tcp = {.flags = PACKET_SYN, .window = 60000}});
        wall_packet(wall, &sample.packet, WALL_IN, &world, knocks[i].at_ms, NULL, &report);
        if (report.fate != knocks[i].fate)
            fail_msg("%s\npacket %zu, from %s to %u: fate %d", rules_text, i + 1, knocks[i].source,
                     knocks[i].port, report.fate);
    }
    wall_free(&wall);
    sets_free(&sets);
    rules_free(&rules);
}
#define PLAY(rules, sets, ...)                                                                               \
    do {                                                                                                     \
        static const struct knock KNOCKS[] = {__VA_ARGS__};                                                  \
        play("*filter\n:INPUT DROP\n" rules "COMMIT\n", sets, KNOCKS, COUNT(KNOCKS));                        \
    } while (0)

/* Who knocks at one port may come in by another, for as long as the set or the rule says. */
static void members_by_rules(void **state)
{
    (void)state;
#define KNOCKING(words)                                                                                      \
    "-A INPUT -p tcp --dport 7000 -j SET --add-set let src" words "\n"                                       \
    "-A INPUT -p tcp --dport 21 -m set --match-set let src -j ACCEPT\n"
    PLAY(KNOCKING(""), "create let hash:ip\n", {"192.0.2.1", 21, 1000, WALL_DROP},
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.1", 21, 3000, WALL_PASS},
         {"192.0.2.2", 21, 4000, WALL_DROP}, {"192.0.2.1", 21, 9000000, WALL_PASS});
    PLAY(KNOCKING(""), "create let hash:ip timeout 5\n", {"192.0.2.1", 7000, 1000, WALL_DROP},
         {"192.0.2.1", 21, 5999, WALL_PASS}, {"192.0.2.1", 21, 6000, WALL_DROP});
    PLAY(KNOCKING(" --timeout 1"), "create let hash:ip timeout 5\n", {"192.0.2.1", 7000, 1000, WALL_DROP},
         {"192.0.2.1", 21, 2000, WALL_DROP});
    PLAY(KNOCKING(" --timeout 0"), "create let hash:ip timeout 5\n", {"192.0.2.1", 7000, 1000, WALL_DROP},
         {"192.0.2.1", 21, 90000, WALL_PASS});
    /* A second knock counts only with --exist. */
    PLAY(KNOCKING(""), "create let hash:ip timeout 5\n", {"192.0.2.1", 7000, 1000, WALL_DROP},
         {"192.0.2.1", 7000, 4000, WALL_DROP}, {"192.0.2.1", 21, 7000, WALL_DROP});
    PLAY(KNOCKING(" --exist"), "create let hash:ip timeout 5\n", {"192.0.2.1", 7000, 1000, WALL_DROP},
         {"192.0.2.1", 7000, 4000, WALL_DROP}, {"192.0.2.1", 21, 7000, WALL_PASS});
    /* A set without time-outs has none by rules either. */
    PLAY(KNOCKING(" --timeout 1"), "create let hash:ip\n", {"192.0.2.1", 7000, 1000, WALL_DROP},
         {"192.0.2.1", 21, 90000, WALL_PASS});
    /* Its netmask is the element's. */
    PLAY(KNOCKING(""), "create let hash:ip netmask 24\n", {"192.0.2.1", 7000, 1000, WALL_DROP},
         {"192.0.2.77", 21, 2000, WALL_PASS}, {"192.0.3.1", 21, 2000, WALL_DROP});
    /* A set of networks takes it for one as small as its smallest; what is left when one is taken out is not known. */
    PLAY(KNOCKING(""), "create let hash:net\n", {"192.0.2.1", 21, 1000, WALL_DROP},
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.1", 21, 3000, WALL_PASS},
         {"192.0.2.2", 21, 4000, WALL_DROP});
    PLAY(KNOCKING(""), "create let hash:net\nadd let 10.0.0.0/8\nadd let 10.1.0.0/24\n",
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.77", 21, 3000, WALL_PASS},
         {"192.0.3.1", 21, 4000, WALL_DROP});
    PLAY(KNOCKING(""), "create let hash:net timeout 9\nadd let 10.1.0.0/24\n",
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.77", 21, 3000, WALL_UNKNOWN});
    PLAY("-A INPUT -p tcp --dport 7000 -j SET --del-set let src\n"
         "-A INPUT -p tcp --dport 21 -m set --match-set let src -j ACCEPT\n",
         "create let hash:net\nadd let 192.0.2.0/24\n", {"192.0.2.1", 7000, 2000, WALL_DROP},
         {"192.0.2.1", 21, 3000, WALL_UNKNOWN});
    /* A set that is full takes no more; that there is room again in time is not excluded. */
    PLAY(KNOCKING(""), "create let hash:ip maxelem 1\nadd let 10.1.0.1\n",
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.1", 21, 3000, WALL_UNKNOWN},
         {"10.1.0.1", 21, 3000, WALL_PASS});
    PLAY(KNOCKING(""), "create let hash:ip maxelem 1 forceadd\nadd let 10.1.0.1\n",
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"10.1.0.1", 21, 3000, WALL_UNKNOWN});
    PLAY(KNOCKING(""), "create let hash:ip maxelem 2\nadd let 10.1.0.1\n",
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.1", 21, 3000, WALL_PASS},
         {"192.0.2.2", 7000, 4000, WALL_DROP}, {"192.0.2.2", 21, 5000, WALL_UNKNOWN});
    /* A set that nobody has described. */
    PLAY(KNOCKING(""), "create other hash:ip\n", {"192.0.2.1", 21, 1000, WALL_UNKNOWN});
    /* A list holds what its sets hold. */
    PLAY("-A INPUT -p tcp --dport 7000 -j SET --add-set let src\n"
         "-A INPUT -p tcp --dport 21 -m set --match-set all src -j ACCEPT\n",
         "create let hash:ip\ncreate all list:set\nadd all let\n", {"192.0.2.1", 21, 1000, WALL_DROP},
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.1", 21, 3000, WALL_UNKNOWN});
}

static void members_are_taken_out(void **state)
{
    (void)state;
    /* Once only. */
    PLAY(":used -\n-A INPUT -m set --match-set door src,dst -g used\n-A used -j SET --del-set door src,dst\n"
         "-A used -j ACCEPT\n",
         "create door hash:ip,port\nadd door 192.0.2.1,tcp:21\n", {"192.0.2.1", 22, 1000, WALL_DROP},
         {"192.0.2.1", 21, 2000, WALL_PASS}, {"192.0.2.1", 21, 3000, WALL_DROP});
    /* Whether it was taken out hangs on a rule that maybe matches. */
    PLAY("-A INPUT -p tcp --dport 7000 -m string --string x --algo bm -j SET --del-set let src\n"
         "-A INPUT -p tcp --dport 21 -m set --match-set let src -j ACCEPT\n",
         "create let hash:ip\nadd let 192.0.2.1\nadd let 192.0.2.2\n", {"192.0.2.1", 21, 1000, WALL_PASS},
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.1", 21, 3000, WALL_UNKNOWN},
         {"192.0.2.2", 21, 4000, WALL_PASS});
    /* Both at once: first in, then out. */
    PLAY("-A INPUT -p tcp --dport 7000 -j SET --add-set one src --del-set two src\n"
         "-A INPUT -p tcp --dport 21 -m set --match-set one src -m set ! --match-set two src -j ACCEPT\n",
         "create one hash:ip\ncreate two hash:ip\nadd two 192.0.2.1\n", {"192.0.2.1", 21, 1000, WALL_DROP},
         {"192.0.2.1", 7000, 2000, WALL_DROP}, {"192.0.2.1", 21, 3000, WALL_PASS});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_way_through),
        cmocka_unit_test(segments_of_a_real_packet),
        cmocka_unit_test(members_by_rules),
        cmocka_unit_test(members_are_taken_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
