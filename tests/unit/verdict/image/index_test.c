/* SPDX-License-Identifier: BSD-2-Clause */
/* Each kind of index: the set that a value leads to has the rules whose ranges hold the value, and no others.
 */
#include "verdict/image/index.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "verdict/image/find.h"

enum { MOST_RULES = 20000, PROBES = 3000 };

struct wanted {
    struct condition_value first, last;
};

struct built {
    struct image_block block;
    struct image_index index;
    uint32_t none, rules;
    struct wanted wanted[MOST_RULES];
};

static uint64_t random_state = 1;

static uint64_t draw(void)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return random_state ^ random_state >> 33;
}

/* Now and then the very first, the very last, or a small one. */
static struct condition_value draw_value(unsigned bits)
{
    struct condition_value most = image_value_most(bits),
                           v = {draw() % 16 << 60 & most.high, draw() & most.low};

    switch (draw() % 8) {
    case 0:
        return (struct condition_value){0, 0};
    case 1:
        return most;
    case 2:
        v.low &= 0xff;
        return v;
    default:
        return v;
    }
}

static void build(struct built *b, unsigned bits, uint32_t rules)
{
    struct condition_value most = image_value_most(bits);
    struct image_change *changes = calloc(2 * (size_t)rules + 1, sizeof(*changes));
    size_t count = 0;

    memset(&b->block, 0, sizeof(b->block));
    b->rules = rules;
    image_block_add(&b->block, IMAGE_LINE, IMAGE_LINE);
    b->none = image_block_add(&b->block, IMAGE_EMPTY_SET, IMAGE_LINE);
    for (uint32_t i = 0; i < rules; i++) {
        struct condition_value one = draw_value(bits), other = draw() % 2 ? one : draw_value(bits);
        bool in_order = condition_value_less(one, other);

        b->wanted[i] = (struct wanted){in_order ? one : other, in_order ? other : one};
        changes[count++] = (struct image_change){b->wanted[i].first, i};
        if (condition_value_less(b->wanted[i].last, most))
            changes[count++] = (struct image_change){image_value_next(b->wanted[i].last), i};
    }
    assert_int_equal(image_index_build(&b->block, b->none, bits, changes, count, rules, &b->index), 0);
    image_block_add(&b->block, sizeof(uint64_t), sizeof(uint64_t));
    assert_false(b->block.failed);
    free(changes);
}

static uint32_t find(const struct built *b, struct condition_value v)
{
    const uint8_t *base = b->block.bytes;

    switch (b->index.kind) {
    case IMAGE_KEY8:
        return image_find8(base, &b->index, (uint8_t)v.low);
    case IMAGE_KEY16:
        return image_find16(base, &b->index, (uint16_t)v.low);
    case IMAGE_KEY32:
        return image_find32(base, &b->index, (uint32_t)v.low);
    default:
        return image_find128(base, &b->index, v.high, v.low);
    }
}

static bool set_has(const struct built *b, const struct image_set *set, uint32_t rule)
{
    uint32_t word = rule / IMAGE_WORD, middles = (b->rules + 4095) / 4096;
    const struct image_middle *m = image_set_middle(set, word / IMAGE_WORD, middles <= IMAGE_DENSE);

    return image_middle_bits(b->block.bytes, m, word % IMAGE_WORD) >> rule % IMAGE_WORD & 1;
}

static void probe(const struct built *b, struct condition_value v)
{
    const struct image_set *set = image_at(b->block.bytes, find(b, v));

    for (uint32_t i = 0; i < b->rules; i++) {
        bool wants =
            !condition_value_less(v, b->wanted[i].first) && !condition_value_less(b->wanted[i].last, v);

        if (set_has(b, set, i) != wants)
            fail_msg("value %llx %llx, rule %u of %u: %d, expected %d", (unsigned long long)v.high,
                     (unsigned long long)v.low, i, b->rules, !wants, wants);
    }
}

static void every_kind(void **state)
{
    static const unsigned bits[] = {8, 16, 32, 128};
    static const uint32_t rules[] = {0, 1, 3, 64, 65, 300, 5000, MOST_RULES};
    struct built *b = malloc(sizeof(*b));

    (void)state;
    assert_non_null(b);
    for (unsigned i = 0; i < COUNT(bits); i++)
        for (unsigned n = 0; n < COUNT(rules); n++) {
            unsigned probes = rules[n] > 300 ? 30 : PROBES / (rules[n] + 1) + 50;

            build(b, bits[i], rules[n]);
            for (unsigned k = 0; k < probes; k++)
                probe(b, draw_value(bits[i]));
            for (unsigned k = 0; k < 30 && rules[n]; k++) { /* right at and beside the ends */
                const struct wanted *w = &b->wanted[draw() % rules[n]];

                probe(b, w->first);
                probe(b, w->last);
                if (condition_value_less(w->last, image_value_most(bits[i])))
                    probe(b, image_value_next(w->last));
                if (w->first.high | w->first.low)
                    probe(b, image_value_before(w->first));
            }
            image_block_fini(&b->block);
        }
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
