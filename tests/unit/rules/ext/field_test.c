/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of all matches and targets: what they say of their options holds together. */
#include <string.h>

#include "rules/ext/field.h"
#include "unit.h"

enum { ROWS_MOST = RULES_MATCH_TYPES + RULES_TARGET_TYPES };

struct row {
    const struct rules_extension *row;
    size_t size; /* of its payload */
};

static size_t all_rows(struct row rows[ROWS_MOST])
{
    const size_t in_match = sizeof(struct rules_match) - offsetof(struct rules_match, tcp),
                 in_target = sizeof(struct rules_target) - offsetof(struct rules_target, chain);
    size_t count = 0;

    for (unsigned i = 0; i < ROWS_MOST; i++) {
        bool is_match = i < RULES_MATCH_TYPES;
        const struct rules_extension *row =
            is_match ? rules_match_row((uint8_t)i) : rules_target_row((uint8_t)(i - RULES_MATCH_TYPES));

        if (row == NULL)
            continue;
        assert_int_equal(row->type, is_match ? i : i - RULES_MATCH_TYPES);
        rows[count++] = (struct row){row, row->heap ? row->heap : is_match ? in_match : in_target};
    }
    return count;
}

static bool says_all(const struct rules_option *o)
{
    return o->value || o->given.mask || o->inverted.mask;
}

static bool is_in(const struct rules_place *place, size_t size)
{
    return (size_t)place->at + place->size <= size;
}

static bool is_sound_sign(const struct rules_sign *sign, size_t size)
{
    const struct rules_place *place = &sign->place;

    return sign->mask == 0 || (is_in(place, size) && (sign->value & ~sign->mask) == 0 &&
                               (place->size == 1 || place->size == 2 || place->size == 4));
}

static void arguments_and_signs_lie_in_the_payload(void **state)
{
    struct row rows[ROWS_MOST];
    size_t count = all_rows(rows);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < rows[i].row->option_count; j++) {
            const struct rules_option *o = &rows[i].row->options[j];

            if (o->id < 32 && o->at.size <= RULES_PLACE_MOST && is_in(&o->at, rows[i].size) &&
                is_sound_sign(&o->given, rows[i].size) && is_sound_sign(&o->inverted, rows[i].size))
                continue;
            fail_msg("%s --%s: its argument or a sign is not in the payload", rows[i].row->name, o->name);
        }
}

/* An alias is read as another row of its id is, so it takes an argument and "!" as that does. */
static void an_alias_takes_what_its_option_takes(void **state)
{
    struct row rows[ROWS_MOST];
    size_t count = all_rows(rows);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < rows[i].row->option_count; j++) {
            const struct rules_option *alias = &rows[i].row->options[j], *o = rows[i].row->options;
            const uint8_t alike = RULES_ARGUMENT | RULES_INVERTS | RULES_REPEATS;

            while (o->id != alias->id || !says_all(o))
                if (++o == rows[i].row->options + rows[i].row->option_count)
                    break;
            if (says_all(alias) || o == rows[i].row->options + rows[i].row->option_count)
                continue;
            if ((o->flags & alike) != (alias->flags & alike) || o->excludes != alias->excludes)
                fail_msg("%s: --%s is not as --%s", rows[i].row->name, alias->name, o->name);
        }
}

static void an_order_has_each_option_that_is_printed_once(void **state)
{
    struct row rows[ROWS_MOST];
    size_t count = all_rows(rows);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct rules_extension *row = rows[i].row;

        for (unsigned j = 0; row->order && j < row->option_count; j++) {
            const struct rules_option *o = &row->options[j];
            bool is_printed = says_all(o) && !(o->value && !o->value->print);
            unsigned found = 0;

            for (unsigned k = 0; k < row->order_count; k++)
                found += row->order[k] == j;
            if (found != is_printed)
                fail_msg("%s --%s: is printed %u times", row->name, o->name, found);
        }
    }
}

/* "(inverted|not)": one closes before the next opens, and a bar stands in it only. */
static bool is_label(const char *label)
{
    for (const char *at = label; (at = strpbrk(at, "()|")) != NULL; at++) {
        if (*at != '(')
            return false;
        at += 1 + strcspn(at + 1, "(|)");
        if (*at == '|')
            at += 1 + strcspn(at + 1, "(|)");
        if (*at != ')')
            return false;
    }
    return true;
}

static void labels_of_listings_are_whole(void **state)
{
    struct row rows[ROWS_MOST];
    size_t count = all_rows(rows);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < rows[i].row->option_count; j++) {
            const struct rules_option *o = &rows[i].row->options[j];

            if (o->listed && !is_label(o->listed))
                fail_msg("%s --%s: \"%s\"", rows[i].row->name, o->name, o->listed);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_and_signs_lie_in_the_payload),
        cmocka_unit_test(an_alias_takes_what_its_option_takes),
        cmocka_unit_test(an_order_has_each_option_that_is_printed_once),
        cmocka_unit_test(labels_of_listings_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
