/* SPDX-License-Identifier: BSD-2-Clause */
/* Control connections: what is said on them, and how they end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/replay/dialog.h"
#include "explain/replay/survey_run.h"
#include "speech/speech.h"
#include "track/hear.h"

bool survey_is_port(const struct survey_run *run, uint16_t port)
{
    for (size_t i = 0; i < run->port_count; i++) {
        if (run->ports[i] == port)
            return true;
    }
    return false;
}

/* Of an end that did not begin before our eyes the port tells, or who speaks of what. */
static uint8_t client_side(const struct survey_run *run, const struct follow *c, const struct packet *p,
                           bool by_port)
{
    if (c->begun || follow_is_established(c))
        return 0;
    if (by_port)
        return survey_is_port(run, c->port[1]) ? 0 : 1;
    const uint8_t *payload = p->bytes + p->payload;
    bool by_server = payload[0] >= '1' && payload[0] <= '5';
    return by_server ? !run->event.side : run->event.side;
}

int survey_add_session(struct survey_run *run, struct follow *c, const struct packet *p, bool by_port)
{
    struct survey *s = run->survey;

    if (s->session_count == SURVEY_SESSIONS) {
        s->overflowed = true;
        return 0;
    }
    struct survey_session *all =
        survey_grow(s->sessions, s->session_count, &s->session_capacity, sizeof(*all));
    if (!all)
        return -ENOMEM;
    s->sessions = all;
    struct survey_session *new = &all[s->session_count];
    uint8_t client = client_side(run, c, p, by_port);
    *new = (struct survey_session){.serial = c->serial,
                                   .family = c->family,
                                   .client_side = client,
                                   .client = c->address[client],
                                   .server = c->address[!client],
                                   .client_port = c->port[client],
                                   .server_port = c->port[!client],
                                   .by_port = by_port,
                                   .begun = c->begun,
                                   .task = SURVEY_NONE,
                                   .connect = SURVEY_NONE,
                                   .login = SURVEY_NONE,
                                   .first_task = (uint32_t)s->task_count};
    uint32_t index = (uint32_t)s->session_count++;
    int r = survey_add_role(s, c->serial, index, SURVEY_NONE, &c->user);
    if (!r && c->begun)
        r = survey_add_task(s, index, "connect", run->now->number, &s->sessions[index].connect);
    return r;
}

/* ---- the end ---- */

static int end_task(struct survey_run *run, uint32_t task, uint32_t frame, enum survey_state state,
                    const char *what)
{
    struct survey_task *t = survey_task_at(run->survey, task);

    if (!t || t->state > SURVEY_STARTED)
        return 0;
    t->state = state;
    t->end = frame;
    return survey_blame(run->survey, task, frame, false, strdup(what));
}

int survey_end_tasks(struct survey_run *run, const struct survey_session *session, uint32_t frame,
                     enum survey_state state, const char *what)
{
    const uint32_t open[] = {session->connect, session->login, session->task};
    int r = survey_add_cause(run->survey, (uint32_t)(session - run->survey->sessions), frame, "%s", what);

    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]) && !r; i++)
        r = end_task(run, open[i], frame, state, what);
    return r;
}

static bool has_open_task(const struct survey_run *run, const struct survey_session *session)
{
    const struct survey_task *task = survey_task_at(run->survey, session->task);
    const struct survey_task *login = survey_task_at(run->survey, session->login);

    return !session->greeted || (task && task->state <= SURVEY_STARTED) ||
           (login && login->state <= SURVEY_STARTED);
}

/* How it ends; what that means is known once it is clear that the capture has all of it (end_control). */
static void note_end(struct survey_run *run, struct survey_session *session, const struct packet *p)
{
    const struct follow *c = run->event.of;
    bool is_reset = p->tcp.flags & PACKET_RST;

    if (session->closed || run->event.is_leftover || !(p->tcp.flags & (PACKET_RST | PACKET_FIN)))
        return;
    session->closed = true;
    if (!is_reset && (session->tls || !has_open_task(run, session)))
        return;
    session->ended = run->now->number;
    session->ended_by_client = run->event.side == session->client_side;
    if (session->ended_by_client)
        session->ended_how = is_reset ? SAID(CAUSE_CLIENT_RESETS) : SAID(CAUSE_CLIENT_CLOSES);
    else if (is_reset && c->begun && !follow_is_established(c))
        session->ended_how = SAID(CAUSE_REFUSED);
    else
        session->ended_how = is_reset ? SAID(CAUSE_SERVER_RESETS) : SAID(CAUSE_SERVER_CLOSES);
}

int survey_judge_end(struct survey_run *run, struct survey_session *s)
{
    if (!s->ended)
        return 0;
    if (s->lost || s->one_way || s->cut || !s->begun)
        return survey_add_cause(run->survey, (uint32_t)(s - run->survey->sessions), s->ended, "%s",
                                s->ended_how);
    return survey_end_tasks(run, s, s->ended, s->ended_by_client ? SURVEY_GIVEN_UP : SURVEY_FAILED,
                            s->ended_how);
}

/* ---- its packets ---- */

/* What is under TLS from the first byte on is not read either (port 990). */
static bool begins_tls(const struct survey_session *s, const struct packet *p)
{
    return !s->tls && !s->guess.heard && track_payload_is_tls(p->bytes + p->payload, packet_payload_size(p));
}

/* Nobody begins a line of FTP like that; telnet's commands may stand before one. */
static bool is_binary(const struct survey_session *s, uint8_t first)
{
    return !s->guess.heard && !s->guess.protocol && first < 0xf0 && (first < ' ' || first > '~') &&
           first != '\r' && first != '\n';
}

/* text is freed; NULL: out of memory. */
static int add_cause(struct survey_run *run, uint32_t index, char *text)
{
    int r = text ? survey_add_cause(run->survey, index, run->now->number, "%s", text) : -ENOMEM;

    free(text);
    return r;
}

static int hear(struct survey_run *run, uint32_t index, const struct packet *p)
{
    struct survey_session *s = &run->survey->sessions[index];
    bool by_server = run->event.side != s->client_side;
    uint32_t there = packet_payload_size(p), size = p->length > p->payload ? p->length - p->payload : 0;
    struct dialog dialog = {run->survey, index, run->now->number, survey_announce, run, 0};

    if (!size)
        return 0;
    if (begins_tls(s, p))
        return survey_note_tls(run->survey, index, run->now->number);
    if (s->tls)
        return 0;
    if (there && is_binary(s, p->bytes[p->payload]))
        s->guess.protocol = SPEECH_OTHER;
    if (there < size) {
        s->cut = s->cut ? s->cut : run->now->number;
        int r = add_cause(run, index, PHRASE(CAUSE_CUT, NUMBER(there), NUMBER(size)));
        if (r)
            return r;
    }
    /* TLS may begin within what dialog does: then the rest of this segment is no line. */
    int r = speech_feed(&s->speech[by_server], p->tcp.sequence, p->bytes + p->payload, there, size,
                        by_server ? dialog_server : dialog_client, &dialog);
    return r ? r : dialog.error;
}

int survey_control_packet(struct survey_run *run, uint32_t index, const struct packet *p)
{
    struct survey_session *s = &run->survey->sessions[index];
    const struct follow_event *e = &run->event;

    s->last_frame = run->now->number;
    if (e->lost) {
        bool of_server = e->side == s->client_side;
        bool first = !s->lost;

        s->lost = true;
        s->queued = 0; /* which answer is to which command is no longer known */
        s->multiline = 0;
        speech_skip(&s->speech[of_server], e->of->side[!e->side].next);
        int r = first && !s->tls ? add_cause(run, index, PHRASE(CAUSE_LOST, NUMBER(e->lost))) : 0;
        if (r)
            return r;
    }
    int r = hear(run, index, p);
    note_end(run, &run->survey->sessions[index], p);
    return r;
}
