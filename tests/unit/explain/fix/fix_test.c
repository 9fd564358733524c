/* SPDX-License-Identifier: BSD-2-Clause */
/* What fixes are offered, what they build upon, and what they are said to expose. */
#include "explain/play/play.h"

#include "unit.h"

#include "packet/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                                                                                                 \
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:SERVE - [0:0]\n:SORT - "    \
    "[0:0]\n"
#define RAW    "COMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
#define HELPER RAW "-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\n"

static struct rules *read_rules(const char *text)
{
    struct rules *r = NULL;
    struct rules_error error;
    if (rules_read(text, strlen(text), "test", 0, &r, &error) < 0)
        fail_msg("%u:%u: %s in\n%s", error.line, error.column, error.message, text);
    return r;
}

static struct story *play(const char *rules, enum story_mode mode, enum story_at where)
{
    char text[2048];
    struct play play;
    uint8_t family;
    snprintf(text, sizeof(text), HEAD "%sCOMMIT\n", rules);
    struct rules *r = read_rules(text);
    play_defaults(&play);
    assert_int_equal(packet_address_parse("198.51.100.30", &play.client, &family), 0);
    assert_int_equal(packet_address_parse("198.51.100.9", &play.server, &family), 0);
    play.family = family;
    play.mode = mode;
    play.where = where;
    play.passive_ports = (struct rules_range16){31000, 31009};
    struct story *story = play_session(r, &play);
    assert_non_null(story);
    rules_free(&r);
    return story;
}

/* The first fix of which a command holds words; NULL: none does. */
static const struct story_fix *fix_with(const struct story *s, const char *words)
{
    for (size_t i = 0; i < s->fix_count; i++) {
        for (size_t k = 0; k < s->fixes[i].command_count; k++) {
            if (strstr(s->fixes[i].commands[k], words))
                return &s->fixes[i];
        }
    }
    return NULL;
}

static void a_list_with_new_is_no_state_rule(void **state)
{
    static const char *const lists[] = {
        "-m state --state NEW,RELATED,ESTABLISHED",
        "-m conntrack --ctstate NEW,ESTABLISHED,RELATED",
        "-m conntrack ! --ctstate INVALID",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        char rules[512];
        snprintf(rules, sizeof(rules),
                 "-A INPUT -p tcp --dport 21 -j ACCEPT\n-A INPUT -p tcp %s --dport 1024:9000 -j ACCEPT\n"
                 "-A INPUT -j DROP\n" HELPER,
                 lists[i]);
        struct story *s = play(rules, STORY_PASSIVE, STORY_AT_SERVER);
        assert_int_equal(s->outcome, STORY_BLOCKED);
        assert_null(fix_with(s, "-R "));
        assert_null(strstr(s->conclusion, "which accepts RELATED packets"));
        assert_non_null(strstr(s->conclusion, "Rule 2 of INPUT would admit it but for --dport 1024:9000."));
        for (size_t k = 0; k < s->fix_count; k++)
            assert_null(strstr(s->fixes[k].title, "state rule"));
        story_free(&s);
    }
}

/* It is lifted from one that leaves new connections to others, and what that lets in is counted. */
static void the_limit_of_a_state_rule_is_lifted(void **state)
{
    struct story *s =
        play("-A INPUT -p tcp --dport 21 -j ACCEPT\n"
             "-A INPUT -p tcp -m conntrack ! --ctstate NEW,INVALID -m tcp --dport 1024:9000 -j ACCEPT\n"
             "-A INPUT -p tcp --dport 0:1023 -j DROP\n-A INPUT -j DROP\n" HELPER,
             STORY_PASSIVE, STORY_AT_SERVER);
    const struct story_fix *fix = fix_with(s, "-R INPUT 2 ");
    (void)state;
    assert_non_null(fix);
    assert_string_equal(fix->title, "Lift the port limit of the state rule");
    /* Of 65,536 ports 21 is open for all, and 1024 to 9000 were for them before. */
    assert_string_equal(fix->exposes, "none: only announced connections, to 57,558 ports more");
    assert_int_equal(fix->exposed_ports, 0);
    story_free(&s);
}

static const struct exposure_case {
    const char *rules, *command, *exposes;
    uint64_t ports;
    enum story_at where;
} exposures[] = {
    {"-A INPUT -j DROP\n", "--dport 21 ", "1 port to anywhere", 1, STORY_AT_SERVER},
    /* Who else comes to the chain that is changed: by a jump, by a goto and a jump. */
    {"-A INPUT -j SERVE\n-A FORWARD -j SERVE\n-A SERVE -j DROP\n", "--dport 31000:31009",
     "11 ports to anywhere; and 11 ports of machines behind it, since what is forwarded comes by the changed "
     "rules, too",
     22, STORY_AT_SERVER},
    {"-A INPUT -j SERVE\n-A FORWARD -g SORT\n-A SORT -p tcp -j SERVE\n-A SERVE -j DROP\n",
     "--dport 31000:31009",
     "11 ports to anywhere; and 11 ports of machines behind it, since what is forwarded comes by the changed "
     "rules, too",
     22, STORY_AT_SERVER},
    /* What stands before it there drops some, or all, or what the jump asks. */
    {"-A INPUT -j SERVE\n-A FORWARD -p tcp --dport 31004:31100 -j DROP\n-A FORWARD -j SERVE\n-A SERVE -j "
     "DROP\n",
     "--dport 31000:31009",
     "11 ports to anywhere; and 5 ports of machines behind it, since what is forwarded comes by the changed "
     "rules, too",
     16, STORY_AT_SERVER},
    {"-A INPUT -j SERVE\n-A FORWARD -j DROP\n-A FORWARD -j SERVE\n-A SERVE -j DROP\n", "--dport 31000:31009",
     "11 ports to anywhere", 11, STORY_AT_SERVER},
    {"-A INPUT -j SERVE\n-A FORWARD -p udp -j SERVE\n-A SERVE -j DROP\n", "--dport 31000:31009",
     "11 ports to anywhere", 11, STORY_AT_SERVER},
    /* It can't be told whether they come by there, so it counts. */
    {"-A INPUT -j SERVE\n-A FORWARD -i wan0 -j SERVE\n-A FORWARD -j DROP\n-A SERVE -j DROP\n",
     "--dport 31000:31009",
     "11 ports to anywhere; and 11 ports of machines behind it, since what is forwarded comes by the changed "
     "rules, too",
     22, STORY_AT_SERVER},
    /* On the gateway the other way leads to itself; the rule names the server, which is none of its addresses. */
    {"-A INPUT -j SERVE\n-A FORWARD -j SERVE\n-A SERVE -p tcp --syn -j DROP\n", "--dport 31000:31009",
     "11 ports to anywhere", 11, STORY_AT_GATEWAY},
    /* Only for who may come this far. */
    {"-A INPUT ! -s 198.51.100.30 -j DROP\n-A INPUT -j DROP\n", "--dport 31000:31009",
     "11 ports to the other end of the session only", 11, STORY_AT_SERVER},
    /* What is open before is not newly exposed. */
    {"-A INPUT -p tcp --dport 21 -j ACCEPT\n-A INPUT -p tcp --dport 31000:31004 -j ACCEPT\n-A INPUT -j "
     "DROP\n",
     "--dport 31000:31009", "5 ports to anywhere", 5, STORY_AT_SERVER},
};

static void what_a_fix_exposes_is_counted_on_every_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(exposures); i++) {
        const struct exposure_case *c = &exposures[i];
        struct story *s = play(c->rules, STORY_PASSIVE, c->where);
        const struct story_fix *fix = fix_with(s, c->command);
        if (!fix)
            fail_msg("no fix with %s of\n%s", c->command, c->rules);
        if (strcmp(fix->exposes, c->exposes) != 0 || fix->exposed_ports != c->ports)
            fail_msg("%s, %llu of\n%s", fix->exposes, (unsigned long long)fix->exposed_ports, c->rules);
        story_free(&s);
    }
}

/* Whoever sends from the port that a rule trusts reaches all ports. */
static void a_source_port_can_be_anybodys(void **state)
{
    struct story *s = play(RAW "-A PREROUTING -p tcp -j DROP\n", STORY_PASSIVE, STORY_AT_CLIENT);
    const struct story_fix *fix = fix_with(s, "-t raw -I PREROUTING 1 -s 198.51.100.9 -p tcp --sport 21 ");
    (void)state;
    assert_non_null(fix);
    assert_string_equal(fix->exposes,
                        "65,536 ports to the other end of the session only; and 65,536 ports of machines "
                        "behind it, since what is forwarded comes by the changed rules, too");
    story_free(&s);
}

/* A packet of which it can't be told whether it is lost is not repaired. */
static void what_is_unknown_has_no_fix(void **state)
{
    struct story *s = play("-A INPUT -m physdev --physdev-in eth3 -j DROP\n", STORY_PASSIVE, STORY_AT_SERVER);
    (void)state;
    assert_int_equal(s->outcome, STORY_UNKNOWN);
    assert_int_equal(s->fix_count, 0);
    story_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_with_new_is_no_state_rule),
        cmocka_unit_test(the_limit_of_a_state_rule_is_lifted),
        cmocka_unit_test(what_a_fix_exposes_is_counted_on_every_way),
        cmocka_unit_test(a_source_port_can_be_anybodys),
        cmocka_unit_test(what_is_unknown_has_no_fix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
