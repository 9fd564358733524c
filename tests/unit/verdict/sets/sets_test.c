/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/sets/sets.h"

#include "verdict/ask.h"

static struct sets *read_sets(const char *text)
{
    struct sets *s = NULL;
    struct rules_error error = {0};

    if (sets_read(text, strlen(text), "sets", &s, &error) != 0)
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
    return s;
}

static const char text[] =
    "create ips hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1\n"
    "add ips 192.0.2.1\n"
    "add ips 198.51.100.0/30\n"
    "add ips 203.0.113.5-203.0.113.9 timeout 300\n"
    "create masked hash:ip family inet netmask 24\n"
    "add masked 10.1.2.3\n"
    "create nets hash:net family inet\n"
    "add nets 192.0.2.0/24\n"
    "add nets 192.0.2.0/28 nomatch\n"
    "add nets 192.0.2.1 comment \"the one\"\n"
    "create ports hash:ip,port family inet counters\n"
    "add ports 192.0.2.1,tcp:21 packets 4 bytes 100\n"
    "add ports 192.0.2.1,udp:53-54\n"
    "add ports 192.0.2.1,icmp:8/0\n"
    "add ports 192.0.2.1,icmp:echo-reply\n"
    "add ports 192.0.2.2,ftp-data\n"
    "create three hash:ip,port,net family inet\n"
    "add three 192.0.2.1,tcp:21,192.0.2.0/24\n"
    "create pairs hash:net,net family inet\n"
    "add pairs 192.0.2.0/24,192.0.2.0/24\n"
    "add pairs 192.0.2.0/25,192.0.2.0/30 nomatch\n"
    "create faces hash:net,iface family inet\n"
    "add faces 192.0.2.0/24,eth0\n"
    "add faces 192.0.2.0/24,tap wildcard\n"
    "add faces 198.51.100.0/24,physdev:eth0\n"
    "create macs hash:mac\n"
    "add macs 02:00:00:00:00:01\n"
    "create numbers bitmap:port range 0-1024\n"
    "add numbers 20-21\n"
    "create six hash:net family inet6\n"
    "add six 2001:db8::/32\n"
    "create all list:set size 8\n"
    "add all macs\n"
    "add all ips\n";

static struct verdict_packet make(struct sample *s, struct verdict_sets *bound)
{
    return (struct verdict_packet){.packet = &s->packet,
                                   .hook = RULES_INPUT,
                                   .in = "eth0",
                                   .out = "",
                                   .sets = bound,
                                   .mac = {2, 0, 0, 0, 0, 1}};
}

static void members(void **state)
{
    struct sets *sets = read_sets(text);
    struct verdict_sets bound;
    struct sample s;
    (void)state;

    sets_bind(sets, &bound);
    sample_build(&s, &(struct packet_recipe){.source_port = 40000, .destination_port = 21});
    struct verdict_packet p = make(&s, &bound);
    ASK_ALL(&p, {"-m set --match-set ips src", YES}, {"-m set --match-set ips dst", NO},
            {"-m set ! --match-set ips src", NO}, {"-m set --match-set nobody src", UNKNOWN},
            {"-m set --match-set nets src", YES}, {"-m set --match-set nets dst", NO},
            {"-m set --return-nomatch --match-set nets dst", YES},
            {"-m set --return-nomatch --match-set nets src", NO}, {"-m set --match-set ports src,dst", YES},
            {"-m set --match-set ports src,src", NO}, {"-m set --match-set ports src", NO},
            {"-m set --match-set three src,dst,dst", YES}, {"-m set --match-set pairs src,dst", NO},
            {"-m set --match-set pairs src,dst --return-nomatch", YES},
            {"-m set --match-set faces src,src", YES}, {"-m set --match-set faces src,dst", NO},
            {"-m set --match-set macs src", YES}, {"-m set --match-set numbers dst", YES},
            {"-m set --match-set numbers src", NO}, {"-m set --match-set six src", NO},
            {"-m set --match-set all src", YES}, {"-m set --match-set ips src --packets-gt 3", UNKNOWN});
    s.packet.source = address("198.51.100.3");
    ASK_ALL(&p, {"-m set --match-set ips src", YES}, {"-m set --match-set faces src,src", UNKNOWN});
    s.packet.source = address("198.51.100.4");
    ASK_ALL(&p, {"-m set --match-set ips src", NO});
    s.packet.source = address("203.0.113.9");
    ASK_ALL(&p, {"-m set --match-set ips src", YES});
    s.packet.source = address("10.1.2.250");
    ASK_ALL(&p, {"-m set --match-set masked src", YES}, {"-m set --match-set masked dst", NO});
    s.packet.source = address("192.0.2.77");
    ASK_ALL(&p, {"-m set --match-set nets src", YES}, {"-m set --match-set pairs src,dst", NO});
    s.packet.source = address("192.0.2.200");
    ASK_ALL(&p, {"-m set --match-set pairs src,dst", YES});
    p.in = "tap7";
    ASK_ALL(&p, {"-m set --match-set faces src,src", YES});
    p.unknown = VERDICT_NO_IN | VERDICT_NO_MAC;
    ASK_ALL(&p, {"-m set --match-set faces src,src", UNKNOWN}, {"-m set --match-set macs src", UNKNOWN});
    sets_free(&sets);
}

static void add_port(void *arg, uint16_t first, uint16_t last)
{
    *(unsigned *)arg += last - first + 1U;
}

static void ports_of_members(void **state)
{
    static const struct {
        const char *name;
        unsigned count;
        bool all;
    } rows[] = {{"one", 3, true}, {"none", 0, true}, {"both", 0, false}, {"nowhere", 0, true}};
    struct sets *sets =
        read_sets("create one hash:ip,port\nadd one 192.0.2.1,tcp:20-21\nadd one 192.0.2.1,udp:53\n"
                  "create none hash:net\nadd none 10.0.0.0/8\ncreate both list:set\nadd both one\n");
    struct verdict_sets bound;

    (void)state;
    sets_bind(sets, &bound);
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned count = 0;
        assert_int_equal(bound.ports(bound.arg, rows[i].name, add_port, &count), rows[i].all);
        assert_int_equal(count, rows[i].count);
    }
    sets_free(&sets);
}

static void protocols(void **state)
{
    struct sets *sets = read_sets(text);
    struct verdict_sets bound;
    struct sample s;
    (void)state;

    sets_bind(sets, &bound);
    struct verdict_packet p = make(&s, &bound);
    sample_build(&s,
                 &(struct packet_recipe){.protocol = PACKET_UDP, .source_port = 21, .destination_port = 54});
    ASK_ALL(&p, {"-m set --match-set ports src,dst", YES}, {"-m set --match-set ports src,src", NO},
            {"-m set --match-set numbers src", YES});
    sample_build(&s, &(struct packet_recipe){.protocol = PACKET_ICMP, .icmp = {.type = 8}});
    ASK_ALL(&p, {"-m set --match-set ports src,dst", YES}, {"-m set --match-set numbers dst", NO});
    sample_build(&s, &(struct packet_recipe){.protocol = PACKET_ICMP, .icmp = {.type = 8, .code = 1}});
    ASK_ALL(&p, {"-m set --match-set ports src,dst", NO});
    sample_build(&s,
                 &(struct packet_recipe){.family = PACKET_IPV6, .source_port = 1, .destination_port = 21});
    ASK_ALL(&p, {"-m set --match-set six src", YES}, {"-m set --match-set ips src", NO},
            {"-m set --match-set numbers dst", YES});
    sets_free(&sets);
}

static void mistakes(void **state)
{
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *has;
    } wrong[] = {
        {"create a hash:ips\n", 1, 10, "did you mean hash:ip?"},
        {"create a hash:ip\nadd b 192.0.2.1\n", 2, 5, "a set that is created above"},
        {"create a hash:ip\nadd a 192.0.2.256\n", 2, 7, "an address"},
        {"create a hash:ip\nadd a 2001:db8::1\n", 2, 7, "an address"},
        {"create a hash:ip\nadd a 192.0.2.1,80\n", 2, 7, "no more parts"},
        {"create a hash:ip,port\nadd a 192.0.2.1\n", 2, 7, "another part"},
        {"create a hash:ip,port\nadd a 192.0.2.1,tcp:70000\n", 2, 7, "PROTOCOL:PORT"},
        {"create a hash:ip\ncreate a hash:net\n", 2, 8, "not created above"},
        {"create a hash:ip familie inet\n", 1, 18, "an option of \"create\""},
        {"create a hash:ip family\n", 1, 24, "the option's value"},
        {"create a hash:ip\nadd a 192.0.2.1 wrong\n", 2, 17, "an option of \"add\""},
        {"create a list:set\nadd a a\n", 2, 7, "no list"},
        {"create\n", 1, 7, "the name of a set"},
        {"flush a\n", 1, 1, "\"create\" or \"add\""},
        {"create a hash:ip\nadd a 192.0.2.9-192.0.2.1", 2, 7, "an address"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct sets *s = NULL;
        struct rules_error error = {0};
        assert_int_equal(sets_read(wrong[i].text, strlen(wrong[i].text), "sets", &s, &error), -EINVAL);
        assert_null(s);
        if (error.line != wrong[i].line || error.column != wrong[i].column ||
            !strstr(error.message, wrong[i].has))
            fail_msg("%s: %u:%u: %s", wrong[i].text, error.line, error.column, error.message);
        assert_string_equal(error.file, "sets");
    }
}

/* Many members, found without asking each. */
static void many_members(void **state)
{
    enum { MEMBERS = 20000 };
    char *big = malloc(MEMBERS * 32 + 64), *at = big;
    struct verdict_sets bound;
    struct sample s;
    (void)state;

    at += sprintf(at, "create big hash:ip\n");
    for (unsigned i = 0; i < MEMBERS; i++)
        at += sprintf(at, "add big 10.%u.%u.%u\n", i * 7 % 256, i / 256, i % 256);
    struct sets *sets = read_sets(big);
    sets_bind(sets, &bound);
    sample_build(&s, &(struct packet_recipe){0});
    const struct rules_match_set match = {.element = {.name = "big", .dimensions = 1, .source_bits = 1}};
    struct verdict_packet p = make(&s, &bound);
    for (unsigned i = 0; i < MEMBERS; i++) {
        uint8_t bytes[] = {10, (uint8_t)(i * 7), (uint8_t)(i / 256), (uint8_t)i};
        memcpy(&s.packet.source.word[0], bytes, 4);
        assert_int_equal(bound.contains(bound.arg, &match, &p), VERDICT_YES);
        ((uint8_t *)&s.packet.source.word[0])[1]++;
        assert_int_equal(bound.contains(bound.arg, &match, &p), VERDICT_NO);
    }
    sets_free(&sets);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),  cmocka_unit_test(protocols),    cmocka_unit_test(ports_of_members),
        cmocka_unit_test(mistakes), cmocka_unit_test(many_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
