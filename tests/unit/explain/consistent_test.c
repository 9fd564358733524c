/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The headline and its steps say the same, over many rule sets made up of what people write: who the sentence names is
 * who stopped the packet that decided, what it says of the login is what became of it, a session that works has lost
 * nothing or says so, and every teller tells the same sentence.
 */
#include "explain/conclude.h"
#include "explain/play/play.h"

#include "unit.h"

#include "explain/exchange/exchange.h"
#include "explain/make.h"
#include "explain/play/ports.h"
#include "explain/play/world.h"
#include "packet/decode.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 500, RULES_MOST = 7, TEXT = 4096 };

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
    "",
    "-p tcp --dport 21",
    "-p tcp --dport 21 --syn",
    "-p tcp --dport 1024:65535",
    "-p tcp --dport 12000:13000",
    "-p tcp --sport 21",
    "-p tcp --sport 20",
    "-p tcp",
    "-s 192.168.0.2",
    "-s 0.0.0.0/32 -p tcp --dport 21",
    "-d 192.168.0.18 -p tcp -m multiport --dports 20,21,12484",
    "-i eth1 -p tcp --dport 21",
    "-m state --state NEW,ESTABLISHED,RELATED -p tcp --dport 21",
    "-m state --state ESTABLISHED",
    "-m state --state RELATED,ESTABLISHED",
    "-m state --state RELATED -p tcp --dport 1024:9000",
    "-m conntrack --ctstate INVALID",
    "-p tcp --tcp-flags SYN,ACK SYN,ACK",
    "-p tcp --tcp-flags ALL ACK",
    "-p tcp --tcp-flags FIN FIN",
    "-m limit --limit 1/second --limit-burst 1",
    "-p tcp --syn -m limit --limit 30/minute --limit-burst 2",
    "-m length --length 200:60000",
    "-m physdev --physdev-in br0p1",
    "-p udp",
};
static const char *const targets[] = {
    "ACCEPT", "ACCEPT", "ACCEPT",           "DROP", "DROP", "REJECT", "REJECT --reject-with tcp-reset",
    "WARD",   "RETURN", "LOG --log-level 4"};

static void write_rule(FILE *out, const char *chain)
{
    const char *condition = conditions[draw(COUNT(conditions))], *target = targets[draw(COUNT(targets))];
    bool own = strcmp(chain, "WARD") == 0 && strcmp(target, "WARD") == 0;
    if (strcmp(chain, "OUTPUT") == 0 && strstr(condition, "-i "))
        condition = "";
    if (strstr(target, "tcp-reset") && !strstr(condition, "-p tcp"))
        target = "REJECT";
    fprintf(out, "-A %s %s -j %s\n", chain, condition, own ? "DROP" : target);
}

static void write_rules(FILE *out)
{
    static const char *const policies[] = {"ACCEPT", "DROP"};
    static const char *const chains[] = {"INPUT", "INPUT", "FORWARD", "OUTPUT", "WARD"};
    if (draw(2))
        fputs("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
              "-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\nCOMMIT\n",
              out);
    if (draw(4) == 0)
        fprintf(out,
                "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
                ":OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A INPUT %s -j DROP\nCOMMIT\n",
                conditions[draw(COUNT(conditions))]);
    if (draw(8) == 0)
        fprintf(out,
                "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                ":POSTROUTING ACCEPT [0:0]\n-A PREROUTING %s -j DNAT --to-destination 10.0.0.7\nCOMMIT\n",
                conditions[draw(COUNT(conditions))]);
    fprintf(out, "*filter\n:INPUT %s [0:0]\n:FORWARD %s [0:0]\n:OUTPUT %s [0:0]\n:WARD - [0:0]\n",
            policies[draw(2)], policies[draw(2)], policies[draw(4) == 0]);
    if (draw(2))
        fputs(
            "-A INPUT -p tcp --dport 21 -j ACCEPT\n-A OUTPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n"
            "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT\n",
            out);
    if (draw(8) == 0)
        fputs("-A INPUT -p tcp --syn -m limit --limit 30/minute --limit-burst 2 -j ACCEPT\n-A INPUT -p tcp "
              "--syn -j "
              "DROP\n",
              out);
    for (uint32_t i = draw(RULES_MOST); i > 0; i--)
        write_rule(out, chains[draw(COUNT(chains))]);
    fputs("COMMIT\n", out);
}

static char *make_rules(uint32_t number)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    draw_state = number * 2654435761U + 1;
    write_rules(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* ---- what is said of them ---- */

struct told {
    const char *rules;
    const struct story *story;
};

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            fail_msg("%s: \"%s\" of\n%s", #condition, told->story->conclusion, told->rules);                 \
    } while (0)

static bool says(const struct told *told, const char *words)
{
    return strstr(told->story->conclusion, words) != NULL;
}

static bool is_lost(const struct story_step *step)
{
    return step->fate == WALL_DROP || step->fate == WALL_REJECT;
}

static enum story_outcome task_outcome(const struct story *s, const char *name)
{
    for (size_t i = 0; i < s->task_count; i++) {
        if (strcmp(s->tasks[i].name, name) == 0)
            return s->tasks[i].outcome;
    }
    fail_msg("no task %s", name);
    return STORY_UNKNOWN;
}

static void check_outcome(const struct told *told)
{
    const struct story *s = told->story;
    enum story_outcome worst = STORY_WORKS;
    for (size_t i = 0; i < s->task_count; i++) {
        const struct story_task *task = &s->tasks[i];
        if (task->outcome == STORY_BLOCKED || (task->outcome == STORY_UNKNOWN && worst == STORY_WORKS))
            worst = task->outcome;
        MUST(task->step <= s->step_count);
        MUST((task->outcome == STORY_WORKS) == (task->why == NULL));
        MUST(task->outcome != STORY_BLOCKED || is_lost(&s->steps[task->step - 1]) ||
             s->steps[task->step - 1].cause);
    }
    MUST(s->outcome == worst);
    MUST((s->outcome == STORY_WORKS) == says(told, "The whole session works"));
    MUST((s->outcome == STORY_UNKNOWN) ==
         (says(told, "can't be told:") || says(told, "depends on the port")));
}

/* Who is named is who stopped it, or who leaves it open. */
static void check_named(const struct told *told)
{
    const struct story_step *step = conclude_turning_step(told->story);
    if (told->story->outcome == STORY_WORKS) {
        MUST(step == NULL);
        return;
    }
    MUST(step != NULL);
    if (step->stage != WALL_BY_RULES || step->cause) /* a cause: rules let it pass, and it was of no use */
        return;
    char *place = story_place(&step->rule);
    assert_non_null(place);
    MUST(says(told, place));
    free(place);
    MUST(is_lost(step) || step->fate == WALL_UNKNOWN);
}

static void check_words(const struct told *told)
{
    const struct story *s = told->story;
    const struct story_step *step = conclude_turning_step(s);
    if (says(told, "Login works"))
        MUST(task_outcome(s, "login") == STORY_WORKS);
    if (says(told, "can't log in"))
        MUST(task_outcome(s, "connect") == STORY_WORKS && task_outcome(s, "login") == STORY_BLOCKED);
    if (says(told, "can't even connect"))
        MUST(task_outcome(s, "connect") == STORY_BLOCKED && strcmp(step->label, "SYN") == 0);
    if (says(told, "although its first packet gets through"))
        MUST(task_outcome(s, "connect") == STORY_BLOCKED && s->steps[0].fate == WALL_PASS);
    if (says(told, "is refused"))
        MUST(step->fate == WALL_REJECT && strcmp(step->label, "SYN") == 0);
    if (says(told, "breaks off"))
        MUST(step->fate == WALL_REJECT && strstr(step->rule.text, "tcp-reset"));
    if (says(told, "times out"))
        MUST(step->fate == WALL_DROP || strcmp(step->label, "SYN") != 0);
}

/* A session that works has lost nothing, or its sentence says what. */
static void check_losses(const struct told *told)
{
    size_t lost = 0;
    for (size_t i = 0; i < told->story->step_count; i++)
        lost += is_lost(&told->story->steps[i]);
    MUST(told->story->outcome != STORY_WORKS ||
         (lost > 0) == (says(told, "On the way") || says(told, "Only the end")));
}

/* What is behind a doubt about a packet's way is not told. */
static void check_near(const struct told *told, const struct rules *r)
{
    for (size_t i = 0; i < told->story->step_count; i++) {
        const struct story_step *step = &told->story->steps[i];
        MUST(step->near_count == 0 || (is_lost(step) && !step->is_retry));
        for (size_t k = 0; k < step->near_count; k++) {
            const struct rules_rule *rule = story_rule_find(r, &step->near[k].rule);
            MUST(rule && rule->target.type == RULES_TARGET_ACCEPT);
            MUST(!story_rule_equal(&step->near[k].rule, &step->rule));
        }
        for (size_t k = 0; k < step->jump_count; k++) {
            const struct rules_rule *jump = story_rule_find(r, &step->jumps[k]);
            MUST(jump && jump->target.type == RULES_TARGET_CHAIN);
        }
        bool in_hook = step->rule.chain && strcmp(step->rule.chain, "WARD") != 0;
        MUST(!in_hook || step->jump_count == 0);
        MUST(in_hook || !step->rule.number || step->jump_count > 0);
    }
}

static char *teller_text(const struct story *s, int (*teller)(const struct story *, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(teller(s, out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* The sentence as XML has it. */
static void escape(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (; *text && used + 8 < size; text++) {
        const char *as = *text == '\''  ? "&#39;"
                         : *text == '"' ? "&quot;"
                         : *text == '<' ? "&lt;"
                         : *text == '>' ? "&gt;"
                                        : NULL;
        if (as)
            used += (size_t)snprintf(out + used, size - used, "%s", as);
        else
            out[used++] = *text;
    }
    out[used] = '\0';
}

static void check_tellers(const struct told *told)
{
    char sentence[TEXT];
    escape(told->story->conclusion, sentence, sizeof(sentence));
    char *svg = teller_text(told->story, story_tell_svg), *html = teller_text(told->story, story_tell_html);
    char *json = teller_text(told->story, story_tell_json);
    if (!strstr(svg, sentence))
        fail_msg("%s\nis not in\n%.600s", sentence, svg);
    MUST(strstr(html, sentence));
    json_t *root = json_loads(json, 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "conclusion")), told->story->conclusion);
    assert_string_equal(json_string_value(json_object_get(root, "outcome")),
                        story_outcome_name(told->story->outcome));
    json_decref(root);
    free(svg);
    free(html);
    free(json);
}

/* ---- the tests ---- */

static struct rules *read_rules(const char *text)
{
    struct rules *r = NULL;
    struct rules_error error;
    if (rules_read(text, strlen(text), "test", 0, &r, &error) < 0)
        fail_msg("%u:%u: %s in\n%s", error.line, error.column, error.message, text);
    return r;
}

static struct play play_number(uint32_t number)
{
    struct play play;
    uint8_t family;
    play_defaults(&play);
    play.mode = number % 2 ? STORY_ACTIVE : STORY_PASSIVE;
    play.where = (enum story_at)(number / 2 % 3);
    play.in = play.out = number % 5 ? "eth0" : NULL;
    assert_int_equal(packet_address_parse("192.168.0.2", &play.client, &family), 0);
    assert_int_equal(packet_address_parse("192.168.0.18", &play.server, &family), 0);
    play.family = family;
    if (number % 3)
        play.data_ports = (struct rules_range16){20, 20};
    return play;
}

/* As play_session tells it, but without fixes and notes, which take most of its time. */
static struct story *tell(const struct rules *r, struct play *play)
{
    struct play_outcomes outcomes;
    struct wall_rules *walked = wall_rules_new(r);
    assert_non_null(walked);
    assert_int_equal(play_complete(r, play), 0);
    struct story *story = play_worst(walked, play, false, NULL, &outcomes);
    assert_non_null(story);
    assert_int_equal(conclude_story(story, &outcomes), 0);
    wall_rules_free(&walked);
    return story;
}

struct counts {
    size_t outcome[3], works_with_losses, near, jumps;
};

static void check_set(uint32_t number, struct counts *counts)
{
    char *text = make_rules(number);
    struct rules *r = read_rules(text);
    struct play play = play_number(number);
    struct story *story = tell(r, &play);
    const struct told told = {text, story};
    check_outcome(&told);
    check_named(&told);
    check_words(&told);
    check_losses(&told);
    check_near(&told, r);
    check_tellers(&told);
    counts->outcome[story->outcome]++;
    counts->works_with_losses += says(&told, "On the way");
    for (size_t i = 0; i < story->step_count; i++) {
        counts->near += story->steps[i].near_count;
        counts->jumps += story->steps[i].jump_count;
    }
    story_free(&story);
    rules_free(&r);
    free(text);
}

static void headlines_agree_with_their_steps(void **state)
{
    struct counts counts = {0};
    (void)state;
    for (uint32_t i = 1; i <= SETS; i++)
        check_set(i, &counts);
    /* The sets are of all kinds. */
    assert_true(counts.outcome[STORY_WORKS] > SETS / 20);
    assert_true(counts.outcome[STORY_BLOCKED] > SETS / 4);
    assert_true(counts.outcome[STORY_UNKNOWN] > SETS / 40);
    assert_true(counts.works_with_losses > 0 && counts.near > SETS / 4 && counts.jumps > 0);
}

/* A plain exchange, there and back. */
static void exchanges_agree_with_their_steps(void **state)
{
    static const uint8_t protocols[] = {PACKET_TCP, PACKET_UDP, PACKET_ICMP};
    (void)state;
    for (uint32_t i = 1; i <= SETS / 5; i++) {
        char *text = make_rules(i);
        struct rules *r = read_rules(text);
        struct play play = play_number(i);
        struct story *story = exchange_explain(r, protocols[i % COUNT(protocols)], &play);
        assert_non_null(story);
        const struct told told_of = {text, story}, *told = &told_of;
        MUST((story->outcome == STORY_WORKS) == says(told, "It works both ways"));
        MUST(story->outcome != STORY_BLOCKED || !says(told, "can't be told"));
        check_named(told);
        check_near(told, r);
        check_tellers(told);
        check_losses(told);
        story_free(&story);
        rules_free(&r);
        free(text);
    }
}

/* No fix is told that did not work, or of a packet about which nothing can be told. */
static void fixes_agree_with_their_story(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= SETS / 40; i++) {
        char *text = make_rules(i);
        struct rules *r = read_rules(text);
        struct play play = play_number(i);
        struct story *story = play_session(r, &play);
        assert_non_null(story);
        const struct told told_of = {text, story}, *told = &told_of;
        const struct story_step *step = conclude_turning_step(story);
        MUST(story->fix_count == 0 || (step && is_lost(step)));
        for (size_t k = 0; k < story->fix_count; k++) {
            MUST(story->fixes[k].works && story->fixes[k].command_count > 0);
            MUST(k == 0 || story->fixes[k].exposed_ports >= story->fixes[k - 1].exposed_ports);
        }
        story_free(&story);
        rules_free(&r);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headlines_agree_with_their_steps),
        cmocka_unit_test(exchanges_agree_with_their_steps),
        cmocka_unit_test(fixes_agree_with_their_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
