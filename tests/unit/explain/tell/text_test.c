/* SPDX-License-Identifier: BSD-2-Clause */
#include "sample_story.h"

static char *told(const struct story *s, const struct story_text_options *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(story_tell_text(s, options, out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void replace(char **string, const char *text)
{
    free(*string);
    *string = sample_copy(text);
}

static void the_answer_comes_first(void **state)
{
    (void)state;
    struct story *s = sample_story();
    char *text = told(s, &(struct story_text_options){0});
    assert_memory_equal(text, "BLOCKED  Login works, but", 25);
    assert_non_null(
        strstr(text, "LIST       blocked  the data connection's first packet is dropped (packet 11)"));
    free(text);
    story_free(&s);
    assert_null(s);
}

static void a_drop_names_its_rule_and_line(void **state)
{
    (void)state;
    struct story *s = sample_story();
    char *text = told(s, &(struct story_text_options){0});
    assert_non_null(strstr(text, "SYN, port 40001 → 10093"));
    assert_non_null(strstr(text, "NEW · dropped by INPUT 3"));
    assert_non_null(strstr(text, "-A INPUT -d 192.168.0.18/32 -j DROP"));
    assert_non_null(strstr(text, "tried 2 more times until 3.0 s"));
    free(text);
    story_free(&s);
}

static void a_fix_says_what_it_exposes_and_can_be_copied(void **state)
{
    (void)state;
    struct story *s = sample_story();
    char *text = told(s, &(struct story_text_options){.width = 60});
    assert_non_null(strstr(text, "exposes: none: only announced connections"));
    /* Longer than the terminal, and in one piece all the same. */
    assert_non_null(
        strstr(text, "iptables -I INPUT 3 -d 192.168.0.18/32 -p tcp -m tcp --dport 10090:10100 -j ACCEPT\n"));
    assert_non_null(strstr(text, "no help here"));
    free(text);
    story_free(&s);
}

static void bare_packets_are_shown_when_asked_for(void **state)
{
    (void)state;
    struct story *s = sample_story();
    char *brief = told(s, &(struct story_text_options){0});
    char *verbose = told(s, &(struct story_text_options){.verbose = true});
    assert_null(strstr(brief, "├─ ACK ─"));
    assert_non_null(strstr(brief, "3 packets not shown"));
    assert_non_null(strstr(verbose, "├─ ACK ─"));
    assert_null(strstr(verbose, "not shown"));
    assert_non_null(strstr(verbose, "no  INPUT 1: -A INPUT"));
    free(brief);
    free(verbose);
    story_free(&s);
}

static void colour_is_only_for_terminals(void **state)
{
    (void)state;
    struct story *s = sample_story();
    char *plain = told(s, &(struct story_text_options){0});
    char *colour = told(s, &(struct story_text_options){.colour = true});
    assert_null(strchr(plain, '\033'));
    assert_non_null(strstr(colour, "\033[0;1;31mBLOCKED"));
    free(plain);
    free(colour);
    story_free(&s);
}

static void ascii_terminals_get_ascii(void **state)
{
    (void)state;
    struct story *s = sample_story();
    char *text = told(s, &(struct story_text_options){.ascii = true});
    for (const char *at = text; *at; at++)
        assert_false(*at & 0x80);
    assert_non_null(strstr(text, "|= SYN, port 40001 > 10093 ==="));
    free(text);
    story_free(&s);
}

/* What comes off a wire must not reach the terminal as a command to it. */
static void hostile_text_is_made_harmless(void **state)
{
    (void)state;
    struct story *s = sample_story();
    replace(&s->steps[0].label, "\033]0;owned\007 \xff\xe2\x80\xae");
    replace(&s->steps[10].rule.text, "-m comment --comment \"\033[2J\"");
    replace(&s->fixes[0].commands[0], "echo \r");
    replace(&s->conclusion, "a\nb\tc");
    char *text = told(s, &(struct story_text_options){.verbose = true});
    assert_null(strchr(text, '\033'));
    assert_null(strchr(text, '\r'));
    assert_null(strchr(text, '\t'));
    assert_non_null(strstr(text, "\\x1b]0;owned\\x07 \\xff\\u202e"));
    free(text);
    story_free(&s);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    (void)state;
    struct story *s = sample_story();
    s->fix_count = 0; /* commands are in one piece */
    for (int width = 60; width <= 120; width += 7) {
        char *text = told(s, &(struct story_text_options){.ascii = true, .width = width});
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            assert_true((int)strlen(line) <= width);
        free(text);
    }
    s->fix_count = 3;
    story_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_comes_first),
        cmocka_unit_test(a_drop_names_its_rule_and_line),
        cmocka_unit_test(a_fix_says_what_it_exposes_and_can_be_copied),
        cmocka_unit_test(bare_packets_are_shown_when_asked_for),
        cmocka_unit_test(colour_is_only_for_terminals),
        cmocka_unit_test(ascii_terminals_get_ascii),
        cmocka_unit_test(hostile_text_is_made_harmless),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
