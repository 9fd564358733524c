/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/wall.h"

#include "ask.h"

#define CLIENT "192.168.0.2"
#define SERVER "192.168.0.18"

/* A firewall on the server, and what was said through it. */
struct scene {
    struct rules *rules;
    struct wall *wall;
    struct wall_world world;
    struct wall_report report;
    uint64_t now;
};

static void scene_init(struct scene *s, const char *rules, uint32_t kernel)
{
    struct track_config config;

    track_config_default(&config, TRACK_LINUX, kernel);
    *s = (struct scene){
        .rules = read_rules(rules, PACKET_IPV4), .world = {.in = "eth0", .out = "eth0"}, .now = 1000};
    s->wall = wall_new_counting(s->rules, &config, NULL, NULL);
    assert_non_null(s->wall);
}

static void scene_fini(struct scene *s)
{
    wall_free(&s->wall);
    rules_free(&s->rules);
}

/* One TCP connection between client and server. */
struct connection {
    uint16_t client_port, server_port;
    uint32_t sequence[2]; /* next of client, of server */
};

static enum wall_fate send_packet(struct scene *s, struct connection *c, bool from_client, uint8_t flags,
                                  const char *payload)
{
    struct sample sample;
    size_t size = payload ? strlen(payload) : 0;
    struct packet_recipe recipe = {
        .source = address(from_client ? CLIENT : SERVER),
        .destination = address(from_client ? SERVER : CLIENT),
        .source_port = from_client ? c->client_port : c->server_port,
        .destination_port = from_client ? c->server_port : c->client_port,
        .tcp = {.flags = flags,
                .sequence = c->sequence[!from_client],
                .acknowledgement = c->sequence[from_client],
                .window = 60000},
        .window_scale = -1,
        .payload = payload,
        .payload_size = size,
    };

    sample_build(&sample, &recipe);
    wall_packet(s->wall, &sample.packet, from_client ? WALL_IN : WALL_OUT, &s->world, s->now += 10, NULL,
                &s->report);
    c->sequence[!from_client] += (uint32_t)size + !!(flags & (PACKET_SYN | PACKET_FIN));
    return s->report.fate;
}

static bool shake_hands(struct scene *s, struct connection *c, bool from_client)
{
    return send_packet(s, c, from_client, PACKET_SYN, NULL) == WALL_PASS &&
           send_packet(s, c, !from_client, PACKET_SYN | PACKET_ACK, NULL) == WALL_PASS &&
           send_packet(s, c, from_client, PACKET_ACK, NULL) == WALL_PASS;
}

static void say(struct scene *s, struct connection *c, bool from_client, const char *line)
{
    assert_int_equal(send_packet(s, c, from_client, PACKET_PSH | PACKET_ACK, line), WALL_PASS);
}

/* Logs in; false: the connection fails. */
static bool log_in(struct scene *s, struct connection *c)
{
    *c = (struct connection){.client_port = 40000, .server_port = 21, .sequence = {1000, 5000}};
    if (!shake_hands(s, c, true))
        return false;
    say(s, c, false, "220 (vsFTPd 3.0.2)\r\n");
    say(s, c, true, "USER anna\r\n");
    say(s, c, false, "331 Please specify the password.\r\n");
    say(s, c, true, "PASS secret\r\n");
    say(s, c, false, "230 Login successful.\r\n");
    return true;
}

enum outcome { NO_LOGIN, TIMES_OUT, WORKS };

static enum outcome list(struct scene *s, bool active, bool tls)
{
    struct connection control,
        data = {.client_port = 51201, .server_port = active ? 20 : 10090, .sequence = {1, 1}};

    if (!log_in(s, &control))
        return NO_LOGIN;
    if (active) {
        say(s, &control, true, tls ? "\x17\x03\x03\x01" : "PORT 192,168,0,2,200,1\r\n");
        say(s, &control, false, tls ? "\x17\x03\x03\x02" : "200 PORT command successful.\r\n");
    } else {
        say(s, &control, true, tls ? "\x17\x03\x03\x01" : "PASV\r\n");
        say(s, &control, false,
            tls ? "\x17\x03\x03\x02" : "227 Entering Passive Mode (192,168,0,18,39,106).\r\n");
    }
    return shake_hands(s, &data, !active) ? WORKS : TIMES_OUT;
}

#define RAW_HELPER                                                                                           \
    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 21 -j CT --helper "  \
    "ftp\nCOMMIT\n"
#define FILTER(accepts)                                                                                      \
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" accepts                    \
    "-A INPUT -d " SERVER " -j DROP\nCOMMIT\n"
#define ALLOW_21       "-A INPUT -d " SERVER " -p tcp -m tcp --dport 21 -j ACCEPT\n"
#define RELATED(ports) "-A INPUT -p tcp -m state --state RELATED,ESTABLISHED" ports " -j ACCEPT\n"

static const char row_0[] = FILTER("");
static const char row_1[] = FILTER(ALLOW_21);
static const char row_2[] = FILTER(ALLOW_21 "-A INPUT -p tcp -m tcp --dport 20 -j ACCEPT\n");
static const char row_3[] = FILTER(ALLOW_21 "-A INPUT -p tcp -m tcp --dport 10090:10100 -j ACCEPT\n");
static const char row_4[] = FILTER(ALLOW_21 RELATED(" -m tcp --dport 1024:65534"));
static const char row_5[] = RAW_HELPER FILTER(ALLOW_21 RELATED(" -m tcp --dport 1024:65534"));
static const char row_6[] = RAW_HELPER FILTER(ALLOW_21 RELATED(" -m tcp --dport 10090:10100"));
static const char row_7[] = RAW_HELPER FILTER(ALLOW_21 RELATED(""));

static void truth_table(void **state)
{
    static const struct {
        const char *rules;
        bool active, tls;
        uint32_t kernel;
        enum outcome outcome;
    } rows[] = {
        {row_0, false, false, TRACK_KERNEL(6, 18), NO_LOGIN},
        {row_0, true, false, TRACK_KERNEL(6, 18), NO_LOGIN},
        {row_1, false, false, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_1, true, false, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_2, false, false, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_2, true, false, TRACK_KERNEL(6, 18), WORKS},
        {row_3, false, false, TRACK_KERNEL(6, 18), WORKS},
        {row_3, true, false, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_4, false, false, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_4, true, false, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_4, false, false, TRACK_KERNEL(3, 10), WORKS},
        {row_4, false, false, TRACK_KERNEL(4, 7), TIMES_OUT},
        {row_5, false, false, TRACK_KERNEL(6, 18), WORKS},
        {row_5, true, false, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_6, false, false, TRACK_KERNEL(6, 18), WORKS},
        {row_6, true, false, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_7, false, false, TRACK_KERNEL(6, 18), WORKS},
        {row_7, true, false, TRACK_KERNEL(6, 18), WORKS},
        {row_5, false, true, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_6, false, true, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_7, false, true, TRACK_KERNEL(6, 18), TIMES_OUT},
        {row_7, true, true, TRACK_KERNEL(6, 18), WORKS},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        scene_init(&s, rows[i].rules, rows[i].kernel);
        enum outcome outcome = list(&s, rows[i].active, rows[i].tls);
        if (outcome != rows[i].outcome)
            fail_msg("line %zu of the table: %d, expected %d", i, outcome, rows[i].outcome);
        scene_fini(&s);
    }
}

/* What a report says of a packet that passed, and of one that did not. */
static void reports(void **state)
{
    struct connection control, other = {.client_port = 40001, .server_port = 22, .sequence = {1, 1}};
    struct scene s;
    (void)state;

    scene_init(&s, row_7, TRACK_KERNEL(6, 18));
    assert_true(log_in(&s, &control));
    assert_int_equal(s.report.table, RULES_FILTER);
    assert_int_equal(s.report.view.state, TRACK_ESTABLISHED);
    assert_int_equal(s.report.view.direction, TRACK_REPLY);
    assert_true(s.report.has_flow);
    assert_int_equal(s.report.flow.tuple.destination_port, 21);
    assert_int_equal(s.report.flow.helper, TRACK_HELPER_FTP);
    assert_true(s.report.flow.status & TRACK_ASSURED);
    assert_string_equal(s.report.verdict.chain->name, "OUTPUT");
    assert_null(s.report.verdict.rule);

    assert_int_equal(send_packet(&s, &other, true, PACKET_SYN, NULL), WALL_DROP);
    assert_int_equal(s.report.table, RULES_FILTER);
    assert_int_equal(s.report.verdict.number, 3);
    assert_int_equal(s.report.view.state, TRACK_NEW);
    assert_int_equal(tracker_flow_count(wall_tracker(s.wall)), 1);
    scene_fini(&s);
}

static void raw_decides_first(void **state)
{
    struct connection c = {.client_port = 40000, .server_port = 21, .sequence = {1, 1}};
    struct scene s;
    (void)state;

    scene_init(&s, "*raw\n:PREROUTING DROP [0:0]\nCOMMIT\n" FILTER(ALLOW_21), TRACK_KERNEL(6, 18));
    assert_int_equal(send_packet(&s, &c, true, PACKET_SYN, NULL), WALL_DROP);
    assert_int_equal(s.report.table, RULES_RAW);
    assert_int_equal(s.report.verdict.number, 0);
    assert_false(s.report.has_flow);
    scene_fini(&s);

    scene_init(&s,
               "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j CT --notrack\nCOMMIT\n"
               "*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT\nCOMMIT\n",
               TRACK_KERNEL(6, 18));
    assert_int_equal(send_packet(&s, &c, true, PACKET_ACK, NULL), WALL_PASS);
    assert_int_equal(s.report.view.state, TRACK_UNTRACKED);
    assert_int_equal(tracker_flow_count(wall_tracker(s.wall)), 0);
    scene_fini(&s);

    /* Nobody knows whether it is tracked: so is all that follows. */
    scene_init(&s,
               "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m statistic --mode random --probability 0.5 "
               "-j CT --notrack\n"
               "COMMIT\n" FILTER(ALLOW_21),
               TRACK_KERNEL(6, 18));
    assert_int_equal(send_packet(&s, &c, true, PACKET_SYN, NULL), WALL_UNKNOWN);
    assert_int_equal(s.report.table, RULES_RAW);
    assert_int_equal(s.report.verdict.number, 1);
    scene_fini(&s);
}

/* Raw may have let it pass: then what answers it is no stranger. */
static void tracked_in_doubt(void **state)
{
    struct connection c = {.client_port = 40000, .server_port = 21, .sequence = {1, 1}};
    struct scene s;
    (void)state;

    scene_init(&s,
               "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp --syn -m "
               "statistic --mode random "
               "--probability 0.5 -j DROP\nCOMMIT\n" FILTER(ALLOW_21),
               TRACK_KERNEL(6, 18));
    assert_int_equal(send_packet(&s, &c, true, PACKET_SYN, NULL), WALL_UNKNOWN);
    assert_int_equal(s.report.table, RULES_RAW);
    assert_int_equal(s.report.view.state, TRACK_NEW);
    assert_true(s.report.has_flow);
    assert_null(s.report.view.flow);
    assert_int_equal(send_packet(&s, &c, false, PACKET_SYN | PACKET_ACK, NULL), WALL_UNKNOWN);
    assert_true(s.report.astray);
    assert_int_equal(s.report.view.state, TRACK_ESTABLISHED);
    scene_fini(&s);
}

/* Whether it is translated is not known, and so nobody knows where it goes, nor what its later packets meet; another
 * one is not concerned. What is translated for certain: nat_test.c. */
static void maybe_translated(void **state)
{
    struct connection c = {.client_port = 40000, .server_port = 21, .sequence = {1, 1}};
    struct connection other = {.client_port = 40001, .server_port = 22, .sequence = {1, 1}};
    struct scene s;
    (void)state;

    scene_init(&s,
               "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
               ":POSTROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 21 -m statistic --mode random "
               "--probability 0.5 -j DNAT --to-destination 10.0.0.1\nCOMMIT\n",
               TRACK_KERNEL(6, 18));
    assert_int_equal(send_packet(&s, &c, true, PACKET_SYN, NULL), WALL_UNKNOWN);
    assert_true(s.report.astray);
    assert_int_equal(send_packet(&s, &c, false, PACKET_SYN | PACKET_ACK, NULL), WALL_UNKNOWN);
    assert_int_equal(send_packet(&s, &c, true, PACKET_ACK, NULL), WALL_UNKNOWN);
    assert_int_equal(send_packet(&s, &other, true, PACKET_SYN, NULL), WALL_PASS);
    assert_false(s.report.astray);
    scene_fini(&s);
}

/* What mangle writes is what filter sees; what is not evaluated may have written anything. */
static void marked_elsewhere(void **state)
{
    static const struct {
        const char *kept, *asks;
        bool is_sure;
        enum wall_fate fate;
    } cases[] = {
        {"-A PREROUTING -p tcp -j MARK --set-xmark 0x1/0xffffffff", "-m mark --mark 0x1", false, WALL_PASS},
        {"-A INPUT -p tcp -j MARK --set-xmark 0x1/0xffffffff", "-m mark --mark 0x1", false, WALL_PASS},
        {"-A PREROUTING -p udp -j MARK --set-xmark 0x1/0xffffffff", "-m mark --mark 0x1", false, WALL_DROP},
        {"-A PREROUTING -j HMARK --hmark-tuple src --hmark-mod 8 --hmark-rnd 1", "-m mark --mark 0x1", false,
         WALL_UNKNOWN},
        {"-A PREROUTING -p tcp -j MARK --set-xmark 0x1/0xffffffff", "-m mark --mark 0x1", true, WALL_DROP},
        {"-A PREROUTING -p tcp -j MARK --set-xmark 0x1/0xffffffff", "-m connmark --mark 0x1", false,
         WALL_DROP},
        {"-A PREROUTING -j CONNMARK --set-xmark 0x1/0xffffffff", "-m connmark --mark 0x1", false, WALL_PASS},
        {"-A PREROUTING -j CONNMARK --set-xmark 0x1/0xffffffff", "-m mark --mark 0x1", false, WALL_DROP},
        {"-A PREROUTING -j TTL --ttl-set 9", "-m ttl --ttl-eq 9", false, WALL_PASS},
        {"-A PREROUTING -j TTL --ttl-set 9", "-m ttl --ttl-eq 8", false, WALL_DROP},
        {"-A PREROUTING -j TTL --ttl-dec 60", "-m ttl --ttl-eq 4", false, WALL_PASS},
        {"-A PREROUTING -j TTL --ttl-dec 70", "-m ttl --ttl-eq 0", false, WALL_PASS},
        {"-A PREROUTING -j TTL --ttl-inc 200", "-m ttl --ttl-eq 255", false, WALL_PASS},
        {"-A PREROUTING -p udp -j TTL --ttl-set 9", "-m ttl --ttl-eq 9", false, WALL_DROP},
        {"-A PREROUTING -j DSCP --set-dscp 0x0a", "-m dscp --dscp 0x0a", false, WALL_PASS},
        {"-A PREROUTING -j DSCP --set-dscp 0x0a", "-m dscp --dscp 0x0b", false, WALL_DROP},
        {"-A PREROUTING -j TOS --set-tos 0x10/0x3f", "-m tos --tos Minimize-Delay", false, WALL_PASS},
        {"-A PREROUTING -j TOS --or-tos 0x06\n-A INPUT -j TOS --and-tos 0xfd", "-m tos --tos 0x04/0xff",
         false, WALL_PASS},
        {"-A PREROUTING -j TOS --set-tos 0xff\n-A INPUT -j TOS --xor-tos 0x0f", "-m tos --tos 0xf0/0xff",
         false, WALL_PASS},
        {"-A PREROUTING -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1000",
         "-p tcp -m tcpmss --mss 1000", false, WALL_UNKNOWN}, /* put in, for there was none */
        {"-A PREROUTING -j SET --add-set seen src", "-m set --match-set seen src", false, WALL_UNKNOWN},
        {"-A PREROUTING -j DROP", "-p tcp", false, WALL_DROP},
        {"-A INPUT -p tcp -j DROP", "-p tcp", false, WALL_DROP},
        {"-A PREROUTING -j TTL --ttl-set 9", "-m mark --mark 0x1", false, WALL_DROP},
    };
    char text[400];
    (void)state;

    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct connection c = {.client_port = 40000, .server_port = 21, .sequence = {1, 1}};
        struct scene s;

        snprintf(text, sizeof(text),
                 "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n%s\nCOMMIT\n"
                 "*filter\n:INPUT DROP [0:0]\n-A INPUT %s -j ACCEPT\nCOMMIT\n",
                 cases[i].kept, cases[i].asks);
        scene_init(&s, text, TRACK_KERNEL(6, 18));
        s.world.mark_is_sure = cases[i].is_sure;
        assert_int_equal(send_packet(&s, &c, true, PACKET_SYN, NULL), cases[i].fate);
        scene_fini(&s);
    }
}

/* The other family's packets meet no rules, but are tracked. */
static void other_family(void **state)
{
    struct sample sample;
    struct scene s;
    (void)state;

    scene_init(&s, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n", TRACK_KERNEL(6, 18));
    sample_build(&sample, &(struct packet_recipe){.family = PACKET_IPV6,
                                                  .source_port = 40000,
                                                  .destination_port = 21,
                                                  .tcp = {.flags = PACKET_SYN, .window = 1000},
                                                  .window_scale = -1});
    wall_packet(s.wall, &sample.packet, WALL_IN, &s.world, 1000, NULL, &s.report);
    assert_int_equal(s.report.fate, WALL_PASS);
    assert_null(s.report.verdict.chain);
    assert_int_equal(s.report.view.state, TRACK_NEW);
    assert_int_equal(tracker_flow_count(wall_tracker(s.wall)), 1);
    scene_fini(&s);
}

static void connection_marks(void **state)
{
    struct connection c = {.client_port = 40000, .server_port = 21, .sequence = {1, 1}};
    struct scene s;
    (void)state;

    scene_init(&s,
               "*filter\n:INPUT DROP [0:0]\n:OUTPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate NEW -j "
               "CONNMARK --set-mark 7\n"
               "-A INPUT -j ACCEPT\n-A OUTPUT -m connmark --mark 7 -j ACCEPT\nCOMMIT\n",
               TRACK_KERNEL(6, 18));
    assert_true(shake_hands(&s, &c, true));
    assert_int_equal(s.report.flow.mark, 7);
    scene_fini(&s);
}

static void packet_marks_from_raw(void **state)
{
    struct connection c = {.client_port = 40000, .server_port = 21, .sequence = {1, 1}};
    struct scene s;
    (void)state;

    scene_init(&s,
               "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j MARK --set-mark 3\nCOMMIT\n"
               "*filter\n:INPUT DROP [0:0]\n-A INPUT -m mark --mark 3 -j ACCEPT\nCOMMIT\n",
               TRACK_KERNEL(6, 18));
    assert_int_equal(send_packet(&s, &c, true, PACKET_SYN, NULL), WALL_PASS);
    scene_fini(&s);
}

/* What is asked of a connection, by both sides of it. */
static void conntrack_matches(void **state)
{
    struct connection c = {.client_port = 40000, .server_port = 21, .sequence = {1, 1}};
    static const char *const conditions[][2] = {
        /* holds for the server's SYN/ACK (OUTPUT, REPLY, not yet assured); does not hold */
        {"--ctstate ESTABLISHED", "--ctstate NEW,RELATED,INVALID,UNTRACKED,SNAT,DNAT"},
        {"--ctproto tcp", "! --ctproto 6"},
        {"--ctorigsrc " CLIENT, "--ctorigsrc " SERVER},
        {"--ctorigdst 192.168.0.0/24", "! --ctorigdst 192.168.0.0/24"},
        {"--ctreplsrc " SERVER, "--ctreplsrc " CLIENT},
        {"--ctrepldst " CLIENT, "! --ctrepldst " CLIENT},
        {"--ctorigsrcport 40000", "--ctorigsrcport 40001:"},
        {"--ctorigdstport 21", "! --ctorigdstport 20:21"},
        {"--ctreplsrcport 21", "--ctreplsrcport 40000"},
        {"--ctrepldstport 40000", "! --ctrepldstport 40000"},
        {"--ctstatus SEEN_REPLY", "--ctstatus ASSURED,EXPECTED"},
        {"--ctstatus CONFIRMED", "--ctstatus NONE"},
        {"--ctexpire 59:60", "--ctexpire 120"},
        {"--ctdir REPLY", "--ctdir ORIGINAL"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(conditions); i++) {
        for (unsigned j = 0; j < 2; j++) {
            char rules[512];
            struct scene s;
            snprintf(rules, sizeof rules,
                     "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -m conntrack %s -j "
                     "DROP\nCOMMIT\n",
                     conditions[i][j]);
            scene_init(&s, rules, TRACK_KERNEL(6, 18));
            c.sequence[0] = c.sequence[1] = 1;
            assert_int_equal(send_packet(&s, &c, true, PACKET_SYN, NULL), WALL_PASS);
            enum wall_fate fate = send_packet(&s, &c, false, PACKET_SYN | PACKET_ACK, NULL);
            if (fate != (j == 0 ? WALL_DROP : WALL_PASS))
                fail_msg("%s", conditions[i][j]);
            scene_fini(&s);
        }
    }
}

static void helper_match(void **state)
{
    struct connection control, data = {.client_port = 51201, .server_port = 10090, .sequence = {1, 1}};
    struct scene s;
    (void)state;

    scene_init(&s,
               RAW_HELPER "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n" ALLOW_21
                          "-A INPUT -m helper --helper ftp -j ACCEPT\nCOMMIT\n",
               TRACK_KERNEL(6, 18));
    assert_true(log_in(&s, &control));
    say(&s, &control, true, "PASV\r\n");
    say(&s, &control, false, "227 Entering Passive Mode (192,168,0,18,39,106).\r\n");
    assert_int_equal(send_packet(&s, &data, true, PACKET_SYN, NULL), WALL_PASS);
    assert_int_equal(s.report.verdict.number, 2);
    assert_int_equal(s.report.view.state, TRACK_RELATED);
    scene_fini(&s);
}

static void connection_limit(void **state)
{
    struct connection c[4];
    struct scene s;
    (void)state;

    scene_init(&s,
               "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
               "-A INPUT -p tcp --syn -m connlimit --connlimit-above 2 --connlimit-mask 24 -j REJECT "
               "--reject-with tcp-reset\nCOMMIT\n",
               TRACK_KERNEL(6, 18));
    for (uint16_t i = 0; i < COUNT(c); i++) {
        c[i] =
            (struct connection){.client_port = (uint16_t)(40000 + i), .server_port = 21, .sequence = {1, 1}};
        if (i < 2)
            assert_true(shake_hands(&s, &c[i], true));
        else
            assert_int_equal(send_packet(&s, &c[i], true, PACKET_SYN, NULL), WALL_REJECT);
    }
    /* One that is reset is closed, and not counted any more. */
    assert_int_equal(send_packet(&s, &c[0], true, PACKET_RST | PACKET_ACK, NULL), WALL_PASS);
    c[2].sequence[0] = 1;
    assert_int_equal(send_packet(&s, &c[2], true, PACKET_SYN, NULL), WALL_PASS);
    c[3].sequence[0] = 1;
    assert_int_equal(send_packet(&s, &c[3], true, PACKET_SYN, NULL), WALL_REJECT);
    scene_fini(&s);
}

/* The answer closes a connection that was let through before (since Linux 6.3). */
static void rejected_with_a_reset(void **state)
{
    struct connection c = {.client_port = 40000, .server_port = 21, .sequence = {1, 1}};
    struct scene s;
    (void)state;

    for (unsigned old = 0; old < 2; old++) {
        c.sequence[0] = c.sequence[1] = 1;
        scene_init(&s,
                   "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                   "-A INPUT -p tcp -m length --length 41: -j REJECT --reject-with tcp-reset\nCOMMIT\n",
                   old ? TRACK_KERNEL(6, 2) : TRACK_KERNEL(6, 3));
        assert_true(shake_hands(&s, &c, true));
        assert_int_equal(send_packet(&s, &c, true, PACKET_PSH | PACKET_ACK, "USER anna\r\n"), WALL_REJECT);
        assert_int_equal(s.report.flow.tcp.state, old ? TRACK_TCP_ESTABLISHED : TRACK_TCP_CLOSE);
        assert_int_equal((s.report.flow.expires - s.now) / 1000, old ? 300 : 10);
        scene_fini(&s);
    }
}

/* ---- questions ---- */

static enum wall_fate ask_wall(struct wall *w, enum track_state state, const struct wall_world *world,
                               struct wall_report *ret)
{
    struct sample sample;
    struct packet_recipe recipe = {.source = address(CLIENT),
                                   .destination = address(SERVER),
                                   .source_port = 40000,
                                   .destination_port = 21,
                                   .tcp = {.flags = PACKET_SYN, .window = 60000},
                                   .window_scale = -1};
    struct wall_ask ask = {
        .packet = &sample.packet, .path = WALL_IN, .world = world, .state = state, .now_ms = 100000};

    sample_build(&sample, &recipe);
    wall_ask(w, &ask, NULL, ret);
    return ret->fate;
}

#define MANGLE(rules) "COMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n" rules
#define NAT(rules)    "COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n" rules

static void questions(void **state)
{
    static const struct {
        const char *rules;
        enum track_state state;
        uint32_t unknown;
        bool mark_is_sure;
        enum wall_fate fate;
    } cases[] = {
        {"-A INPUT -m state --state NEW -j DROP\n", TRACK_NONE, 0, false, WALL_DROP},
        {"-A INPUT -m state --state NEW -j DROP\n", TRACK_ESTABLISHED, 0, false, WALL_PASS},
        {"-A INPUT -m helper --helper ftp -j DROP\n", TRACK_ESTABLISHED, 0, false, WALL_PASS},
        {"-A INPUT -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A INPUT -j DROP\n", TRACK_NEW, 0,
         false, WALL_PASS},
        /* A mark is 0 in raw, and in filter what mangle made of it. */
        {"COMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m mark --mark 1 -j DROP\n"
         "COMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n-A PREROUTING -j MARK --set-mark "
         "1\n",
         TRACK_NEW, 0, false, WALL_PASS},
        {"-A INPUT -m mark --mark 1 -j DROP\n" MANGLE("-A PREROUTING -j MARK --set-mark 1\n"), TRACK_NEW, 0,
         false, WALL_DROP},
        {"-A INPUT -m mark --mark 1 -j DROP\n" MANGLE("-A PREROUTING -j MARK --set-mark 1\n"), TRACK_NEW, 0,
         true, WALL_PASS},
        /* Mangle's doubt is settled by a filter that drops, unless it is about where the packet goes. */
        {"-A INPUT -j DROP\n" MANGLE("-A PREROUTING -i eth1 -j DROP\n"), TRACK_NEW, VERDICT_NO_IN, false,
         WALL_DROP},
        {"-A INPUT -j DROP\n" MANGLE("-A PREROUTING -i eth1 -p tcp -j TPROXY --on-port 3129\n"), TRACK_NEW,
         VERDICT_NO_IN, false, WALL_UNKNOWN},
        {"-A INPUT -j DROP\n" MANGLE("-A PREROUTING -p udp -j TPROXY --on-port 3129\n"), TRACK_NEW, 0, false,
         WALL_DROP},
        /* NAT decides about a connection's first packet, and the others follow. */
        {"-A INPUT -j DROP\n" NAT("-A PREROUTING -p tcp -m tcp --dport 21 -j REDIRECT --to-ports 2121\n"),
         TRACK_NEW, 0, false, WALL_DROP},
        {"-A INPUT -j DROP\n" NAT("-A PREROUTING -p tcp -m tcp --dport 21 -j REDIRECT --to-ports 2121\n"),
         TRACK_ESTABLISHED, 0, false, WALL_UNKNOWN},
        {"-A INPUT -j DROP\n" NAT("-A PREROUTING -p tcp -m tcp --dport 22 -j REDIRECT --to-ports 2121\n"),
         TRACK_ESTABLISHED, 0, false, WALL_DROP},
        {"-A INPUT -j DROP\n" NAT("-A PREROUTING -i eth1 -j DNAT --to-destination 10.0.0.1\n"), TRACK_NEW,
         VERDICT_NO_IN, false, WALL_UNKNOWN},
        {"-A INPUT -j DROP\n" NAT("-A PREROUTING -p tcp -j ACCEPT\n-A PREROUTING -j DNAT --to-destination "
                                  "10.0.0.1\n"),
         TRACK_NEW, 0, false, WALL_DROP},
        /* Behind all rules the source is rewritten: this packet passes. */
        {NAT("-A INPUT -p tcp -j SNAT --to-source 10.0.0.1\n"), TRACK_NEW, 0, false, WALL_PASS},
        {"COMMIT\n*security\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j DROP\n", TRACK_NEW, 0, false, WALL_DROP},
        {"-A INPUT -i eth1 -j DROP\nCOMMIT\n*security\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -j DROP\n",
         TRACK_NEW, VERDICT_NO_IN, false, WALL_UNKNOWN},
        /* A chain that the file does not have. */
        {"COMMIT\n*mangle\n:INPUT ACCEPT [0:0]\n", TRACK_NEW, 0, false, WALL_UNKNOWN},
        /* Raw's doubt about the packet is settled by a filter that drops; one about the tracking is not. */
        {"-A INPUT -j DROP\nCOMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i eth1 -j DROP\n",
         TRACK_NEW, VERDICT_NO_IN, false, WALL_DROP},
        {"-A INPUT -m state --state ESTABLISHED -j DROP\nCOMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n"
         "-A PREROUTING -i eth1 -j NOTRACK\n",
         TRACK_ESTABLISHED, VERDICT_NO_IN, false, WALL_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wall_world world = {
            .in = "eth0", .out = "", .unknown = cases[i].unknown, .mark_is_sure = cases[i].mark_is_sure};
        struct wall_report report;
        struct track_config config;
        char text[512];

        snprintf(text, sizeof text, "*filter\n:INPUT ACCEPT [0:0]\n%sCOMMIT\n", cases[i].rules);
        struct rules *r = read_rules(text, PACKET_IPV4);
        struct wall_rules *rules = wall_rules_new(r);
        track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
        struct wall *w = wall_new(rules, &config, NULL, NULL);
        assert_non_null(w);
        for (int again = 0; again < 3; again++) { /* nothing is remembered */
            if (ask_wall(w, cases[i].state, &world, &report) != cases[i].fate)
                fail_msg("%s: fate %d, expected %d", cases[i].rules, report.fate, cases[i].fate);
            assert_false(report.has_flow);
            assert_int_equal(tracker_flow_count(wall_tracker(w)), 0);
        }
        wall_free(&w);
        wall_rules_free(&rules);
        rules_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truth_table),       cmocka_unit_test(reports),
        cmocka_unit_test(raw_decides_first), cmocka_unit_test(other_family),
        cmocka_unit_test(connection_marks),  cmocka_unit_test(packet_marks_from_raw),
        cmocka_unit_test(conntrack_matches), cmocka_unit_test(helper_match),
        cmocka_unit_test(connection_limit),  cmocka_unit_test(rejected_with_a_reset),
        cmocka_unit_test(tracked_in_doubt),  cmocka_unit_test(maybe_translated),
        cmocka_unit_test(marked_elsewhere),  cmocka_unit_test(questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
