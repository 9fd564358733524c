/* SPDX-License-Identifier: BSD-2-Clause */
/* sally doctor: what of FTP works between here and a server, and why the rest does not. */
#include "cmd/sally/doctor.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>

static const char *const ways[] = {[DOCTOR_EPSV] = "EPSV", [DOCTOR_PASV] = "PASV", [DOCTOR_ACTIVE] = "PORT"};

struct examining {
    struct show *show;
    struct session *session;
};

static bool trust(void *arg, const struct client_seen *seen)
{
    const struct examining *e = arg;

    return session_trust(e->session, seen);
}

/* It may take a minute: what is tried now. */
static void begin(void *arg, const struct doctor_row *row, enum doctor_way_number way)
{
    const struct examining *e = arg;
    char name[64], line[96];

    doctor_row_name(row, name, sizeof(name));
    snprintf(line, sizeof(line), "%s %s...", name, ways[way]);
    show_status(e->show, line);
}

/* A file of ours that stayed, for want of a report. */
static void tell_left(const struct doctor_report *r)
{
    if (*r->left)
        WRONG(DOCTOR_LEFT, r->left, r->left_why);
}

static int report(const struct options *o, struct show *show, const char *host, const struct doctor_report *r)
{
    json_t *object = o->is_json ? doctor_json(host, r) : NULL;

    if (o->is_json && !object)
        return say_local("sally", ENOMEM);
    if (o->is_json)
        show_event(show, object);
    else
        doctor_print(r);
    if (fflush(stdout) != 0 || ferror(stdout))
        return say_local(SAID(STANDARD_OUTPUT), errno);
    return (int)doctor_verdict(r);
}

static int examine(const struct options *o, struct show *show, struct session *s, const char *folder)
{
    struct examining e = {.show = show, .session = s};
    struct doctor_report found;
    struct doctor_plan plan = {.site = session_site(s),
                               .folder = folder,
                               .is_tls_only = o->site.security == CLIENT_TLS_EXPLICIT,
                               .may_store = !o->stores_nothing,
                               .ears = show_ears(show, 0),
                               .stop = o->stop,
                               .begin = begin,
                               .trust = trust,
                               .arg = &e};
    enum client_result r = doctor_examine(&plan, &found);

    show_pause(show);
    if (r) {
        tell_left(&found);
        show_failure(show);
        return (int)r;
    }
    return report(o, show, session_site(s)->host, &found);
}

static int examine_url(const struct options *o, struct show *show, const struct client_url *url)
{
    struct session *s = NULL;
    enum client_result r = session_prepare(&s, o, show, url);
    int code = r ? (int)r : examine(o, show, s, url->path);

    if (r)
        show_failure(show);
    session_close(&s);
    return code;
}

int doctor_beside(const struct options *o, const struct session *s, const char *folder)
{
    struct show *show = show_new(o);
    struct session *own = NULL;
    enum client_result r;
    int code;

    if (!show)
        return say_local("sally", ENOMEM);
    r = session_beside(&own, s, o, show);
    code = r ? (int)r : examine(o, show, own, folder);
    session_close(&own);
    show_free(&show);
    return code;
}

int command_doctor(const struct options *o, char *const urls[])
{
    struct client_url url;
    enum client_url_error error = client_url_parse(urls[0], &url);
    struct show *show;
    int code;

    if (error)
        return say_no_url(urls[0], error);
    show = show_new(o);
    code = show ? examine_url(o, show, &url) : say_local("sally", ENOMEM);
    show_free(&show);
    client_url_free(&url);
    return code;
}

/* ---- names, for both forms of a report ---- */

void doctor_row_name(const struct doctor_row *row, char *out, size_t cap)
{
    char plain[64];

    snprintf(out, cap, "%s %s", row->family == AF_INET6 ? "IPv6" : "IPv4",
             row->is_tls ? "TLS" : speech_text(SPEECH_ROW_PLAIN, NULL, plain, sizeof(plain)));
}

void doctor_phrase(const struct doctor_report *report, const struct doctor_finding *f,
                   enum speech_phrase phrase, char out[SPEECH_TEXT])
{
    const char *kinds = phrase == f->cause                        ? f->words
                        : phrase == f->fix                        ? f->fix_words
                        : phrase == SPEECH_LETTER_SEEN            ? "HSP"
                        : f->is_ruled_out && speech_words(phrase) ? "W"
                                                                  : "";
    const char *words[SPEECH_WORDS];
    char port[8];

    doctor_words(report, f, kinds, port, words);
    speech_text(phrase, words, out, SPEECH_TEXT);
}

static const char *const moves[] = {[DOCTOR_SMALL_PUT] = "STOR",
                                    [DOCTOR_SMALL_GET] = "RETR",
                                    [DOCTOR_LARGE_PUT] = "STOR",
                                    [DOCTOR_LARGE_GET] = "RETR"};

/* What is nobody's fault is not told. */
static bool is_told(const struct doctor_step *step)
{
    return *step->said && (step->end >= DOCTOR_TIMED_OUT || step->end == DOCTOR_WORKS);
}

static void each_of_row(const struct doctor_row *row, doctor_seen_fn *visit, void *arg)
{
    char name[64], where[160], size[64];

    doctor_row_name(row, name, sizeof(name));
    if (is_told(&row->login))
        visit(arg, name, &row->login);
    for (unsigned w = 0; w < DOCTOR_WAYS; w++) {
        snprintf(where, sizeof(where), "%s %s", name,
                 w == DOCTOR_ACTIVE && row->family == AF_INET6 ? "EPRT" : ways[w]);
        if (is_told(&row->ways[w].step))
            visit(arg, where, &row->ways[w].step);
    }
    for (unsigned m = 0; m < DOCTOR_MOVES; m++) {
        speech_text(m < DOCTOR_LARGE_PUT ? SPEECH_COLUMN_SMALL : SPEECH_COLUMN_LARGE, NULL, size,
                    sizeof(size));
        snprintf(where, sizeof(where), "%s %s (%s)", name, moves[m], size);
        if (is_told(&row->moves[m]))
            visit(arg, where, &row->moves[m]);
    }
}

/* Of a row that was not tried, since the one before it did not connect, nothing was seen. */
static bool is_copy(const struct doctor_report *report, unsigned i)
{
    const struct doctor_row *row = &report->rows[i];

    return i > 0 && !row->is_tls && row->step == CLIENT_STEP_CONNECT && row[-1].family == row->family &&
           row[-1].step == CLIENT_STEP_CONNECT;
}

void doctor_each_seen(const struct doctor_report *report, doctor_seen_fn *visit, void *arg)
{
    for (unsigned i = 0; i < report->row_count; i++)
        if (!is_copy(report, i))
            each_of_row(&report->rows[i], visit, arg);
}
