/* SPDX-License-Identifier: BSD-2-Clause */
/* What a near miss says is so: over rule sets that are made up, what it names is changed, and the engine, which knows
 * nothing of near misses, lets the packet pass. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "explain/packet/question.h"

enum { SETS = 1000, RULES_MOST = 8, LINE = 400 };

/* ---- rule sets ---- */

static uint32_t draw_state;

static uint32_t draw(uint32_t below)
{
    draw_state ^= draw_state << 13;
    draw_state ^= draw_state >> 17;
    draw_state ^= draw_state << 5;
    return draw_state % below;
}

static const char *const conditions[] = {
    "-p tcp --dport 2121",
    "-p tcp --dport 21",
    "-p tcp --sport 2121",
    "-p udp --dport 2121",
    "-s 203.0.113.0/30 -p tcp --dport 2121",
    "-s 0.0.0.0/32 -p tcp --dport 2121",
    "! -s 203.0.113.0/24",
    "-i eth1 -p tcp --dport 2121",
    "-i eth1",
    "-d 192.0.2.90 -p tcp",
    "-p tcp -m multiport --dports 2120,21",
    "-p tcp --dport 2121 -m state --state NEW",
    "-p tcp --dport 2121 -m state --state ESTABLISHED",
    "-m state --state RELATED,ESTABLISHED",
    "-p tcp --dport 2000:2200 ! --syn",
    "-p tcp --dport 2121 -m length --length 0:20",
    "-m iprange --src-range 203.0.113.100-203.0.113.120",
    "-p tcp",
    "",
};
static const char *const targets[] = {"ACCEPT", "ACCEPT", "ACCEPT", "DROP",
                                      "REJECT", "WARD",   "GATE",   "RETURN"};
static const char *const chains[] = {"INPUT", "INPUT", "INPUT", "WARD", "GATE", "FORWARD"};

static void write_rules(FILE *out)
{
    fputs("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:GATE - [0:0]\n:WARD - "
          "[0:0]\n",
          out);
    for (uint32_t i = 1 + draw(RULES_MOST); i > 0; i--) {
        const char *chain = chains[draw(COUNT(chains))], *target = targets[draw(COUNT(targets))];
        /* WARD leads to GATE, and GATE nowhere, so that there is no circle. */
        bool circle = strcmp(target, "WARD") == 0 ? chain[0] == 'W' || chain[0] == 'G'
                                                  : strcmp(target, "GATE") == 0 && chain[0] == 'G';
        fprintf(out, "-A %s %s -j %s\n", chain, conditions[draw(COUNT(conditions))],
                circle ? "DROP" : target);
    }
    fputs("COMMIT\n", out);
}

static struct rules *make_rules(uint32_t number)
{
    char *text = NULL;
    size_t size = 0;
    struct rules *r = NULL;
    struct rules_error error;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    draw_state = number * 2654435761U + 7;
    write_rules(out);
    assert_int_equal(fclose(out), 0);
    if (rules_read(text, size, "test", 0, &r, &error) < 0)
        fail_msg("%s in\n%s", error.message, text);
    free(text);
    return r;
}

static struct story *ask(const struct rules *r)
{
    struct play play;
    struct story *story = NULL;
    char *message = NULL;
    play_defaults(&play);
    assert_int_equal(packet_question_ask(r, "tcp 203.0.113.77:50000 > 192.0.2.80:2121 syn in=eth0", &play,
                                         &story, &message),
                     0);
    return story;
}

/* ---- changing what a near miss names ---- */

static void command(struct rules *r, const char *line)
{
    char copy[LINE * 2], *save = NULL;
    const char *argv[64];
    int argc = 0;
    struct rules_outcome outcome = {0};
    struct rules_error error = {0};
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok_r(copy, " ", &save); word && argc < 64; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    if (rules_command(r, argc, argv, &outcome, &error) < 0 || outcome.status)
        fail_msg("%s: %s", line, error.message);
    free(outcome.output);
}

/* words of text are gone, or have become instead. */
static void exchange(char *text, const char *words, const char *instead)
{
    char *at = strstr(text, words);
    assert_non_null(at);
    char rest[LINE];
    snprintf(rest, sizeof(rest), "%s", at + strlen(words));
    snprintf(at, LINE - (size_t)(at - text), "%s%s", instead, rest);
}

/* "-R CHAIN NUMBER ..." of a quoted rule, without the conditions that do not hold. */
static void without(const struct story_near *near, const struct story_rule *rule, char *line)
{
    char text[LINE];
    snprintf(text, sizeof(text), "%s", rule->text + strlen("-A ") + strlen(rule->chain) + 1);
    for (size_t i = 0; i < near->but_count; i++) {
        bool is_udp = strcmp(near->but[i], "-p udp") == 0;
        exchange(text, near->but[i], is_udp ? "-p tcp" : "");
        if (is_udp)
            exchange(text, "-m udp", "-m tcp");
        if (strncmp(near->but[i], "--dports", strlen("--dports")) == 0)
            exchange(text, "-m multiport", "");
    }
    snprintf(line, LINE * 2, "-R %s %u %s", rule->chain, rule->number, text);
}

static void change(struct rules *r, const struct story_near *near)
{
    char line[LINE * 2] = "";
    const char *words = near->rule.text + strlen("-A ") + strlen(near->rule.chain) + 1;
    switch (near->kind) {
    case STORY_NEAR_BUT:
        without(near, &near->rule, line);
        break;
    case STORY_NEAR_LED:
        without(near, &near->other, line);
        break;
    case STORY_NEAR_BEHIND:
        snprintf(line, sizeof(line), "-I %s %u %s", near->other.chain, near->other.number, words);
        break;
    case STORY_NEAR_UNREACHED:
        snprintf(line, sizeof(line), "-I INPUT 1 -j %s", near->rule.chain);
        break;
    case STORY_NEAR_HOOK:
        snprintf(line, sizeof(line), "-I INPUT 1 %s", words);
        break;
    case STORY_NEAR_TABLE:
        return;
    }
    command(r, line);
}

static void check_near(uint32_t number, const struct story_near *near, size_t *counts)
{
    struct rules *r = make_rules(number);
    change(r, near);
    struct story *after = ask(r);
    if (after->steps[0].fate != WALL_PASS) {
        char *rules = rules_save(r, NULL, 0);
        fail_msg("%s: changed, it is no truth of\n%s", near->text, rules);
    }
    counts[near->kind]++;
    story_free(&after);
    rules_free(&r);
}

static void what_is_named_is_what_is_in_the_way(void **state)
{
    size_t counts[STORY_NEAR_TABLE + 1] = {0};
    (void)state;
    for (uint32_t i = 1; i <= SETS; i++) {
        struct rules *r = make_rules(i);
        struct story *story = ask(r);
        for (size_t k = 0; k < story->steps[0].near_count; k++)
            check_near(i, &story->steps[0].near[k], counts);
        story_free(&story);
        rules_free(&r);
    }
    for (int kind = 0; kind < STORY_NEAR_TABLE; kind++)
        assert_true(counts[kind] > SETS / 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_named_is_what_is_in_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
