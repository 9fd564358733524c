/* SPDX-License-Identifier: BSD-2-Clause */

/* What the kernel program does with expectations that one control connection leaves to another. All else of it is held
 * against the engine by tests/oracle. */
#include "asked.h"
#include "track/native/tracker.h"

#include "unit.h"

#include <arpa/inet.h>
#include <string.h>

/* One for each compiler, then NULL; where there is no clang, there are none. */
static const char *const OBJECTS[] = {WALL_OBJECTS NULL};

static struct asked asked;

/* A control connection, and how far its ends are. */
struct control {
    uint16_t port;
    uint32_t client, server;
};

/* Without rules, on a kernel that gave port 21 the helper by itself. False: it can't be loaded, which is said. */
static bool load(const char *object)
{
    struct kernel_sizes sizes = {0};
    struct track_config config;

    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(5, 15));
    config.automatic_helper = true;
    config.timeouts.expectation = 20;
    return asked_open(&asked, object, &sizes, &config, BPF_ASKED);
}

/* From the client, or from the server; addresses are filled in. What the program says of it. */
static struct bpf_answer deliver(struct packet_recipe r, bool reply)
{
    r.family = PACKET_IPV4;
    r.protocol = PACKET_TCP;
    r.source.word[0] = htonl(reply ? 0x0a020001 : 0x0a010105);
    r.destination.word[0] = htonl(reply ? 0x0a010105 : 0x0a020001);
    r.tcp.window = 60000;
    r.window_scale = -1;
    return asked_next(&asked, &r);
}

static void say(struct control *c, uint8_t flags, const char *text)
{
    struct packet_recipe r = {
        .source_port = c->port,
        .destination_port = 21,
        .tcp = {.sequence = c->client, .acknowledgement = c->server, .flags = flags},
        .payload = text,
        .payload_size = strlen(text),
    };

    deliver(r, false);
    c->client += (uint32_t)strlen(text) + (flags == PACKET_SYN);
}

static struct control control_open(uint16_t port)
{
    struct control c = {.port = port, .client = 1000};
    struct packet_recipe answer = {
        .source_port = 21,
        .destination_port = port,
        .tcp = {.sequence = 5000, .acknowledgement = 1001, .flags = PACKET_SYN | PACKET_ACK}};

    say(&c, PACKET_SYN, "");
    deliver(answer, true);
    c.server = 5001;
    say(&c, PACKET_ACK, "");
    say(&c, PACKET_ACK, "USER a\r\n"); /* behind its newline the helper listens */
    return c;
}

/* What the server's data connection to this port of the client is. */
static enum track_state data_state(uint16_t port)
{
    struct packet_recipe r = {.source_port = 20, .destination_port = port, .tcp.flags = PACKET_SYN};

    return deliver(r, true).state;
}

static void what_another_has_announced_since_stays(void **state)
{
    (void)state;
    if (!OBJECTS[0])
        skip();
    for (unsigned i = 0; OBJECTS[i]; i++) {
        if (!load(OBJECTS[i]))
            skip();
        struct control a = control_open(40000), b = control_open(40001);
        say(&b, PACKET_ACK, "PORT 10,1,1,5,160,0\r\n");
        asked.now += 21000;
        say(&a, PACKET_ACK, "PORT 10,1,1,5,160,0\r\n");
        say(&b, PACKET_ACK, "PORT 10,1,1,5,161,0\r\n");
        assert_int_equal(data_state(160 << 8), TRACK_RELATED);
        assert_int_equal(data_state(161 << 8), TRACK_RELATED);
        asked_close(&asked);
    }
}

static void what_another_announces_is_taken_while_it_lasts(void **state)
{
    (void)state;
    if (!OBJECTS[0])
        skip();
    for (unsigned i = 0; OBJECTS[i]; i++) {
        if (!load(OBJECTS[i]))
            skip();
        struct control a = control_open(40000), b = control_open(40001);
        say(&b, PACKET_ACK, "PORT 10,1,1,5,160,0\r\n");
        say(&a, PACKET_ACK, "PORT 10,1,1,5,160,0\r\n");
        say(&a, PACKET_ACK, "PORT 10,1,1,5,161,0\r\n");
        assert_int_equal(data_state(160 << 8), TRACK_RELATED);
        asked_close(&asked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_another_has_announced_since_stays),
        cmocka_unit_test(what_another_announces_is_taken_while_it_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
