/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "kernel/texts.h"
#include "rules/rules_text.h"

static const char rules[] =
    "*filter\n:INPUT DROP [0:0]\n:web - [0:0]\n"
    "-A INPUT -s 10.0.0.1 -j web\n-A INPUT -j DROP\n-A web -j ACCEPT\nCOMMIT\n"
    "*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -j NOTRACK\n-A OUTPUT -j NOTRACK\nCOMMIT\n";

/* Which number each place has, by its chain: policies' and the first rule's. */
struct seen {
    const uint32_t *numbers;
    const struct rules *r;
    uint32_t policy, first, keys;
    const struct rules_chain *chain;
};

static void see(void *arg, const struct texts_place *place)
{
    struct seen *s = arg;

    assert_true(place->key < texts_keys(s->r));
    s->keys++;
    if (place->chain != s->chain)
        return;
    if (!place->rule)
        s->policy = s->numbers[place->index];
    else if (place->rule == place->chain->rules)
        s->first = s->numbers[place->index];
}

static struct seen look(const struct rules *r, const uint32_t *numbers, enum rules_table_type table,
                        enum rules_hook hook)
{
    struct seen s = {.numbers = numbers, .r = r, .chain = rules_chain_at(r, table, hook)};

    texts_each(r, see, &s);
    return s;
}

/* Numbers 100, 101... in the order of texts_each. */
static uint8_t *written(size_t *ret_size)
{
    struct rules *r = text_read(rules, PACKET_IPV4);
    uint32_t numbers[64];
    uint8_t *ret;

    for (uint32_t i = 0; i < 64; i++)
        numbers[i] = 100 + i;
    assert_int_equal(texts_each(r, NULL, NULL), 10);
    assert_int_equal(texts_write(r, numbers, 7, &ret, ret_size), 0);
    rules_free(&r);
    return ret;
}

static void numbers_stay_with_their_rules(void **state)
{
    static const uint32_t buts[] = {0, 1 << RULES_FILTER, 1 << RULES_RAW, 1 << RULES_FILTER | 1 << RULES_RAW};
    size_t size;
    uint8_t *element = written(&size);

    (void)state;
    for (unsigned i = 0; i < sizeof(buts) / sizeof(buts[0]); i++) {
        struct rules_error error;
        const uint32_t *numbers;
        struct rules *r;
        uint32_t serial;

        assert_int_equal(texts_read(element, size, PACKET_IPV4, buts[i], &r, &numbers, &serial, &error), 0);
        assert_int_equal(serial, 7);
        struct seen input = look(r, numbers, RULES_FILTER, RULES_INPUT),
                    output = look(r, numbers, RULES_RAW, RULES_OUTPUT);
        assert_int_equal(input.policy, 100);
        assert_int_equal(input.first, buts[i] & 1 << RULES_FILTER ? 0 : 101);
        assert_int_equal(output.policy, 107);
        assert_int_equal(output.first, buts[i] & 1 << RULES_RAW ? 0 : 108);
        rules_free(&r);
    }
    free(element);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_stay_with_their_rules)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
