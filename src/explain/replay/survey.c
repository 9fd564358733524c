/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/survey.h"

#include <errno.h>
#include <stdlib.h>

#include "explain/make.h"
#include "explain/replay/survey_run.h"
#include "packet/decode.h"
#include "speech/speech.h"

enum {
    TRANSLATED_MS = 500,
    ROUTED_MOST = 4,      /* routers in between */
    UNANSWERED_MS = 3000, /* who has waited so long, and the capture with him, got no answer */
};

/* ---- errors that routers and hosts send ---- */

static int error_packet(struct survey_run *run, const struct packet *p)
{
    bool is_unreachable =
        p->family == PACKET_IPV4 ? p->icmp.type == 3 && p->icmp.code != 4 : p->icmp.type == 1;
    uint32_t there = packet_payload_size(p);
    struct packet inner;

    if (!is_unreachable || p->fault || packet_decode(p->bytes + p->payload, there, false, &inner) != 0 ||
        inner.protocol != PACKET_TCP)
        return 0;
    const struct packet_address address[2] = {inner.source, inner.destination};
    const uint16_t port[2] = {inner.source_port, inner.destination_port};
    struct follow *c = follow_find(run->follower, address, port, inner.family);
    if (!c || !c->user || follow_is_established(c))
        return 0;
    const struct survey_role *role = &run->survey->roles[c->user - 1];
    if (role->data == SURVEY_TWIN)
        return 0;
    char from[64];
    c->doubt = 1; /* it is answered, though not by its own end */
    packet_address_format(&p->source, p->family, from);
    char *text = PHRASE(CAUSE_UNREACHABLE, from, NUMBER(c->port[1]), NUMBER(p->icmp.code));
    if (role->data != SURVEY_NONE)
        return survey_blame_data(run, &run->survey->data[role->data], true, text);
    int r = text ? survey_end_tasks(run, &run->survey->sessions[role->session], run->now->number,
                                    SURVEY_FAILED, text)
                 : -ENOMEM;
    free(text);
    return r;
}

/* ---- the same connection before and after NAT ---- */

/* One end is as it was, the other has another address; it has been routed; all else is the same. */
static bool is_translated(const struct survey_syn *s, const struct packet *p)
{
    bool same_source = packet_address_equal(&s->address[0], &p->source);
    bool same_destination = packet_address_equal(&s->address[1], &p->destination);
    bool one_end = (same_source && s->port[0] == p->source_port && !same_destination) ||
                   (same_destination && s->port[1] == p->destination_port && !same_source);

    return one_end && s->family == p->family && s->sequence == p->tcp.sequence &&
           s->window == p->tcp.window && s->header == p->tcp.header && p->ttl < s->ttl &&
           p->ttl + ROUTED_MOST >= s->ttl;
}

/* NULL: it is the first; it is remembered. */
static const struct survey_syn *find_twin(struct survey_run *run, const struct follow *c,
                                          const struct packet *p)
{
    for (uint32_t i = 0; i < SURVEY_SYNS && i < run->syn_count; i++) {
        const struct survey_syn *s = &run->syns[i];

        if (is_translated(s, p) && run->now->now_ms - s->now_ms <= TRANSLATED_MS)
            return s;
    }
    run->syns[run->syn_count++ % SURVEY_SYNS] =
        (struct survey_syn){.now_ms = run->now->now_ms,
                            .sequence = p->tcp.sequence,
                            .serial = c->serial,
                            .address = {p->source, p->destination},
                            .port = {p->source_port, p->destination_port},
                            .window = p->tcp.window,
                            .header = p->tcp.header,
                            .ttl = p->ttl,
                            .family = p->family};
    return NULL;
}

/* 1: c is the twin of a connection of some session, and not to be looked at by itself; 0; or -ENOMEM. */
static int meet_twin(struct survey_run *run, struct follow *c, const struct packet *p)
{
    const struct survey_syn *twin = find_twin(run, c, p);
    const struct follow *first =
        twin ? follow_find(run->follower, twin->address, twin->port, twin->family) : NULL;

    if (!first || first->serial != twin->serial || !first->user)
        return 0;
    const struct survey_role role = run->survey->roles[first->user - 1];
    if (role.data == SURVEY_TWIN)
        return 0;
    run->survey->sessions[role.session].translated = true;
    int r = survey_add_role(run->survey, c->serial, role.session, SURVEY_TWIN, &c->user);
    return r ? r : 1;
}

/* ---- all packets ---- */

static int meet_stranger(struct survey_run *run, struct follow *c, const struct packet *p)
{
    bool starts = (p->tcp.flags & (PACKET_SYN | PACKET_ACK | PACKET_RST)) == PACKET_SYN;
    bool is_first = starts || run->event.is_new;
    const struct survey_announcement *a = is_first ? survey_find_announcement(run, p, false) : NULL;

    if (!a && is_first && !starts)
        a = survey_find_announcement(run, p, true);
    if (a)
        return survey_add_data(run, c, a);
    if (is_first &&
        (survey_is_port(run, p->destination_port) || (!starts && survey_is_port(run, p->source_port))))
        return survey_add_session(run, c, p, true);
    if (packet_payload_size(p) && speech_may_be_ftp(p->bytes + p->payload, packet_payload_size(p)))
        return survey_add_session(run, c, p, false);
    return 0;
}

static int tcp_packet(struct survey_run *run, const struct packet *p)
{
    const struct follow_event *event = &run->event;
    int r = follow_packet(run->follower, p, run->now->number, run->now->now_ms, &run->event);

    if (r)
        return r;
    if (event->is_new && (p->tcp.flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN)
        r = meet_twin(run, event->of, p);
    if (!r && !event->of->user)
        r = meet_stranger(run, event->of, p);
    if (r || !event->of->user)
        return r < 0 ? r : 0;
    const struct survey_role role = run->survey->roles[event->of->user - 1];
    if (role.data == SURVEY_TWIN)
        return 0;
    return role.data == SURVEY_NONE ? survey_control_packet(run, role.session, p)
                                    : survey_data_packet(run, role.data, p);
}

static void note_first(struct survey *s, const struct packet *p)
{
    bool is_syn = p->protocol == PACKET_TCP && !p->fault && !p->fragment_offset &&
                  (p->tcp.flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN;

    if (s->first_family && (s->first_is_syn || !is_syn))
        return;
    s->first_from = p->source;
    s->first_to = p->destination;
    s->first_family = p->family;
    s->first_is_syn = is_syn;
}

static int look(struct survey_run *run, const struct reading_packet *now)
{
    const struct packet *p = &now->packet;

    run->now = now;
    run->survey->last_ms = now->now_ms;
    note_first(run->survey, p);
    if (p->fault || p->is_fragment)
        return 0;
    if (p->protocol == PACKET_TCP)
        return tcp_packet(run, p);
    if (p->protocol == (p->family == PACKET_IPV4 ? PACKET_ICMP : PACKET_ICMPV6))
        return error_packet(run, p);
    return 0;
}

/* ---- the end ---- */

/* Did a connection begin that the capture has no answer to? */
static bool is_unanswered(const struct follow *c)
{
    return c->begun && !c->side[1].seen && !c->side[1].rst && !c->went_on && !c->doubt;
}

/* Has it been waited for long enough to say that there was none? */
static bool waited_long(const struct survey_run *run, const struct follow *c)
{
    return c->syn_tries > 1 || run->survey->last_ms - c->syn_ms >= UNANSWERED_MS;
}

static char *unanswered_text(const struct survey_run *run, const struct follow *c, bool is_sure)
{
    uint64_t waited = run->survey->last_ms - c->syn_ms;
    const char *port = NUMBER(c->port[1]);

    if (c->syn_tries > 1)
        return PHRASE(CAUSE_SILENCE_TRIED, port, NUMBER(c->syn_tries));
    if (!is_sure)
        return PHRASE(CAUSE_SILENCE_MAYBE, port);
    if (waited < UNANSWERED_MS)
        return PHRASE(CAUSE_SILENCE, port);
    char *seconds = story_format("%.1f", (double)waited / 1000);
    char *text = PHRASE(CAUSE_SILENCE_FOR, port, seconds);
    free(seconds);
    return text;
}

/* A connection of task got no answer: told at its SYN, and why the task fails if it is sure. */
static int blame_silence(struct survey_run *run, uint32_t session, uint32_t task, const struct follow *c,
                         bool is_sure)
{
    struct survey_task *t = survey_task_at(run->survey, task);
    char *text = unanswered_text(run, c, is_sure);
    int r = text ? survey_add_cause(run->survey, session, c->syn_frame, "%s", text) : -ENOMEM;

    if (r || !t || t->state == SURVEY_DONE || t->state == SURVEY_GIVEN_UP) {
        free(text);
        return r;
    }
    if (is_sure)
        t->state = SURVEY_FAILED;
    return survey_blame(run->survey, task, c->syn_frame, is_sure, text);
}

static int end_control(struct survey_run *run, struct survey_session *s, const struct follow *c)
{
    s->one_way =
        c->begun ? !c->side[1].seen && !c->side[1].rst && c->went_on : !(c->side[0].seen && c->side[1].seen);
    s->lost |= c->lost || c->side[0].hole_count || c->side[1].hole_count ||
               (c->begun && c->side[1].seen && !c->side[1].syn);
    int r = survey_judge_end(run, s);
    const struct survey_task *t = survey_task_at(run->survey, s->connect);
    if (r || !t || t->state != SURVEY_ASKED || !is_unanswered(c))
        return r;
    return blame_silence(run, (uint32_t)(s - run->survey->sessions), s->connect, c, waited_long(run, c));
}

/* A transfer that the server gave up has waited long enough. */
static int end_data(struct survey_run *run, struct survey_data *data, const struct follow *c)
{
    const struct survey_task *t = survey_task_at(run->survey, data->task);
    bool is_latest = t && t->data == (uint32_t)(data - run->survey->data);

    if (!is_unanswered(c))
        return 0;
    return blame_silence(run, data->session, is_latest ? data->task : SURVEY_NONE, c,
                         waited_long(run, c) || (is_latest && t->state == SURVEY_FAILED));
}

static void on_end(void *arg, struct follow *c)
{
    struct survey_run *run = arg;

    if (!c->user || run->error)
        return;
    struct survey_role role = run->survey->roles[c->user - 1];
    if (role.data == SURVEY_TWIN)
        return;
    run->error = role.data == SURVEY_NONE ? end_control(run, &run->survey->sessions[role.session], c)
                                          : end_data(run, &run->survey->data[role.data], c);
}

/* FTP is what speaks it, or what was not heard to speak anything else at its port. */
static bool is_ftp(const struct survey_session *s)
{
    const struct speech_guess *g = &s->guess;

    if (g->protocol)
        return g->protocol == SPEECH_FTP;
    return s->by_port ? !g->heard || g->greeted || g->replied || g->asked : g->says_ftp;
}

static void judge_sessions(struct survey *s)
{
    for (size_t i = 0; i < s->session_count; i++) {
        struct survey_session *session = &s->sessions[i];

        speech_fini(&session->speech[0]);
        speech_fini(&session->speech[1]);
        session->is_ftp = is_ftp(session);
        s->ftp_count += session->is_ftp;
        if (!session->is_ftp && !s->other)
            s->other = session->guess.protocol;
    }
}

/* ---- the whole ---- */

static void run_fini(struct survey_run *run)
{
    for (uint32_t i = 0; i < run->announced_count; i++)
        free(run->announced[i].said);
    free(run->announced);
    follower_free(&run->follower);
    free(run);
}

static int go_through(struct survey_run *run, struct reading *reading)
{
    struct reading_packet packet;
    int r;

    follow_on_end(run->follower, on_end, run);
    while ((r = reading_next(reading, &packet)) == 1) {
        r = look(run, &packet);
        if (r || run->error)
            return r ? r : run->error;
    }
    if (r)
        return r;
    follow_each(run->follower, on_end, run);
    return run->error;
}

int survey_make(struct reading *reading, const uint16_t *ports, size_t port_count, struct survey *ret)
{
    struct survey_run *run = calloc(1, sizeof(*run));

    *ret = (struct survey){0};
    if (!run)
        return -ENOMEM;
    run->survey = ret;
    run->ports = ports;
    run->port_count = port_count;
    run->follower = follower_new();
    int r = run->follower ? go_through(run, reading) : -ENOMEM;
    run_fini(run);
    judge_sessions(ret);
    if (r) {
        survey_fini(ret);
        return r;
    }
    survey_sort(ret);
    return 0;
}
