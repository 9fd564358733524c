/* SPDX-License-Identifier: BSD-2-Clause */
#include "sample_story.h"

static void poison(struct story *s)
{
    static const char markup[] = "</text></title><script>alert('1')</script>&\"\001\xff";
    char **strings[] = {&s->title,          &s->conclusion,           &s->rules_name,     &s->client,
                        &s->steps[0].label, &s->steps[0].rule.text,   &s->steps[0].phase, &s->steps[0].source,
                        &s->fixes[0].title, &s->fixes[0].commands[0], &s->notes[0],       &s->tasks[0].name};
    for (size_t i = 0; i < COUNT(strings); i++) {
        free(*strings[i]);
        *strings[i] = sample_copy(markup);
    }
}

static void is_harmless(const char *text)
{
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "&\""));
    for (const char *at = text; *at; at++)
        assert_true((unsigned char)*at >= ' ' || *at == '\n');
}

static void the_diagram_shows_the_drop_and_its_rule(void **state)
{
    (void)state;
    struct story *s = sample_story();
    char *svg = sample_told(story_tell_svg, s);
    assert_memory_equal(svg, "<?xml", 5);
    assert_non_null(strstr(svg, "role=\"img\""));
    assert_non_null(strstr(svg, "NEW · dropped by INPUT 3"));
    assert_non_null(strstr(svg, "-A INPUT -d 192.168.0.18/32 -j DROP"));
    assert_non_null(strstr(svg, "227 Entering Passive Mode (192,168,0,18,39,109)."));
    assert_null(strstr(svg, "href"));
    free(svg);
    story_free(&s);
}

static void markup_in_rules_and_replies_stays_text(void **state)
{
    (void)state;
    struct story *s = sample_story();
    poison(s);
    char *svg = sample_told(story_tell_svg, s), *html = sample_told(story_tell_html, s);
    is_harmless(svg);
    is_harmless(html);
    free(svg);
    free(html);
    story_free(&s);
}

static void the_page_needs_nothing_else(void **state)
{
    (void)state;
    struct story *s = sample_story();
    char *html = sample_told(story_tell_html, s);
    assert_memory_equal(html, "<!DOCTYPE html>", 15);
    assert_non_null(strstr(html, "default-src 'none'"));
    assert_non_null(strstr(html, "<svg"));
    assert_null(strstr(html, "<?xml"));
    assert_null(strstr(html, "src=\"http"));
    assert_null(strstr(html, "href"));
    free(html);
    story_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_diagram_shows_the_drop_and_its_rule),
        cmocka_unit_test(markup_in_rules_and_replies_stays_text),
        cmocka_unit_test(the_page_needs_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
