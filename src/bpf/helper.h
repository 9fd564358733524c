/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_HELPER_H
#define SALLY_BPF_HELPER_H

/*
 * The FTP helper over the kernel program's maps; what it makes of what it hears is in track/hear.h. A control
 * connection is listened to by one CPU at a time; what another has of it meanwhile is not heard.
 */
#include "bpf/expected.h"

/* What s->place names is expected. Returns why not, or TRACK_OK. */
/* The expectation of before goes. It is told later (helper_tell), where the stack is less deep. */
static inline void helper_replace(struct scratch *s, const struct bpf_expected_key *key, uint32_t handle)
{
    const struct track_expectation *e = bpf_map_lookup_elem(&expected, key);

    if (!e || e->master != handle)
        return;
    s->ended[1] = *e;
    s->has_ended[1] = !bpf_map_delete_elem(&expected, key);
}

GLOBAL int helper_tell(struct scratch *s)
{
    if (!s)
        return 0;
    if (s->has_ended[0])
        expected_tell(&s->ended[0], BPF_FLOW_DESTROY);
    if (s->has_ended[1])
        expected_tell(&s->ended[1], BPF_FLOW_DESTROY);
    if (s->has_begun)
        expected_tell(&s->expectation, BPF_FLOW_NEW);
    return 0;
}

/* What a server has ordered stands for its own time, whatever is announced meanwhile: it orders what it announces. */
static inline bool helper_is_served(const struct bpf_control *control, uint32_t handle, uint64_t now_ms)
{
    const struct track_expectation *e =
        control->expects && control->ordered ? bpf_map_lookup_elem(&expected, &control->expected) : NULL;

    return e && e->master == handle && e->expires > now_ms;
}

GLOBAL int helper_announce(struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct track_flow *flow;
    struct track_expectation *same;
    struct bpf_control *control;
    uint32_t handle, direction;
    enum track_expecting what;

    if (!s || !settings)
        return TRACK_OK;
    s->has_ended[0] = s->has_ended[1] = s->has_begun = false;
    flow = &s->found.flow;
    direction = s->direction & 1;
    handle = flow->helper_data;
    control = bpf_map_lookup_elem(&controls, &handle);
    if (!control || helper_is_served(control, handle, s->ask.now_ms))
        return TRACK_OK;
    if (track_is_foreign(&s->place, flow, direction, &settings->track.config))
        return TRACK_FOREIGN_ADDRESS;
    s->expectation = track_expectation_of(flow, direction, &s->place, s->ask.now_ms, &settings->track.config);
    __builtin_memset(&s->expected, 0, sizeof s->expected);
    s->expected.source = s->expectation.source;
    s->expected.destination = s->expectation.destination;
    s->expected.port = s->expectation.port;
    s->expected.zone = s->expectation.zone;
    s->expected.family = s->expectation.family;
    same = bpf_map_lookup_elem(&expected, &s->expected);
    if (same && same->expires <= s->ask.now_ms) {
        s->ended[0] = *same;
        s->has_ended[0] = same->master != handle || !control->expects; /* else it is the one of before */
        same = NULL;
    }
    what = track_expecting(same, same && same->master == handle, control->expects);
    if (what == TRACK_EXPECTING_TAKEN)
        return TRACK_EXPECTATION_TAKEN;
    if (what == TRACK_EXPECTING_INSTEAD) {
        control->expects = 0;
        helper_replace(s, &control->expected, handle);
    }
    if (bpf_map_update_elem(&expected, &s->expected, &s->expectation, BPF_ANY))
        return TRACK_EXPECTATIONS_FULL;
    s->has_begun = true;
    control->expected = s->expected;
    control->expects = 1;
    control->ordered = 0;
    return TRACK_OK;
}

/* What is still to be heard, as far as it fits, into a text. In the manner of Linux that is all that is heard of a
 * segment, so an announcement that isn't over after BOUNDED_TEXT bytes of leading zeros counts as cut off. */
static inline bool helper_fetch(struct bpf_nf_ctx *context, const struct scratch *s,
                                struct bounded_text *text)
{
    struct bpf_dynptr packet;
    uint32_t size = s->left;

    text->at = text->size = 0;
    HIDE(size);
    if (size == 0)
        return false;
    if (size > BOUNDED_TEXT)
        size = BOUNDED_TEXT;
    if (bpf_dynptr_from_skb(context->skb, 0, &packet) ||
        bpf_dynptr_read(text->bytes, size, &packet, s->offset, 0))
        return false;
    text->size = size;
    return true;
}

enum helper_hearing { HELPER_NOT, HELPER_AS_LINUX, HELPER_ROBUST };

/* What it has besides its flow, made when somebody first speaks on it: SYNs that nobody answers, of which there may be any
 * number, take no room from those who do. */
static inline struct bpf_control *helper_take_control(struct scratch *s)
{
    uint32_t handle = s->found.flow.helper_data;
    struct bpf_control *control = bpf_map_lookup_elem(&controls, &handle);

    if (control || !handle || s->found.flow.status & TRACK_DYING)
        return control;
    __builtin_memset(&s->control, 0, sizeof s->control);
    s->control.slot = s->slot;
    bpf_map_update_elem(&controls, &handle, &s->control, BPF_NOEXIST);
    return bpf_map_lookup_elem(&controls, &handle);
}

/* Listens to the connection, from now on and until helper_end. */
GLOBAL int helper_begin(struct bpf_nf_ctx *context, struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_control *control;
    struct packet_source source;
    const uint8_t *last;

    if (!s || !settings || !s->has_flow || !track_is_heard(&s->packet, &s->found.flow))
        return HELPER_NOT;
    s->offset = s->packet.payload;
    s->left = packet_payload_size(&s->packet);
    if (s->left == 0 || s->answer.state != TRACK_ESTABLISHED || !packet_open(context, &source))
        return HELPER_NOT;
    last = packet_at(&source, s->offset + s->left - 1, 1);
    s->ends = last && *last == '\n';
    control = helper_take_control(s);
    if (!control || __sync_lock_test_and_set(&control->busy, 1))
        return HELPER_NOT;
    return settings->track.config.manner == TRACK_ROBUST ? HELPER_ROBUST : HELPER_AS_LINUX;
}

static inline struct bpf_control *helper_control(const struct scratch *s)
{
    uint32_t handle = s->found.flow.helper_data;

    return bpf_map_lookup_elem(&controls, &handle);
}

GLOBAL int helper_end(struct scratch *s)
{
    struct bpf_control *control = s ? helper_control(s) : NULL;

    if (control)
        __sync_lock_test_and_set(&control->busy, 0);
    return 0;
}

/* ---- as Linux does ---- */

GLOBAL int helper_fetch_segment(struct bpf_nf_ctx *context, struct scratch *s)
{
    return s && helper_fetch(context, s, &s->reader.text);
}

/* What the segment says. enum track_ftp_heard */
GLOBAL int helper_listen(struct scratch *s)
{
    struct bpf_control *control = s ? helper_control(s) : NULL;
    uint32_t direction;

    if (!control)
        return TRACK_FTP_NOT_HEARD;
    direction = s->direction & 1;
    s->place = track_own_place(&s->found.flow, direction);
    return track_ftp_listen(&control->ftp, direction, s->segment.sequence, s->left, s->ends, &s->reader,
                            &s->place);
}

/* ---- the robust manner, which never drops ---- */

/* The payload's own line, or that of the connection. */
static inline struct track_ftp_line *helper_line(struct scratch *s)
{
    struct bpf_control *control = helper_control(s);

    if (!control)
        return NULL;
    return s->again ? &s->old : &control->line[s->direction & 1];
}

/* Is there anything new to hear? */
GLOBAL int helper_meet(struct scratch *s)
{
    struct bpf_control *control = s ? helper_control(s) : NULL;
    uint32_t direction, from = 0;
    enum track_listening listening;

    if (!control)
        return false;
    direction = s->direction & 1;
    listening = track_listening(&control->line[direction], &control->ftp, &s->found.flow, direction,
                                s->segment.sequence, s->left, &from);
    s->again = listening == TRACK_LISTEN_AGAIN;
    track_line_begin(&s->old, s->segment.sequence);
    if (s->ends && listening != TRACK_LISTEN_NOT)
        track_ftp_remember_newline(&control->ftp, direction, s->segment.sequence + s->left);
    s->offset += from;
    s->left -= from;
    return listening != TRACK_LISTEN_NOT;
}

/* The next piece of the payload. */
GLOBAL int helper_fetch_chunk(struct bpf_nf_ctx *context, struct scratch *s)
{
    if (!s || !helper_fetch(context, s, &s->chunk))
        return false;
    s->offset += s->chunk.size;
    s->left -= s->chunk.size;
    return true;
}

/* Is there a whole line in it? Then it is in the reader. */
GLOBAL int helper_take(struct scratch *s)
{
    struct track_ftp_line *line = s ? helper_line(s) : NULL;

    if (!line || !track_line_take(line, s->direction == TRACK_REPLY, &s->chunk))
        return false;
    __builtin_memcpy(s->reader.text.bytes, line->text, sizeof line->text);
    s->reader.text.size = track_line_size(line);
    track_line_drop(line);
    return true;
}

/* Does it name a place? enum ftp_read */
GLOBAL int helper_read(struct scratch *s)
{
    if (!s)
        return FTP_READ_NOTHING;
    s->place = track_own_place(&s->found.flow, s->direction & 1);
    return track_line_read(s->direction & 1, &s->reader, &s->place);
}

/* ---- a packet ---- */

/* Returns why it is dropped, or TRACK_OK. */
static inline int helper_hear(struct bpf_nf_ctx *context, struct scratch *s)
{
    int hearing = helper_begin(context, s), announced = TRACK_OK, heard = TRACK_FTP_NOT_HEARD;

    if (hearing == HELPER_NOT)
        return TRACK_OK;
    if (hearing == HELPER_AS_LINUX && helper_fetch_segment(context, s)) {
        heard = helper_listen(s);
        if (heard == TRACK_FTP_PLACE) {
            announced = helper_announce(s);
            helper_tell(s);
        }
    } else if (hearing == HELPER_ROBUST && helper_meet(s)) {
        BOUNDED_LOOP(i, 65536 / BOUNDED_TEXT + 1) {
            if (!helper_fetch_chunk(context, s))
                break;
            BOUNDED_LOOP(n, BOUNDED_TEXT) {
                if (!helper_take(s))
                    break;
                if (helper_read(s) == FTP_READ_PLACE) {
                    helper_announce(s);
                    helper_tell(s);
                }
            }
        }
    }
    helper_end(s);
    return track_linux_drops(heard, announced);
}

#endif
