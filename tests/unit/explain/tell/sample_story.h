/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_SAMPLE_STORY_H
#define SALLY_TESTS_SAMPLE_STORY_H

/* A story by hand for the tests of the tellers: passive FTP whose data connection is dropped because nothing
 * gave port 21 its helper. */
#include "explain/make.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

struct sample_step {
    uint64_t at_ms;
    enum story_lane from;
    enum story_channel channel;
    const char *label, *phase, *source, *destination, *packet;
    enum track_state state;
    const char *hook;
    enum wall_fate fate;
    struct {
        const char *chain;
        uint32_t number, line;
        const char *text;
    } rule;
    bool is_retry;
};

#define SAMPLE_C   "192.168.0.2:40000"
#define SAMPLE_S   "192.168.0.18:21"
#define SAMPLE_D   "192.168.0.2:40001"
#define SAMPLE_P   "192.168.0.18:10093"
#define SAMPLE_1   {"INPUT", 1, 5, "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT"}
#define SAMPLE_3   {"INPUT", 3, 7, "-A INPUT -d 192.168.0.18/32 -j DROP"}
#define SAMPLE_OUT {"OUTPUT", 0, 0, "-P OUTPUT ACCEPT"}
#define SAMPLE_UP(at, label, phase, packet, state)                                                           \
    {at,     STORY_CLIENT, STORY_CONTROL, label,     phase,    SAMPLE_C, SAMPLE_S,                           \
     packet, state,        "INPUT",       WALL_PASS, SAMPLE_1, false}
#define SAMPLE_DOWN(at, label, phase, packet)                                                                \
    {at,     STORY_SERVER,      STORY_CONTROL, label,     phase,      SAMPLE_S, SAMPLE_C,                    \
     packet, TRACK_ESTABLISHED, "OUTPUT",      WALL_PASS, SAMPLE_OUT, false}

static const struct sample_step sample_steps[] = {
    SAMPLE_UP(0, "SYN", "connect", "SYN", TRACK_NEW),
    SAMPLE_DOWN(1, "SYN ACK", "connect", "SYN ACK"),
    SAMPLE_UP(2, "ACK", "connect", "ACK", TRACK_ESTABLISHED),
    SAMPLE_DOWN(3, "220 ready", "connect", "PSH ACK, 11 bytes"),
    SAMPLE_UP(4, "USER kim", "login", "PSH ACK, 10 bytes", TRACK_ESTABLISHED),
    SAMPLE_DOWN(5, "331 Please specify the password.", "login", "PSH ACK, 34 bytes"),
    SAMPLE_UP(6, "PASS ****", "login", "PSH ACK, 11 bytes", TRACK_ESTABLISHED),
    SAMPLE_DOWN(7, "230 Login successful.", "login", "PSH ACK, 23 bytes"),
    SAMPLE_UP(8, "PASV", "LIST", "PSH ACK, 6 bytes", TRACK_ESTABLISHED),
    SAMPLE_DOWN(9, "227 Entering Passive Mode (192,168,0,18,39,109).", "LIST", "PSH ACK, 50 bytes"),
    {10, STORY_CLIENT, STORY_DATA, "SYN", "LIST", SAMPLE_D, SAMPLE_P, "SYN", TRACK_NEW, "INPUT", WALL_DROP,
     SAMPLE_3, false},
    {1010, STORY_CLIENT, STORY_DATA, "SYN", "LIST", SAMPLE_D, SAMPLE_P, "SYN", TRACK_NEW, "INPUT", WALL_DROP,
     SAMPLE_3, true},
    {3010, STORY_CLIENT, STORY_DATA, "SYN", "LIST", SAMPLE_D, SAMPLE_P, "SYN", TRACK_NEW, "INPUT", WALL_DROP,
     SAMPLE_3, true},
};

static inline char *sample_copy(const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    return copy;
}

static inline void sample_fill_step(struct story_step *step, const struct sample_step *from)
{
    step->at_ms = from->at_ms;
    step->from = from->from;
    step->channel = from->channel;
    step->label = sample_copy(from->label);
    step->phase = sample_copy(from->phase);
    step->source = sample_copy(from->source);
    step->destination = sample_copy(from->destination);
    step->packet = sample_copy(from->packet);
    step->state = from->state;
    step->hook = sample_copy(from->hook);
    step->fate = from->fate;
    step->stage = WALL_BY_RULES;
    step->rule = (struct story_rule){.table = sample_copy("filter"),
                                     .chain = sample_copy(from->rule.chain),
                                     .number = from->rule.number,
                                     .line = from->rule.line,
                                     .text = sample_copy(from->rule.text)};
    step->is_retry = from->is_retry;
}

static inline void sample_add_looked(struct story_step *step)
{
    static const char *const texts[] = {"-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT",
                                        "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT",
                                        "-A INPUT -d 192.168.0.18/32 -j DROP"};
    step->looked = calloc(COUNT(texts), sizeof(*step->looked));
    assert_non_null(step->looked);
    step->looked_count = COUNT(texts);
    for (size_t i = 0; i < COUNT(texts); i++) {
        step->looked[i].answer = i == 2 ? VERDICT_YES : VERDICT_NO;
        step->looked[i].rule = (struct story_rule){.table = sample_copy("filter"),
                                                   .chain = sample_copy("INPUT"),
                                                   .number = (uint32_t)i + 1,
                                                   .line = (uint32_t)i + 5,
                                                   .text = sample_copy(texts[i])};
    }
}

static inline void sample_add_tasks(struct story *s)
{
    static const char *const names[] = {"connect", "login", "LIST", "RETR", "STOR"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct story_task *task = story_task_add(s, names[i]);
        assert_non_null(task);
        task->outcome = i < 2 ? STORY_WORKS : STORY_BLOCKED;
        task->step = i < 2 ? 0 : 11;
        task->why = i < 2 ? NULL : sample_copy("the data connection's first packet is dropped");
    }
}

static inline void sample_add_fixes(struct story *s)
{
    static const struct {
        const char *title, *commands[2], *exposes, *note;
        uint64_t ports;
        bool works;
    } fixes[] = {
        {"Give port 21 its helper",
         {"iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp"},
         "none: only announced connections",
         "the helper can't read a control channel under TLS",
         0,
         true},
        {"Open a fixed passive range",
         {"# in sallyd.conf: pasv_min_port=10090, pasv_max_port=10100",
          "iptables -I INPUT 3 -d 192.168.0.18/32 -p tcp -m tcp --dport 10090:10100 -j ACCEPT"},
         "11 ports",
         NULL,
         11,
         true},
        {"Load nf_conntrack_ftp, and nothing else",
         {"modprobe nf_conntrack_ftp"},
         "nothing",
         "the automatic helper was removed in Linux 6.0",
         0,
         false},
    };
    s->fixes = calloc(COUNT(fixes), sizeof(*s->fixes));
    assert_non_null(s->fixes);
    s->fix_count = COUNT(fixes);
    for (size_t i = 0; i < COUNT(fixes); i++) {
        struct story_fix *fix = &s->fixes[i];
        fix->title = sample_copy(fixes[i].title);
        fix->commands = calloc(2, sizeof(*fix->commands));
        assert_non_null(fix->commands);
        for (size_t k = 0; k < 2 && fixes[i].commands[k]; k++)
            fix->commands[fix->command_count++] = sample_copy(fixes[i].commands[k]);
        fix->exposes = sample_copy(fixes[i].exposes);
        fix->exposed_ports = fixes[i].ports;
        fix->works = fixes[i].works;
        fix->note = fixes[i].note ? sample_copy(fixes[i].note) : NULL;
    }
}

static inline struct story *sample_story(void)
{
    struct story *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    for (size_t i = 0; i < COUNT(sample_steps); i++) {
        struct story_step *step = story_step_add(s);
        assert_non_null(step);
        sample_fill_step(step, &sample_steps[i]);
    }
    assert_int_equal(story_event_add(&s->steps[9], TRACK_EXPECT_MISSED, TRACK_NO_HELPER,
                                     "does not expect 192.168.0.2:* -> 192.168.0.18:10093: nothing gave "
                                     "this connection a helper (-j CT --helper ftp)"),
                     0);
    sample_add_looked(&s->steps[10]);
    sample_add_tasks(s);
    sample_add_fixes(s);
    assert_int_equal(story_note_add(s, "2 rules of table nat are not evaluated"), 0);
    s->outcome = STORY_BLOCKED;
    s->rules_name = sample_copy("rules.v4");
    s->client = sample_copy("192.168.0.2");
    s->server = sample_copy("192.168.0.18");
    s->kernel = sample_copy("6.18");
    s->manner = sample_copy("linux");
    s->title = sample_copy("Passive FTP from 192.168.0.2 to 192.168.0.18, firewall on the server");
    s->conclusion = sample_copy("Login works, but listings and transfers hang: the server's firewall drops "
                                "the data connection, because nothing tells it which port was announced.");
    return s;
}

/* What a teller prints, as a string that the caller frees. */
static inline char *sample_told(int (*tell)(const struct story *, FILE *), const struct story *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(tell(s, out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

#endif
