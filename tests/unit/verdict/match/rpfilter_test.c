/* SPDX-License-Identifier: BSD-2-Clause */
/* -m rpfilter and -m addrtype, by the routes of a machine. That these are what the kernel makes of them is held by tests/unit/host. */
#include "../ask.h"
#include "host/host.h"

static const char ADDRESSES[] =
    "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n"
    "    inet 127.0.0.1/8 scope host lo\n"
    "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n"
    "    inet 192.0.2.1/24 scope global eth0\n"
    "3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n"
    "    inet 10.0.0.1/24 scope global eth1\n";
static const char ROUTES[] =
    "default via 192.0.2.254 dev eth0\n"
    "10.0.0.0/24 dev eth1 proto kernel scope link src 10.0.0.1\n"
    "unreachable 10.9.0.0/16\n"
    "192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1\n"
    "local 10.0.0.1 dev eth1 table local proto kernel scope host src 10.0.0.1\n"
    "broadcast 10.0.0.255 dev eth1 table local proto kernel scope link src 10.0.0.1\n"
    "local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1\n"
    "local 192.0.2.1 dev eth0 table local proto kernel scope host src 192.0.2.1\n"
    "broadcast 192.0.2.255 dev eth0 table local proto kernel scope link src 192.0.2.1\n";
static const char RULES[] =
    "0:\tfrom all lookup local\n100:\tfrom all fwmark 0x1 lookup main suppress_prefixlength 0\n"
    "32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n";

static void take(struct host *h, enum host_text what, const char *text)
{
    struct host_error error;

    if (host_read(h, what, text, strlen(text), &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
}

static void the_way_back(void **state)
{
    static const struct {
        const char *source, *in, *words;
        uint32_t mark, unknown;
        enum verdict_answer answer;
    } cases[] = {
        {"10.0.0.7", "eth1", "", 0, 0, VERDICT_YES},
        {"10.0.0.7", "eth0", "", 0, 0, VERDICT_NO},
        {"10.0.0.7", "eth0", "--invert", 0, 0, VERDICT_YES},
        {"10.0.0.7", "eth0", "--loose", 0, 0, VERDICT_YES},
        {"198.51.100.9", "eth0", "", 0, 0, VERDICT_YES},
        {"198.51.100.9", "eth1", "", 0, 0, VERDICT_NO},
        {"198.51.100.9", "eth1", "--loose --invert", 0, 0, VERDICT_NO},
        {"10.9.1.1", "eth1", "--loose", 0, 0, VERDICT_NO},
        {"10.0.0.1", "eth1", "", 0, 0, VERDICT_NO},
        {"10.0.0.1", "eth1", "--accept-local", 0, 0, VERDICT_UNKNOWN},
        {"198.51.100.9", "lo", "", 0, 0, VERDICT_YES},
        {"198.51.100.9", "", "", 0, VERDICT_NO_IN, VERDICT_UNKNOWN},
        /* by its mark it has no default route */
        {"198.51.100.9", "eth0", "--validmark", 1, 0, VERDICT_YES},
        {"198.51.100.9", "eth0", "--validmark", 0, VERDICT_NO_MARK, VERDICT_UNKNOWN},
    };
    struct host *h = host_new();

    (void)state;
    assert_non_null(h);
    take(h, HOST_ADDRESSES, ADDRESSES);
    take(h, HOST_ROUTES4, ROUTES);
    take(h, HOST_RULES4, RULES);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        char words[100];
        struct sample s;

        sample_build(&s, &(struct packet_recipe){.source = address(cases[i].source),
                                                 .destination = address("192.0.2.1"),
                                                 .source_port = 1,
                                                 .destination_port = 21});
        const struct verdict_packet p = {.packet = &s.packet,
                                         .hook = RULES_PREROUTING,
                                         .in = cases[i].in,
                                         .out = "",
                                         .mark = cases[i].mark,
                                         .unknown = cases[i].unknown,
                                         .host = h};
        snprintf(words, sizeof(words), "-m rpfilter %s", cases[i].words);
        if (ask(words, &p) != cases[i].answer)
            fail_msg("from %s by %s, %s: not %d", cases[i].source, cases[i].in, words, cases[i].answer);
    }
    host_free(&h);
}

/* Of addresses, its table "local" alone is asked. */
static void kinds_of_addresses(void **state)
{
    static const struct {
        const char *source, *words;
        enum verdict_answer answer;
    } cases[] = {
        {"10.0.0.7", "--src-type UNICAST", VERDICT_YES},
        {"10.0.0.7", "--src-type BROADCAST", VERDICT_NO},
        {"10.0.0.7", "! --src-type UNICAST", VERDICT_NO},
        {"10.0.0.7", "--src-type LOCAL", VERDICT_NO},
        {"10.0.0.255", "--src-type BROADCAST", VERDICT_YES},
        {"10.0.0.255", "! --src-type BROADCAST", VERDICT_NO},
        {"10.0.0.127", "--src-type BROADCAST", VERDICT_NO},
        {"10.0.0.1", "--src-type LOCAL", VERDICT_YES},
        {"10.0.0.1", "--src-type UNICAST", VERDICT_NO},
        {"198.51.100.9", "--src-type BLACKHOLE", VERDICT_NO},
        {"198.51.100.9", "! --src-type BLACKHOLE", VERDICT_YES},
        {"198.51.100.9", "--src-type UNICAST,BLACKHOLE", VERDICT_YES},
        {"224.0.0.1", "--src-type MULTICAST", VERDICT_YES},
        {"198.51.100.9", "--dst-type LOCAL", VERDICT_YES},
    };
    struct host *h = host_new();

    (void)state;
    assert_non_null(h);
    take(h, HOST_ADDRESSES, ADDRESSES);
    take(h, HOST_ROUTES4, ROUTES);
    take(h, HOST_RULES4, RULES);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        char words[100];
        struct sample s;

        sample_build(&s, &(struct packet_recipe){.source = address(cases[i].source),
                                                 .destination = address("192.0.2.1"),
                                                 .source_port = 1,
                                                 .destination_port = 21});
        const struct verdict_packet p = {
            .packet = &s.packet, .hook = RULES_INPUT, .in = "eth0", .out = "", .host = h};
        snprintf(words, sizeof(words), "-m addrtype %s", cases[i].words);
        if (ask(words, &p) != cases[i].answer)
            fail_msg("from %s, %s: not %d", cases[i].source, words, cases[i].answer);
    }
    host_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_back),
        cmocka_unit_test(kinds_of_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
