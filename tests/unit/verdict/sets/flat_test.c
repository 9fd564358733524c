/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets as keys of one table: a packet that is looked for in it finds what the sets themselves say. */
#include "verdict/sets/flat.h"

#include "verdict/ask.h"

enum { KEYS = 8192, HEADS = 32, PACKETS = 20000 };

static const char text[] =
    "create ips hash:ip family inet\nadd ips 10.0.0.1\nadd ips 10.0.0.9-10.0.0.22\n"
    "create masked hash:ip netmask 24\nadd masked 10.0.1.0\nadd masked 10.0.3.0-10.0.6.0\n"
    "create nets hash:net\nadd nets 10.0.0.0/16\nadd nets 10.0.0.0/28 nomatch\n"
    "add nets 10.0.0.1\nadd nets 10.0.0.8/29 nomatch\n"
    "create ports hash:ip,port\nadd ports 10.0.0.1,tcp:20-24\nadd ports 10.0.0.2,icmp:8/0\n"
    "create netports hash:net,port\nadd netports 10.0.0.0/24,udp:53\n"
    "add netports 10.0.0.0/26,udp:53 nomatch\n"
    "create three hash:ip,port,net\nadd three 10.0.0.1,tcp:21,10.0.0.0/24\n"
    "add three 10.0.0.1,tcp:21,10.0.0.16/28 nomatch\n"
    "create pairs hash:net,net\nadd pairs 10.0.0.0/24,10.0.0.0/24\n"
    "add pairs 10.0.0.0/28,10.0.0.0/25 nomatch\nadd pairs 10.0.0.0/29,10.0.0.0/30\n"
    "create faces hash:net,iface\nadd faces 10.0.0.0/24,eth0\nadd faces 10.0.0.0/28,et wildcard\n"
    "create macs hash:mac\nadd macs 02:00:00:00:00:01\n"
    "create both hash:ip,mac\nadd both 10.0.0.1,02:00:00:00:00:01\n"
    "create some bitmap:ip,mac range 10.0.0.0/24\nadd some 10.0.0.1\n"
    "add some 10.0.0.2,02:00:00:00:00:01\n"
    "create marks hash:ip,mark markmask 0xf\nadd marks 10.0.0.1,0x3\n"
    "create numbers bitmap:port range 0-1024\nadd numbers 20-21\n"
    "create list list:set\nadd list ips\nadd list numbers\nadd list nets\n";

static struct {
    uint64_t ids[HEADS];
    struct sets_head heads[HEADS];
    unsigned count;
    struct sets_member_key keys[KEYS];
    uint32_t values[KEYS];
    unsigned key_count;
} table;

static bool take_head(void *arg, uint64_t id, const struct sets_head *head)
{
    (void)arg;
    assert_true(table.count < HEADS);
    table.ids[table.count] = id;
    table.heads[table.count++] = *head;
    return true;
}

/* Of one that is told twice the last counts. */
static bool take_member(void *arg, uint64_t id, const struct sets_member_key *member, bool nomatch)
{
    struct sets_member_key key = *member;
    unsigned i = 0;

    (void)arg;
    assert_true(id == table.ids[table.count - 1]);
    key.version = table.count;
    while (i < table.key_count && memcmp(&table.keys[i], &key, sizeof key) != 0)
        i++;
    assert_true(i < KEYS);
    table.keys[i] = key;
    table.values[i] = nomatch ? SETS_NOMATCH : SETS_MEMBER;
    table.key_count += i == table.key_count;
    return true;
}

/* As the kernel program does (bpf/set.h). */
static bool is_in(const struct sets_head *head, uint32_t version, const struct rules_match_set *match,
                  const struct sets_facts *facts)
{
    struct sets_question q;

    if (!head->parts[0] || !sets_ask(&q, head, match, facts))
        return false;
    for (unsigned i = 0; i < head->shapes; i++) {
        if (!sets_cut(&q, &head->shape[i]))
            continue;
        q.key.version = version;
        for (unsigned n = 0; n < table.key_count; n++)
            if (memcmp(&table.keys[n], &q.key, sizeof q.key) == 0)
                return sets_says(head, match, table.values[n]);
    }
    return false;
}

static unsigned head_of(uint64_t id)
{
    unsigned i = 0;

    while (i < table.count && table.ids[i] != id)
        i++;
    assert_true(i < table.count);
    return i;
}

static bool look_up(const struct rules_match_set *match, const struct verdict_packet *p)
{
    unsigned at = head_of(sets_id(match->element.name));
    const struct sets_head *head = &table.heads[at];
    struct sets_facts facts;
    bool has;

    sets_know(&facts, p);
    has = is_in(head, at + 1, match, &facts);
    for (unsigned i = 0; i < head->listed && !has; i++) {
        unsigned other = head_of(head->list[i]);
        has = is_in(&table.heads[other], other + 1, match, &facts);
    }
    return has;
}

static uint32_t roll(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525 + 1013904223;
    return (*state >> 8) % below;
}

static void make_packet(struct sample *s, uint32_t *dice)
{
    static const uint8_t protocols[] = {PACKET_TCP, PACKET_TCP, PACKET_UDP, PACKET_ICMP, 253};
    static const uint16_t ports[] = {20, 21, 22, 53, 1024};
    struct packet_recipe r = {.protocol = protocols[roll(dice, COUNT(protocols))],
                              .source_port = ports[roll(dice, COUNT(ports))],
                              .destination_port = ports[roll(dice, COUNT(ports))]};
    char source[32], destination[32];

    snprintf(source, sizeof source, "10.0.%u.%u", roll(dice, 3) ? 0 : roll(dice, 8), roll(dice, 40));
    snprintf(destination, sizeof destination, "10.0.0.%u", roll(dice, 40));
    r.source = address(source);
    r.destination = address(destination);
    if (r.protocol == PACKET_ICMP) {
        r.icmp.type = roll(dice, 2) ? 8 : 0;
        r.source_port = r.destination_port = 0;
    }
    sample_build(s, &r);
}

static void both_say_the_same(void **state)
{
    static const struct {
        const char *name;
        uint8_t parts;
        bool near; /* a hardware address is the source's */
    } SETS[] = {{"ips", 1, 0},   {"masked", 1, 0}, {"nets", 1, 0},    {"ports", 2, 0}, {"netports", 2, 0},
                {"three", 3, 0}, {"pairs", 2, 0},  {"faces", 2, 0},   {"macs", 1, 1},  {"both", 2, 1},
                {"some", 2, 1},  {"marks", 2, 0},  {"numbers", 1, 0}, {"list", 1, 0}};
    static const struct sets_visitor visitor = {.head = take_head, .member = take_member};
    struct sets *sets;
    struct verdict_sets bound;
    struct rules_error error;
    unsigned found = 0;
    uint32_t dice = 1;

    (void)state;
    assert_int_equal(sets_read(text, strlen(text), "sets", &sets, &error), 0);
    sets_bind(sets, &bound);
    assert_int_equal(sets_each_flat(sets, &visitor), 0);
    for (unsigned i = 0; i < PACKETS; i++) {
        unsigned set = roll(&dice, COUNT(SETS));
        struct sample s;
        make_packet(&s, &dice);
        struct verdict_packet p = {.packet = &s.packet,
                                   .hook = roll(&dice, 4) ? RULES_INPUT : RULES_OUTPUT,
                                   .in = roll(&dice, 2) ? "eth0" : "lo",
                                   .out = roll(&dice, 2) ? "eth1" : "",
                                   .mark = roll(&dice, 32),
                                   .mac = {2, 0, 0, 0, 0, (uint8_t)roll(&dice, 3)}};
        struct rules_match_set match = {
            .element = {.dimensions = (uint8_t)(SETS[set].parts - (roll(&dice, 20) == 0)),
                        .source_bits = (uint8_t)(SETS[set].near ? 7 : roll(&dice, 8))},
            .return_nomatch = roll(&dice, 4) == 0};
        strcpy(match.element.name, SETS[set].name);
        enum verdict_answer says = bound.contains(bound.arg, &match, &p);
        assert_int_not_equal(says, VERDICT_UNKNOWN);
        if (look_up(&match, &p) != (says == VERDICT_YES))
            fail_msg("packet %u, set %s, source bits %u: not %d", i, match.element.name,
                     match.element.source_bits, says);
        found += says == VERDICT_YES;
    }
    assert_true(found > PACKETS / 20);
    sets_free(&sets);
}

static void what_is_too_much_is_not_flat(void **state)
{
    static const char TEXT[] = "create wide hash:net,net\ncreate large hash:ip,port\n"
                               "add large 10.0.0.1-10.0.255.254,tcp:0-65535\n";
    struct rules_match_set match = {.element = {.dimensions = 2, .name = "wide"}};
    struct rules_error error;
    struct sets *sets;
    char *more;
    size_t size;
    FILE *out = open_memstream(&more, &size);

    (void)state;
    assert_non_null(out);
    fputs(TEXT, out);
    for (unsigned one = 8; one <= 24; one++)
        for (unsigned other = 8; other <= 24; other++)
            fprintf(out, "add wide 10.0.0.0/%u,10.0.0.0/%u\n", one, other);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(sets_read(more, size, "sets", &sets, &error), 0);
    assert_false(sets_is_flat(sets, &match));
    strcpy(match.element.name, "large");
    assert_false(sets_is_flat(sets, &match));
    assert_true(sets_has(sets, "large"));
    assert_false(sets_has(sets, "small"));
    sets_free(&sets);
    free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_say_the_same),
        cmocka_unit_test(what_is_too_much_is_not_flat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
