/* SPDX-License-Identifier: BSD-2-Clause */
/* Plain exchanges: who talks to whom, what comes of it, and what helps. */
#include "explain/exchange/ends.h"
#include "explain/exchange/exchange.h"

#include "unit.h"

#include "packet/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ends ---- */

static char *ends_text(const struct play *play)
{
    char client[64], server[64], *text = NULL;
    packet_address_format(&play->client, play->family ? play->family : PACKET_IPV4, client);
    packet_address_format(&play->server, play->family ? play->family : PACKET_IPV4, server);
    assert_true(asprintf(&text, "%s %u %s %u", client, play->client_ports.first, server, play->server_port) >
                0);
    return text;
}

static void ends_are_read_forgivingly(void **state)
{
    static const struct {
        const char *text;
        uint8_t protocol;
        const char *ends; /* client, its port, server, its port */
    } cases[] = {
        {"203.0.113.9 > 192.0.2.10:22", PACKET_TCP, "203.0.113.9 0 192.0.2.10 22"},
        {"203.0.113.9>192.0.2.10:22", PACKET_TCP, "203.0.113.9 0 192.0.2.10 22"},
        {" 203.0.113.9:40000 ->  192.0.2.10 : 22 ", PACKET_TCP, "203.0.113.9 40000 192.0.2.10 22"},
        {"203.0.113.9→192.0.2.10:22", PACKET_TCP, "203.0.113.9 0 192.0.2.10 22"},
        {"203.0.113.9 > 192.0.2.10:ssh", PACKET_TCP, "203.0.113.9 0 192.0.2.10 22"},
        {"203.0.113.9:domain > 192.0.2.10:domain", PACKET_UDP, "203.0.113.9 53 192.0.2.10 53"},
        {"203.0.113.9 > 192.0.2.10:dns", PACKET_UDP, "203.0.113.9 0 192.0.2.10 53"},
        {"192.0.2.10:80", PACKET_TCP, "0.0.0.0 0 192.0.2.10 80"},
        {"> 192.0.2.10:80", PACKET_TCP, "0.0.0.0 0 192.0.2.10 80"},
        {":5000 > 192.0.2.10:80", PACKET_TCP, "0.0.0.0 5000 192.0.2.10 80"},
        {"80", PACKET_TCP, "0.0.0.0 0 0.0.0.0 80"},
        {":https", PACKET_TCP, "0.0.0.0 0 0.0.0.0 443"},
        {"203.0.113.9 > :25", PACKET_TCP, "203.0.113.9 0 0.0.0.0 25"},
        {"2001:db8::9 > [2001:db8::10]:22", PACKET_TCP, "2001:db8::9 0 2001:db8::10 22"},
        {"[2001:db8::9]:4000 > [2001:db8::10]:ssh", PACKET_TCP, "2001:db8::9 4000 2001:db8::10 22"},
        {"203.0.113.9 > 192.0.2.10", PACKET_ICMP, "203.0.113.9 0 192.0.2.10 0"},
        {"[2001:db8::9] > 2001:db8::10", PACKET_ICMP, "2001:db8::9 0 2001:db8::10 0"},
        {"192.0.2.10", PACKET_ICMP, "0.0.0.0 0 192.0.2.10 0"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct play play;
        char *message = NULL;
        play_defaults(&play);
        if (exchange_ends_read(cases[i].text, cases[i].protocol, &play, &message) != 0)
            fail_msg("%s: %s", cases[i].text, message);
        char *text = ends_text(&play);
        assert_string_equal(text, cases[i].ends);
        free(text);
    }
}

static void ends_that_can_not_be_are_refused(void **state)
{
    static const struct {
        const char *text;
        uint8_t protocol;
        const char *message;
    } cases[] = {
        {"203.0.113.9 > 192.0.2.10", PACKET_TCP, "to which port?"},
        {"203.0.113.9 > 2001:db8::10", PACKET_TCP, "to which port?"},
        {">", PACKET_UDP, "to which port? Write it behind the server's address: 192.0.2.10:53"},
        {"203.0.113.9 > 192.0.2.10:0", PACKET_TCP, "expected one port, from 1 to 65535"},
        {"203.0.113.9 > 192.0.2.10:65536", PACKET_TCP, "expected one port, from 1 to 65535"},
        {"203.0.113.9 > 192.0.2.10:22:23", PACKET_TCP, "expected an address"},
        {"203.0.113.9 > 192.0.2.10:1024-2000", PACKET_TCP, "expected one port"},
        {"203.0.113.9 > 192.0.2.10:shh", PACKET_TCP, "did you mean \"ssh\"?"},
        {"203.0.113.9 > 192.0.2.10:ssh", PACKET_UDP, "no service of udp"},
        {"203.0.113.9 > 192.0.2.10:22", PACKET_ICMP, "ICMP has no ports"},
        {"203.0.113.0/24 > 192.0.2.10:22", PACKET_TCP, "is a network"},
        {"www.example.com > 192.0.2.10:22", PACKET_TCP, "host names are not looked up"},
        {"203.0.113.9 > www.example.com:22", PACKET_TCP, "host names are not looked up"},
        {"203.0.113 > 192.0.2.10:22", PACKET_TCP, "expected an address"},
        {"203.0.113.9 > [2001:db8::10]:22", PACKET_TCP, "one address is IPv4 and the other IPv6"},
        {"203.0.113.9 > [2001:db8::10:22", PACKET_TCP, "bracket"},
        {"203.0.113.9 > 192.0.2.10:22 > 192.0.2.11:22", PACKET_TCP, "two arrows"},
        {"198.51.100.1 > 192.0.2.10:22", PACKET_TCP, "another address than that of --client"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct play play, before;
        char *message = NULL;
        uint8_t family;
        play_defaults(&play);
        assert_int_equal(packet_address_parse("203.0.113.9", &play.client, &family), 0);
        before = play;
        assert_int_equal(exchange_ends_read(cases[i].text, cases[i].protocol, &play, &message), -EINVAL);
        if (!strstr(message, cases[i].message))
            fail_msg("%s: %s", cases[i].text, message);
        assert_memory_equal(&play, &before, sizeof(play));
        free(message);
    }
}

/* ---- what comes of it ---- */

static struct rules *read_rules(const char *text, uint8_t family)
{
    struct rules *r = NULL;
    struct rules_error error;
    if (rules_read(text, strlen(text), "test", family, &r, &error) < 0)
        fail_msg("%u:%u: %s in\n%s", error.line, error.column, error.message, text);
    return r;
}

static struct story *explain_at(const char *rules, const char *ends, uint8_t protocol, enum story_at where)
{
    struct play play;
    char *message = NULL;
    play_defaults(&play);
    play.where = where;
    if (exchange_ends_read(ends, protocol, &play, &message) != 0)
        fail_msg("%s: %s", ends, message);
    struct rules *r = read_rules(rules, play.family);
    struct story *s = exchange_explain(r, protocol, &play);
    assert_non_null(s);
    rules_free(&r);
    return s;
}

static const struct story_task *failed_task(const struct story *s)
{
    for (size_t i = 0; i < s->task_count; i++) {
        if (s->tasks[i].outcome != STORY_WORKS)
            return &s->tasks[i];
    }
    return NULL;
}

#define CHAINS(in, forward, out)                                                                             \
    "*filter\n:INPUT " in " [0:0]\n:FORWARD " forward " [0:0]\n:OUTPUT " out " [0:0]\n"
#define WEB                                                                                                  \
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -p tcp --dport 80 -j ACCEPT\n"

struct outcome_case {
    const char *rules, *ends;
    uint8_t protocol;
    enum story_at where;
    enum story_outcome outcome;
    const char *task;       /* the first that fails, or NULL */
    const char *conclusion; /* part of it */
    const char *fix;        /* a command that must be offered, or NULL */
};

static const char closed[] = CHAINS("DROP", "DROP", "DROP") "COMMIT\n";
static const char web[] = CHAINS("DROP", "ACCEPT", "ACCEPT") WEB "COMMIT\n";
static const char silent[] =
    CHAINS("ACCEPT", "ACCEPT", "DROP") "-A OUTPUT -p tcp --sport 443 -j ACCEPT\nCOMMIT\n";
static const char refusing[] =
    CHAINS("ACCEPT", "ACCEPT", "ACCEPT") "-A INPUT -s 10.0.0.0/8 -j ACCEPT\n"
                                         "-A INPUT -j REJECT\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n";
static const char ports[] =
    CHAINS("DROP", "ACCEPT", "ACCEPT") "-A INPUT -p tcp --sport 32768:60999 --dport 22 -j "
                                       "ACCEPT\nCOMMIT\n";
static const char unjudged[] =
    CHAINS("DROP", "ACCEPT", "ACCEPT") "-A INPUT -m physdev --physdev-in a -j ACCEPT\nCOMMIT\n";
static const char untracked[] =
    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -j NOTRACK\n"
    "-A OUTPUT -p udp -j NOTRACK\nCOMMIT\n" CHAINS(
        "DROP", "DROP", "DROP") "-A INPUT -p udp --dport 53 -j ACCEPT\n"
                                "-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n";
static const char no_ping[] =
    CHAINS("ACCEPT", "ACCEPT", "ACCEPT") "-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP\n"
                                         "COMMIT\n";
static const char big_pings[] =
    CHAINS("ACCEPT", "ACCEPT", "ACCEPT") "-A INPUT -p icmp -m length --length 85:65535 -j DROP\n"
                                         "COMMIT\n";
static const char few[] =
    CHAINS("DROP", "ACCEPT", "ACCEPT") "-A INPUT -s 203.0.113.66 -j DROP\n"
                                       "-A INPUT -s 10.20.0.0/16 -p tcp --dport 22 -j ACCEPT\n-A INPUT -p "
                                       "tcp --dport 80 -j ACCEPT\nCOMMIT\n";
static const char six[] = CHAINS("DROP", "DROP", "ACCEPT") "-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n";

static const struct outcome_case outcomes[] = {
    {web, "203.0.113.9 > 192.0.2.10:80", PACKET_TCP, STORY_AT_SERVER, STORY_WORKS, NULL,
     "rule 2 of INPUT admits it", NULL},
    {web, "203.0.113.9 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_BLOCKED, "connect",
     "can't connect and times out: the policy of INPUT drops the client's first packet",
     "iptables -A INPUT -p tcp --dport 22 -j ACCEPT"},
    {web, "203.0.113.9 > 192.0.2.10:53", PACKET_UDP, STORY_AT_SERVER, STORY_BLOCKED, "ask",
     "the policy of INPUT drops", "iptables -A INPUT -p udp --dport 53 -j ACCEPT"},
    {web, "203.0.113.9 > 192.0.2.10", PACKET_ICMP, STORY_AT_SERVER, STORY_BLOCKED, "ask", "the echo request",
     "iptables -A INPUT -p icmp --icmp-type echo-request -j ACCEPT"},
    {no_ping, "203.0.113.9 > 192.0.2.10", PACKET_ICMP, STORY_AT_SERVER, STORY_BLOCKED, "ask",
     "rule 1 of INPUT drops", "iptables -I INPUT 1 -p icmp --icmp-type echo-request -j ACCEPT"},
    {no_ping, "192.0.2.10 > 203.0.113.9", PACKET_ICMP, STORY_AT_CLIENT, STORY_WORKS, NULL,
     "answer comes back", NULL},
    {silent, "203.0.113.9 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_BLOCKED, "connect",
     "arrives, but it can't connect", "iptables -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"},
    {silent, "203.0.113.9 > 192.0.2.10:443", PACKET_TCP, STORY_AT_SERVER, STORY_WORKS, NULL,
     "works both ways", NULL},
    {silent, "203.0.113.9 > 192.0.2.10:53", PACKET_UDP, STORY_AT_SERVER, STORY_BLOCKED, "answer",
     "arrives, but no answer comes back", "iptables -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"},
    {silent, "192.0.2.10 > 203.0.113.9:22", PACKET_TCP, STORY_AT_CLIENT, STORY_BLOCKED, "connect",
     "the policy of OUTPUT drops", "iptables -A OUTPUT -d 203.0.113.9 -p tcp --dport 22 -j ACCEPT"},
    {refusing, "203.0.113.9 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_BLOCKED, "connect",
     "is refused at once: rule 2 of INPUT rejects", "iptables -I INPUT 2 -p tcp --dport 22 -j ACCEPT"},
    {refusing, "10.1.1.1 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_WORKS, NULL, "rule 1 of INPUT",
     NULL},
    {closed, "203.0.113.9 > 192.0.2.10:22", PACKET_TCP, STORY_AT_GATEWAY, STORY_BLOCKED, "connect",
     "the policy of FORWARD drops", "iptables -A FORWARD -d 192.0.2.10 -p tcp --dport 22 -j ACCEPT"},
    {closed, "203.0.113.9 > 192.0.2.10", PACKET_ICMP, STORY_AT_GATEWAY, STORY_BLOCKED, "ask",
     "the policy of FORWARD", "iptables -A FORWARD -d 192.0.2.10 -p icmp --icmp-type echo-request -j ACCEPT"},
    {ports, "203.0.113.9:40000 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_WORKS, NULL,
     "rule 1 of INPUT", NULL},
    {ports, "203.0.113.9:61000 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_BLOCKED, "connect",
     "drops", "iptables -A INPUT -p tcp --dport 22 -j ACCEPT"},
    {ports, "203.0.113.9 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_UNKNOWN, "connect",
     "depends on the port that the client sends from, which was not said: from port 32768:60999 it works",
     "iptables -A INPUT -p tcp --dport 22 -j ACCEPT"},
    {unjudged, "203.0.113.9 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_UNKNOWN, "connect",
     "rule 1 of INPUT", NULL},
    {big_pings, "203.0.113.9 > 192.0.2.10", PACKET_ICMP, STORY_AT_SERVER, STORY_UNKNOWN, "ask",
     "the length of the packet, which its sender chooses", NULL},
    {few, "192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_UNKNOWN, "connect",
     "depends on who asks, which was not said (--client): from 10.20.0.1 it works; from somebody else, such "
     "as "
     "198.51.100.7, the policy of INPUT drops",
     "iptables -A INPUT -p tcp --dport 22 -j ACCEPT"},
    {few, "10.20.3.4 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER, STORY_WORKS, NULL, "rule 2 of INPUT",
     NULL},
    {few, "192.0.2.10:25", PACKET_TCP, STORY_AT_SERVER, STORY_BLOCKED, "connect", "the policy of INPUT drops",
     NULL},
    {untracked, "203.0.113.9 > 192.0.2.10:53", PACKET_UDP, STORY_AT_SERVER, STORY_BLOCKED, "answer",
     "NOTRACK", "iptables -A OUTPUT -p udp --sport 53 -j ACCEPT"},
    {six, "2001:db8::9 > [2001:db8::10]:22", PACKET_TCP, STORY_AT_SERVER, STORY_WORKS, NULL,
     "rule 1 of INPUT admits it", NULL},
    {six, "2001:db8::9 > 2001:db8::10", PACKET_ICMP, STORY_AT_SERVER, STORY_BLOCKED, "ask",
     "the echo request", "ip6tables -A INPUT -p ipv6-icmp --icmpv6-type echo-request -j ACCEPT"},
};

static bool offers(const struct story *s, const char *command)
{
    for (size_t i = 0; i < s->fix_count; i++) {
        for (size_t k = 0; k < s->fixes[i].command_count; k++) {
            if (strcmp(s->fixes[i].commands[k], command) == 0)
                return true;
        }
    }
    return false;
}

static void outcomes_and_what_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        const struct outcome_case *c = &outcomes[i];
        struct story *s = explain_at(c->rules, c->ends, c->protocol, c->where);
        const struct story_task *failed = failed_task(s);
        if (s->outcome != c->outcome || !strstr(s->conclusion, c->conclusion))
            fail_msg("case %zu, %s: %s", i, c->ends, s->conclusion);
        assert_int_equal(s->kind, STORY_EXCHANGE);
        assert_int_equal(failed == NULL, c->task == NULL);
        if (c->task)
            assert_string_equal(failed->name, c->task);
        if (c->fix && !offers(s, c->fix))
            fail_msg("case %zu, %s: no %s, but %s", i, c->ends, c->fix,
                     s->fix_count ? s->fixes[0].commands[0] : "none");
        assert_true(c->outcome != STORY_WORKS || s->fix_count == 0);
        story_free(&s);
    }
}

/* All that goes to and fro, in order. */
static void both_ways_are_played(void **state)
{
    static const struct {
        uint8_t protocol;
        const char *ends, *labels;
    } cases[] = {
        {PACKET_TCP, "203.0.113.9 > 192.0.2.10:22", ">SYN <SYN ACK >ACK >request <answer >FIN <FIN >ACK "},
        {PACKET_UDP, "203.0.113.9 > 192.0.2.10:53", ">query <answer "},
        {PACKET_ICMP, "203.0.113.9 > 192.0.2.10", ">echo request <echo reply "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char labels[200] = "";
        struct story *s = explain_at(CHAINS("ACCEPT", "ACCEPT", "ACCEPT") "COMMIT\n", cases[i].ends,
                                     cases[i].protocol, STORY_AT_SERVER);
        for (size_t k = 0; k < s->step_count; k++)
            sprintf(labels + strlen(labels), "%s%s ", s->steps[k].from == STORY_CLIENT ? ">" : "<",
                    s->steps[k].label);
        assert_string_equal(labels, cases[i].labels);
        story_free(&s);
    }
}

/* What was not said is told: the client, its port. */
static void assumptions_are_told(void **state)
{
    struct story *s = explain_at(web, "192.0.2.10:80", PACKET_TCP, STORY_AT_SERVER);
    bool client = false, port = false;
    (void)state;
    for (size_t i = 0; i < s->note_count; i++) {
        client |= strstr(s->notes[i], "Which client it is was not said") != NULL;
        port |= strstr(s->notes[i], "Which port the client sends from was not said") != NULL;
    }
    assert_true(client && port);
    story_free(&s);
    bool others = false;
    s = explain_at(few, "192.0.2.10:80", PACKET_TCP, STORY_AT_SERVER);
    assert_int_equal(s->outcome, STORY_WORKS);
    for (size_t i = 0; i < s->note_count; i++)
        others |= strstr(s->notes[i], "from 203.0.113.66, whom the rules name, it is blocked") != NULL;
    assert_true(others);
    story_free(&s);
}

/* ICMPv6 finds the neighbour first. */
static void neighbour_discovery_is_told(void **state)
{
    static const struct {
        const char *rules, *ends, *conclusion;
        enum story_at where;
    } cases[] = {
        {six, "2001:db8::9 > [2001:db8::10]:22", "But the policy of INPUT drops neighbour discovery",
         STORY_AT_SERVER},
        {six, "2001:db8:9::9 > [2001:db8::10]:22", "But the policy of INPUT drops neighbour discovery",
         STORY_AT_SERVER},
        {CHAINS("ACCEPT", "ACCEPT", "ACCEPT") "-A OUTPUT -p ipv6-icmp --icmpv6-type 135 -j DROP\nCOMMIT\n",
         "2001:db8::9 > [2001:db8::10]:22", "But rule 1 of OUTPUT drops neighbour discovery",
         STORY_AT_CLIENT},
        {CHAINS("DROP", "DROP", "ACCEPT") "-A INPUT -p tcp --dport 22 -j ACCEPT\n"
                                          "-A INPUT -p ipv6-icmp -m hl --hl-eq 255 -j ACCEPT\nCOMMIT\n",
         "2001:db8::9 > [2001:db8::10]:22", NULL, STORY_AT_SERVER},
        {six, "::1 > [::1]:22", NULL, STORY_AT_SERVER},
        {web, "203.0.113.9 > 192.0.2.10:80", NULL, STORY_AT_SERVER},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = explain_at(cases[i].rules, cases[i].ends, PACKET_TCP, cases[i].where);
        const char *found = strstr(s->conclusion, cases[i].conclusion ? cases[i].conclusion : "neighbour");
        if ((found != NULL) != (cases[i].conclusion != NULL))
            fail_msg("case %zu: %s", i, s->conclusion);
        story_free(&s);
    }
}

/* A connection that can't be closed works all the same, and is told about. */
static void an_end_that_is_dropped_is_told(void **state)
{
    struct story *s = explain_at(
        CHAINS("ACCEPT", "ACCEPT", "ACCEPT") "-A INPUT -p tcp --tcp-flags FIN FIN -j DROP\nCOMMIT\n",
        "203.0.113.9 > 192.0.2.10:22", PACKET_TCP, STORY_AT_SERVER);
    bool told = false;
    (void)state;
    assert_int_equal(s->outcome, STORY_WORKS);
    for (size_t i = 0; i < s->note_count; i++)
        told |= strstr(s->notes[i], "can't be closed: rule 1 of INPUT drops") != NULL;
    assert_true(told);
    story_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_read_forgivingly),   cmocka_unit_test(ends_that_can_not_be_are_refused),
        cmocka_unit_test(outcomes_and_what_helps),     cmocka_unit_test(both_ways_are_played),
        cmocka_unit_test(assumptions_are_told),        cmocka_unit_test(an_end_that_is_dropped_is_told),
        cmocka_unit_test(neighbour_discovery_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
