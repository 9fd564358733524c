/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "rules/build.h"
#include "rules/language/print.h"
#include "rules_text.h"

static const char text[] =
    "*raw\n-A OUTPUT -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
    "*filter\n:b - [0:0]\n:a - [0:0]\n:c - [0:0]\n"
    "-A INPUT -m comment --comment x -j a\n-A a -j LOG --log-prefix y\n-A b -j c\nCOMMIT\n";

static void a_copy_is_equal_and_its_own(void **state)
{
    struct rules *r = text_read(text, 0);
    struct rules *copy = rules_copy(r);

    (void)state;
    assert_true(rules_equal(r, copy));
    const struct rules_chain *input = rules_chain_at(copy, RULES_FILTER, RULES_INPUT);
    assert_ptr_equal(input->rules[0].target.chain, rules_chain_find(copy, RULES_FILTER, "a"));
    assert_int_equal(input->rules[0].serial, rules_chain_at(r, RULES_FILTER, RULES_INPUT)->rules[0].serial);
    rules_free(&r);
    text_do(copy, "-A a -j DROP");
    rules_free(&copy);
    assert_null(copy);
    rules_free(&copy);
}

static void counters_and_places_make_no_difference(void **state)
{
    struct rules *a = text_read("*filter\n:INPUT ACCEPT\n-A INPUT -j DROP\nCOMMIT\n", 0);
    struct rules *b =
        text_read("# hello\n*filter\n:INPUT ACCEPT [5:6]\n\n[7:8] -A INPUT -j DROP\nCOMMIT\n", 0);

    (void)state;
    assert_true(rules_equal(a, b));
    rules_free(&a);
    rules_free(&b);
}

static void everything_else_makes_a_difference(void **state)
{
    static const char *const others[] = {
        "*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
        "*filter\n-A INPUT -p tcp -j DROP\nCOMMIT\n",
        "*filter\n-A INPUT -m comment --comment x -j DROP\nCOMMIT\n",
        "*filter\n-A OUTPUT -j DROP\nCOMMIT\n",
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -j DROP\nCOMMIT\n",
        "*filter\n:a - [0:0]\n-A INPUT -j DROP\nCOMMIT\n",
        "*filter\n-A INPUT -j DROP\nCOMMIT\n*raw\nCOMMIT\n",
        "*filter\n-A INPUT -j DROP\nCOMMIT\n*nat\nCOMMIT\n",
        "*filter\n-A INPUT -s 10.0.0.0/8 -j DROP\nCOMMIT\n",
        "*filter\n-A INPUT ! -i eth0 -j DROP\nCOMMIT\n",
    };
    struct rules *r = text_read("*filter\n:INPUT ACCEPT\n-A INPUT -j DROP\nCOMMIT\n", 0);

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct rules *other = text_read(others[i], 0);
        assert_false(rules_equal(r, other));
        rules_free(&other);
    }
    rules_free(&r);
}

static void chains_are_in_the_order_of_iptables_save(void **state)
{
    static const char *const names[] = {"INPUT", "FORWARD", "OUTPUT", "a", "b", "c"};
    struct rules *r = text_read(text, 0);

    (void)state;
    assert_int_equal(r->tables[RULES_FILTER].count, COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_string_equal(r->tables[RULES_FILTER].chains[i]->name, names[i]);
        assert_ptr_equal(rules_chain_find(r, RULES_FILTER, names[i]), r->tables[RULES_FILTER].chains[i]);
    }
    assert_null(rules_chain_find(r, RULES_FILTER, "d"));
    assert_null(rules_chain_find(r, RULES_RAW, "a"));
    assert_int_equal(r->order[0], RULES_RAW);
    rules_free(&r);
}

static void references_count_jumps_and_gotos(void **state)
{
    struct rules *r = text_read("*filter\n:a - [0:0]\n-A INPUT -j a\n-A OUTPUT -g a\nCOMMIT\n", 0);

    (void)state;
    assert_int_equal(rules_chain_references(&r->tables[RULES_FILTER], rules_chain_find(r, RULES_FILTER, "a")),
                     2);
    rules_free(&r);
}

static void masks_and_prefixes(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= 128; i++) {
        struct packet_address mask = rules_prefix_mask(PACKET_IPV6, i);
        assert_int_equal(rules_mask_prefix(PACKET_IPV6, &mask), (int)i);
    }
    struct packet_address holed = {{0x00ff00ff}};
    assert_int_equal(rules_mask_prefix(PACKET_IPV4, &holed), -1);
    struct packet_address late = {{0, UINT32_MAX}};
    assert_int_equal(rules_mask_prefix(PACKET_IPV6, &late), -1);
    struct packet_address whole = rules_prefix_mask(PACKET_IPV4, 128);
    assert_int_equal(rules_mask_prefix(PACKET_IPV4, &whole), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_equal_and_its_own),
        cmocka_unit_test(counters_and_places_make_no_difference),
        cmocka_unit_test(everything_else_makes_a_difference),
        cmocka_unit_test(chains_are_in_the_order_of_iptables_save),
        cmocka_unit_test(references_count_jumps_and_gotos),
        cmocka_unit_test(masks_and_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
