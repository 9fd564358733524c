/* SPDX-License-Identifier: BSD-2-Clause */
/* Random rule sets and packets: all that was generated can be read, and walking it holds the walk's own laws.
 */
#include "generate.h"

#include "ask.h"

enum { RULE_SETS = 150, PACKETS = 100 };

static const struct generate_options everything = {.family = PACKET_IPV4,
                                                   .rules = 60,
                                                   .chains = 5,
                                                   .raw = true,
                                                   .states = true,
                                                   .memory = true,
                                                   .unknown = true};

static void same_seed_same_text(void **state)
{
    struct generate *a = generate_new(7, &everything), *b = generate_new(7, &everything),
                    *c = generate_new(8, &everything);
    uint8_t left[2048], right[2048];
    (void)state;

    assert_string_equal(generate_rules(a), generate_rules(b));
    assert_string_not_equal(generate_rules(a), generate_rules(c));
    for (unsigned i = 0; i < 100; i++) {
        size_t size = generate_packet(a, left, sizeof left);
        assert_int_equal(generate_packet(b, right, sizeof right), size);
        assert_memory_equal(left, right, size);
    }
    generate_free(&a);
    generate_free(&b);
    generate_free(&c);
}

struct last {
    enum verdict_answer answer;
    const struct rules_rule *rule;
    bool unknown;
};

static void hear(void *arg, const struct rules_chain *chain, const struct rules_rule *rule, uint32_t number,
                 enum verdict_answer answer)
{
    struct last *last = arg;
    (void)chain, (void)number;

    last->answer = answer;
    last->rule = rule;
    last->unknown |= answer == VERDICT_UNKNOWN;
}

static void check_verdict(const struct verdict *v, const struct last *last)
{
    assert_int_equal(v->code == VERDICT_DEPENDS, v->because != NULL);
    if (v->code == VERDICT_DEPENDS)
        assert_true(last->unknown);
    if (v->hotdrop)
        assert_int_equal(v->code, VERDICT_DROP);
    if (!last->unknown && v->rule)
        assert_ptr_equal(v->rule, last->rule);
    if (v->rule)
        assert_ptr_equal(v->rule, &v->chain->rules[v->number - 1]);
}

/* What is certain stays so when more is known: an answer given in ignorance is the answer given in knowledge.
 */
static void check_ignorance(struct rules *r, const struct verdict_packet *p, const struct verdict *known)
{
    struct verdict_packet blind = *p;
    struct verdict_memory *memory = verdict_memory_new();
    struct verdict v;

    blind.unknown = VERDICT_NO_MARK | VERDICT_NO_ADDRTYPE | (strcmp(p->in, "lo") == 0 ? 0 : VERDICT_NO_IN) |
                    (strcmp(p->out, "lo") == 0 ? 0 : VERDICT_NO_OUT);
    linear_walk(r, RULES_FILTER, &blind, memory, false, NULL, &v);
    if (v.code != VERDICT_DEPENDS && known->code != VERDICT_DEPENDS)
        assert_int_equal(v.code, known->code);
    if (v.code != VERDICT_DEPENDS && !(v.unknown & VERDICT_NO_MARK) && v.code == known->code &&
        known->unknown == 0)
        assert_int_equal(v.mark, known->mark);
    verdict_memory_free(&memory);
}

static void walk_generated(struct generate *g, const struct generate_options *options)
{
    static const enum rules_hook hooks[] = {RULES_INPUT, RULES_FORWARD, RULES_OUTPUT};
    struct rules *r = read_rules(generate_rules(g), options->family);
    struct verdict_memory *memory = verdict_memory_new();
    struct sample s;

    assert_int_equal(verdict_memory_learn(memory, r), 0);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct track_flow flow = {.mark = generate_number(g, 4)};
        struct track_view view = {.state = 1 + generate_number(g, 5)};
        struct last last = {0};
        struct verdict_trace trace = {.arg = &last, .rule = hear};
        struct verdict v;
        s.size = generate_packet(g, s.bytes, sizeof s.bytes);
        sample_decode(&s);
        view.flow = view.state == TRACK_INVALID || view.state == TRACK_UNTRACKED ? NULL : &flow;
        assert_true(s.packet.captured == s.packet.length);
        struct verdict_packet p = {.packet = &s.packet,
                                   .hook = hooks[generate_number(g, 3)],
                                   .in = generate_interface(g),
                                   .out = generate_interface(g),
                                   .view = options->states ? &view : NULL,
                                   .now_ms = i * 100};
        linear_walk(r, RULES_FILTER, &p, memory, true, &trace, &v);
        check_verdict(&v, &last);
        if (!options->memory)
            check_ignorance(r, &p, &v);
    }
    verdict_memory_free(&memory);
    rules_free(&r);
}

static void generated(void **state)
{
    (void)state;

    for (unsigned seed = 0; seed < RULE_SETS; seed++) {
        struct generate_options options = everything;
        options.family = seed % 3 == 0 ? PACKET_IPV6 : PACKET_IPV4;
        options.memory = seed % 2;
        options.unknown = seed % 5 > 1;
        struct generate *g = generate_new(seed, &options);
        assert_non_null(g);
        walk_generated(g, &options);
        generate_free(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_text),
        cmocka_unit_test(generated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
