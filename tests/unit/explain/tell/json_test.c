/* SPDX-License-Identifier: BSD-2-Clause */
#include "sample_story.h"

#include <jansson.h>

static json_t *load(const struct story *s)
{
    char *text = sample_told(story_tell_json, s);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    free(text);
    return root;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void the_schema_holds(void **state)
{
    (void)state;
    static const char *const keys[] = {"schema",   "kind",  "outcome", "conclusion", "title",
                                       "question", "tasks", "packets", "fixes",      "notes"};
    struct story *s = sample_story();
    json_t *root = load(s);
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_non_null(json_object_get(root, keys[i]));
    assert_int_equal(json_object_size(root), COUNT(keys));
    assert_int_equal(json_integer_value(json_object_get(root, "schema")), 1);
    assert_string_equal(text_at(root, "kind"), "ftp");
    assert_string_equal(text_at(root, "outcome"), "blocked");
    assert_int_equal(json_array_size(json_object_get(root, "packets")), s->step_count);
    json_decref(root);
    story_free(&s);
}

static void a_packet_names_state_rule_and_events(void **state)
{
    (void)state;
    struct story *s = sample_story();
    json_t *root = load(s), *packets = json_object_get(root, "packets");
    json_t *dropped = json_array_get(packets, 10), *missed = json_array_get(packets, 9);
    assert_string_equal(text_at(dropped, "state"), "new");
    assert_string_equal(text_at(dropped, "fate"), "drop");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(dropped, "rule"), "number")), 3);
    assert_int_equal(json_array_size(json_object_get(dropped, "looked")), 3);
    json_t *event = json_array_get(json_object_get(missed, "events"), 0);
    assert_string_equal(text_at(event, "type"), "expect-missed");
    assert_string_equal(text_at(event, "reason"), "no-helper");
    json_decref(root);
    story_free(&s);
}

static void any_bytes_make_valid_json(void **state)
{
    (void)state;
    struct story *s = sample_story();
    free(s->steps[0].label);
    s->steps[0].label = sample_copy("RETR caf\xe9 \"\\\033");
    json_t *root = load(s);
    assert_string_equal(text_at(json_array_get(json_object_get(root, "packets"), 0), "label"),
                        "RETR caf\xc3\xa9 \"\\\033");
    json_decref(root);
    story_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_holds),
        cmocka_unit_test(a_packet_names_state_rule_and_events),
        cmocka_unit_test(any_bytes_make_valid_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
