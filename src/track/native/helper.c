/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/helper.h"

#include "track/hear.h"

#include <errno.h>
#include <stdio.h>

#include "packet/decode.h"

/* A payload on a control connection. */
struct speech {
    const struct track_flow *flow;
    enum track_direction direction;
    const uint8_t *data;
    uint32_t size, sequence;
};

enum {
    PORTS_TRIED = 128,      /* nf_nat_exp_find_port */
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

/* Does NAT's helper write on the flow's connection? */
static bool is_rewritten(const struct tracker *t, const struct track_flow *flow)
{
    return flow->status & (TRACK_SRC_NAT | TRACK_DST_NAT) &&
           t->settings.config.nat_ftp != TRACK_NAT_FTP_MISSING;
}

/* Where it writes, another port will do if this one is taken; which, chance decides (nf_nat_exp_find_port). */
static int expect(struct tracker *t, struct track_expectation *e, const struct track_flow *master)
{
    int r = tracker_expect(t, e, master);

    if (r == -EBUSY && e->follows)
        tracker_control_flow(t, e->master)->status |= TRACK_ASTRAY;
    for (uint32_t i = 0; r == -EBUSY && e->follows && i < PORTS_TRIED && e->port < UINT16_MAX; i++) {
        e->port++;
        r = tracker_expect(t, e, master);
    }
    return r;
}

/* Somebody announced place. Why nothing is expected, or TRACK_OK. */
static enum track_reason announce(struct tracker *t, const struct speech *s,
                                  const struct track_ftp_place *place)
{
    struct track_expectation e = expectation_of(t, s, place);
    enum track_reason why = TRACK_FOREIGN_ADDRESS;

    e.follows = is_rewritten(t, s->flow);
    if (!track_is_foreign(place, s->flow, s->direction, &t->settings.config)) {
        int r = expect(t, &e, s->flow);
        if (r == 0)
            return TRACK_OK;
        why = r == -EBUSY ? TRACK_EXPECTATION_TAKEN : TRACK_EXPECTATIONS_FULL;
    }
    tell_missed(t, s, place, why);
    return why;
}

/* ---- NAT's helper ---- */

static uint32_t shift_at(const struct track_shift *shift, uint32_t number)
{
    return track_after(number, shift->position) ? shift->after : shift->before;
}

void helper_unshift(const struct tracker *t, const struct track_flow *flow, enum track_direction direction,
                    struct track_segment *s)
{
    if (!flow->helper_data)
        return;
    const struct control *c = tracker_control(t, flow->helper_data);
    uint32_t shift = shift_at(&c->shift[!direction], s->acknowledgement - 1);
    s->acknowledgement -= shift;
    s->options.sack -= shift;
}

/* nf_ct_seqadj_set: what begins behind sequence is by so many bytes later. */
static void add_shift(struct track_shift *shift, uint32_t sequence, uint32_t bytes)
{
    if (bytes == 0 || !(shift->before == shift->after || track_before(shift->position, sequence)))
        return;
    shift->position = sequence;
    shift->before = shift->after;
    shift->after += bytes;
}

static bool is_shifted(const struct control *c)
{
    const struct track_shift *a = &c->shift[TRACK_ORIGINAL], *b = &c->shift[TRACK_REPLY];

    return a->before | a->after | b->before | b->after;
}

/* nf_ct_seq_adjust. */
static void shift_numbers(const struct control *c, struct packet_copy *copy, enum track_direction direction)
{
    const struct track_shift *ours = &c->shift[direction], *theirs = &c->shift[!direction];
    const struct packet_tcp *tcp = &copy->packet.tcp;
    uint32_t acknowledged = shift_at(theirs, tcp->acknowledgement - theirs->before);

    packet_copy_set_numbers(copy, tcp->sequence + shift_at(ours, tcp->sequence),
                            tcp->flags & PACKET_ACK ? tcp->acknowledgement - acknowledged
                                                    : tcp->acknowledgement);
}

/* What is announced in its place: as the other side knows the speaker. */
static int write_place(const struct speech *s, const struct track_expectation *e, const uint8_t *was,
                       char *text, size_t size)
{
    const struct packet_address *a =
        &track_flow_tuple(s->flow, (enum track_direction) !s->direction)->destination;
    const uint8_t *octet = (const uint8_t *)a->word;
    bool extended = !bounded_is_digit(*was);
    char address[64];

    if (!extended)
        return snprintf(text, size, "%u,%u,%u,%u,%u,%u", octet[0], octet[1], octet[2], octet[3], e->port >> 8,
                        e->port & 255);
    if (s->direction == TRACK_REPLY)
        return snprintf(text, size, "|||%u|", e->port);
    if (s->flow->tuple.family == PACKET_IPV6) /* with all its zeros, as the kernel writes it */
        snprintf(address, sizeof(address),
                 "%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x", octet[0],
                 octet[1], octet[2], octet[3], octet[4], octet[5], octet[6], octet[7], octet[8], octet[9],
                 octet[10], octet[11], octet[12], octet[13], octet[14], octet[15]);
    else
        packet_address_format(a, s->flow->tuple.family, address);
    return snprintf(text, size, "|%c|%s|%u|", s->flow->tuple.family == PACKET_IPV6 ? '2' : '1', address,
                    e->port);
}

/* reader: stands behind what named the place. */
static bool rewrite_place(struct tracker *t, const struct speech *s, struct control *c,
                          struct packet_copy *copy, const struct ftp_reader *reader)
{
    const struct track_expectation *e = &t->expectations.all[c->expectation - 1].e;
    uint32_t begin = reader->begin, cut = reader->text.at - begin;
    char text[128];
    int size = write_place(s, e, s->data + begin, text, sizeof(text));

    if (!copy || packet_copy_replace(copy, begin, cut, text, (uint32_t)size) < 0)
        return false;
    add_shift(&c->shift[s->direction], s->sequence, (uint32_t)size - cut);
    return true;
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
                          struct packet_copy *copy, enum track_reason *ret_reason)
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
    if (heard != TRACK_FTP_PLACE || announced != TRACK_OK || !is_rewritten(t, s->flow))
        return true;
    bool written = rewrite_place(t, s, c, copy, &reader);
    *ret_reason = written ? TRACK_NAT_FTP_OPEN : TRACK_NOT_REWRITTEN;
    if (written && t->settings.config.nat_ftp == TRACK_NAT_FTP_LOADED)
        *ret_reason = TRACK_OK;
    return written;
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

/* What is said. */
static bool hear(struct tracker *t, const struct packet *packet, struct packet_copy *copy,
                 enum track_state state, enum track_direction direction, const struct track_flow *flow,
                 enum track_reason *ret_reason)
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
        return help_as_linux(t, &s, c, copy, ret_reason);
    help_robustly(t, &s, c);
    return true;
}

bool helper_hear(struct tracker *t, const struct packet *packet, struct packet_copy *copy,
                 enum track_state state, enum track_direction direction, const struct track_flow *flow,
                 enum track_reason *ret_reason)
{
    const struct control *c = tracker_control(t, flow->helper_data);
    bool writes = copy && (is_rewritten(t, flow) || is_shifted(c));

    if (writes && packet_copy_take(copy, packet) < 0) {
        *ret_reason = TRACK_NOT_REWRITTEN;
        return false;
    }
    if (!hear(t, writes ? &copy->packet : packet, copy, state, direction, flow, ret_reason))
        return false;
    if (is_shifted(c))
        shift_numbers(c, copy, direction);
    return true;
}
