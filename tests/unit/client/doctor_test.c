/* SPDX-License-Identifier: BSD-2-Clause */
/* From what was seen to what may be the cause, without a network. */
#include "client/doctor.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- what was seen, in short ---- */

enum seen {
    UNTRIED,
    WORKS,
    WAY_TIMED_OUT, /* passive: no connection; active: nobody came */
    WAY_REFUSED,
    WAY_PROHIBITED,
    FOREIGN,     /* works, and 227 named another address */
    ASKED_500,   /* the command that asks for the way is refused */
    BEGIN_425,   /* the server has, or gets, no connection, and says so after a while */
    AT_ONCE_425, /* and at once */
    REUSE_425,
    REUSE_522,
    DATA_NO_TLS,
    LIST_550,
    LIST_STALLED,
    SILENT, /* no answer to the command that asks */
    CODE_421,
};

static const struct {
    enum client_data_stage stage;
    enum doctor_end end;
    int code, ms;
    const char *reply;
    bool is_foreign;
} seen[] = {
    [UNTRIED] = {CLIENT_DATA_NONE, DOCTOR_NOT_TRIED, 0, 0, "", false},
    [WORKS] = {CLIENT_DATA_DONE, DOCTOR_WORKS, 226, 3, "226 done", false},
    [WAY_TIMED_OUT] = {CLIENT_DATA_CONNECT, DOCTOR_TIMED_OUT, 229, 5000, "", false},
    [WAY_REFUSED] = {CLIENT_DATA_CONNECT, DOCTOR_REFUSED, 229, 1, "", false},
    [WAY_PROHIBITED] = {CLIENT_DATA_CONNECT, DOCTOR_PROHIBITED, 229, 1, "", false},
    [FOREIGN] = {CLIENT_DATA_DONE, DOCTOR_WORKS, 226, 3, "226 done", true},
    [ASKED_500] = {CLIENT_DATA_ASKED, DOCTOR_SAID_NO, 500, 1, "500 what?", false},
    [BEGIN_425] = {CLIENT_DATA_BEGIN, DOCTOR_SAID_NO, 425, 3000, "425 Failed to establish connection.",
                   false},
    [AT_ONCE_425] = {CLIENT_DATA_BEGIN, DOCTOR_SAID_NO, 425, 2, "425 Failed to establish connection.", false},
    [REUSE_425] = {CLIENT_DATA_MOVE, DOCTOR_SAID_NO, 425, 2,
                   "425 Unable to build data connection: TLS session of data connection not resumed.", false},
    [REUSE_522] = {CLIENT_DATA_TLS, DOCTOR_SAID_NO, 522, 2,
                   "522 SSL connection failed; session reuse required", false},
    [DATA_NO_TLS] = {CLIENT_DATA_TLS, DOCTOR_NO_TLS, 0, 2, "", false},
    [LIST_550] = {CLIENT_DATA_BEGIN, DOCTOR_SAID_NO, 550, 2, "550 No such folder.", false},
    [LIST_STALLED] = {CLIENT_DATA_MOVE, DOCTOR_STALLED, 0, 8000, "", false},
    [SILENT] = {CLIENT_DATA_ASKED, DOCTOR_TIMED_OUT, 0, 8000, "", false},
    [CODE_421] = {CLIENT_DATA_NONE, DOCTOR_SAID_NO, 421, 2, "421 Too many connections.", false},
};

struct row {
    bool is_there;
    enum client_step step; /* of the login; 0, where there are ways: it worked */
    enum doctor_end login;
    int code;
    enum seen ways[DOCTOR_WAYS];
    enum doctor_end moves[DOCTOR_MOVES];
    unsigned first_port; /* of the ways; 0: 30001, 30002 */
};

#define LOGGED_IN(...) {true, CLIENT_STEP_OPEN, DOCTOR_WORKS, 230, __VA_ARGS__}
#define STOPPED(...)   {true, __VA_ARGS__}
#define NONE           {false}

enum { MOST = 8 };

static const struct {
    const char *name;
    struct row plain, tls;
    enum doctor_verdict verdict;
    enum speech_phrase fit[MOST], out[MOST]; /* 0 at the end */
    const char *here, *server;               /* NULL: both private */
} rows[] = {
    {"nothing answers",
     STOPPED(CLIENT_STEP_CONNECT, DOCTOR_TIMED_OUT),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_CONTROL_DROPPED, SPEECH_CAUSE_HOST_AWAY},
     {SPEECH_CAUSE_NOT_LISTENING, SPEECH_CAUSE_CONTROL_REJECTED}},
    {"refused",
     STOPPED(CLIENT_STEP_CONNECT, DOCTOR_REFUSED),
     STOPPED(CLIENT_STEP_CONNECT, DOCTOR_REFUSED),
     DOCTOR_NONE,
     {SPEECH_CAUSE_NOT_LISTENING, SPEECH_CAUSE_CONTROL_REJECTED},
     {SPEECH_CAUSE_CONTROL_DROPPED, SPEECH_CAUSE_HOST_AWAY}},
    {"prohibited",
     STOPPED(CLIENT_STEP_CONNECT, DOCTOR_PROHIBITED),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_HOST_AWAY, SPEECH_CAUSE_CONTROL_REJECTED},
     {SPEECH_CAUSE_CONTROL_DROPPED, SPEECH_CAUSE_NOT_LISTENING}},
    {"no route",
     STOPPED(CLIENT_STEP_CONNECT, DOCTOR_NO_ROUTE),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_NO_ROUTE},
     {0}},
    {"silent", STOPPED(CLIENT_STEP_WELCOME, DOCTOR_TIMED_OUT), NONE, DOCTOR_NONE, {SPEECH_CAUSE_SILENT}, {0}},
    {"closed at once",
     STOPPED(CLIENT_STEP_WELCOME, DOCTOR_BROKEN),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_CLOSED_AT_ONCE},
     {0}},
    {"too many",
     STOPPED(CLIENT_STEP_WELCOME, DOCTOR_SAID_NO, 421),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_TOO_MANY},
     {0}},
    {"login refused",
     STOPPED(CLIENT_STEP_LOGIN, DOCTOR_SAID_NO, 530),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_LOGIN_REFUSED},
     {0}},
    {"login refused without TLS",
     STOPPED(CLIENT_STEP_LOGIN, DOCTOR_SAID_NO, 530),
     LOGGED_IN({WORKS, WORKS, WORKS}),
     DOCTOR_ALL,
     {SPEECH_CAUSE_TLS_WANTED},
     {0}},
    {"no TLS",
     LOGGED_IN({WORKS, WORKS, WORKS}),
     STOPPED(CLIENT_STEP_TLS, DOCTOR_NOT_OFFERED, 502),
     DOCTOR_ALL,
     {SPEECH_CAUSE_NOT_OFFERED},
     {0}},
    {"not trusted",
     NONE,
     STOPPED(CLIENT_STEP_TLS, DOCTOR_UNTRUSTED, 234),
     DOCTOR_NONE,
     {SPEECH_CAUSE_UNTRUSTED},
     {0}},
    {"no handshake",
     NONE,
     STOPPED(CLIENT_STEP_TLS, DOCTOR_NO_TLS, 234),
     DOCTOR_NONE,
     {SPEECH_CAUSE_HANDSHAKE},
     {0}},
    {"a handshake that hangs",
     LOGGED_IN({WORKS, WORKS, WORKS}),
     STOPPED(CLIENT_STEP_TLS, DOCTOR_TIMED_OUT, 234),
     DOCTOR_SOME,
     {SPEECH_CAUSE_HANDSHAKE, SPEECH_CAUSE_MTU},
     {0}},
    {"all works", LOGGED_IN({WORKS, WORKS, WORKS}), LOGGED_IN({WORKS, WORKS, WORKS}), DOCTOR_ALL, {0}, {0}},

    /* The truth table. */
    {"row 1",
     LOGGED_IN({WAY_TIMED_OUT, WAY_TIMED_OUT, BEGIN_425}),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_PASSIVE_CLOSED, SPEECH_CAUSE_HELPER_MISSING, SPEECH_CAUSE_OUT_BLOCKED,
      SPEECH_CAUSE_ACTIVE_ANSWERS, SPEECH_CAUSE_ACTIVE_OUT, SPEECH_CAUSE_ACTIVE_HERE},
     {0}},
    {"row 2",
     LOGGED_IN({WAY_TIMED_OUT, WAY_TIMED_OUT, WORKS}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_PASSIVE_CLOSED, SPEECH_CAUSE_HELPER_MISSING, SPEECH_CAUSE_OUT_BLOCKED},
     {0}},
    {"rows 3, 5 and 6",
     LOGGED_IN({WORKS, WORKS, WAY_TIMED_OUT}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_ACTIVE_ANSWERS, SPEECH_CAUSE_ACTIVE_OUT, SPEECH_CAUSE_ACTIVE_HERE},
     {0}},
    {"row 8 of 5 and 6",
     LOGGED_IN({WORKS, WORKS, WAY_TIMED_OUT}, {0}, 10090),
     LOGGED_IN({WAY_TIMED_OUT, WAY_TIMED_OUT, WAY_TIMED_OUT}, {0}, 10091),
     DOCTOR_SOME,
     {SPEECH_CAUSE_HELPER_BLIND, SPEECH_CAUSE_ACTIVE_ANSWERS, SPEECH_CAUSE_ACTIVE_OUT,
      SPEECH_CAUSE_ACTIVE_HERE},
     {SPEECH_CAUSE_PASSIVE_CLOSED, SPEECH_CAUSE_HELPER_MISSING, SPEECH_CAUSE_OUT_BLOCKED,
      SPEECH_CAUSE_RANGE_PARTIAL, SPEECH_CAUSE_ACTIVE_BLIND}},
    {"row 8 of 7, other ports",
     LOGGED_IN({WORKS, WORKS, WORKS}, {0}, 10090),
     LOGGED_IN({WAY_TIMED_OUT, WAY_TIMED_OUT, WORKS}, {0}, 10095),
     DOCTOR_SOME,
     {SPEECH_CAUSE_HELPER_BLIND, SPEECH_CAUSE_RANGE_PARTIAL},
     {SPEECH_CAUSE_PASSIVE_CLOSED, SPEECH_CAUSE_HELPER_MISSING, SPEECH_CAUSE_OUT_BLOCKED}},
    {"row 8, TLS alone",
     NONE,
     LOGGED_IN({WAY_TIMED_OUT, WAY_TIMED_OUT, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_PASSIVE_CLOSED, SPEECH_CAUSE_HELPER_MISSING, SPEECH_CAUSE_HELPER_BLIND,
      SPEECH_CAUSE_OUT_BLOCKED},
     {0}},
    {"row 1 with TLS",
     LOGGED_IN({WAY_PROHIBITED, WAY_REFUSED, WORKS}),
     LOGGED_IN({WAY_TIMED_OUT, WAY_TIMED_OUT, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_PASSIVE_CLOSED, SPEECH_CAUSE_HELPER_MISSING, SPEECH_CAUSE_OUT_BLOCKED},
     {SPEECH_CAUSE_HELPER_BLIND}},

    /* What is between. */
    {"a helper that knows PASV",
     LOGGED_IN({WAY_TIMED_OUT, WORKS, WORKS}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_RANGE_PARTIAL, SPEECH_CAUSE_HELPER_OLD},
     {SPEECH_CAUSE_PASSIVE_CLOSED, SPEECH_CAUSE_HELPER_MISSING, SPEECH_CAUSE_OUT_BLOCKED}},
    {"a foreign address",
     LOGGED_IN({WORKS, FOREIGN, WORKS}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_PASV_ADDRESS, SPEECH_CAUSE_ALG},
     {0}},
    {"a foreign address, also under TLS",
     LOGGED_IN({WORKS, FOREIGN, WORKS}),
     LOGGED_IN({WORKS, FOREIGN, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_PASV_ADDRESS},
     {SPEECH_CAUSE_ALG}},
    {"a foreign address, not under TLS",
     LOGGED_IN({WORKS, FOREIGN, WORKS}),
     LOGGED_IN({WORKS, WORKS, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_ALG},
     {SPEECH_CAUSE_PASV_ADDRESS}},
    {"a foreign address, under TLS alone",
     LOGGED_IN({WORKS, WORKS, WORKS}),
     LOGGED_IN({WORKS, FOREIGN, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_PASV_ADDRESS},
     {0}},
    {"no EPSV",
     LOGGED_IN({ASKED_500, WORKS, WORKS}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_EPSV_UNKNOWN, SPEECH_CAUSE_ALG},
     {0}},
    {"no EPSV, but under TLS",
     LOGGED_IN({ASKED_500, WORKS, WORKS}),
     LOGGED_IN({WORKS, WORKS, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_ALG},
     {SPEECH_CAUSE_EPSV_UNKNOWN}},
    {"no passive mode",
     LOGGED_IN({ASKED_500, ASKED_500, WORKS}),
     LOGGED_IN({ASKED_500, ASKED_500, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_PASSIVE_REFUSED},
     {SPEECH_CAUSE_ALG}},
    {"no active mode",
     LOGGED_IN({WORKS, WORKS, ASKED_500}),
     LOGGED_IN({WORKS, WORKS, ASKED_500}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_ACTIVE_REFUSED},
     {SPEECH_CAUSE_ALG, SPEECH_CAUSE_ACTIVE_BLIND}},
    {"active behind a NAT",
     LOGGED_IN({WORKS, WORKS, BEGIN_425}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_ACTIVE_ANSWERS, SPEECH_CAUSE_ACTIVE_OUT, SPEECH_CAUSE_ACTIVE_HERE, SPEECH_CAUSE_NAT_HERE},
     {0},
     "10.0.0.7",
     "203.0.113.5"},
    {"active, and the NAT reads PORT",
     LOGGED_IN({WORKS, WORKS, WORKS}),
     LOGGED_IN({WORKS, WORKS, BEGIN_425}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_ACTIVE_BLIND},
     {SPEECH_CAUSE_ACTIVE_ANSWERS, SPEECH_CAUSE_ACTIVE_OUT, SPEECH_CAUSE_ACTIVE_HERE, SPEECH_CAUSE_NAT_HERE},
     "10.0.0.7",
     "203.0.113.5"},
    {"PORT is refused, for the NAT does not change it",
     LOGGED_IN({WORKS, WORKS, ASKED_500}),
     LOGGED_IN({WORKS, WORKS, ASKED_500}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_ACTIVE_REFUSED, SPEECH_CAUSE_NAT_HERE},
     {SPEECH_CAUSE_ALG, SPEECH_CAUSE_ACTIVE_BLIND},
     "10.0.0.7",
     "203.0.113.5"},
    {"PORT is refused under TLS, where the NAT can't change it",
     LOGGED_IN({WORKS, WORKS, WORKS}),
     LOGGED_IN({WORKS, WORKS, ASKED_500}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_ACTIVE_BLIND},
     {SPEECH_CAUSE_ACTIVE_REFUSED, SPEECH_CAUSE_NAT_HERE},
     "10.0.0.7",
     "192.168.3.5"},
    {"active is refused here",
     LOGGED_IN({WORKS, WORKS, AT_ONCE_425}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_ACTIVE_OUT, SPEECH_CAUSE_ACTIVE_HERE},
     {SPEECH_CAUSE_ACTIVE_ANSWERS}},
    {"a balancer",
     LOGGED_IN({AT_ONCE_425, AT_ONCE_425, WORKS}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_OTHER_PEER},
     {0}},
    {"EPSV is swallowed, but under TLS",
     LOGGED_IN({SILENT, WORKS, WORKS}),
     LOGGED_IN({WORKS, WORKS, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_ALG, SPEECH_CAUSE_CONTROL_CUT},
     {0}},

    /* TLS, and transfers. */
    {"session reuse: 522",
     LOGGED_IN({WORKS, WORKS, WORKS}),
     LOGGED_IN({REUSE_522, REUSE_522, REUSE_522}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_TLS_REUSE},
     {SPEECH_CAUSE_DATA_TLS}},
    {"session reuse: 425",
     NONE,
     LOGGED_IN({REUSE_425, REUSE_425, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_TLS_REUSE},
     {SPEECH_CAUSE_OTHER_PEER}},
    {"TLS fails on data",
     NONE,
     LOGGED_IN({DATA_NO_TLS, DATA_NO_TLS, WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_TLS_REUSE, SPEECH_CAUSE_DATA_TLS},
     {0}},
    {"the server says no",
     LOGGED_IN({LIST_550, LIST_550, LIST_550}),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_SERVER_SAYS},
     {0}},
    {"a listing stalls",
     LOGGED_IN({LIST_STALLED, LIST_STALLED, LIST_STALLED}),
     NONE,
     DOCTOR_NONE,
     {SPEECH_CAUSE_MTU, SPEECH_CAUSE_CUT_OFF},
     {0}},
    {"large files stall",
     LOGGED_IN({WORKS, WORKS, WORKS}, {DOCTOR_WORKS, DOCTOR_WORKS, DOCTOR_STALLED, DOCTOR_NOT_TRIED}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_MTU, SPEECH_CAUSE_CUT_OFF},
     {0}},
    {"all files stall",
     LOGGED_IN({WORKS, WORKS, WORKS}, {DOCTOR_STALLED, DOCTOR_NOT_TRIED, DOCTOR_STALLED, DOCTOR_NOT_TRIED}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_CUT_OFF},
     {SPEECH_CAUSE_MTU}},
    {"large files stall without TLS",
     LOGGED_IN({WORKS, WORKS, WORKS}, {DOCTOR_WORKS, DOCTOR_WORKS, DOCTOR_WORKS, DOCTOR_STALLED}),
     LOGGED_IN({WORKS, WORKS, WORKS}, {DOCTOR_WORKS, DOCTOR_WORKS, DOCTOR_WORKS, DOCTOR_WORKS}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_CUT_OFF},
     {SPEECH_CAUSE_MTU}},
    {"files time out, a listing does not",
     LOGGED_IN({WORKS, WORKS, WORKS}, {DOCTOR_WORKS, DOCTOR_TIMED_OUT, DOCTOR_NOT_TRIED, DOCTOR_NOT_TRIED}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_RANGE_PARTIAL},
     {SPEECH_CAUSE_PASSIVE_CLOSED, SPEECH_CAUSE_HELPER_MISSING, SPEECH_CAUSE_OUT_BLOCKED}},
    {"a listing continues the session, files do not",
     NONE,
     LOGGED_IN({WORKS, WORKS, WORKS}, {DOCTOR_SAID_NO, DOCTOR_NOT_TRIED, DOCTOR_SAID_NO, DOCTOR_NOT_TRIED}),
     DOCTOR_SOME,
     {SPEECH_CAUSE_TLS_REUSE},
     {0}},
    {"a failure without a sign",
     LOGGED_IN({WORKS, WORKS, WORKS}, {DOCTOR_NO_TLS, DOCTOR_NOT_TRIED, DOCTOR_NOT_TRIED, DOCTOR_NOT_TRIED}),
     STOPPED(CLIENT_STEP_TLS, DOCTOR_NOT_OFFERED, 502),
     DOCTOR_SOME,
     {SPEECH_CAUSE_OTHER, SPEECH_CAUSE_NOT_OFFERED},
     {0}},
    {"nothing may be stored",
     LOGGED_IN({WORKS, WORKS, WORKS},
               {DOCTOR_NOT_ALLOWED, DOCTOR_WORKS, DOCTOR_NOT_ALLOWED, DOCTOR_NOT_TRIED}),
     NONE,
     DOCTOR_ALL,
     {0},
     {0}},
    {"files come back changed",
     LOGGED_IN({WORKS, WORKS, WORKS}, {DOCTOR_WORKS, DOCTOR_DIFFERS, DOCTOR_WORKS, DOCTOR_WORKS}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_CHANGED},
     {0}},
    {"one session too many",
     LOGGED_IN({WORKS, CODE_421, WORKS}),
     NONE,
     DOCTOR_SOME,
     {SPEECH_CAUSE_TOO_MANY},
     {0}},
};

/* ---- the table is played ---- */

static void fill_way(struct doctor_way *way, enum client_way bit, enum seen what, unsigned port)
{
    way->step.way = bit;
    way->step.stage = seen[what].stage;
    way->step.end = seen[what].end;
    way->step.code = seen[what].code;
    way->step.ms = seen[what].ms;
    way->is_foreign = seen[what].is_foreign && bit == CLIENT_PASV;
    way->step.port = (uint16_t)(what == UNTRIED || what == CODE_421 ? 0 : port);
    snprintf(way->step.reply, sizeof(way->step.reply), "%s", seen[what].reply);
    snprintf(way->named, sizeof(way->named), "%s", way->is_foreign ? "10.9.9.9" : "");
}

static void add_row(struct doctor_report *report, const struct row *from, bool is_tls, const char *here,
                    const char *server)
{
    struct doctor_row *row = &report->rows[report->row_count++];

    *row = (struct doctor_row){.family = AF_INET, .is_tls = is_tls, .step = from->step};
    row->is_near = !here;
    row->login.end = from->login;
    row->login.code = from->code;
    snprintf(row->here, sizeof(row->here), "%s", here ? here : "192.168.0.2");
    snprintf(row->server, sizeof(row->server), "%s", server ? server : "192.168.0.18");
    for (unsigned w = 0; w < DOCTOR_WAYS; w++)
        fill_way(&row->ways[w], (enum client_way)(1 << w), from->ways[w],
                 (from->first_port ? from->first_port : 30000) + 2 * w);
    for (unsigned m = 0; m < DOCTOR_MOVES; m++) {
        row->moves[m].end = from->moves[m];
        row->moves[m].stage = from->moves[m] == DOCTOR_TIMED_OUT ? CLIENT_DATA_CONNECT
                              : from->moves[m]                   ? CLIENT_DATA_MOVE
                                                                 : CLIENT_DATA_NONE;
        row->moves[m].way = CLIENT_EPSV;
        row->moves[m].port = (uint16_t)((from->first_port ? from->first_port : 30000) + 10 + m);
        row->moves[m].code = from->moves[m] == DOCTOR_SAID_NO ? 522 : 0;
    }
}

static bool is_among(enum speech_phrase cause, const enum speech_phrase list[MOST])
{
    for (unsigned i = 0; i < MOST && list[i]; i++)
        if (list[i] == cause)
            return true;
    return false;
}

static bool is_found(const struct doctor_report *report, enum speech_phrase cause, bool is_ruled_out)
{
    for (unsigned i = 0; i < report->finding_count; i++)
        if (report->findings[i].cause == cause && report->findings[i].is_ruled_out == is_ruled_out)
            return true;
    return false;
}

static void judged(void **state)
{
    static struct doctor_report report;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        report = (struct doctor_report){.port = 21};
        if (rows[i].tls.is_there)
            add_row(&report, &rows[i].tls, true, rows[i].here, rows[i].server);
        if (rows[i].plain.is_there)
            add_row(&report, &rows[i].plain, false, rows[i].here, rows[i].server);
        doctor_judge(&report);
        for (unsigned n = 0; n < report.finding_count; n++) {
            const struct doctor_finding *f = &report.findings[n];
            if (!is_among(f->cause, f->is_ruled_out ? rows[i].out : rows[i].fit))
                fail_msg("%s: %s %s", rows[i].name, speech_name(f->cause),
                         f->is_ruled_out ? "is ruled out" : "is said to fit");
        }
        for (unsigned n = 0; n < MOST && rows[i].fit[n]; n++)
            if (!is_found(&report, rows[i].fit[n], false))
                fail_msg("%s: %s is not found", rows[i].name, speech_name(rows[i].fit[n]));
        for (unsigned n = 0; n < MOST && rows[i].out[n]; n++)
            if (!is_found(&report, rows[i].out[n], true))
                fail_msg("%s: %s is not ruled out", rows[i].name, speech_name(rows[i].out[n]));
        if (doctor_verdict(&report) != rows[i].verdict)
            fail_msg("%s: the verdict is %d", rows[i].name, doctor_verdict(&report));
    }
}

/* Whatever is seen in all ways: there is a finding where something fails, none where all works, and none is both. */
static void always_something(void **state)
{
    static struct doctor_report report;
    enum { SEEN = CODE_421 + 1 };

    (void)state;
    for (unsigned n = 0; n < SEEN * SEEN * SEEN * SEEN; n++) {
        const struct row plain = LOGGED_IN({n % SEEN, n / SEEN % SEEN, n / SEEN / SEEN % SEEN});
        const struct row tls = LOGGED_IN({n / SEEN / SEEN / SEEN, n % SEEN, n / SEEN % SEEN});
        report = (struct doctor_report){.port = 21};
        add_row(&report, &tls, true, NULL, NULL);
        add_row(&report, &plain, false, NULL, NULL);
        doctor_judge(&report);
        for (unsigned i = 0; i < report.finding_count; i++) {
            const struct doctor_finding *f = &report.findings[i];
            assert_int_equal(strlen(f->words), speech_words(f->cause));
            assert_int_equal(strlen(f->fix_words), speech_words(f->fix));
            assert_true(!f->is_ruled_out || speech_words(f->why) <= 1);
        }
        for (unsigned i = 0; i < report.finding_count; i++)
            if (is_found(&report, report.findings[i].cause, !report.findings[i].is_ruled_out))
                fail_msg("%u: %s fits and is ruled out", n, speech_name(report.findings[i].cause));
        unsigned fits = 0;
        for (unsigned i = 0; i < report.finding_count; i++)
            fits += !report.findings[i].is_ruled_out;
        if (doctor_verdict(&report) == DOCTOR_SOME && !fits)
            fail_msg("%u: something fails, and nothing fits", n);
        if (doctor_verdict(&report) == DOCTOR_ALL && fits)
            fail_msg("%u: all works, and %s fits", n, speech_name(report.findings[0].cause));
    }
}

/* ---- what is said ---- */

static struct doctor_report found_of(const struct row *tls, int family, const char *here, const char *server)
{
    struct doctor_report report = {.port = 21};

    add_row(&report, tls, true, here, server);
    report.rows[0].family = family;
    return report;
}

static const char *command_of(struct doctor_report *report, enum speech_phrase cause, char out[SPEECH_TEXT])
{
    doctor_judge(report);
    for (unsigned i = 0; i < report->finding_count; i++)
        if (report->findings[i].cause == cause &&
            doctor_command(report, &report->findings[i], out, SPEECH_TEXT))
            return out;
    return "";
}

/* printf(3) ends a program that skips an argument (_FORTIFY_SOURCE), and msgfmt(1) refuses such a text. */
static void phrases_skip_no_word(void **state)
{
    static const char *const words[SPEECH_WORDS] = {"<1>", "<2>", "<3>", "<4>", "<5>", "<6>", "<7>", "<8>"};
    char text[SPEECH_TEXT];

    (void)state;
    for (unsigned p = 0; p < SPEECH_PHRASES; p++) {
        speech_text((enum speech_phrase)p, words, text, sizeof(text));
        for (unsigned i = 0; i < speech_words((enum speech_phrase)p); i++)
            if (!strstr(text, words[i]))
                fail_msg("%s skips its word %u", speech_name((enum speech_phrase)p), i + 1);
    }
}

static void commands(void **state)
{
    static const struct row blocked = LOGGED_IN({WAY_TIMED_OUT, UNTRIED, WAY_TIMED_OUT}),
                            away = STOPPED(CLIENT_STEP_CONNECT, DOCTOR_TIMED_OUT);
    struct doctor_report v4 = found_of(&blocked, AF_INET, NULL, NULL),
                         v6 = found_of(&blocked, AF_INET6, "2001:db8::2", "2001:db8::1"),
                         none = found_of(&away, AF_INET, NULL, NULL);
    char out[SPEECH_TEXT];

    (void)state;
    assert_string_equal(command_of(&v4, SPEECH_CAUSE_PASSIVE_CLOSED, out),
                        "sallywall explain --ftp epsv --tls --client 192.168.0.2 --server 192.168.0.18:21 "
                        "--pasv-ports 30000:30000");
    assert_string_equal(
        command_of(&v4, SPEECH_CAUSE_ACTIVE_HERE, out),
        "sallywall explain --ftp active --tls --at client --client 192.168.0.2 --server 192.168.0.18:21");
    assert_string_equal(
        command_of(&v6, SPEECH_CAUSE_ACTIVE_ANSWERS, out),
        "sallywall explain -6 --ftp eprt --tls --client 2001:db8::2 --server [2001:db8::1]:21");
    assert_string_equal(command_of(&none, SPEECH_CAUSE_CONTROL_DROPPED, out),
                        "sallywall explain --tcp '192.168.0.2 > 192.168.0.18:21'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judged),
        cmocka_unit_test(always_something),
        cmocka_unit_test(commands),
        cmocka_unit_test(phrases_skip_no_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
