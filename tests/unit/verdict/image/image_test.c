/* SPDX-License-Identifier: BSD-2-Clause */
/* The image against the linear walk, which is its oracle: random rule sets and packets, the same verdicts,
 * and the same memories, as the packets that come later show. */
#include "verdict/image/image.h"

#include "generate.h"

#include "verdict/ask.h"
#include "verdict/image/places.h"

enum { RULE_SETS = 1500, PACKETS = 120, LARGE_PACKETS = 40 };

/* Everything that a packet can bring along, drawn at random. */
struct brought {
    struct sample sample;
    struct track_flow flow, master;
    struct track_view view;
    struct packet_address local;
    struct verdict_packet p;
};

static void draw_flow(struct generate *g, struct track_flow *flow, const struct packet *packet)
{
    *flow = (struct track_flow){.mark = generate_number(g, 4),
                                .status = (uint16_t)generate_number(g, 16),
                                .helper = (uint8_t)generate_number(g, 3),
                                .expires = 1000 * generate_number(g, 100)};
    flow->tuple.source = packet->source;
    flow->tuple.destination = packet->destination;
    flow->tuple.source_port = packet->source_port;
    flow->tuple.destination_port = packet->destination_port;
    flow->tuple.family = packet->family;
    flow->tuple.protocol = packet->protocol;
}

static void draw_packet(struct generate *g, enum rules_hook hook, uint64_t now_ms, bool unknown,
                        struct brought *b)
{
    struct sample *s = &b->sample;

    s->size = generate_packet(g, s->bytes, sizeof(s->bytes));
    sample_decode(s);
    if (generate_number(g, 8) == 0) { /* a capture that is cut off, but for the IP header */
        size_t least = s->packet.family == PACKET_IPV6 ? 40 : 60;

        if (s->size > least)
            s->size = least + generate_number(g, (uint32_t)(s->size - least));
        sample_decode(s);
    }
    draw_flow(g, &b->flow, &s->packet);
    draw_flow(g, &b->master, &s->packet);
    b->view = (struct track_view){.state = (enum track_state)generate_number(g, TRACK_UNTRACKED + 1),
                                  .direction = (enum track_direction)generate_number(g, 2)};
    if (b->view.state != TRACK_INVALID && b->view.state != TRACK_UNTRACKED)
        b->view.flow = &b->flow;
    b->local = generate_number(g, 2) ? s->packet.source : s->packet.destination;
    b->p = (struct verdict_packet){
        .packet = &s->packet,
        .hook = hook,
        .in = generate_interface(g),
        .out = generate_interface(g),
        .view = hook == RULES_PREROUTING || generate_number(g, 8) == 0 ? NULL : &b->view,
        .master = generate_number(g, 4) ? NULL : &b->master,
        .mark = generate_number(g, 3),
        .pkttype = (uint8_t)generate_number(g, 3),
        .mac = {2, 0, 0, 0, 0, (uint8_t)generate_number(g, 3)},
        .unknown = unknown && generate_number(g, 3) == 0 ? generate_number(g, 512) : 0,
        .now_ms = now_ms,
        .time = 1700000000 + (int64_t)generate_number(g, 1000000),
        .local = &b->local,
        .local_count = 1};
}

static void assert_same_verdict(const struct verdict *a, const struct verdict *b, const char *rules,
                                uint64_t seed)
{
    if (a->code != b->code || a->chain != b->chain || a->rule != b->rule || a->number != b->number)
        fail_msg("seed %lu: linear says %d by %s %u, the image %d by %s %u\n%s", (unsigned long)seed, a->code,
                 a->chain ? a->chain->name : "-", a->number, b->code, b->chain ? b->chain->name : "-",
                 b->number, rules);
    assert_int_equal(a->mark, b->mark);
    assert_int_equal(a->connmark_set, b->connmark_set);
    assert_int_equal(a->connmark, b->connmark);
    assert_int_equal(a->hotdrop, b->hotdrop);
    assert_int_equal(a->unknown, b->unknown);
    assert_int_equal(a->template.notrack, b->template.notrack);
    assert_int_equal(a->template.zone, b->template.zone);
    assert_int_equal(a->template.helper, b->template.helper);
    if (a->because && b->because)
        assert_string_equal(a->because, b->because);
    else
        assert_ptr_equal(a->because, b->because);
}

static void compare(uint64_t seed, const struct generate_options *options, unsigned packets)
{
    struct generate *g = generate_new(seed, options);
    struct rules *r = read_rules(generate_rules(g), options->family);
    struct image *image = image_compile(r);
    struct verdict_memory *linear_memory = verdict_memory_new(), *image_memory = verdict_memory_new();
    struct brought b;

    assert_non_null(image);
    assert_int_equal(verdict_memory_learn(linear_memory, r), 0);
    assert_int_equal(verdict_memory_learn(image_memory, r), 0);
    for (unsigned i = 0; i < packets; i++) {
        enum rules_hook hook = (enum rules_hook)generate_number(g, RULES_HOOKS);
        enum rules_table_type table =
            hook == RULES_PREROUTING || (hook == RULES_OUTPUT && i % 2) ? RULES_RAW : RULES_FILTER;
        struct verdict by_linear, by_image;

        draw_packet(g, hook, (uint64_t)i * 100, options->unknown, &b);
        if (table == RULES_RAW)
            b.p.view = NULL;
        linear_walk(r, table, &b.p, linear_memory, false, NULL, &by_linear);
        image_walk(image, table, &b.p, image_memory, &by_image);
        assert_same_verdict(&by_linear, &by_image, generate_rules(g), seed);
    }
    verdict_memory_free(&linear_memory);
    verdict_memory_free(&image_memory);
    image_free(&image);
    rules_free(&r);
    generate_free(&g);
}

static void generated(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < RULE_SETS; seed++) {
        struct generate_options options = {.family = seed % 3 == 0 ? PACKET_IPV6 : PACKET_IPV4,
                                           .rules = seed % 7 * 15,
                                           .chains = seed % 6,
                                           .raw = seed % 2,
                                           .states = seed % 5 != 0,
                                           .memory = seed % 4 > 1,
                                           .unknown = seed % 8 > 4};

        compare(seed, &options, PACKETS);
    }
}

/* Long chains, in which kinds of rules begin words of their own; then more rules than a dense set can hold.
 */
static void large(void **state)
{
    static const unsigned sizes[] = {1500, 5000, 18000};

    (void)state;
    for (unsigned i = 0; i < COUNT(sizes); i++)
        for (unsigned chains = 0; chains < 12; chains += 11) {
            struct generate_options options = {
                .family = PACKET_IPV4, .rules = sizes[i], .chains = chains, .states = true, .memory = i != 1};

            compare(1000 + i, &options, LARGE_PACKETS);
        }
}

/* ---- by hand ---- */

static void walk_one(const char *rules, const struct verdict_packet *p, const char *expected)
{
    static const char *const codes[] = {"ACCEPT", "DROP", "REJECT", "DEPENDS"};
    struct rules *r = read_rules(rules, p->packet->family);
    struct image *image = image_compile(r);
    struct verdict_memory *memory = verdict_memory_new();
    struct verdict v;
    char text[64];

    assert_non_null(image);
    image_walk(image, RULES_FILTER, p, memory, &v);
    snprintf(text, sizeof(text), "%s %s %u", codes[v.code], v.chain ? v.chain->name : "-", v.number);
    assert_string_equal(text, expected);
    verdict_memory_free(&memory);
    image_free(&image);
    rules_free(&r);
}

static void by_hand(void **state)
{
    struct sample s;
    struct track_view view = {.state = TRACK_NEW};
    struct verdict_packet p = {
        .packet = &s.packet, .hook = RULES_INPUT, .in = "eth0", .out = "", .view = &view};

    (void)state;
    sample_build(&s,
                 &(struct packet_recipe){.source_port = 40000, .destination_port = 21, .window_scale = -1});
    walk_one("*raw\nCOMMIT\n", &p, "ACCEPT - 0");
    walk_one("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", &p, "DROP INPUT 0");
    walk_one("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 20 -j ACCEPT\n-A INPUT -p tcp --dport 21 "
             "-j DROP\n"
             "-A INPUT -j REJECT\nCOMMIT\n",
             &p, "DROP INPUT 2");
    walk_one("*filter\n:INPUT DROP [0:0]\n:U - [0:0]\n-A INPUT -j U\n-A INPUT -i eth+ -j ACCEPT\n"
             "-A U -s 192.0.2.0/25 -j RETURN\n-A U -j DROP\nCOMMIT\n",
             &p, "ACCEPT INPUT 2");
    walk_one("*filter\n:INPUT DROP [0:0]\n:U - [0:0]\n-A INPUT -g U\n-A INPUT -j ACCEPT\n"
             "-A U -s 192.0.2.0/25 -j RETURN\nCOMMIT\n",
             &p, "DROP INPUT 0");
    walk_one("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j MARK --set-xmark 0x5/0xffffffff\n"
             "-A INPUT -m mark --mark 0x5 -j REJECT\nCOMMIT\n",
             &p, "REJECT INPUT 2");
    p.unknown = VERDICT_NO_IN;
    walk_one("*filter\n:INPUT DROP [0:0]\n-A INPUT -i eth0 -j ACCEPT\nCOMMIT\n", &p, "DEPENDS INPUT 1");
}

/* A later fragment whose chain of headers goes on in the first one: a rule that asks for a protocol drops it
 * (ip6_packet_match), whatever else it asks. */
static void cut_chain(void **state)
{
    struct sample s = {.size = 56};
    struct verdict_packet p = {.packet = &s.packet, .hook = RULES_INPUT, .in = "eth0", .out = ""};

    (void)state;
    s.bytes[0] = 0x60;
    wire_write16(s.bytes + 4, 16);
    s.bytes[6] = 44;                 /* fragment */
    s.bytes[40] = 60;                /* destination options, then */
    wire_write16(s.bytes + 42, 128); /* at byte 128 */
    sample_decode(&s);
    walk_one("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp -m multiport --dports 20,21 -j REJECT\n"
             "COMMIT\n",
             &p, "DROP INPUT 1");
}

/* All values of a small field, and the edges of a large one, at least once. */
static void edges(void **state)
{
    static const char *const rules =
        "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        "-A INPUT -s 255.255.255.255/32 -j ACCEPT\n-A INPUT -s 0.0.0.0/32 -j ACCEPT\n"
        "-A INPUT -s 127.255.255.255/32 -j ACCEPT\n-A INPUT -s 128.0.0.0/32 -j ACCEPT\n"
        "-A INPUT ! -s 192.0.2.0/24 -p tcp -m tcp --dport 65535 -j ACCEPT\n"
        "-A INPUT -p tcp -m tcp ! --dport 1:65535 -j ACCEPT\nCOMMIT\n";
    static const struct {
        uint32_t source;
        uint16_t port;
        uint32_t number;
    } cases[] = {{0xffffffff, 1, 1}, {0, 1, 2},          {0x7fffffff, 1, 3},     {0x80000000, 1, 4},
                 {0xfffffffe, 1, 0}, {1, 65535, 5},      {0xc0000200, 65535, 0}, {0xc00001ff, 65535, 5},
                 {0xc0000300, 0, 6}, {0x7ffffffe, 1, 0}, {0x80000001, 2, 0}};
    struct rules *r = read_rules(rules, PACKET_IPV4);
    struct image *image = image_compile(r);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet packet = {
            .family = PACKET_IPV4, .protocol = PACKET_TCP, .destination_port = cases[i].port};
        struct verdict_packet p = {.packet = &packet, .hook = RULES_INPUT, .in = "eth0", .out = ""};
        struct verdict v;

        wire_write32((uint8_t *)&packet.source.word[0], cases[i].source);
        image_walk(image, RULES_FILTER, &p, NULL, &v);
        if (v.number != cases[i].number)
            fail_msg("case %zu: rule %u, expected %u", i, v.number, cases[i].number);
    }
    image_free(&image);
    rules_free(&r);
}

/* The image's rule of that number in the chain INPUT. */
struct wanted_rule {
    uint32_t number;
    const struct image_rule *found;
};

static void find_rule(void *arg, const struct image_place *place)
{
    struct wanted_rule *w = arg;

    if (place->rule && place->number == w->number && strcmp(place->chain->name, "INPUT") == 0)
        w->found = place->rule;
}

static const struct condition *condition_of(uint8_t *bytes, const struct rules *r, uint32_t number,
                                            uint32_t i)
{
    struct wanted_rule w = {.number = number};

    image_places_each(bytes, r, find_rule, &w);
    assert_non_null(w.found);
    assert_in_range(i, 0, w.found->count - 1U);
    return image_rule_condition(bytes, w.found, i);
}

/* In the block they lie once; what limits and sets have is each rule's own. */
static void shared_conditions(void **state)
{
    struct rules *r = read_rules("*filter\n:INPUT DROP [0:0]\n"
                                 "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 21 -j ACCEPT\n"
                                 "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT\n"
                                 "-A INPUT -s 10.0.0.0/8 -m limit --limit 1/sec -j ACCEPT\n"
                                 "-A INPUT -s 10.0.0.0/8 -m limit --limit 1/sec -j ACCEPT\nCOMMIT\n",
                                 PACKET_IPV4);
    struct image *image = image_compile(r);

    (void)state;
    assert_non_null(image);
    uint8_t *bytes = image_take(&image);
    assert_null(image);
    assert_ptr_equal(condition_of(bytes, r, 1, 0), condition_of(bytes, r, 2, 0));
    assert_ptr_equal(condition_of(bytes, r, 1, 1), condition_of(bytes, r, 2, 1));
    assert_ptr_not_equal(condition_of(bytes, r, 1, 3), condition_of(bytes, r, 2, 3));
    assert_int_equal(condition_of(bytes, r, 1, 3)->range.first.low, 21);
    assert_int_equal(condition_of(bytes, r, 2, 3)->range.first.low, 22);
    assert_ptr_equal(condition_of(bytes, r, 1, 0), condition_of(bytes, r, 3, 0));
    assert_int_equal(condition_of(bytes, r, 3, 1)->kind, CONDITION_CALL);
    assert_ptr_not_equal(condition_of(bytes, r, 3, 1), condition_of(bytes, r, 4, 1));
    free(bytes);
    rules_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),   cmocka_unit_test(cut_chain), cmocka_unit_test(edges),
        cmocka_unit_test(generated), cmocka_unit_test(large),     cmocka_unit_test(shared_conditions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
