/* SPDX-License-Identifier: BSD-2-Clause */
/* The truth table: the server's INPUT accepts something, then drops the rest; OUTPUT is open. */
#include "explain/play/play.h"

#include "unit.h"

#include "packet/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPT_21 "-A INPUT -p tcp --dport 21 -j ACCEPT\n"
#define STATE     "-A INPUT -m state --state ESTABLISHED,RELATED"
#define HELPER                                                                                               \
    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 21 -j CT --helper "  \
    "ftp\nCOMMIT\n"

static const struct row {
    const char *input, *raw;
    bool range; /* the server's passive range is set to 10090:10100 */
} rows[] = {
    [0] = {"", "", false},
    [1] = {ACCEPT_21, "", false},
    [2] = {ACCEPT_21 "-A INPUT -p tcp --dport 20 -j ACCEPT\n", "", false},
    [3] = {ACCEPT_21 "-A INPUT -p tcp --dport 10090:10100 -j ACCEPT\n", "", true},
    [4] = {ACCEPT_21 STATE " -p tcp --dport 1024:65534 -j ACCEPT\n", "", true},
    [5] = {ACCEPT_21 STATE " -p tcp --dport 1024:65534 -j ACCEPT\n", HELPER, true},
    [6] = {ACCEPT_21 STATE " -p tcp --dport 10090:10100 -j ACCEPT\n", HELPER, true},
    [7] = {ACCEPT_21 STATE " -j ACCEPT\n", HELPER, true},
};

static struct rules *read_rules(const char *text)
{
    struct rules *r = NULL;
    struct rules_error error;
    if (rules_read(text, strlen(text), "test", 0, &r, &error) < 0)
        fail_msg("%u:%u: %s in\n%s", error.line, error.column, error.message, text);
    return r;
}

static struct rules *rules_of(const struct row *row)
{
    char text[2048];
    snprintf(text, sizeof(text),
             "%s*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n%s"
             "-A INPUT -d 192.168.0.18 -j DROP\nCOMMIT\n",
             row->raw, row->input);
    return read_rules(text);
}

static struct play play_of(enum story_mode mode, bool tls)
{
    struct play play;
    uint8_t family;
    play_defaults(&play);
    play.mode = mode;
    play.tls = tls;
    assert_int_equal(packet_address_parse("192.168.0.2", &play.client, &family), 0);
    assert_int_equal(packet_address_parse("192.168.0.18", &play.server, &family), 0);
    play.family = family;
    play.data_ports = (struct rules_range16){20, 20};
    return play;
}

static struct story *play_row(size_t row, enum story_mode mode, bool tls)
{
    struct rules *r = rules_of(&rows[row]);
    struct play play = play_of(mode, tls);
    if (rows[row].range)
        play.passive_ports = (struct rules_range16){10090, 10100};
    struct story *story = play_session(r, &play);
    assert_non_null(story);
    rules_free(&r);
    return story;
}

static const struct story_task *task_of(const struct story *s, const char *name)
{
    for (size_t i = 0; i < s->task_count; i++) {
        if (strcmp(s->tasks[i].name, name) == 0)
            return &s->tasks[i];
    }
    fail_msg("no task %s", name);
    return NULL;
}

/* The packet on which the whole story turns. */
static const struct story_step *turning_step(const struct story *s)
{
    for (size_t i = 0; i < s->task_count; i++) {
        if (s->tasks[i].outcome != STORY_WORKS) {
            assert_in_range(s->tasks[i].step, 1, s->step_count);
            return &s->steps[s->tasks[i].step - 1];
        }
    }
    return NULL;
}

static bool has_note(const struct story *s, const char *part)
{
    for (size_t i = 0; i < s->note_count; i++) {
        if (strstr(s->notes[i], part))
            return true;
    }
    return false;
}

/* ---- the table ---- */

enum { LOGIN = 'l', TIMES_OUT = 't', WORKS = 'w' };

/* By row: passive and active, plain and under TLS. 'l': no login; 't': login, LIST times out; 'w': works. */
static const char expected[8][5] = {"llll", "tttt", "twtw", "wtwt", "tttt", "wttt", "wttt", "wwtw"};

static void every_row_in_every_mode(void **state)
{
    static const struct {
        enum story_mode mode;
        bool tls;
        int column;
    } ways[] = {
        {STORY_PASSIVE, false, 0}, {STORY_EPSV, false, 0}, {STORY_ACTIVE, false, 1}, {STORY_EPRT, false, 1},
        {STORY_PASSIVE, true, 2},  {STORY_EPSV, true, 2},  {STORY_ACTIVE, true, 3},  {STORY_EPRT, true, 3},
    };
    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        for (size_t w = 0; w < COUNT(ways); w++) {
            struct story *s = play_row(row, ways[w].mode, ways[w].tls);
            bool login = task_of(s, "login")->outcome == STORY_WORKS;
            int got = !login ? LOGIN : s->outcome == STORY_WORKS ? WORKS : TIMES_OUT;
            if (got != expected[row][ways[w].column])
                fail_msg("row %zu, mode %d%s: got %c (%s)", row, ways[w].mode,
                         ways[w].tls ? " under TLS" : "", got, s->conclusion);
            assert_int_equal(story_exit_status(s), got == WORKS ? 0 : 1);
            story_free(&s);
        }
    }
}

/* ---- what decides, and why ---- */

static void the_deciding_packet_and_its_state(void **state)
{
    static const struct {
        size_t row;
        enum story_mode mode;
        bool tls;
        const char *label;
        enum track_state state;
        uint32_t rule;
        const char *in_conclusion;
    } cases[] = {
        {0, STORY_PASSIVE, false, "SYN", TRACK_NEW, 1, "can't even connect"},
        {1, STORY_PASSIVE, false, "SYN", TRACK_NEW, 2, "nothing told the firewall"},
        {1, STORY_ACTIVE, false, "SYN ACK", TRACK_ESTABLISHED, 2, "the server connects from its port 20"},
        {4, STORY_PASSIVE, false, "SYN", TRACK_NEW, 3, "nothing told the firewall"},
        {5, STORY_ACTIVE, false, "SYN ACK", TRACK_ESTABLISHED, 3, "limited to ports"},
        {7, STORY_PASSIVE, true, "SYN", TRACK_NEW, 3, "encrypted"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = play_row(cases[i].row, cases[i].mode, cases[i].tls);
        const struct story_step *step = turning_step(s);
        assert_non_null(step);
        assert_string_equal(step->label, cases[i].label);
        assert_int_equal(step->state, cases[i].state);
        assert_int_equal(step->fate, WALL_DROP);
        assert_string_equal(step->rule.chain, "INPUT");
        assert_int_equal(step->rule.number, cases[i].rule);
        if (!strstr(s->conclusion, cases[i].in_conclusion))
            fail_msg("row %zu: %s", cases[i].row, s->conclusion);
        story_free(&s);
    }
}

static size_t count_events(const struct story *s, enum track_event_type type, enum track_reason reason)
{
    size_t count = 0;
    for (size_t i = 0; i < s->step_count; i++) {
        for (size_t e = 0; e < s->steps[i].event_count; e++)
            count += s->steps[i].events[e].type == type && s->steps[i].events[e].reason == reason;
    }
    return count;
}

static void expectations_are_told(void **state)
{
    struct story *s = play_row(5, STORY_PASSIVE, false);
    (void)state;
    assert_int_equal(count_events(s, TRACK_EXPECT_NEW, TRACK_OK), 3);
    assert_int_equal(count_events(s, TRACK_EXPECT_USED, TRACK_OK), 3);
    story_free(&s);
    s = play_row(4, STORY_PASSIVE, false);
    assert_int_equal(count_events(s, TRACK_EXPECT_MISSED, TRACK_HELPER_REMOVED), 3);
    story_free(&s);
    s = play_row(7, STORY_PASSIVE, true);
    assert_int_equal(count_events(s, TRACK_EXPECT_MISSED, TRACK_NOT_READABLE), 3);
    story_free(&s);
}

/* RELATED once, and used up by the SYN that was dropped: what comes again is NEW. */
static void a_dropped_syn_uses_its_expectation_up(void **state)
{
    struct rules *r = rules_of(&rows[6]);
    struct play play = play_of(STORY_PASSIVE, false);
    play.passive_ports = (struct rules_range16){20000, 20010};
    struct story *s = play_session(r, &play);
    const struct story_step *step = turning_step(s);
    (void)state;
    assert_int_equal(step[0].state, TRACK_RELATED);
    assert_int_equal(step[1].state, TRACK_NEW);
    assert_true(step[1].is_retry && step[2].is_retry);
    assert_int_equal(step[1].at_ms - step[0].at_ms, 1000);
    assert_int_equal(step[2].at_ms - step[0].at_ms, 3000);
    story_free(&s);
    rules_free(&r);
}

/* ---- fixes ---- */

static const struct story_fix *fix_with(const struct story *s, const char *command)
{
    for (size_t i = 0; i < s->fix_count; i++) {
        for (size_t c = 0; c < s->fixes[i].command_count; c++) {
            if (strcmp(s->fixes[i].commands[c], command) == 0)
                return &s->fixes[i];
        }
    }
    return NULL;
}

static void fixes_work_and_are_ranked(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        for (int mode = STORY_PASSIVE; mode <= STORY_EPRT; mode++) {
            for (int tls = 0; tls < 2; tls++) {
                struct story *s = play_row(row, (enum story_mode)mode, tls);
                if (s->outcome == STORY_WORKS)
                    assert_int_equal(s->fix_count, 0);
                else
                    assert_true(s->fix_count > 0);
                for (size_t i = 0; i < s->fix_count; i++) {
                    assert_true(s->fixes[i].works);
                    assert_true(s->fixes[i].command_count > 0);
                    assert_true(i == 0 || s->fixes[i].exposed_ports >= s->fixes[i - 1].exposed_ports);
                }
                story_free(&s);
            }
        }
    }
}

static void row_four_wants_its_helper(void **state)
{
    struct story *s = play_row(4, STORY_PASSIVE, false);
    bool noted = false;
    (void)state;
    assert_int_equal(s->fixes[0].command_count, 1);
    assert_string_equal(s->fixes[0].commands[0],
                        "iptables -t raw -I PREROUTING -p tcp --dport 21 -j CT --helper ftp");
    assert_string_equal(s->fixes[0].exposes, "none: only announced connections");
    for (size_t i = 0; i < s->note_count; i++)
        noted |= strstr(s->notes[i], "gone in 6.0: this kernel (6.18) needs a CT --helper rule") != NULL;
    assert_true(noted);
    story_free(&s);
}

static void under_tls_one_port_is_enough(void **state)
{
    struct story *s = play_row(7, STORY_PASSIVE, true);
    (void)state;
    assert_null(fix_with(s, "iptables -t raw -I PREROUTING -p tcp --dport 21 -j CT --helper ftp"));
    assert_int_equal(s->fixes[0].exposed_ports, 1);
    assert_string_equal(s->fixes[0].exposes, "1 port to anywhere");
    assert_non_null(fix_with(s, "iptables -I INPUT 3 -p tcp --dport 10090:10100 -j ACCEPT"));
    story_free(&s);
}

static void exposure_is_counted(void **state)
{
    struct rules *r = rules_of(&rows[1]);
    struct play play = play_of(STORY_PASSIVE, false);
    struct story *s = play_session(r, &play);
    const struct story_fix *all = fix_with(s, "iptables -I INPUT 2 -p tcp --dport 1024:65534 -j ACCEPT");
    const struct story_fix *some = fix_with(s, "iptables -I INPUT 2 -p tcp --dport 10090:10100 -j ACCEPT");
    (void)state;
    assert_non_null(all);
    assert_string_equal(all->exposes, "64,511 ports to anywhere");
    assert_non_null(some);
    assert_string_equal(some->exposes, "11 ports to anywhere");
    assert_non_null(fix_with(s, "pasv_max_port=10100"));
    story_free(&s);
    rules_free(&r);
}

/* ---- elsewhere ---- */

static const char closed_gateway[] =
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A FORWARD -d 192.168.0.18 -p tcp --dport 21 -j ACCEPT\n"
    "-A FORWARD -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n";
static const char closed_client[] =
    "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A INPUT -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n";

static void gateways_and_clients_get_fixes_for_their_chains(void **state)
{
    static const struct {
        const char *rules;
        enum story_at where;
        enum story_mode mode;
        enum story_outcome outcome;
        const char *fix;
    } cases[] = {
        {closed_gateway, STORY_AT_GATEWAY, STORY_PASSIVE, STORY_BLOCKED,
         "iptables -t raw -I PREROUTING -d 192.168.0.18 -p tcp --dport 21 -j CT --helper ftp"},
        {closed_gateway, STORY_AT_GATEWAY, STORY_PASSIVE, STORY_BLOCKED,
         "iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"},
        {closed_client, STORY_AT_CLIENT, STORY_PASSIVE, STORY_WORKS, NULL},
        {closed_client, STORY_AT_CLIENT, STORY_ACTIVE, STORY_BLOCKED,
         "iptables -t raw -I OUTPUT -d 192.168.0.18 -p tcp --dport 21 -j CT --helper ftp"},
        {closed_client, STORY_AT_CLIENT, STORY_ACTIVE, STORY_BLOCKED,
         "iptables -A INPUT -s 192.168.0.18 -p tcp --sport 20 --dport 1024:65535 -j ACCEPT"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules *r = read_rules(cases[i].rules);
        struct play play = play_of(cases[i].mode, false);
        play.where = cases[i].where;
        struct story *s = play_session(r, &play);
        if (s->outcome != cases[i].outcome)
            fail_msg("case %zu: %s", i, s->conclusion);
        if (cases[i].fix && !fix_with(s, cases[i].fix))
            fail_msg("case %zu: no %s", i, cases[i].fix);
        story_free(&s);
        rules_free(&r);
    }
}

static void older_kernels_had_the_helper_by_themselves(void **state)
{
    static const struct {
        uint32_t kernel;
        enum story_outcome outcome;
    } cases[] = {{TRACK_KERNEL(4, 6), STORY_WORKS},
                 {TRACK_KERNEL(4, 7), STORY_BLOCKED},
                 {TRACK_KERNEL(6, 0), STORY_BLOCKED}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules *r = rules_of(&rows[4]);
        struct play play = play_of(STORY_PASSIVE, false);
        play.passive_ports = (struct rules_range16){10090, 10100};
        play.kernel = cases[i].kernel;
        struct story *s = play_session(r, &play);
        assert_int_equal(s->outcome, cases[i].outcome);
        story_free(&s);
        rules_free(&r);
    }
}

static void what_can_not_be_told_is_said_so(void **state)
{
    struct rules *r = read_rules(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" ACCEPT_21
        "-A INPUT -p tcp -m tcp --dport 1024:65535 -m physdev --physdev-in eth0 -j ACCEPT\nCOMMIT\n");
    struct play play = play_of(STORY_PASSIVE, false);
    struct story *s = play_session(r, &play);
    (void)state;
    assert_int_equal(s->outcome, STORY_UNKNOWN);
    assert_int_equal(story_exit_status(s), 3);
    assert_non_null(strstr(s->conclusion, "at rule 2 of INPUT"));
    story_free(&s);
    rules_free(&r);
}

/* Whether raw lets the first packet pass, and how it is tracked, leaves open all that comes after. */
static void doubt_about_tracking_spreads(void **state)
{
    static const char *const cases[] = {
        "-A PREROUTING -p tcp -m tcp --dport 21 --tcp-flags SYN,ACK SYN -m physdev --physdev-in eth1 -j "
        "DROP\n",
        "-A PREROUTING -p tcp -m tcp --dport 21 --tcp-flags SYN,ACK SYN -m physdev --physdev-in eth1 -j CT "
        "--helper ftp\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n%sCOMMIT\n"
                 "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n"
                 "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n" ACCEPT_21
                 "-A OUTPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n",
                 cases[i]);
        struct rules *r = read_rules(text);
        struct play play = play_of(STORY_PASSIVE, false);
        struct story *s = play_session(r, &play);
        assert_int_equal(s->outcome, STORY_UNKNOWN);
        assert_non_null(strstr(s->conclusion, "at rule 1 of PREROUTING in the raw table"));
        story_free(&s);
        rules_free(&r);
    }
}

/* Its packets meet OUTPUT and then INPUT, both with lo, and are tracked once: raw's PREROUTING comes too late. */
static void a_machine_talks_to_itself_by_loopback(void **state)
{
    static const char raw[] =
        "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A %s -p tcp --dport 21 -j CT "
        "--helper ftp\nCOMMIT\n%s";
    static const char helped[] =
        "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        "-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT\n" ACCEPT_21 "COMMIT\n";
    static const struct {
        const char *raw, *rules; /* raw: the chain of its helper rule */
        bool at_client;
        enum story_outcome outcome;
    } cases[] = {
        {NULL, "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n", false,
         STORY_WORKS},
        {NULL,
         "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -o lo -p tcp --dport 21 -j "
         "DROP\nCOMMIT\n",
         false, STORY_BLOCKED},
        {NULL,
         "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i lo -p tcp --sport 21 -j "
         "DROP\nCOMMIT\n",
         true, STORY_BLOCKED},
        {"PREROUTING", helped, false, STORY_BLOCKED},
        {"OUTPUT", helped, false, STORY_WORKS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), cases[i].raw ? raw : "%s%s", cases[i].raw ? cases[i].raw : "",
                 cases[i].rules);
        struct rules *r = read_rules(text);
        struct play play = play_of(STORY_PASSIVE, false);
        play.client = play.server;
        play.where = cases[i].at_client ? STORY_AT_CLIENT : STORY_AT_SERVER;
        struct story *s = play_session(r, &play);
        if (s->outcome != cases[i].outcome)
            fail_msg("case %zu: %s", i, s->conclusion);
        assert_true(has_note(s, "OUTPUT and then those of INPUT"));
        story_free(&s);
        rules_free(&r);
    }
}

static void the_helper_of_loopback_belongs_into_output(void **state)
{
    struct rules *r = rules_of(&rows[7]);
    struct play play = play_of(STORY_PASSIVE, false);
    (void)state;
    play.client = play.server;
    struct story *s = play_session(r, &play);
    assert_int_equal(s->outcome, STORY_BLOCKED);
    assert_non_null(fix_with(s, "iptables -t raw -I OUTPUT -p tcp --dport 21 -j CT --helper ftp"));
    story_free(&s);
    rules_free(&r);
}

static void a_refusal_is_not_a_time_out(void **state)
{
    struct rules *r =
        read_rules("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" ACCEPT_21
                   "-A INPUT -j REJECT --reject-with tcp-reset -p tcp\nCOMMIT\n");
    struct play play = play_of(STORY_PASSIVE, false);
    struct story *s = play_session(r, &play);
    const struct story_step *step = turning_step(s);
    (void)state;
    assert_int_equal(step->fate, WALL_REJECT);
    assert_false(step[1].is_retry);
    assert_non_null(strstr(s->conclusion, "is refused"));
    story_free(&s);
    rules_free(&r);
}

/* Rules that admit some of the ports that the server may pick: then it works by luck only. */
static void a_session_that_works_by_luck_does_not_work(void **state)
{
    struct rules *r = rules_of(&rows[3]);
    struct play play = play_of(STORY_PASSIVE, false);
    struct story *s = play_session(r, &play);
    (void)state;
    assert_int_equal(s->outcome, STORY_BLOCKED);
    assert_non_null(strstr(s->conclusion, "unless the server keeps to data ports 10090:10100"));
    assert_non_null(fix_with(s, "pasv_min_port=10090"));
    assert_string_equal(s->fixes[0].exposes, "none: the rules stay as they are");
    story_free(&s);
    rules_free(&r);
}

/* Nobody said which port the server sends data from: where rules tell ports apart, that decides. */
static void an_unsaid_data_port_is_no_guess(void **state)
{
    static const struct {
        size_t row;
        struct rules_range16 ports;
        uint16_t server_port;
        enum story_outcome outcome;
        const char *in_conclusion;
    } cases[] = {
        {2, {0, 0}, 21, STORY_UNKNOWN, "from port 20 the session works"},
        {2, {20, 20}, 21, STORY_WORKS, "whole session works"},
        {2, {1024, 65535}, 21, STORY_BLOCKED, "rule 3 of INPUT drops the client's answer"},
        {2, {45000, 45000}, 21, STORY_BLOCKED, "from its port 45000"},
        {1, {0, 0}, 21, STORY_BLOCKED, "rule 2 of INPUT drops the client's answer"},
        {7, {0, 0}, 21, STORY_WORKS, "whole session works"},
        {5, {0, 0}, 21, STORY_UNKNOWN, "from port 1024:65534 the session works"},
        {5, {1024, 65534}, 21, STORY_WORKS, "whole session works"},
        {5, {1024, 65535}, 21, STORY_BLOCKED, "rule 3 of INPUT drops the client's answer"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules *r = rules_of(&rows[cases[i].row]);
        struct play play = play_of(STORY_ACTIVE, false);
        play.data_ports = cases[i].ports;
        struct story *s = play_session(r, &play);
        if (s->outcome != cases[i].outcome || !strstr(s->conclusion, cases[i].in_conclusion))
            fail_msg("case %zu: %s", i, s->conclusion);
        assert_int_equal(has_note(s, "Which port the server sends data from was not said"),
                         cases[i].ports.last == 0);
        assert_int_equal(task_of(s, "LIST")->outcome, cases[i].outcome);
        story_free(&s);
        rules_free(&r);
    }
}

/* Beside a control port of its own a server's port 20 is still 20, or the one below: both are tried. */
static void the_port_below_the_control_port_is_tried(void **state)
{
    struct rules *r = read_rules("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                                 "-A INPUT -p tcp --dport 990 -j ACCEPT\n"
                                 "-A INPUT -p tcp --dport 989 -j ACCEPT\nCOMMIT\n");
    struct play play = play_of(STORY_ACTIVE, false);
    (void)state;
    play.server_port = 990;
    play.data_ports = (struct rules_range16){0, 0};
    struct story *s = play_session(r, &play);
    assert_int_equal(s->outcome, STORY_UNKNOWN);
    assert_non_null(strstr(s->conclusion, "from port 989 the session works"));
    story_free(&s);
    rules_free(&r);
}

/* A server that is made to send from port 20 is a fix, if the firewall is not somebody else's. */
static void a_server_can_be_made_to_send_from_one_port(void **state)
{
    static const struct {
        enum story_at where;
        bool offered;
    } cases[] = {{STORY_AT_SERVER, true}, {STORY_AT_CLIENT, false}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules *r = read_rules("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n"
                                     "-A INPUT -p tcp --dport 20:21 -j ACCEPT\n"
                                     "-A INPUT -p tcp --sport 20:21 -j ACCEPT\n"
                                     "-A OUTPUT -p tcp --dport 20:21 -j ACCEPT\n"
                                     "-A OUTPUT -p tcp --sport 20:21 -j ACCEPT\nCOMMIT\n");
        struct play play = play_of(STORY_ACTIVE, false);
        play.where = cases[i].where;
        play.data_ports = (struct rules_range16){0, 0};
        struct story *s = play_session(r, &play);
        assert_int_equal(s->outcome, STORY_UNKNOWN);
        assert_int_equal(fix_with(s, "connect_from_port_20=YES") != NULL, cases[i].offered);
        story_free(&s);
        rules_free(&r);
    }
}

static void ipv6(void **state)
{
    struct rules *r = read_rules("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                                 "-A INPUT -s 2001:db8::/32 -p tcp --dport 21 -j ACCEPT\nCOMMIT\n");
    struct play play;
    (void)state;
    play_defaults(&play);
    play.mode = STORY_EPSV;
    struct story *s = play_session(r, &play);
    assert_int_equal(s->outcome, STORY_BLOCKED);
    assert_non_null(fix_with(s, "ip6tables -t raw -I PREROUTING -p tcp --dport 21 -j CT --helper ftp"));
    story_free(&s);
    rules_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_in_every_mode),
        cmocka_unit_test(the_deciding_packet_and_its_state),
        cmocka_unit_test(expectations_are_told),
        cmocka_unit_test(a_dropped_syn_uses_its_expectation_up),
        cmocka_unit_test(fixes_work_and_are_ranked),
        cmocka_unit_test(row_four_wants_its_helper),
        cmocka_unit_test(under_tls_one_port_is_enough),
        cmocka_unit_test(exposure_is_counted),
        cmocka_unit_test(gateways_and_clients_get_fixes_for_their_chains),
        cmocka_unit_test(older_kernels_had_the_helper_by_themselves),
        cmocka_unit_test(what_can_not_be_told_is_said_so),
        cmocka_unit_test(doubt_about_tracking_spreads),
        cmocka_unit_test(a_machine_talks_to_itself_by_loopback),
        cmocka_unit_test(the_helper_of_loopback_belongs_into_output),
        cmocka_unit_test(a_refusal_is_not_a_time_out),
        cmocka_unit_test(a_session_that_works_by_luck_does_not_work),
        cmocka_unit_test(an_unsaid_data_port_is_no_guess),
        cmocka_unit_test(the_port_below_the_control_port_is_tried),
        cmocka_unit_test(a_server_can_be_made_to_send_from_one_port),
        cmocka_unit_test(ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
