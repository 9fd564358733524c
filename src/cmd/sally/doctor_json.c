/* SPDX-License-Identifier: BSD-2-Clause */
/* The doctor's report for a script. Ids are the phrases' names, which no language changes. */
#include "cmd/sally/doctor.h"

#include <jansson.h>
#include <sys/socket.h>

static const char *const ends[DOCTOR_ENDS] = {
    [DOCTOR_NOT_TRIED] = "not tried",     [DOCTOR_WORKS] = "works",
    [DOCTOR_KEPT_BACK] = "kept back",     [DOCTOR_NOT_OFFERED] = "not offered",
    [DOCTOR_NOT_ALLOWED] = "not allowed", [DOCTOR_NO_ROUTE] = "no route",
    [DOCTOR_TIMED_OUT] = "timed out",     [DOCTOR_REFUSED] = "refused",
    [DOCTOR_PROHIBITED] = "prohibited",   [DOCTOR_SAID_NO] = "said no",
    [DOCTOR_BROKEN] = "broken",           [DOCTOR_STALLED] = "stalled",
    [DOCTOR_NO_TLS] = "no TLS",           [DOCTOR_UNTRUSTED] = "untrusted",
    [DOCTOR_DIFFERS] = "differs",
};

static const char *const steps[CLIENT_STEPS] = {
    [CLIENT_STEP_CONNECT] = "connect", [CLIENT_STEP_WELCOME] = "welcome", [CLIENT_STEP_TLS] = "TLS",
    [CLIENT_STEP_LOGIN] = "login",     [CLIENT_STEP_OPEN] = "open",
};

static const char *const topics[DOCTOR_TOPICS] = {
    [DOCTOR_SESSION] = "session", [DOCTOR_PASSIVE] = "passive", [DOCTOR_ACTIVE_MODE] = "active",
    [DOCTOR_TRANSFERS] = "data",  [DOCTOR_REMARK] = "remark",
};

static void set(json_t *object, const char *key, json_t *value)
{
    (void)!json_object_set_new(object, key, value); /* for want of memory: it lacks the member */
}

static void append(json_t *array, json_t *value)
{
    (void)!json_array_append_new(array, value); /* for want of memory: it lacks the element */
}

static json_t *step_json(const struct doctor_step *step)
{
    json_t *object = json_pack("{s:s, s:i}", "outcome", ends[step->end], "ms", step->ms);

    if (step->code)
        set(object, "code", json_integer(step->code));
    if (step->bytes)
        set(object, "bytes", json_integer((json_int_t)step->bytes));
    if (step->port)
        set(object, "port", json_integer(step->port));
    if (*step->reply)
        set(object, "reply", show_text(step->reply));
    if (*step->said)
        set(object, "text", show_text(step->said));
    return object;
}

static json_t *way_json(const struct doctor_way *way)
{
    json_t *object = step_json(&way->step);

    set(object, "asked_ms", json_integer(way->asked_ms));
    set(object, "began_ms", json_integer(way->began_ms));
    if (way->is_foreign)
        set(object, "named", show_text(way->named));
    return object;
}

static json_t *login_json(const struct doctor_row *row)
{
    json_t *object = step_json(&row->login), *times = json_object();

    set(object, "step", json_string(steps[row->step]));
    for (unsigned i = 0; i < CLIENT_STEPS; i++)
        if (row->done_ms[i] || i < row->step)
            set(times, steps[i], json_integer(row->done_ms[i]));
    set(object, "done_ms", times);
    return object;
}

static json_t *row_json(const struct doctor_row *row)
{
    json_t *object =
        json_pack("{s:i, s:b, s:s, s:s, s:o}", "family", row->family == AF_INET6 ? 6 : 4, "tls",
                  (int)row->is_tls, "server", row->server, "here", row->here, "login", login_json(row));

    if (*row->fingerprint)
        set(object, "fingerprint", json_string(row->fingerprint));
    set(object, "EPSV", way_json(&row->ways[DOCTOR_EPSV]));
    set(object, "PASV", way_json(&row->ways[DOCTOR_PASV]));
    set(object, "active", way_json(&row->ways[DOCTOR_ACTIVE]));
    set(object, "small_put", step_json(&row->moves[DOCTOR_SMALL_PUT]));
    set(object, "small_get", step_json(&row->moves[DOCTOR_SMALL_GET]));
    set(object, "large_put", step_json(&row->moves[DOCTOR_LARGE_PUT]));
    set(object, "large_get", step_json(&row->moves[DOCTOR_LARGE_GET]));
    return object;
}

static json_t *phrase_json(const struct doctor_report *report, const struct doctor_finding *f,
                           enum speech_phrase phrase)
{
    char text[SPEECH_TEXT];

    doctor_phrase(report, f, phrase, text);
    return json_pack("{s:s, s:o}", "id", speech_name(phrase), "text", show_text(text));
}

static json_t *finding_json(const struct doctor_report *report, const struct doctor_finding *f)
{
    json_t *object = phrase_json(report, f, f->cause);
    char command[SPEECH_TEXT];

    set(object, "topic", json_string(topics[f->topic]));
    set(object, "family", json_integer(f->row->family == AF_INET6 ? 6 : 4));
    if (f->is_ruled_out) {
        set(object, "why", phrase_json(report, f, f->why));
        return object;
    }
    set(object, "side", json_string(f->side == DOCTOR_THIS_SIDE ? "here" : "server"));
    set(object, "fix", phrase_json(report, f, f->fix));
    if (doctor_command(report, f, command, sizeof(command)))
        set(object, "tell",
            json_pack("{s:s, s:o}", "on", doctor_is_told_here(f->tell) ? "here" : "server", "command",
                      show_text(command)));
    return object;
}

json_t *doctor_json(const char *host, const struct doctor_report *report)
{
    json_t *rows = json_array(), *causes = json_array(), *ruled_out = json_array();
    json_t *object;

    for (unsigned i = 0; i < report->row_count; i++)
        append(rows, row_json(&report->rows[i]));
    for (unsigned i = 0; i < report->finding_count; i++) {
        const struct doctor_finding *f = &report->findings[i];
        append(f->is_ruled_out ? ruled_out : causes, finding_json(report, f));
    }
    object = json_pack("{s:s, s:o, s:i, s:i, s:o, s:o, s:o}", "event", "report", "host", show_text(host),
                       "port", report->port, "status", (int)doctor_verdict(report), "rows", rows, "causes",
                       causes, "ruled_out", ruled_out);
    if (object && *report->left)
        set(object, "left", show_text(report->left));
    return object;
}
