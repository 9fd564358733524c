/* SPDX-License-Identifier: BSD-2-Clause */
/* What NAT makes of packets, as the kernel does: held by sessions in namespaces too (tests/oracle/answers.py). */
#include "verdict/wall.h"

#include <stdlib.h>

#include "ask.h"
#include "packet/checksum.h"

#define HEAD                                                                                                 \
    "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
#define HELPER                                                                                               \
    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT "    \
    "--helper ftp\nCOMMIT\n"

struct scene {
    struct rules *rules;
    struct wall *wall;
    struct wall_world world;
    struct wall_report report;
    struct host *host;
    uint64_t now;
    char text[128]; /* what became of the last packet: "10.0.0.9:40000 > 192.0.2.1:21 by eth1" */
};

static void scene_init(struct scene *s, const char *rules)
{
    struct track_config config;
    struct host_error error;

    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    *s = (struct scene){.rules = read_rules(rules, PACKET_IPV4), .now = 1000, .host = host_new()};
    s->world = (struct wall_world){.in = "eth0", .out = "", .unknown = VERDICT_NO_OUT, .host = s->host};
    s->wall = wall_new_counting(s->rules, &config, NULL, NULL);
    assert_non_null(s->wall);
    assert_int_equal(host_add_address(s->host, "eth0", "192.0.2.1/24", &error), 0);
    assert_int_equal(host_add_address(s->host, "eth1", "10.0.0.1/24", &error), 0);
    assert_int_equal(host_add_route(s->host, "default via 192.0.2.254 dev eth0", &error), 0);
}

static void scene_fini(struct scene *s)
{
    wall_free(&s->wall);
    host_free(&s->host);
    rules_free(&s->rules);
}

static struct packet_address take_end(const char *end, uint16_t *port)
{
    char text[64];

    snprintf(text, sizeof(text), "%s", end);
    char *colon = strchr(text, ':');
    *port = (uint16_t)strtoul(colon + 1, NULL, 10);
    *colon = '\0';
    return address(text);
}

static const char *put_end(char *out, const struct packet_address *a, uint16_t port)
{
    packet_address_format(a, PACKET_IPV4, out);
    sprintf(out + strlen(out), ":%u", port);
    return out;
}

/* "src > dst", as it left, and how; "dropped". */
static const char *send(struct scene *s, const char *from, const char *to, const char *in,
                        struct packet_recipe *r)
{
    static const char *const ways[] = {
        [WALL_IN] = "here", [WALL_OUT] = "out", [WALL_THROUGH] = "through", [WALL_LOOP] = "loop"};
    struct sample sample;
    char source[64], destination[64];

    r->source = take_end(from, &r->source_port);
    r->destination = take_end(to, &r->destination_port);
    r->window_scale = -1;
    r->tcp.window = 60000;
    s->world.in = in ? in : "";
    sample_build(&sample, r);
    wall_packet(s->wall, &sample.packet, in ? WALL_THROUGH : WALL_OUT, &s->world, s->now += 10, NULL,
                &s->report);
    if (s->report.fate != WALL_PASS)
        return s->report.fate == WALL_UNKNOWN ? "unknown" : "dropped";
    const struct packet *p = &s->report.packet;
    snprintf(s->text, sizeof(s->text), "%s > %s %s", put_end(source, &p->source, p->source_port),
             put_end(destination, &p->destination, p->destination_port), ways[s->report.path]);
    /* Bytes and struct say the same, sums included. */
    struct packet again;
    assert_int_equal(packet_decode(p->bytes, p->captured, true, &again), 0);
    assert_int_equal(again.fault, PACKET_SOUND);
    assert_true(packet_address_equal(&again.source, &p->source) &&
                again.destination_port == p->destination_port);
    return s->text;
}

static const char *syn(struct scene *s, const char *from, const char *to, const char *in)
{
    struct packet_recipe r = {.tcp = {.flags = PACKET_SYN, .sequence = 1000}};

    return send(s, from, to, in, &r);
}

static const char *syn_ack(struct scene *s, const char *from, const char *to, const char *in)
{
    struct packet_recipe r = {
        .tcp = {.flags = PACKET_SYN | PACKET_ACK, .sequence = 5000, .acknowledgement = 1001}};

    return send(s, from, to, in, &r);
}

#define CLIENT "203.0.113.9:40000"
#define PUBLIC "192.0.2.1:21"

/* One rule, the first packet, and the answer. */
static void each_target(void **state)
{
    static const struct {
        const char *rule, *from, *to, *in;
        const char *became;
        const char *answer_from, *answer_to, *answer_in; /* NULL: this machine answers */
        const char *answer;
    } cases[] = {
        {"-A PREROUTING -p tcp --dport 21 -j DNAT --to-destination 10.0.0.5", CLIENT, PUBLIC, "eth0",
         CLIENT " > 10.0.0.5:21 through", "10.0.0.5:21", CLIENT, "eth1", PUBLIC " > " CLIENT " through"},
        {"-A PREROUTING -p tcp --dport 21 -j DNAT --to-destination 10.0.0.5:2121", CLIENT, PUBLIC, "eth0",
         CLIENT " > 10.0.0.5:2121 through", "10.0.0.5:2121", CLIENT, "eth1", PUBLIC " > " CLIENT " through"},
        {"-A PREROUTING -p tcp --dport 21 -j DNAT --to-destination :2121", CLIENT, PUBLIC, "eth0",
         CLIENT " > 192.0.2.1:2121 here", "192.0.2.1:2121", CLIENT, NULL, PUBLIC " > " CLIENT " out"},
        {"-A PREROUTING -p tcp --dport 21 -j DNAT --to-destination 10.0.0.5:5000-5010", CLIENT, PUBLIC,
         "eth0", CLIENT " > 10.0.0.5:5000 through", "10.0.0.5:5000", CLIENT, "eth1",
         PUBLIC " > " CLIENT " through"},
        {"-A PREROUTING -p tcp --dport 20:30 -j DNAT --to-destination 10.0.0.5:5000-5010/20", CLIENT, PUBLIC,
         "eth0", CLIENT " > 10.0.0.5:5001 through", "10.0.0.5:5001", CLIENT, "eth1",
         PUBLIC " > " CLIENT " through"},
        {"-A PREROUTING -p tcp --dport 21 -j REDIRECT --to-ports 2121", CLIENT, "198.51.100.1:21", "eth0",
         CLIENT " > 192.0.2.1:2121 here", "192.0.2.1:2121", CLIENT, NULL, "198.51.100.1:21 > " CLIENT " out"},
        {"-A PREROUTING -j NETMAP --to 10.0.0.0/24", CLIENT, "192.0.2.77:21", "eth0",
         CLIENT " > 10.0.0.77:21 through", "10.0.0.77:21", CLIENT, "eth1",
         "192.0.2.77:21 > " CLIENT " through"},
        {"-A POSTROUTING -o eth0 -j MASQUERADE", "10.0.0.5:40000", "203.0.113.9:21", "eth1",
         "192.0.2.1:40000 > 203.0.113.9:21 through", "203.0.113.9:21", "192.0.2.1:40000", "eth0",
         "203.0.113.9:21 > 10.0.0.5:40000 through"},
        {"-A POSTROUTING -o eth0 -j SNAT --to-source 192.0.2.8", "10.0.0.5:40000", "203.0.113.9:21", "eth1",
         "192.0.2.8:40000 > 203.0.113.9:21 through", "203.0.113.9:21", "192.0.2.8:40000", "eth0",
         "203.0.113.9:21 > 10.0.0.5:40000 through"},
        {"-A INPUT -p tcp -j SNAT --to-source 10.9.9.9", CLIENT, PUBLIC, "eth0",
         "10.9.9.9:40000 > " PUBLIC " here", PUBLIC, "10.9.9.9:40000", NULL, PUBLIC " > " CLIENT " out"},
        {"-A OUTPUT -p tcp --dport 21 -j REDIRECT --to-ports 2121", "192.0.2.1:40000", "203.0.113.9:21", NULL,
         "192.0.2.1:40000 > 127.0.0.1:2121 loop", NULL, NULL, NULL, NULL},
        {"-A OUTPUT -p tcp --dport 21 -j DNAT --to-destination 10.0.0.5", "192.0.2.1:40000", "203.0.113.9:21",
         NULL, "192.0.2.1:40000 > 10.0.0.5:21 out", "10.0.0.5:21", "192.0.2.1:40000", "eth1",
         "203.0.113.9:21 > 192.0.2.1:40000 here"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        char text[512];

        snprintf(text, sizeof(text), HEAD "%s\nCOMMIT\n", cases[i].rule);
        scene_init(&s, text);
        assert_string_equal(syn(&s, cases[i].from, cases[i].to, cases[i].in), cases[i].became);
        if (cases[i].answer)
            assert_string_equal(syn_ack(&s, cases[i].answer_from, cases[i].answer_to, cases[i].answer_in),
                                cases[i].answer);
        scene_fini(&s);
    }
}

/* Two inner machines from the same port to the same server: the second gets another one, which nobody can foretell. */
static void clashes(void **state)
{
    struct scene s;
    (void)state;

    scene_init(&s, HEAD "-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n");
    assert_string_equal(syn(&s, "10.0.0.5:40000", "203.0.113.9:21", "eth1"),
                        "192.0.2.1:40000 > 203.0.113.9:21 through");
    assert_false(s.report.flow.status & TRACK_SRC_PORT_OPEN);
    assert_string_not_equal(syn(&s, "10.0.0.6:40000", "203.0.113.9:21", "eth1"),
                            "192.0.2.1:40000 > 203.0.113.9:21 through");
    assert_true(s.report.flow.status & TRACK_SRC_PORT_OPEN);
    /* To another server there is no clash. */
    assert_string_equal(syn(&s, "10.0.0.7:40000", "203.0.113.10:21", "eth1"),
                        "192.0.2.1:40000 > 203.0.113.10:21 through");
    scene_fini(&s);
}

/* What chance chose can't be asked for. */
static void open_ports(void **state)
{
    struct scene s;
    (void)state;

    scene_init(&s, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -i eth0 -p tcp -m "
                   "tcp --dport 50000 -j DROP\n"
                   "COMMIT\n" HEAD "-A POSTROUTING -o eth0 -p tcp -j MASQUERADE --random\nCOMMIT\n");
    assert_string_not_equal(syn(&s, "10.0.0.5:40000", "203.0.113.9:21", "eth1"), "dropped");
    char back[64];
    put_end(back, &s.report.packet.source, s.report.packet.source_port);
    assert_string_not_equal(syn_ack(&s, "203.0.113.9:21", back, "eth0"), "dropped");
    scene_fini(&s);
}

/* What is said on a control connection, and as what it arrives. */
static void say(struct scene *s, const char *from, const char *to, const char *in, uint32_t sequence,
                uint32_t ack, const char *text, const char *arrives, uint32_t arrives_at,
                uint32_t arrives_ack)
{
    struct packet_recipe r = {
        .tcp = {.flags = PACKET_PSH | PACKET_ACK, .sequence = sequence, .acknowledgement = ack},
        .payload = text,
        .payload_size = strlen(text)};

    assert_non_null(strstr(send(s, from, to, in, &r), " > "));
    const struct packet *p = &s->report.packet;
    assert_int_equal(packet_payload_size(p), strlen(arrives));
    assert_memory_equal(p->bytes + p->payload, arrives, strlen(arrives));
    assert_int_equal(p->tcp.sequence, arrives_at);
    assert_int_equal(p->tcp.acknowledgement, arrives_ack);
}

/* PORT through masquerading: rewritten, numbers behind it shifted, and the server's connection led in. */
static void port_is_rewritten(void **state)
{
    static const char client[] = "10.0.0.5:40000", server[] = "203.0.113.9:21", seen[] = "192.0.2.1:40000";
    struct scene s;
    (void)state;

    scene_init(&s, HELPER HEAD "-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n");
    syn(&s, client, server, "eth1");
    syn_ack(&s, server, seen, "eth0");
    say(&s, server, seen, "eth0", 5001, 1001, "220 hi\r\n", "220 hi\r\n", 5001, 1001);
    say(&s, client, server, "eth1", 1001, 5009, "NOOP\r\n", "NOOP\r\n", 1001, 5009);
    say(&s, server, seen, "eth0", 5009, 1007, "200 ok\r\n", "200 ok\r\n", 5009, 1007);
    say(&s, client, server, "eth1", 1007, 5017, "PORT 10,0,0,5,200,1\r\n", "PORT 192,0,2,1,200,1\r\n", 1007,
        5017);
    /* The server has seen a byte more than the client sent. */
    say(&s, server, seen, "eth0", 5017, 1029, "200 ok\r\n", "200 ok\r\n", 5017, 1028);
    say(&s, client, server, "eth1", 1028, 5025, "LIST\r\n", "LIST\r\n", 1029, 5025);
    assert_string_equal(syn(&s, "203.0.113.9:20", "192.0.2.1:51201", "eth0"),
                        "203.0.113.9:20 > 10.0.0.5:51201 through");
    assert_int_equal(s.report.view.state, TRACK_RELATED);
    assert_string_equal(syn_ack(&s, "10.0.0.5:51201", "203.0.113.9:20", "eth1"),
                        "192.0.2.1:51201 > 203.0.113.9:20 through");
    scene_fini(&s);
}

/* 227 of a server behind DNAT. */
static void reply_is_rewritten(void **state)
{
    static const char inner[] = "10.0.0.5:21";
    struct scene s;
    (void)state;

    scene_init(&s, HELPER HEAD
               "-A PREROUTING -i eth0 -p tcp --dport 21 -j DNAT --to-destination 10.0.0.5\nCOMMIT\n");
    syn(&s, CLIENT, PUBLIC, "eth0");
    syn_ack(&s, inner, CLIENT, "eth1");
    say(&s, inner, CLIENT, "eth1", 5001, 1001, "220 hi\r\n", "220 hi\r\n", 5001, 1001);
    say(&s, CLIENT, PUBLIC, "eth0", 1001, 5009, "PASV\r\n", "PASV\r\n", 1001, 5009);
    say(&s, inner, CLIENT, "eth1", 5009, 1007, "227 Entering Passive Mode (10,0,0,5,200,1).\r\n",
        "227 Entering Passive Mode (192,0,2,1,200,1).\r\n", 5009, 1007);
    assert_string_equal(syn(&s, "203.0.113.9:40001", "192.0.2.1:51201", "eth0"),
                        "203.0.113.9:40001 > 10.0.0.5:51201 through");
    assert_int_equal(s.report.view.state, TRACK_RELATED);
    /* Without the helper of NAT it is what the server said. */
    scene_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_target),        cmocka_unit_test(clashes),
        cmocka_unit_test(open_ports),         cmocka_unit_test(port_is_rewritten),
        cmocka_unit_test(reply_is_rewritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
