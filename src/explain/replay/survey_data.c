/* SPDX-License-Identifier: BSD-2-Clause */
/* Data channels: what was announced, and the connections that it led to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "explain/replay/survey_run.h"
#include "speech/speech.h"

enum {
    ANNOUNCEMENTS = 200000,
    SEARCHED = 256, /* announcements of a port, the latest first: a client has a few at a time */
    DATA = 200000,
};

/* ---- announcements ---- */

int survey_announce(void *arg, const struct dialog *d, bool by_server, const struct packet_address *address,
                    uint16_t port, const char *said)
{
    struct survey_run *run = arg;
    const struct survey_session *s = &run->survey->sessions[d->session];
    size_t capacity = run->announced_capacity;

    if (run->announced_count == ANNOUNCEMENTS) {
        run->survey->overflowed = true;
        return 0;
    }
    struct survey_announcement *all =
        survey_grow(run->announced, run->announced_count, &capacity, sizeof(*all));
    if (!all)
        return -ENOMEM;
    run->announced = all;
    run->announced_capacity = (uint32_t)capacity;
    all[run->announced_count] = (struct survey_announcement){.from = by_server ? s->client : s->server,
                                                             .to = *address,
                                                             .instead = by_server ? s->server : s->client,
                                                             .port = port,
                                                             .family = s->family,
                                                             .from_client = by_server,
                                                             .session = d->session,
                                                             .task = s->task,
                                                             .frame = d->frame,
                                                             .next = run->latest[port],
                                                             .said = strdup(said)};
    if (!all[run->announced_count].said)
        return -ENOMEM;
    run->latest[port] = ++run->announced_count;
    return 0;
}

static bool is_of(const struct survey_announcement *a, const struct packet_address *from,
                  const struct packet_address *to)
{
    return packet_address_equal(&a->from, from) &&
           (packet_address_equal(&a->to, to) || packet_address_equal(&a->instead, to));
}

const struct survey_announcement *survey_find_announcement(const struct survey_run *run,
                                                           const struct packet *p, bool back)
{
    const struct packet_address *from = back ? &p->destination : &p->source;
    const struct packet_address *to = back ? &p->source : &p->destination;
    uint32_t i = run->latest[back ? p->source_port : p->destination_port];

    for (int n = 0; i && n < SEARCHED; n++, i = run->announced[i - 1].next) {
        if (run->announced[i - 1].family == p->family && is_of(&run->announced[i - 1], from, to))
            return &run->announced[i - 1];
    }
    return NULL;
}

/* ---- connections ---- */

int survey_add_data(struct survey_run *run, struct follow *c, const struct survey_announcement *a)
{
    struct survey *s = run->survey;
    if (s->data_count == DATA) {
        s->overflowed = true;
        return 0;
    }
    struct survey_data *all = survey_grow(s->data, s->data_count, &s->data_capacity, sizeof(*all));

    if (!all)
        return -ENOMEM;
    s->data = all;
    char *from = story_end_text(&c->address[0], c->family, c->port[0]);
    char *to = story_end_text(&c->address[1], c->family, c->port[1]);
    uint32_t index = (uint32_t)s->data_count++;
    all[index] = (struct survey_data){.serial = c->serial,
                                      .session = a->session,
                                      .task = a->task,
                                      .frame = run->now->number,
                                      .announced = a->frame,
                                      .from_client = a->from_client,
                                      .source_port = c->port[0],
                                      .ends = from && to ? story_format("%s -> %s", from, to) : NULL,
                                      .said = strdup(a->said)};
    free(from);
    free(to);
    if (!all[index].ends || !all[index].said)
        return -ENOMEM;
    struct survey_task *t = survey_task_at(s, a->task);
    if (t)
        t->data = index;
    return survey_add_role(s, c->serial, a->session, index, &c->user);
}

int survey_blame_data(struct survey_run *run, const struct survey_data *data, bool is_refused, char *text)
{
    struct survey *s = run->survey;
    struct survey_task *t = survey_task_at(s, data->task);
    int r = text ? survey_add_cause(s, data->session, run->now->number, "%s", text) : -ENOMEM;

    if (r || !t || t->state >= SURVEY_DONE || t->data != (uint32_t)(data - s->data)) {
        free(text);
        return r;
    }
    if (is_refused)
        t->state = SURVEY_FAILED;
    return survey_blame(s, data->task, run->now->number, true, text);
}

int survey_data_packet(struct survey_run *run, uint32_t index, const struct packet *p)
{
    struct survey_data *data = &run->survey->data[index];
    const struct follow *c = run->event.of;
    bool was_established = data->established;

    data->established = follow_is_established(c) && c->went_on;
    data->payload = c->side[0].payload + c->side[1].payload;
    data->over = c->side[0].fin && c->side[1].fin && !c->side[0].rst && !c->side[1].rst;
    struct survey_task *t = survey_task_at(run->survey, data->task);
    if (t && t->data == index)
        t->delivered = data->over && data->payload && !c->lost;
    if (!(p->tcp.flags & PACKET_RST) || run->event.is_leftover)
        return 0;
    if (!was_established && run->event.side == 1)
        return survey_blame_data(run, data, true, PHRASE(CAUSE_DATA_REFUSED));
    return survey_blame_data(run, data, false, PHRASE(CAUSE_DATA_RESET, NUMBER(data->payload)));
}
