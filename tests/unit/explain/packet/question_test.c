/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/question.h"

#include "unit.h"

#include "packet/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                           "-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT\n"
                           "-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT\n"
                           "-A INPUT -p tcp --dport 22 -j REJECT\n"
                           "-A INPUT -i eth7 -j ACCEPT\n"
                           "-A INPUT -p icmp --icmp-type echo-request -j ACCEPT\n"
                           "-A INPUT -m mark --mark 0x7 -j ACCEPT\n"
                           "-A INPUT -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT\n"
                           "-A INPUT -m length --length 1000:1500 -j ACCEPT\n"
                           "-A INPUT -m ttl --ttl-eq 9 -j ACCEPT\n"
                           "-A INPUT -m pkttype --pkt-type broadcast -j ACCEPT\n"
                           "-A FORWARD -o eth1 -j ACCEPT\nCOMMIT\n";

static int ask_of_server(const char *line, const char *server, struct story **ret, char **message)
{
    struct rules *r = NULL;
    struct rules_error error;
    struct play play;
    assert_int_equal(rules_read(text, strlen(text), "test", 0, &r, &error), 0);
    play_defaults(&play);
    if (server)
        assert_int_equal(packet_address_parse(server, &play.server, &play.family), 0);
    int result = packet_question_ask(r, line, &play, ret, message);
    rules_free(&r);
    return result;
}

static int ask(const char *line, struct story **ret, char **message)
{
    return ask_of_server(line, NULL, ret, message);
}

static void rules_answer(void **state)
{
    static const struct {
        const char *line;
        enum wall_fate fate;
        const char *chain;
        uint32_t number;
    } cases[] = {
        {"tcp 10.1.2.3:40000 > 192.168.0.18:22 syn in=eth0 mac=02:00:00:00:00:09", WALL_PASS, "INPUT", 2},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:22 in=eth0", WALL_REJECT, "INPUT", 3},
        {"tcp 198.51.100.7:40000->192.168.0.18:22 SYN in=eth0", WALL_REJECT, "INPUT", 3},
        {"-p tcp -s 198.51.100.7 -d 192.168.0.18 --dport 22 --syn -i eth0", WALL_REJECT, "INPUT", 3},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:22 state=established", WALL_PASS, "INPUT", 1},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:22 state related", WALL_PASS, "INPUT", 1},
        {"udp 1.2.3.4:5 > 192.168.0.18:53 in=eth7", WALL_PASS, "INPUT", 4},
        {"icmp 1.2.3.4 > 192.168.0.18 type 8 in=eth0", WALL_PASS, "INPUT", 5},
        {"icmp 1.2.3.4 > 192.168.0.18 echo-request in=eth0", WALL_PASS, "INPUT", 5},
        {"udp 1.2.3.4:5 > 192.168.0.18:53 in=eth0 mark=0x7", WALL_PASS, "INPUT", 6},
        {"udp 1.2.3.4:5 > 192.168.0.18:53 in=eth0 mac=02:00:00:00:00:01", WALL_PASS, "INPUT", 7},
        {"udp 1.2.3.4:5 > 192.168.0.18:53 in=eth0 mac=02:00:00:00:00:09 length=1200", WALL_PASS, "INPUT", 8},
        {"udp 1.2.3.4:5 > 192.168.0.18:53 in=eth0 mac=02:00:00:00:00:09 ttl=9", WALL_PASS, "INPUT", 9},
        {"udp 1.2.3.4:5 > 192.168.0.18:53 in=eth0 mac=02:00:00:00:00:09 pkttype=broadcast", WALL_PASS,
         "INPUT", 10},
        {"udp 1.2.3.4:5 > 192.168.0.18:53 in=eth0 mac=02:00:00:00:00:09", WALL_DROP, "INPUT", 0},
        {"udp 1.2.3.4:5 > 192.168.0.18:53 in=eth0", WALL_UNKNOWN, "INPUT", 7},
        {"udp 1.2.3.4:5 > 192.168.0.18:53", WALL_UNKNOWN, "INPUT", 4},
        {"udp 1.2.3.4:5 > 10.9.9.9:53 hook=forward out=eth1", WALL_PASS, "FORWARD", 1},
        {"udp 1.2.3.4:5 > 10.9.9.9:53 hook=forward out=eth2", WALL_DROP, "FORWARD", 0},
        {"gre 192.168.0.18 > 10.9.9.9 hook=output", WALL_PASS, "OUTPUT", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = NULL;
        char *message = NULL;
        if (ask(cases[i].line, &s, &message) < 0)
            fail_msg("%s: %s", cases[i].line, message);
        const struct story_step *step = &s->steps[0];
        if (step->fate != cases[i].fate || strcmp(step->rule.chain, cases[i].chain) != 0 ||
            step->rule.number != cases[i].number)
            fail_msg("%s: %d by %u of %s", cases[i].line, step->fate, step->rule.number, step->rule.chain);
        assert_int_equal(s->kind, STORY_PACKET);
        assert_int_equal(s->step_count, 1);
        story_free(&s);
    }
}

static void states_are_told_by_an_empty_tracker(void **state)
{
    static const struct {
        const char *line;
        enum track_state state;
    } cases[] = {
        {"tcp 1.2.3.4:5 > 192.168.0.18:80 S", TRACK_NEW},
        {"tcp 1.2.3.4:5 > 192.168.0.18:80 SA", TRACK_INVALID},
        {"tcp 1.2.3.4:5 > 192.168.0.18:80 ack", TRACK_NEW}, /* nf_conntrack_tcp_loose */
        {"tcp 1.2.3.4:5 > 192.168.0.18:80 fin,ack", TRACK_INVALID},
        {"tcp 1.2.3.4:5 > 192.168.0.18:80 rst", TRACK_INVALID},
        {"icmp 1.2.3.4 > 192.168.0.18 echo-reply", TRACK_INVALID},
        {"tcp 1.2.3.4:5 > 192.168.0.18:80 state=untracked", TRACK_UNTRACKED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = NULL;
        char *message = NULL;
        if (ask(cases[i].line, &s, &message) < 0)
            fail_msg("%s: %s", cases[i].line, message);
        if (s->steps[0].state != cases[i].state)
            fail_msg("%s: state %d", cases[i].line, s->steps[0].state);
        story_free(&s);
    }
}

/* in= and out= tell the way, unless hook= does. */
static void interfaces_tell_the_way(void **state)
{
    static const struct {
        const char *line, *hook;
        enum story_at where;
    } cases[] = {
        {"tcp 198.51.100.7:40000 > 192.168.0.18:80", "INPUT", STORY_AT_SERVER},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:80 in=wan", "INPUT", STORY_AT_SERVER},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:80 in=wan out=lan", "FORWARD", STORY_AT_GATEWAY},
        {"-p tcp -s 198.51.100.7 -d 192.168.0.18 --dport 80 -i wan -o lan", "FORWARD", STORY_AT_GATEWAY},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:80 in=lan out=lan", "FORWARD", STORY_AT_GATEWAY},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:80 out=wan", "OUTPUT", STORY_AT_CLIENT},
        {"tcp 192.168.0.18:80 > 198.51.100.7:40000 SA out=wan", "OUTPUT", STORY_AT_SERVER},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:80 hook=forward in=wan", "FORWARD", STORY_AT_GATEWAY},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = NULL;
        char *message = NULL;
        if (ask(cases[i].line, &s, &message) < 0)
            fail_msg("%s: %s", cases[i].line, message);
        assert_string_equal(s->steps[0].hook, cases[i].hook);
        if (s->where != cases[i].where)
            fail_msg("%s: the firewall is at %d", cases[i].line, s->where);
        story_free(&s);
    }
}

/* The lane that an arrow begins at has the address of who sends. */
static void arrows_begin_at_who_sends(void **state)
{
    static const struct {
        const char *line, *server; /* --server, or NULL */
        enum story_lane from;
    } cases[] = {
        {"tcp 198.51.100.7:40000 > 192.168.0.18:22", NULL, STORY_CLIENT},
        {"tcp 192.168.0.18:22 > 198.51.100.7:40000 SA hook=output", NULL, STORY_SERVER},
        {"tcp 192.168.0.18:22 > 198.51.100.7:40000 ack in=lan out=wan", NULL, STORY_SERVER},
        {"tcp 192.168.0.18:40000 > 198.51.100.7:22 syn hook=output", NULL, STORY_CLIENT},
        {"udp 198.51.100.7:53 > 192.168.0.18:40000", NULL, STORY_SERVER},
        {"udp 198.51.100.7:5000 > 192.168.0.18:6000", NULL, STORY_CLIENT},
        {"udp 198.51.100.7:5000 > 192.168.0.18:6000 dir=reply state=established", NULL, STORY_SERVER},
        {"udp 192.168.0.18:5000 > 198.51.100.7:6000 in=lan out=wan", "192.168.0.18", STORY_SERVER},
        {"tcp 192.168.0.18:40000 > 198.51.100.7:22 ack", "192.168.0.18", STORY_SERVER},
        {"icmp 198.51.100.7 > 192.168.0.18 echo-reply", NULL, STORY_SERVER},
        {"icmp 192.168.0.18 > 198.51.100.7 hook=output", NULL, STORY_SERVER},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = NULL;
        char *message = NULL;
        if (ask_of_server(cases[i].line, cases[i].server, &s, &message) < 0)
            fail_msg("%s: %s", cases[i].line, message);
        const struct story_step *step = &s->steps[0];
        const char *sender = step->from == STORY_CLIENT ? s->client : s->server;
        const char *receiver = step->from == STORY_CLIENT ? s->server : s->client;
        if (step->from != cases[i].from)
            fail_msg("%s: from the other end", cases[i].line);
        assert_memory_equal(step->source, sender, strlen(sender));
        assert_memory_equal(step->destination, receiver, strlen(receiver));
        story_free(&s);
    }
}

/* Client and server are one machine only if the packet says so; then both its hooks are asked, or one is told to be
 * one. */
static void only_one_machine_is_one(void **state)
{
    static const struct {
        const char *line, *note; /* NULL: none about one machine */
    } cases[] = {
        {"tcp 198.51.100.7:40000 > 192.168.0.18:22 in=eth0", NULL},
        {"tcp 127.0.0.1:40000 > 127.0.0.1:22", "OUTPUT and then those of INPUT."},
        {"tcp 192.168.0.18:40000 > 192.168.0.18:22", "OUTPUT and then those of INPUT."},
        {"tcp 127.0.0.1:40000 > 127.0.0.1:22 in=lo", "Asked was one of the two"},
        {"tcp 127.0.0.1:40000 > 127.0.0.1:22 hook=output", "Asked was one of the two"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = NULL;
        char *message = NULL;
        bool told = false, has = false;
        assert_int_equal(ask(cases[i].line, &s, &message), 0);
        for (size_t n = 0; n < s->note_count; n++) {
            told |= strstr(s->notes[n], "same machine") != NULL;
            has |= cases[i].note && strstr(s->notes[n], cases[i].note);
        }
        assert_int_equal(told, cases[i].note != NULL);
        assert_int_equal(has, cases[i].note != NULL);
        story_free(&s);
    }
}

static char *told_text(const struct story *s, bool svg)
{
    static const struct story_text_options options = {.ascii = true};
    char *told = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&told, &size);
    assert_int_equal(svg ? story_tell_svg(s, out) : story_tell_text(s, &options, out), 0);
    assert_int_equal(fclose(out), 0);
    return told;
}

/* A packet that keeps TCP going and else is folded away; and no FTP in it. */
static void a_lone_acknowledgement_is_drawn(void **state)
{
    (void)state;
    for (int svg = 0; svg < 2; svg++) {
        struct story *s = NULL;
        char *message = NULL;
        assert_int_equal(ask("tcp 198.51.100.7:40000 > 192.168.0.18:80 ack in=eth7", &s, &message), 0);
        assert_int_equal(s->outcome, STORY_WORKS);
        char *told = told_text(s, svg);
        assert_non_null(strstr(told, svg ? ">ACK<" : " ACK "));
        assert_non_null(strstr(told, "INPUT 4"));
        assert_null(strstr(told, "FTP"));
        assert_null(strstr(told, "data channel"));
        free(told);
        story_free(&s);
    }
}

static void a_state_that_was_said_is_told_as_said(void **state)
{
    static const struct {
        const char *line, *conclusion, *note; /* NULL: none about states */
    } cases[] = {
        {"tcp 198.51.100.7:40000 > 192.168.0.18:22 in=eth0", "(NEW)", NULL},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:22 in=eth0 state=established", "(ESTABLISHED, as was said)",
         "it decides: to a firewall that has seen nothing of its connection it is NEW, and would be "
         "rejected"},
        {"tcp 198.51.100.7:40000 > 192.168.0.18:22 in=eth0 state=new", "(NEW, as was said)",
         "its fate the same"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = NULL;
        char *message = NULL;
        bool has = false;
        assert_int_equal(ask(cases[i].line, &s, &message), 0);
        if (!strstr(s->conclusion, cases[i].conclusion))
            fail_msg("%s: %s", cases[i].line, s->conclusion);
        for (size_t n = 0; n < s->note_count; n++)
            has |= strstr(s->notes[n], cases[i].note ? cases[i].note : "was said, ") != NULL;
        assert_int_equal(has, cases[i].note != NULL);
        story_free(&s);
    }
}

static void rules_of_the_other_family_say_nothing(void **state)
{
    struct story *s = NULL;
    char *message = NULL;
    (void)state;
    assert_int_equal(ask("tcp [2001:db8::1]:5 > [2001:db8::2]:22 in=eth0", &s, &message), 0);
    assert_int_equal(s->outcome, STORY_UNKNOWN);
    assert_non_null(strstr(s->conclusion, "ip6tables-save"));
    story_free(&s);
}

static void mistakes_are_named_with_their_column(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"", "column 1: no protocol"},
        {"tpc 1.2.3.4:5 > 1.1.1.1:2", "column 1: \"tpc\" is no word of this language; did you mean \"tcp\"?"},
        {"tcp 1.2.3.4:5 > 1.1.1.1:2 stat=new",
         "column 27: \"stat\" is no word of this language; did you mean \"state\"?"},
        {"tcp 1.2.3.4:5 > 1.1.1.1:2 state=nwe", "column 27: \"nwe\" is no state; did you mean \"new\"?"},
        {"tcp 1.2.3.4:5 > 1.1.1.1", "the destination's port is missing"},
        {"tcp 1.2.3.4:5 >", "the destination address is missing"},
        {"tcp > 1.2.3.4:5", "column 5: an arrow stands between two addresses"},
        {"tcp 1.2.3.4:65536 > 1.1.1.1:2", "column 5: \"1.2.3.4:65536\": expected a port from 0 to 65535"},
        {"tcp 1.2.3:5 > 1.1.1.1:2", "column 5: \"1.2.3:5\": expected an address"},
        {"tcp [2001:db8::1]:5 > 1.1.1.1:2",
         "column 23: \"1.1.1.1:2\": one address is IPv4 and the other IPv6"},
        {"udp 1.2.3.4:5 > 1.1.1.1:2 syn", "only tcp has flags"},
        {"icmp 1.2.3.4:5 > 1.1.1.1", "this protocol has no ports"},
        {"tcp 1.2.3.4:5 > 1.1.1.1:2 mark=red", "column 27: mark \"red\": expected a number"},
        {"tcp 1.2.3.4:5 > 1.1.1.1:2 in=", "expected the name of an interface"},
        {"tcp 1.2.3.4:5 > 1.1.1.1:2 length=10", "length=10: shorter than the packet's headers"},
        {"tcp 1.2.3.4:5 > 1.1.1.1:2 hook=input out=eth0", "hook=input and out="},
        {"tcp 1.2.3.4:5 > 1.1.1.1:2 hook=output in=eth0", "hook=output and in="},
        {"tcp 1.2.3.4:5 > 1.1.1.1:2 state", "column 32: \"state\" wants a value after it"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = NULL;
        char *message = NULL;
        assert_int_equal(ask(cases[i].line, &s, &message), -EINVAL);
        if (!strstr(message, cases[i].message))
            fail_msg("%s: %s", cases[i].line, message);
        assert_null(s);
        free(message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_answer),
        cmocka_unit_test(states_are_told_by_an_empty_tracker),
        cmocka_unit_test(interfaces_tell_the_way),
        cmocka_unit_test(arrows_begin_at_who_sends),
        cmocka_unit_test(only_one_machine_is_one),
        cmocka_unit_test(a_lone_acknowledgement_is_drawn),
        cmocka_unit_test(a_state_that_was_said_is_told_as_said),
        cmocka_unit_test(rules_of_the_other_family_say_nothing),
        cmocka_unit_test(mistakes_are_named_with_their_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
