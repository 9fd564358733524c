/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what was seen to what may be the cause. Each cause of the table has the sign by which one thinks of it, and what speaks against it: seen,
 * it can't be that alone. Judged is each address family for itself, since each has firewalls of its own. Nothing here looks at anything but the
 * report.
 */
#include "client/doctor_signs.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- the table ---- */

/* And the words of both phrases: S the server's address, H this machine's, P the control port, D what was seen. */
#define CAUSE(name, words, fix_words) SPEECH_CAUSE_##name, SPEECH_FIX_##name, words, fix_words
enum { AGAINST = 3 };

static const struct cause {
    enum speech_phrase cause, fix;
    const char *words, *fix_words;
    enum doctor_topic topic;
    enum doctor_side side;
    enum doctor_tell tell;
    doctor_sign_fn *sign;
    struct {
        doctor_sign_fn *is;
        enum speech_phrase why;
    } against[AGAINST];
} causes[] = {
    {CAUSE(CONTROL_DROPPED, "P", "SP"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_CONTROL,
     doctor_saw_control_blocked,
     {{doctor_saw_refused, SPEECH_WHY_REFUSED}, {doctor_saw_prohibited, SPEECH_WHY_PROHIBITED}}},
    {CAUSE(HOST_AWAY, "S", "S"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_control_blocked,
     {{doctor_saw_refused, SPEECH_WHY_REFUSED}}},
    {CAUSE(NOT_LISTENING, "PS", "PS"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_LISTEN,
     doctor_saw_control_blocked,
     {{doctor_saw_unanswered, SPEECH_WHY_NO_ANSWER}, {doctor_saw_prohibited, SPEECH_WHY_PROHIBITED}}},
    {CAUSE(CONTROL_REJECTED, "P", "SP"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_CONTROL,
     doctor_saw_control_blocked,
     {{doctor_saw_unanswered, SPEECH_WHY_NO_ANSWER}}},
    {CAUSE(NO_ROUTE, "S", "S"),
     DOCTOR_SESSION,
     DOCTOR_THIS_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_no_route,
     {{NULL}}},
    {CAUSE(SILENT, "", "S"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_silent,
     {{NULL}}},
    {CAUSE(CLOSED_AT_ONCE, "", "H"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_closed,
     {{NULL}}},
    {CAUSE(TOO_MANY, "D", "H"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_too_many,
     {{NULL}}},
    {CAUSE(LOGIN_REFUSED, "D", "H"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_login_refused,
     {{NULL}}},
    {CAUSE(TLS_GONE, "D", "S"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_tls_gone,
     {{NULL}}},
    {CAUSE(UNTRUSTED, "", "D"),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_untrusted,
     {{NULL}}},
    {CAUSE(HANDSHAKE, "", ""),
     DOCTOR_SESSION,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_handshake,
     {{NULL}}},

    /* The firewall that drops passive connections drops them all, unless something tells it otherwise, */
    {CAUSE(PASSIVE_CLOSED, "", ""),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_PASSIVE,
     doctor_saw_passive_blocked,
     {{doctor_saw_passive_stood, SPEECH_WHY_PASSIVE_STOOD}}},
    {CAUSE(HELPER_MISSING, "", "P"),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_PASSIVE,
     doctor_saw_passive_blocked,
     {{doctor_saw_passive_stood, SPEECH_WHY_PASSIVE_STOOD}}},
    /* which can't be done under TLS. */
    {CAUSE(HELPER_BLIND, "", ""),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_PASSIVE,
     doctor_saw_tls_passive_blocked,
     {{doctor_saw_plain_passive_blocked, SPEECH_WHY_PLAIN_SAME},
      {doctor_saw_tls_passive_stood, SPEECH_WHY_PASSIVE_STOOD}}},
    {CAUSE(RANGE_PARTIAL, "D", ""),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_PASSIVE,
     doctor_saw_passive_mixed,
     {{doctor_saw_ports_mixed, SPEECH_WHY_PORTS_MIXED}}},
    {CAUSE(OUT_BLOCKED, "", "SD"),
     DOCTOR_PASSIVE,
     DOCTOR_THIS_SIDE,
     DOCTOR_TELL_PASSIVE_HERE,
     doctor_saw_passive_blocked,
     {{doctor_saw_passive_stood, SPEECH_WHY_PASSIVE_STOOD}}},
    {CAUSE(HELPER_OLD, "", ""),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_PASSIVE,
     doctor_saw_plain_only_pasv,
     {{doctor_saw_tls_only_pasv, SPEECH_WHY_TLS_SAME}}},
    {CAUSE(PASV_ADDRESS, "D", "S"),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_foreign,
     {{doctor_saw_tls_names_itself, SPEECH_WHY_TLS_RIGHT}}},
    {CAUSE(EPSV_UNKNOWN, "D", ""),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_no_epsv,
     {{doctor_saw_tls_takes_epsv, SPEECH_WHY_TLS_RIGHT}}},
    {CAUSE(PASSIVE_REFUSED, "D", ""),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_passive_refused,
     {{NULL}}},
    {CAUSE(OTHER_PEER, "D", ""),
     DOCTOR_PASSIVE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_other_peer,
     {{doctor_saw_wants_session, SPEECH_WHY_SAYS_REUSE}}},

    /* None of these three tells TLS from none. */
    {CAUSE(ACTIVE_ANSWERS, "", ""),
     DOCTOR_ACTIVE_MODE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_ACTIVE,
     doctor_saw_active_silent,
     {{doctor_saw_active_came, SPEECH_WHY_ACTIVE_WORKS},
      {doctor_saw_stranger, SPEECH_WHY_STRANGER_CAME},
      {doctor_saw_gave_up_at_once, SPEECH_WHY_AT_ONCE}}},
    {CAUSE(ACTIVE_OUT, "", ""),
     DOCTOR_ACTIVE_MODE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_ACTIVE,
     doctor_saw_active_silent,
     {{doctor_saw_active_came, SPEECH_WHY_ACTIVE_WORKS}, {doctor_saw_stranger, SPEECH_WHY_STRANGER_CAME}}},
    {CAUSE(ACTIVE_HERE, "", "S"),
     DOCTOR_ACTIVE_MODE,
     DOCTOR_THIS_SIDE,
     DOCTOR_TELL_ACTIVE_HERE,
     doctor_saw_active_silent,
     {{doctor_saw_active_came, SPEECH_WHY_ACTIVE_WORKS}, {doctor_saw_stranger, SPEECH_WHY_STRANGER_CAME}}},
    {CAUSE(NAT_HERE, "H", ""),
     DOCTOR_ACTIVE_MODE,
     DOCTOR_THIS_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_private_here,
     {{doctor_saw_active_came, SPEECH_WHY_ACTIVE_WORKS}, {doctor_saw_stranger, SPEECH_WHY_STRANGER_CAME}}},
    {CAUSE(ACTIVE_BLIND, "", ""),
     DOCTOR_ACTIVE_MODE,
     DOCTOR_THIS_SIDE,
     DOCTOR_TELL_ACTIVE_HERE,
     doctor_saw_tls_active_fail,
     {{doctor_saw_plain_active_fail, SPEECH_WHY_PLAIN_SAME}}},
    {CAUSE(ACTIVE_STRANGER, "D", "S"),
     DOCTOR_ACTIVE_MODE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_stranger,
     {{doctor_saw_active_came, SPEECH_WHY_ACTIVE_WORKS}}},
    {CAUSE(ACTIVE_REFUSED, "D", ""),
     DOCTOR_ACTIVE_MODE,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_active_refused,
     {{doctor_saw_active_came, SPEECH_WHY_ACTIVE_WORKS},
      {doctor_saw_tls_takes_active, SPEECH_WHY_TLS_RIGHT}}},

    {CAUSE(ALG, "", ""),
     DOCTOR_TRANSFERS,
     DOCTOR_THIS_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_seems_read,
     {{doctor_saw_tls_looks_the_same, SPEECH_WHY_TLS_SAME}}},
    {CAUSE(TLS_REUSE, "", ""),
     DOCTOR_TRANSFERS,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_session_or_tls,
     {{doctor_saw_resumed, SPEECH_WHY_RESUMED}}},
    {CAUSE(DATA_TLS, "", ""),
     DOCTOR_TRANSFERS,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_data_tls,
     {{doctor_saw_wants_session, SPEECH_WHY_SAYS_REUSE}}},
    {CAUSE(MTU, "", ""),
     DOCTOR_TRANSFERS,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_MTU,
     doctor_saw_large_stalls,
     {{doctor_saw_small_stalls, SPEECH_WHY_SMALL_STALLS}, {doctor_saw_large_works, SPEECH_WHY_LARGE_WORKS}}},
    {CAUSE(CUT_OFF, "", "D"),
     DOCTOR_TRANSFERS,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_moves_hang,
     {{NULL}}},
    {CAUSE(CONTROL_CUT, "", "H"),
     DOCTOR_TRANSFERS,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_control_cut,
     {{NULL}}},
    {CAUSE(CHANGED, "", ""),
     DOCTOR_TRANSFERS,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_changed,
     {{NULL}}},
    {CAUSE(SERVER_SAYS, "D", "D"),
     DOCTOR_TRANSFERS,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_server_says,
     {{NULL}}},

    {CAUSE(TLS_WANTED, "D", ""),
     DOCTOR_REMARK,
     DOCTOR_THIS_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_wants_tls,
     {{NULL}}},
    {CAUSE(NOT_OFFERED, "D", ""),
     DOCTOR_REMARK,
     DOCTOR_SERVER_SIDE,
     DOCTOR_TELL_NOTHING,
     doctor_saw_not_offered,
     {{NULL}}},
};

enum { CAUSES = sizeof(causes) / sizeof(causes[0]) };
_Static_assert(2 * (CAUSES + DOCTOR_TOPICS) <= DOCTOR_FINDINGS, "room for all causes of both families");

/* ---- judging ---- */

static void judge_cause(struct doctor_report *report, const struct cause *cause,
                        const struct doctor_evidence *e, bool ruled_out)
{
    struct doctor_finding f = {.cause = cause->cause,
                               .fix = cause->fix,
                               .words = cause->words,
                               .fix_words = cause->fix_words,
                               .topic = cause->topic,
                               .side = cause->side,
                               .tell = cause->tell};
    struct doctor_sign sign = {.row = NULL}, against = {.row = NULL};

    if (!cause->sign(e, &sign))
        return;
    for (unsigned i = 0; i < AGAINST && cause->against[i].is && !f.is_ruled_out; i++) {
        f.is_ruled_out = cause->against[i].is(e, &against);
        f.why = cause->against[i].why;
    }
    if (f.is_ruled_out != ruled_out)
        return;
    f.row = sign.row;
    memcpy(f.detail, sign.detail, sizeof(f.detail));
    memcpy(f.why_detail, against.detail, sizeof(f.why_detail));
    report->findings[report->finding_count++] = f;
}

static const struct doctor_row nothing;

static struct doctor_evidence evidence_of(const struct doctor_report *report, int family)
{
    struct doctor_evidence e = {&nothing, &nothing};

    for (unsigned i = 0; i < report->row_count; i++)
        if (report->rows[i].family == family)
            *(report->rows[i].is_tls ? &e.tls : &e.plain) = &report->rows[i];
    return e;
}

static bool row_fails(const struct doctor_row *row)
{
    bool fails = doctor_is_failure(row->login.end);

    for (unsigned w = 0; w < DOCTOR_WAYS; w++) /* another client would go to the address that was named */
        fails |= doctor_is_failure(row->ways[w].step.end) || row->ways[w].is_foreign;
    for (unsigned m = 0; m < DOCTOR_MOVES; m++)
        fails |= doctor_is_failure(row->moves[m].end);
    return fails;
}

static bool is_explained(const struct doctor_report *report, int family, enum doctor_topic topic)
{
    for (unsigned i = 0; i < report->finding_count; i++)
        if (report->findings[i].row->family == family && report->findings[i].topic == topic)
            return true;
    return false;
}

/* Something of this topic fails, or of what can be of any mode: is there a cause? */
static void judge_rest(struct doctor_report *report, const struct doctor_row *row, enum doctor_topic topic)
{
    if (is_explained(report, row->family, topic) ||
        (topic != DOCTOR_SESSION && is_explained(report, row->family, DOCTOR_TRANSFERS)))
        return;
    report->findings[report->finding_count++] = (struct doctor_finding){.cause = SPEECH_CAUSE_OTHER,
                                                                        .fix = SPEECH_FIX_OTHER,
                                                                        .words = "",
                                                                        .fix_words = "",
                                                                        .topic = topic,
                                                                        .row = row};
}

static enum doctor_topic topic_of(enum client_way way)
{
    return way == CLIENT_ACTIVE ? DOCTOR_ACTIVE_MODE : DOCTOR_PASSIVE;
}

/* What fails and shows no sign that is known. */
static void judge_rest_of(struct doctor_report *report, const struct doctor_row *row)
{
    if (doctor_is_failure(row->login.end))
        judge_rest(report, row, DOCTOR_SESSION);
    for (unsigned w = 0; w < DOCTOR_WAYS; w++) {
        const struct doctor_step *step = &row->ways[w].step;
        if (doctor_is_failure(step->end))
            judge_rest(report, row, step->stage == CLIENT_DATA_NONE ? DOCTOR_SESSION : topic_of(step->way));
    }
    for (unsigned m = 0; m < DOCTOR_MOVES; m++)
        if (doctor_is_failure(row->moves[m].end))
            judge_rest(report, row,
                       row->moves[m].stage == CLIENT_DATA_CONNECT ? topic_of(row->moves[m].way)
                                                                  : DOCTOR_TRANSFERS);
}

/* That a server lets nobody in without TLS is its good right. */
static void allow_tls_wanted(struct doctor_report *report)
{
    for (unsigned i = 0; i < report->row_count; i++) {
        struct doctor_row *row = &report->rows[i];
        if (!row->is_tls && row->step == CLIENT_STEP_LOGIN && row->login.end == DOCTOR_SAID_NO &&
            row->login.code != 421 && evidence_of(report, row->family).tls->login.end == DOCTOR_WORKS)
            row->login.end = DOCTOR_NOT_ALLOWED;
    }
}

void doctor_judge(struct doctor_report *report)
{
    static const int families[] = {AF_INET, AF_INET6};

    report->finding_count = 0;
    allow_tls_wanted(report);
    for (unsigned pass = 0; pass < 4; pass++) {
        struct doctor_evidence e = evidence_of(report, families[pass % 2]);
        for (unsigned i = 0; i < CAUSES; i++)
            judge_cause(report, &causes[i], &e, pass >= 2);
        if (pass < 2) {
            judge_rest_of(report, e.plain);
            judge_rest_of(report, e.tls);
        }
    }
}

/* Whatever stands behind DOCTOR_WORKS and before what fails is nobody's fault. */
enum doctor_verdict doctor_verdict(const struct doctor_report *report)
{
    bool fails = false, works = false;

    for (unsigned i = 0; i < report->row_count; i++) {
        fails |= row_fails(&report->rows[i]);
        for (unsigned w = 0; w < DOCTOR_WAYS; w++)
            works |= report->rows[i].ways[w].step.end == DOCTOR_WORKS;
    }
    return !works ? DOCTOR_NONE : fails ? DOCTOR_SOME : DOCTOR_ALL;
}

/* ---- what is said of a finding ---- */

void doctor_words(const struct doctor_report *report, const struct doctor_finding *f, const char *kinds,
                  char port[8], const char *words[SPEECH_WORDS])
{
    unsigned n = 0;

    snprintf(port, 8, "%u", report->port);
    for (; *kinds; kinds++)
        words[n++] = *kinds == 'S'   ? f->row->server
                     : *kinds == 'H' ? f->row->here
                     : *kinds == 'P' ? port
                     : *kinds == 'W' ? f->why_detail
                                     : f->detail;
    while (n < SPEECH_WORDS)
        words[n++] = "";
}

bool doctor_is_told_here(enum doctor_tell tell)
{
    return tell == DOCTOR_TELL_PASSIVE_HERE || tell == DOCTOR_TELL_ACTIVE_HERE || tell == DOCTOR_TELL_MTU;
}

/* The way of the row that the finding is about. */
static const struct doctor_way *way_of(const struct doctor_finding *f, bool is_active)
{
    if (is_active)
        return &f->row->ways[DOCTOR_ACTIVE];
    return &f->row->ways[doctor_is_blocked(&f->row->ways[DOCTOR_EPSV].step) ? DOCTOR_EPSV : DOCTOR_PASV];
}

static void session_command(const struct doctor_report *report, const struct doctor_finding *f, char *out,
                            size_t cap)
{
    bool is_v6 = f->row->family == AF_INET6,
         is_active = f->tell == DOCTOR_TELL_ACTIVE || f->tell == DOCTOR_TELL_ACTIVE_HERE;
    const struct doctor_way *way = way_of(f, is_active);
    const char *mode = !is_active ? (way == &f->row->ways[DOCTOR_EPSV] ? "epsv" : "passive")
                       : is_v6    ? "eprt"
                                  : "active";
    char ports[40] = "";

    if (!is_active)
        snprintf(ports, sizeof(ports), " --pasv-ports %u:%u", way->step.port, way->step.port);
    snprintf(out, cap, "sallywall explain%s --ftp %s%s%s --client %s --server %s%s%s:%u%s",
             is_v6 ? " -6" : "", mode, f->row->is_tls ? " --tls" : "",
             doctor_is_told_here(f->tell) ? " --at client" : "", f->row->here, is_v6 ? "[" : "",
             f->row->server, is_v6 ? "]" : "", report->port, ports);
}

bool doctor_command(const struct doctor_report *report, const struct doctor_finding *f, char *out, size_t cap)
{
    bool is_v6 = f->row->family == AF_INET6;

    switch (f->tell) {
    case DOCTOR_TELL_NOTHING:
        return false;
    case DOCTOR_TELL_LISTEN:
        snprintf(out, cap, "ss -ltn 'sport = :%u'", report->port);
        return true;
    case DOCTOR_TELL_CONTROL:
        snprintf(out, cap,
                 is_v6 ? "sallywall explain -6 --tcp '[%s] > [%s]:%u'"
                       : "sallywall explain --tcp '%s > %s:%u'",
                 f->row->here, f->row->server, report->port);
        return true;
    case DOCTOR_TELL_MTU:
        snprintf(out, cap, "ping -%u -M do -c 3 -s %u %s", is_v6 ? 6U : 4U, is_v6 ? 1452U : 1472U,
                 f->row->server);
        return true;
    default:
        session_command(report, f, out, cap);
        return true;
    }
}
