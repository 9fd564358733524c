/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/parts.h"

#include <errno.h>

/* A payload on a control connection. */
struct speech {
    const struct packet *packet;
    const struct track_flow *flow;
    enum track_direction direction;
    const uint8_t *data;
    uint32_t size, sequence;
};

enum {
    UNHEARD_LONGEST = 4096, /* bytes that are searched for what the helper did not hear */
};

static bool speech_of(const struct packet *packet, const struct track_view *view, struct speech *ret)
{
    struct speech s = {
        .packet = packet,
        .flow = view->flow,
        .direction = view->direction,
        .size = packet_payload_size(packet),
        .sequence = packet->tcp.sequence,
    };

    if (s.size == 0)
        return false;
    s.data = packet->bytes + packet->payload;
    *ret = s;
    return true;
}

/* The speaker's own address: what EPSV means without saying so. */
static struct track_ftp_place own_place(const struct speech *s)
{
    const struct track_tuple *t = &s->flow->tuple;

    return (struct track_ftp_place){.address = s->direction == TRACK_ORIGINAL ? t->source : t->destination,
                                    .family = t->family};
}

static struct track_expectation expectation_of(const struct tracker *t, const struct speech *s,
                                               const struct track_ftp_place *place)
{
    const struct track_tuple *tuple = &s->flow->tuple;

    return (struct track_expectation){
        .source = s->direction == TRACK_ORIGINAL ? tuple->destination : tuple->source,
        .destination = place->address,
        .port = place->port,
        .zone = tuple->zone,
        .family = tuple->family,
        .master = s->flow->helper_data,
        .expires = t->now + (uint64_t)t->config.timeouts.expectation * 1000,
    };
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
    struct track_ftp_place own = own_place(s);
    struct track_expectation e = expectation_of(t, s, place);

    /* A stranger's address would open a hole to a machine that has not asked for it (CVE-2001-0405). */
    if (!packet_address_equal(&place->address, &own.address) && !t->config.ftp_loose) {
        tell_missed(t, s, place, TRACK_FOREIGN_ADDRESS);
        return TRACK_FOREIGN_ADDRESS;
    }
    switch (tracker_expect(t, &e, s->flow)) {
    case 0:
        return TRACK_OK;
    case -EBUSY:
        tell_missed(t, s, place, TRACK_EXPECTATION_TAKEN);
        return TRACK_EXPECTATION_TAKEN;
    default:
        tell_missed(t, s, place, TRACK_EXPECTATIONS_FULL);
        return TRACK_EXPECTATIONS_FULL;
    }
}

/* ---- announcements that nobody heard; only for people ---- */

/* The next line, from *at on, that names a data port; *at moves past it. */
static enum track_ftp_named next_announcement(const struct speech *s, uint32_t *at, uint32_t *ret_begin,
                                              struct track_ftp_place *place)
{
    uint32_t size = s->size < UNHEARD_LONGEST ? s->size : UNHEARD_LONGEST;

    while (*at < size) {
        uint32_t begin = *at, end = begin;
        while (end < size && s->data[end] != '\n')
            end++;
        *at = end + 1;
        *place = own_place(s);
        enum track_ftp_named named = track_line_read(s->direction, s->data + begin, end - begin, place);
        if (named != TRACK_FTP_NAMES_NOTHING) {
            *ret_begin = begin;
            return named;
        }
    }
    return TRACK_FTP_NAMES_NOTHING;
}

/* heard: the announcement at the very beginning was. */
static void note_missed(struct tracker *t, const struct speech *s, bool heard, enum track_reason why_first,
                        enum track_reason why_later)
{
    struct track_ftp_place place;
    uint32_t at = 0, begin;

    if (!t->on_event || track_payload_is_tls(s->data, s->size))
        return;
    while (next_announcement(s, &at, &begin, &place) != TRACK_FTP_NAMES_NOTHING) {
        if (begin > 0)
            tell_missed(t, s, &place, why_later);
        else if (!heard)
            tell_missed(t, s, &place, why_first);
    }
}

void tracker_note_unheard(struct tracker *t, const struct packet *packet, const struct track_view *view)
{
    struct speech s;
    enum track_reason why = TRACK_NO_HELPER;

    if (!speech_of(packet, view, &s))
        return;
    for (uint8_t i = 0; i < t->config.ftp_port_count && i < 8; i++) {
        if (view->flow->tuple.destination_port == t->config.ftp_ports[i] &&
            view->flow->helper == TRACK_HELPER_NONE)
            why = TRACK_HELPER_REMOVED;
    }
    note_missed(t, &s, false, why, why);
}

/* ---- as Linux does ---- */

static bool help_as_linux(struct tracker *t, const struct speech *s, struct control *c,
                          enum track_reason *ret_reason)
{
    struct track_ftp_place place = own_place(s);
    bool first = !(c->ftp.heard & 1U << s->direction);
    enum track_ftp_heard heard =
        track_ftp_listen(&c->ftp, s->direction, s->sequence, s->data, s->size, &place);
    enum track_reason reason = TRACK_OK;

    c->ftp.heard |= (uint8_t)(1U << s->direction);
    switch (heard) {
    case TRACK_FTP_PLACE:
        reason = announce(t, s, &place);
        /* What can't be expected is dropped, so that it comes again; a stranger's address is not its fault.
         */
        if (reason == TRACK_FOREIGN_ADDRESS)
            reason = TRACK_OK;
        break;
    case TRACK_FTP_PARTIAL:
        reason = TRACK_PARTIAL_MATCH;
        break;
    case TRACK_FTP_NOT_HEARD:
        note_missed(t, s, false, first ? TRACK_FIRST_PAYLOAD : TRACK_NOT_AT_LINE_START,
                    first ? TRACK_FIRST_PAYLOAD : TRACK_NOT_AT_LINE_START);
        return true;
    case TRACK_FTP_NOTHING:
        break;
    }
    if (reason != TRACK_OK) {
        tracker_tell(t, TRACK_PACKET_DROPPED, reason, s->flow, NULL);
        *ret_reason = reason;
        return false;
    }
    note_missed(t, s, heard == TRACK_FTP_PLACE, TRACK_BAD_ADDRESS, TRACK_NOT_AT_SEGMENT_START);
    return true;
}

/* ---- the robust manner: never drops ---- */

static void hear_lines(struct tracker *t, const struct speech *s, struct track_ftp_line *line, uint32_t at,
                       struct track_ftp *ftp)
{
    while (track_line_take(line, s->direction, s->data, s->size, &at)) {
        struct track_ftp_place place = own_place(s);
        uint32_t size = line->size;

        if (size && line->text[size - 1] == '\r')
            size--;
        switch (track_line_read(s->direction, line->text, size, &place)) {
        case TRACK_FTP_NAMES_PLACE:
            announce(t, s, &place);
            break;
        case TRACK_FTP_NAMES_NONSENSE:
            tell_missed(t, s, &place, TRACK_BAD_ADDRESS);
            break;
        case TRACK_FTP_NAMES_NOTHING:
            break;
        }
        track_line_drop(line);
    }
    if (s->data[s->size - 1] == '\n')
        track_ftp_remember_newline(ftp, s->direction, s->sequence + s->size);
}

static void help_robustly(struct tracker *t, const struct speech *s, struct control *c)
{
    struct track_ftp_line *line = &c->line[s->direction];
    bool picked_up = s->flow->tcp.side[s->direction].flags & TRACK_TCP_LIBERAL;
    bool again = track_ftp_is_after_newline(&c->ftp, s->direction, s->sequence);
    uint32_t seen = track_line_meet(line, s->sequence, s->size, picked_up);

    if (seen == s->size) {
        /* Sent again, or late, from a line's beginning: it speaks for itself. */
        struct track_ftp_line old = {.flags = TRACK_LINE_STARTED, .next = s->sequence};
        if (again)
            hear_lines(t, s, &old, 0, &c->ftp);
        return;
    }
    if (line->flags & TRACK_LINE_LOST)
        note_missed(t, s, false, TRACK_NOT_AT_LINE_START, TRACK_OK);
    hear_lines(t, s, line, seen, &c->ftp);
}

bool tracker_help(struct tracker *t, const struct packet *packet, const struct track_view *view,
                  enum track_reason *ret_reason)
{
    struct control *c = tracker_control(t, view->flow->helper_data);
    struct speech s;

    if (!speech_of(packet, view, &s))
        return true;
    if (view->state != TRACK_ESTABLISHED) {
        note_missed(t, &s, false, TRACK_NOT_ESTABLISHED, TRACK_NOT_ESTABLISHED);
        return true;
    }
    if (t->config.manner == TRACK_LINUX)
        return help_as_linux(t, &s, c, ret_reason);
    help_robustly(t, &s, c);
    return true;
}
