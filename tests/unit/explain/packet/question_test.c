/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/question.h"

#include "unit.h"

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

static int ask(const char *line, struct story **ret, char **message)
{
    struct rules *r = NULL;
    struct rules_error error;
    struct play play;
    assert_int_equal(rules_read(text, strlen(text), "test", 0, &r, &error), 0);
    play_defaults(&play);
    int result = packet_question_ask(r, line, &play, ret, message);
    rules_free(&r);
    return result;
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
        cmocka_unit_test(mistakes_are_named_with_their_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
