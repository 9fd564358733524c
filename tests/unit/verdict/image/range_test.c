/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of ranges against sets of 256 booleans. */
#include "verdict/image/range.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

enum { VALUES = 256, ROUNDS = 3000 };

static uint32_t random_state = 1;

static uint32_t draw(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 16) % limit;
}

static void draw_ranges(struct image_ranges *ranges, bool *holds)
{
    memset(holds, 0, VALUES);
    ranges->count = draw(8);
    for (size_t i = 0; i < ranges->count; i++) {
        uint32_t first = draw(4) ? draw(VALUES) : 0, last = draw(4) ? draw(VALUES) : VALUES - 1;

        ranges->at[i] = (struct image_range){{0, first}, {0, last}};
        for (uint32_t value = first; value <= last; value++)
            holds[value] = true;
    }
    image_ranges_normalize(ranges);
}

static void assert_holds(const struct image_ranges *ranges, const bool *holds)
{
    bool held[VALUES] = {false};

    for (size_t i = 0; i < ranges->count; i++) {
        assert_true(ranges->at[i].first.low <= ranges->at[i].last.low);
        if (i > 0) /* neither overlap nor touch */
            assert_true(ranges->at[i - 1].last.low + 1 < ranges->at[i].first.low);
        for (uint64_t value = ranges->at[i].first.low; value <= ranges->at[i].last.low; value++)
            held[value] = true;
    }
    assert_memory_equal(held, holds, VALUES);
}

static void sets_of_values(void **state)
{
    struct condition_value most = image_value_most(8);
    struct image_ranges a, b;
    bool in_a[VALUES], in_b[VALUES];

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        draw_ranges(&a, in_a);
        draw_ranges(&b, in_b);
        assert_holds(&a, in_a);
        assert_int_equal(image_ranges_are_all(&a, most), !memchr(in_a, 0, VALUES));
        assert_int_equal(image_ranges_invert(&b, most), 0);
        for (unsigned value = 0; value < VALUES; value++)
            in_b[value] = !in_b[value];
        assert_holds(&b, in_b);
        assert_int_equal(image_ranges_intersect(&a, &b), 0);
        for (unsigned value = 0; value < VALUES; value++)
            in_a[value] &= in_b[value];
        assert_holds(&a, in_a);
    }
}

static void ends_of_128_bits(void **state)
{
    struct condition_value most = image_value_most(128);
    struct image_ranges r;

    (void)state;
    image_ranges_all(&r, most);
    assert_true(image_ranges_are_all(&r, most));
    assert_int_equal(image_ranges_invert(&r, most), 0);
    assert_int_equal(r.count, 0);
    assert_int_equal(image_ranges_invert(&r, most), 0);
    assert_true(image_ranges_are_all(&r, most));

    r.count = 2;
    r.at[0] = (struct image_range){{1, 0}, {2, UINT64_MAX}};
    r.at[1] = (struct image_range){{3, 0}, {3, 5}};
    image_ranges_normalize(&r);
    assert_int_equal(r.count, 1);
    assert_int_equal(image_ranges_invert(&r, most), 0);
    assert_int_equal(r.count, 2);
    assert_true(condition_value_equal(r.at[0].last, (struct condition_value){0, UINT64_MAX}));
    assert_true(condition_value_equal(r.at[1].first, (struct condition_value){3, 6}));
}

static void too_many(void **state)
{
    struct image_ranges r;

    (void)state;
    r.count = IMAGE_RANGES;
    for (uint32_t i = 0; i < IMAGE_RANGES; i++)
        r.at[i] = (struct image_range){{0, 10 + 4 * i}, {0, 11 + 4 * i}};
    assert_int_equal(image_ranges_invert(&r, image_value_most(16)), -ENOSPC);
    assert_int_equal(r.count, IMAGE_RANGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_of_values),
        cmocka_unit_test(ends_of_128_bits),
        cmocka_unit_test(too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
