/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/helper.h"

#include "track/hear.h"

#include <errno.h>

/* A payload on a control connection. */
struct speech {
    const struct track_flow *flow;
    enum track_direction direction;
    const uint8_t *data;
    uint32_t size, sequence;
};

enum {
    UNHEARD_LONGEST = 4096, /* bytes that are searched for what the helper did not hear */
};

/* false: it has no payload. */
static bool speech_of(const struct packet *packet, enum track_direction direction,
                      const struct track_flow *flow, struct speech *ret)
{
    *ret = (struct speech){
        .flow = flow,
        .direction = direction,
        .data = packet->bytes + packet->payload,
        .size = packet_payload_size(packet),
        .sequence = packet->tcp.sequence,
    };
    return ret->size > 0;
}

static struct track_expectation expectation_of(const struct tracker *t, const struct speech *s,
                                               const struct track_ftp_place *place)
{
    return track_expectation_of(s->flow, s->direction, place, t->now, &t->settings.config);
}

static void tell_missed(struct tracker *t, const struct speech *s, const struct track_ftp_place *place,
                        enum track_reason why)
{
    struct track_expectation e = expectation_of(t, s, place);

    tracker_tell(t, TRACK_EXPECT_MISSED, why, s->flow, &e);
}

/* Somebody announced place. Why nothing is expected, or TRACK_OK. */
static enum track_reason announce(struct tracker *t, const struct speech *s,
                                  const struct track_ftp_place *place)
{
    struct track_expectation e = expectation_of(t, s, place);
    enum track_reason why = TRACK_FOREIGN_ADDRESS;

    if (!track_is_foreign(place, s->flow, s->direction, &t->settings.config)) {
        int r = tracker_expect(t, &e, s->flow);
        if (r == 0)
            return TRACK_OK;
        why = r == -EBUSY ? TRACK_EXPECTATION_TAKEN : TRACK_EXPECTATIONS_FULL;
    }
    tell_missed(t, s, place, why);
    return why;
}

/* ---- announcements that nobody heard; only for people ---- */

/* The next line, from *at on, that names a data port; *at moves past it. */
static enum ftp_read next_announcement(const struct speech *s, uint32_t *at, uint32_t *ret_begin,
                                       struct track_ftp_place *place)
{
    uint32_t size = s->size < UNHEARD_LONGEST ? s->size : UNHEARD_LONGEST;

    while (*at < size) {
        uint32_t begin = *at, end = begin;
        while (end < size && s->data[end] != '\n')
            end++;
        *at = end + 1;
        *place = track_own_place(s->flow, s->direction);
        struct ftp_reader reader = {.text = {.bytes = s->data + begin, .size = end - begin}};
        enum ftp_read read = track_line_read(s->direction, &reader, place);
        if (read != FTP_READ_NOTHING) {
            *ret_begin = begin;
            return read;
        }
    }
    return FTP_READ_NOTHING;
}

/* heard: the announcement at the very beginning was. */
static void note_missed(struct tracker *t, const struct speech *s, bool heard, enum track_reason why_first,
                        enum track_reason why_later)
{
    struct track_ftp_place place;
    uint32_t at = 0, begin;

    if (!t->on_event || track_payload_is_tls(s->data, s->size))
        return;
    while (next_announcement(s, &at, &begin, &place) != FTP_READ_NOTHING) {
        if (begin > 0)
            tell_missed(t, s, &place, why_later);
        else if (!heard)
            tell_missed(t, s, &place, why_first);
    }
}

void helper_note_unheard(struct tracker *t, const struct packet *packet, enum track_direction direction,
                         const struct track_flow *flow)
{
    const struct track_config *c = &t->settings.config;
    enum track_reason why = TRACK_NO_HELPER;
    struct speech s;

    if (!speech_of(packet, direction, flow, &s))
        return;
    for (uint8_t i = 0; i < c->ftp_port_count && i < sizeof c->ftp_ports / sizeof c->ftp_ports[0]; i++) {
        if (flow->tuple.destination_port == c->ftp_ports[i] && flow->helper == TRACK_HELPER_NONE)
            why = TRACK_HELPER_REMOVED;
    }
    note_missed(t, &s, false, why, why);
}

/* ---- as Linux does ---- */

static bool help_as_linux(struct tracker *t, const struct speech *s, struct control *c,
                          enum track_reason *ret_reason)
{
    struct track_ftp_place place = track_own_place(s->flow, s->direction);
    struct ftp_reader reader = {.text = {.bytes = s->data, .size = s->size}};
    bool first = !(c->ftp.heard & 1U << s->direction);
    enum track_ftp_heard heard = track_ftp_listen(&c->ftp, s->direction, s->sequence, s->size,
                                                  s->data[s->size - 1] == '\n', &reader, &place);
    enum track_reason announced = heard == TRACK_FTP_PLACE ? announce(t, s, &place) : TRACK_OK,
                      why = first ? TRACK_FIRST_PAYLOAD : TRACK_NOT_AT_LINE_START;
    enum track_reason reason = track_linux_drops(heard, announced);

    c->ftp.heard |= (uint8_t)(1U << s->direction);
    if (reason != TRACK_OK) {
        tracker_tell(t, TRACK_PACKET_DROPPED, reason, s->flow, NULL);
        *ret_reason = reason;
        return false;
    }
    if (heard == TRACK_FTP_NOT_HEARD)
        note_missed(t, s, false, why, why);
    else
        note_missed(t, s, heard == TRACK_FTP_PLACE, TRACK_BAD_ADDRESS, TRACK_NOT_AT_SEGMENT_START);
    return true;
}

/* ---- the robust manner: never drops ---- */

static void hear_line(struct tracker *t, const struct speech *s, const struct track_ftp_line *line)
{
    struct track_ftp_place place = track_own_place(s->flow, s->direction);
    struct ftp_reader reader = {.text = {.bytes = line->text, .size = track_line_size(line)}};
    enum ftp_read read = track_line_read(s->direction, &reader, &place);

    if (read == FTP_READ_PLACE)
        announce(t, s, &place);
    else if (read == FTP_READ_NONSENSE)
        tell_missed(t, s, &place, TRACK_BAD_ADDRESS);
}

static void help_robustly(struct tracker *t, const struct speech *s, struct control *c)
{
    struct track_ftp_line *line = &c->line[s->direction], old;
    struct bounded_text text = {.bytes = s->data, .size = s->size};

    switch (track_listening(line, &c->ftp, s->flow, s->direction, s->sequence, s->size, &text.at)) {
    case TRACK_LISTEN_NOT:
        return;
    case TRACK_LISTEN_AGAIN:
        track_line_begin(&old, s->sequence);
        line = &old;
        break;
    case TRACK_LISTEN_ON:
        if (line->flags & TRACK_LINE_LOST)
            note_missed(t, s, false, TRACK_NOT_AT_LINE_START, TRACK_OK);
        break;
    }
    while (track_line_take(line, s->direction == TRACK_REPLY, &text)) {
        hear_line(t, s, line);
        track_line_drop(line);
    }
    if (s->data[s->size - 1] == '\n')
        track_ftp_remember_newline(&c->ftp, s->direction, s->sequence + s->size);
}

bool helper_hear(struct tracker *t, const struct packet *packet, enum track_state state,
                 enum track_direction direction, const struct track_flow *flow, enum track_reason *ret_reason)
{
    struct control *c = tracker_control(t, flow->helper_data);
    struct speech s;

    if (!speech_of(packet, direction, flow, &s))
        return true;
    if (state != TRACK_ESTABLISHED) {
        note_missed(t, &s, false, TRACK_NOT_ESTABLISHED, TRACK_NOT_ESTABLISHED);
        return true;
    }
    if (t->settings.config.manner == TRACK_LINUX)
        return help_as_linux(t, &s, c, ret_reason);
    help_robustly(t, &s, c);
    return true;
}
