/* SPDX-License-Identifier: BSD-2-Clause */
/* What came near to admitting a packet that was dropped, and what is no near miss. */
#include "explain/near/near.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/near/ask.h"
#include "explain/packet/question.h"

#define HEAD                                                                                                 \
    "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:SHOP - [0:0]\n:BACK - [0:0]\n"
#define SYN_443 "tcp 203.0.113.7:50000 > 192.0.2.80:443 syn in=eth0"

static struct rules *read_rules(const char *text)
{
    struct rules *r = NULL;
    struct rules_error error;
    if (rules_read(text, strlen(text), "test", 0, &r, &error) < 0)
        fail_msg("%u:%u: %s in\n%s", error.line, error.column, error.message, text);
    return r;
}

/* The story of one packet at rules: those of filter, and maybe of further tables behind its COMMIT. */
static struct story *ask(const char *rules, const char *line)
{
    char text[2048], *message = NULL;
    struct play play;
    struct story *story = NULL;
    snprintf(text, sizeof(text), HEAD "%sCOMMIT\n", rules);
    struct rules *r = read_rules(text);
    play_defaults(&play);
    play.where = strstr(line, "out=") ? STORY_AT_GATEWAY : STORY_AT_SERVER;
    if (packet_question_ask(r, line, &play, &story, &message) < 0)
        fail_msg("%s: %s", line, message);
    rules_free(&r);
    return story;
}

struct near_case {
    const char *rules, *line;
    const char *texts[NEAR_TOLD + 1]; /* in order, and no more */
};

static void check(const struct near_case *c)
{
    struct story *s = ask(c->rules, c->line);
    const struct story_step *step = &s->steps[0];
    assert_int_not_equal(step->fate, WALL_PASS);
    for (size_t i = 0; c->texts[i]; i++) {
        if (i >= step->near_count || strcmp(step->near[i].text, c->texts[i]) != 0)
            fail_msg("\"%s\" is not told, but \"%s\"; of\n%s", c->texts[i],
                     i < step->near_count ? step->near[i].text : "nothing", c->rules);
    }
    size_t wanted = 0;
    while (c->texts[wanted])
        wanted++;
    if (step->near_count != wanted)
        fail_msg("\"%s\" is told of\n%s", step->near[wanted].text, c->rules);
    story_free(&s);
}

static void one_condition_is_in_the_way(void **state)
{
    static const struct near_case cases[] = {
        {"-A INPUT -s 0.0.0.0/32 -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -s 0.0.0.0/32"}},
        {"-A INPUT -s 0.0.0.0/32 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -s 0.0.0.0/32"}},
        {"-A INPUT ! -s 203.0.113.0/24 -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for ! -s 203.0.113.0/24"}},
        {"-A INPUT -p udp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -p udp"}},
        {"-A INPUT -i eth1 -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -i eth1"}},
        {"-A INPUT -p tcp --dport 8443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for --dport 8443"}},
        {"-A INPUT -s 203.0.113.128/25 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -s 203.0.113.128/25"}},
        {"-A INPUT -s 10.1.1.1 -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -s 10.1.1.1/32"}},
        {"-A INPUT -p tcp --sport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for --sport 443"}},
        {"-A INPUT -p tcp -m multiport --dports 80,8080 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for --dports 80,8080"}},
        {"-A INPUT -d 192.0.2.81 -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -d 192.0.2.81/32"}},
        {"-A INPUT -s 10.0.0.0/8 -i eth1 -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -s 10.0.0.0/8 and -i eth1"}},
        {"-A INPUT -p tcp --dport 443 -m state --state NEW -j ACCEPT\n",
         "tcp 203.0.113.7:50000 > 192.0.2.80:443 in=eth0 state=established",
         {"rule 1 of INPUT would admit it but for -m state --state NEW"}},
        {"-A INPUT -p tcp --dport 443 -m length --length 0:10 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of INPUT would admit it but for -m length --length 0:10"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i]);
}

static void it_stands_behind_what_decides(void **state)
{
    static const struct near_case cases[] = {
        {"-A INPUT -p tcp -j DROP\n-A INPUT -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 2 of INPUT would admit it, but stands behind the DROP that is rule 1"}},
        {"-A INPUT -p udp -j ACCEPT\n-A INPUT -j REJECT\n-A INPUT -j SHOP\n-A SHOP -p tcp --dport 443 -j "
         "ACCEPT\n",
         SYN_443,
         {"rule 1 of SHOP would admit it, but stands behind the REJECT that is rule 2 of INPUT"}},
        {"-A INPUT -j SHOP\n-A INPUT -p tcp --dport 443 -j ACCEPT\n-A SHOP -j DROP\n",
         SYN_443,
         {"rule 2 of INPUT would admit it, but stands behind the DROP that is rule 1 of SHOP"}},
        {"-A INPUT -j SHOP\n-A SHOP -p tcp -j RETURN\n-A SHOP -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 2 of SHOP would admit it, but stands behind the RETURN that is rule 1"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i]);
}

static void it_stands_behind_another_table(void **state)
{
    static const struct near_case cases[] = {
        {"-A INPUT -p tcp --dport 443 -j ACCEPT\nCOMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT "
         "[0:0]\n"
         "-A PREROUTING -i eth0 -j DROP\n",
         SYN_443,
         {"rule 1 of INPUT would admit it, but stands behind the DROP that is rule 1 of PREROUTING in the "
          "raw table"}},
        {"-A INPUT -p tcp --dport 443 -j ACCEPT\nCOMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT DROP "
         "[0:0]\n"
         ":FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n",
         SYN_443,
         {"rule 1 of INPUT would admit it, but stands behind the policy of INPUT in the mangle table"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i]);
}

static void nothing_leads_to_it(void **state)
{
    static const struct near_case cases[] = {
        {"-A SHOP -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of SHOP would admit it, but nothing reaches this rule: no way leads to SHOP"}},
        /* A jump from a chain that is not reached itself. */
        {"-A BACK -j SHOP\n-A SHOP -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of SHOP would admit it, but nothing reaches this rule: no way leads to SHOP"}},
        {"-A INPUT -i eth1 -j SHOP\n-A SHOP -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of SHOP would admit it, but rule 1 of INPUT, which leads there, asks for -i eth1"}},
        {"-A INPUT -j BACK\n-A BACK -s 198.51.100.0/24 -g SHOP\n-A SHOP -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of SHOP would admit it, but rule 1 of BACK, which leads there, asks for -s "
          "198.51.100.0/24"}},
        /* It would be dropped there. */
        {"-A INPUT -i eth1 -j SHOP\n-A SHOP -s 203.0.113.0/24 -j DROP\n-A SHOP -p tcp --dport 443 -j "
         "ACCEPT\n",
         SYN_443,
         {NULL}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i]);
}

static void it_is_in_the_wrong_place(void **state)
{
    static const struct near_case cases[] = {
        {"-A INPUT -p tcp --dport 443 -j ACCEPT\n",
         SYN_443 " out=eth1",
         {"rule 1 of INPUT would admit it, but this packet passes FORWARD"}},
        {"-A FORWARD -o eth1 -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of FORWARD would admit it, but this packet passes INPUT"}},
        {"COMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
         "-A PREROUTING -p tcp --dport 443 -j ACCEPT\n",
         SYN_443,
         {"rule 1 of PREROUTING in the raw table accepts it, but that ends only the raw table"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i]);
}

/* Rules that are plainly about other traffic. */
static void what_is_no_near_miss(void **state)
{
    static const struct near_case cases[] = {
        {"-A INPUT -i lo -j ACCEPT\n-A INPUT -s 127.0.0.0/8 -j ACCEPT\n", SYN_443, {NULL}},
        {"-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n", SYN_443, {NULL}},
        {"-A INPUT -p icmp -j ACCEPT\n-A INPUT -p icmp --icmp-type 8 -j ACCEPT\n", SYN_443, {NULL}},
        {"-A INPUT -p udp --dport 53 -j ACCEPT\n", SYN_443, {NULL}},
        {"-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp --dport 80 -j ACCEPT\n", SYN_443, {NULL}},
        {"-A INPUT -i lo -j SHOP\n-A SHOP -j ACCEPT\n", SYN_443, {NULL}},
        {"-A INPUT -s 10.0.0.0/8 -j ACCEPT\n-A INPUT -s 172.16.0.0/12 -p tcp -j ACCEPT\n", SYN_443, {NULL}},
        {"-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp -m multiport --dports 25,80 -j ACCEPT\n",
         SYN_443,
         {NULL}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i]);
}

static void the_nearest_comes_first_and_few_are_told(void **state)
{
    static const struct near_case c = {
        "-A INPUT -s 10.0.0.0/8 -i eth1 -p tcp --dport 443 -j ACCEPT\n"
        "-A INPUT -s 10.0.0.1 -p tcp --dport 443 -j ACCEPT\n"
        "-A INPUT -s 10.0.0.2 -p tcp --dport 443 -j ACCEPT\n"
        "-A INPUT -s 10.0.0.3 -p tcp --dport 443 -j ACCEPT\n"
        "-A INPUT -j DROP\n"
        "-A INPUT -p tcp --dport 443 -j ACCEPT\n",
        SYN_443,
        {"rule 6 of INPUT would admit it, but stands behind the DROP that is rule 5",
         "rule 2 of INPUT would admit it but for -s 10.0.0.1/32",
         "rule 3 of INPUT would admit it but for -s 10.0.0.2/32"}};
    (void)state;
    check(&c);
    struct story *s = ask(c.rules, c.line);
    assert_non_null(strstr(s->conclusion,
                           "Rule 6 of INPUT would admit it, but stands behind the DROP that is rule 5. "
                           "Rule 2 of INPUT would admit it but for -s 10.0.0.1/32."));
    story_free(&s);
}

static void the_rules_that_jumped_are_told(void **state)
{
    struct story *s = ask("-A INPUT -p tcp -j BACK\n-A BACK -i eth9 -j SHOP\n-A BACK -i eth0 -g SHOP\n"
                          "-A SHOP -p udp -j ACCEPT\n-A SHOP -j DROP\n",
                          SYN_443);
    const struct story_step *step = &s->steps[0];
    (void)state;
    assert_string_equal(step->rule.chain, "SHOP");
    assert_int_equal(step->jump_count, 2);
    assert_string_equal(step->jumps[0].text, "-A INPUT -p tcp -j BACK");
    assert_string_equal(step->jumps[1].text, "-A BACK -i eth0 -g SHOP");
    story_free(&s);
}

static void what_a_state_rule_is(void **state)
{
    static const struct {
        const char *rule;
        enum track_state wanted;
        bool is_one;
    } cases[] = {
        {"-m state --state RELATED,ESTABLISHED", TRACK_RELATED, true},
        {"-m state --state RELATED,ESTABLISHED", TRACK_ESTABLISHED, true},
        {"-m state --state ESTABLISHED", TRACK_RELATED, false},
        {"-m state --state NEW,RELATED,ESTABLISHED", TRACK_RELATED, false},
        {"-m conntrack --ctstate NEW,ESTABLISHED", TRACK_ESTABLISHED, false},
        {"-m conntrack ! --ctstate INVALID", TRACK_ESTABLISHED, false},
        {"-m conntrack ! --ctstate NEW,INVALID", TRACK_ESTABLISHED, true},
        {"-m conntrack ! --ctstate NEW -m state --state NEW,RELATED", TRACK_RELATED, true},
        {"-m comment --comment \"-m state --state RELATED -j ACCEPT\"", TRACK_RELATED, false},
        {"-p tcp --dport 21", TRACK_RELATED, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), HEAD "-A INPUT %s -j ACCEPT\nCOMMIT\n", cases[i].rule);
        struct rules *r = read_rules(text);
        const struct rules_chain *chain = rules_chain_find(r, RULES_FILTER, "INPUT");
        uint8_t states;
        bool asks_ports;
        near_classify(&chain->rules[0], r->family, &states, &asks_ports);
        if ((states >> cases[i].wanted & 1) != cases[i].is_one)
            fail_msg("%s", cases[i].rule);
        rules_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_condition_is_in_the_way),
        cmocka_unit_test(it_stands_behind_what_decides),
        cmocka_unit_test(it_stands_behind_another_table),
        cmocka_unit_test(nothing_leads_to_it),
        cmocka_unit_test(it_is_in_the_wrong_place),
        cmocka_unit_test(what_is_no_near_miss),
        cmocka_unit_test(the_nearest_comes_first_and_few_are_told),
        cmocka_unit_test(the_rules_that_jumped_are_told),
        cmocka_unit_test(what_a_state_rule_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
