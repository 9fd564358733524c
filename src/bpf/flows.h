/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_FLOWS_H
#define SALLY_BPF_FLOWS_H

/*
 * Tracking over the kernel program's maps: what src/track/native does with its own. What it decides is in
 * track/decide.h. A flow is moved under its lock; everything that is read for that is read before. Flows and
 * expectations whose time is over go when somebody comes across them.
 */
#include <linux/errno.h>

#include "bpf/scratch.h"

/* ---- flows that end ---- */

/* The flow s->other_flow, whose key is s->other. */
GLOBAL int flow_end(struct scratch *s)
{
    uint32_t handle;
    struct bpf_control *control;

    if (!s)
        return 0;
    bpf_map_delete_elem(&flows, &s->other);
    handle = s->other_flow.helper_data;
    control = handle ? bpf_map_lookup_elem(&controls, &handle) : NULL;
    if (!control)
        return 0;
    if (control->expects)
        expected_forget(&control->expected, handle);
    bpf_map_delete_elem(&controls, &handle);
    return 0;
}

static inline void flow_end_found(struct scratch *s)
{
    s->other = s->key;
    s->other_flow = s->found.flow;
    flow_end(s);
}

/* ---- flows that are there ---- */

enum flow_look { FLOW_NONE, FLOW_FOUND };

/* Looks for the flow of s->question; a copy of it is in s->found. One whose time is over ends now. */
GLOBAL int flow_find(struct scratch *s)
{
    struct bpf_flow *f;
    uint32_t direction, is_over;

    if (!s)
        return FLOW_NONE;
    s->has_flow = false;
    track_tuple_key(&s->question.tuple, &s->key);
    f = bpf_map_lookup_elem(&flows, &s->key);
    if (!f)
        return FLOW_NONE;
    bpf_spin_lock(&f->lock);
    s->found.flow = f->flow;
    bpf_spin_unlock(&f->lock);
    direction = track_flow_direction(&s->found.flow, &s->question.tuple);
    is_over = track_has_expired(&s->found.flow, s->ask.now_ms);
    if (direction >= TRACK_DIRECTIONS)
        return FLOW_NONE;
    s->direction = direction;
    if (is_over) {
        flow_end_found(s);
        return FLOW_NONE;
    }
    s->has_flow = true;
    return FLOW_FOUND;
}

/* A packet of the flow moves it; s->answer says what the packet is, and s->moved what became of the flow. */
static inline void flow_move_by(struct scratch *s, struct track_flow *flow, uint32_t direction, bool first,
                                const struct track_settings *t)
{
    if (s->packet.protocol == PACKET_TCP)
        track_move_tcp(flow, &s->segment, direction, first, s->ask.now_ms, &t->tcp, &s->moved);
    else
        track_move_other(flow, s->packet.protocol, first, s->ask.now_ms, &t->config.timeouts, &s->moved);
    if (s->moved.move == TRACK_MOVE_PASS || s->moved.move == TRACK_MOVE_END)
        track_see_reply(flow, direction);
}

static inline void flow_refuse(struct scratch *s)
{
    s->has_flow = s->fresh = false;
    s->answer.state = TRACK_INVALID;
    s->answer.direction = TRACK_ORIGINAL;
    s->answer.reason = s->moved.reason;
}

/* Does the packet contradict itself? Then it moves nothing. */
static inline bool flow_faults(struct scratch *s, const struct track_settings *t)
{
    enum track_reason fault = track_fault(&s->packet, t->config.check_sums);

    s->moved.move = TRACK_MOVE_PASS;
    s->moved.reason = TRACK_OK;
    s->moved.assured = false;
    if (fault == TRACK_OK)
        return false;
    track_refuse(&s->moved, fault);
    return true;
}

/* Moves the flow that was found. FLOW_NONE: it is over, and the packet begins another. */
GLOBAL int flow_move(struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_flow *f;
    uint32_t direction, status, is_same = false;

    if (!s || !settings)
        return FLOW_FOUND;
    f = bpf_map_lookup_elem(&flows, &s->key);
    if (!f)
        return FLOW_NONE;
    direction = s->direction & 1;
    status = s->found.flow.status;
    if (!flow_faults(s, &settings->track)) {
        bpf_spin_lock(&f->lock);
        /* The element may have become another flow's since it was found. */
        if (f->flow.serial == s->found.flow.serial) {
            is_same = true;
            status = f->flow.status;
            flow_move_by(s, &f->flow, direction, false, &settings->track);
            s->found.flow = f->flow;
        }
        bpf_spin_unlock(&f->lock);
        if (!is_same)
            return FLOW_NONE;
    }
    if (s->moved.move == TRACK_MOVE_REOPEN) {
        flow_end_found(s);
        return FLOW_NONE;
    }
    if (s->moved.move == TRACK_MOVE_INVALID) {
        flow_refuse(s);
        return FLOW_FOUND;
    }
    s->answer.state = (uint8_t)track_state_of((uint16_t)status, direction);
    s->answer.direction = (uint8_t)direction;
    s->answer.reason = TRACK_OK;
    if (s->moved.move == TRACK_MOVE_END) {
        flow_end_found(s);
        s->found.flow.status |= TRACK_DYING;
    }
    return FLOW_FOUND;
}

/* ---- flows that begin ---- */

/* The expectation that the new flow in s->found fulfils, of a control connection that is still there: it takes
 * over what that hands on. Once used, it is gone, whatever the rules make of the packet. */
GLOBAL int flow_adopt(struct scratch *s)
{
    struct track_flow *flow;
    struct track_expectation *e;
    struct bpf_control *control;
    struct bpf_flow *parent;
    uint32_t master;

    if (!s || s->question.tuple.protocol != PACKET_TCP)
        return false;
    __builtin_memset(&s->expected, 0, sizeof s->expected);
    s->expected.source = s->question.tuple.source;
    s->expected.destination = s->question.tuple.destination;
    s->expected.port = s->question.tuple.destination_port;
    s->expected.zone = s->question.tuple.zone;
    s->expected.family = s->question.tuple.family;
    e = bpf_map_lookup_elem(&expected, &s->expected);
    if (!e || e->expires <= s->ask.now_ms)
        return false;
    master = e->master;
    control = bpf_map_lookup_elem(&controls, &master);
    if (!control)
        return false;
    s->other = control->flow;
    parent = bpf_map_lookup_elem(&flows, &s->other);
    if (!parent)
        return false;
    bpf_spin_lock(&parent->lock);
    s->other_flow = parent->flow;
    bpf_spin_unlock(&parent->lock);
    if (track_has_expired(&s->other_flow, s->ask.now_ms)) {
        flow_end(s);
        return false;
    }
    /* Of two packets on two CPUs, one gets it. */
    if (bpf_map_delete_elem(&expected, &s->expected))
        return false;
    flow = &s->found.flow;
    track_adopt(flow, master, s->other_flow.mark, s->other_flow.helper);
    control->expects = 0;
    return true;
}

/* A new flow in s->found, which is not in the map before it is confirmed. */
GLOBAL int flow_begin(struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct track_flow *flow;

    if (!s || !settings)
        return 0;
    flow = &s->found.flow;
    __builtin_memset(&s->found, 0, sizeof s->found);
    track_flow_name(flow, &s->question.tuple);
    flow->serial = __sync_fetch_and_add(&last_serial, 1) + 1;
    s->has_flow = s->fresh = true;
    s->direction = TRACK_ORIGINAL;
    if (!flow_adopt(s) && track_assign_helper(flow, &s->template, &settings->track.config))
        flow->helper_data = flow->serial;
    s->answer.state = (uint8_t)track_state_of(flow->status, TRACK_ORIGINAL);
    s->answer.direction = TRACK_ORIGINAL;
    s->answer.reason = TRACK_OK;
    if (!flow_faults(s, &settings->track))
        flow_move_by(s, flow, TRACK_ORIGINAL, true, &settings->track);
    if (s->moved.move == TRACK_MOVE_INVALID)
        flow_refuse(s);
    return 0;
}

/* ---- a packet ---- */

/* What the packet asks for. */
GLOBAL int flow_ask(struct bpf_nf_ctx *context, struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct packet_source source;

    if (!s || !settings || !packet_open(context, &source))
        return TRACK_ASK_NOTHING;
    track_ask(&source, &s->packet, &s->template, settings->track.config.check_sums, &s->question);
    return s->question.ask;
}

/* As tracker_begin: s->answer says what the packet is. */
static inline void flow_track(struct bpf_nf_ctx *context, struct scratch *s)
{
    int ask = flow_ask(context, s), look;

    s->has_flow = s->fresh = s->drop = false;
    s->answer.state = s->question.state;
    s->answer.reason = s->question.reason;
    s->answer.direction = TRACK_ORIGINAL;
    if (ask == TRACK_ASK_NOTHING)
        return;
    look = flow_find(s);
    if (ask != TRACK_ASK_FLOW && look == FLOW_NONE)
        return;
    if (ask == TRACK_ASK_ERROR) {
        bool fits = track_error_fits(&s->packet, &s->question);
        s->has_flow = fits;
        s->answer.state = fits ? TRACK_RELATED : TRACK_INVALID;
        s->answer.reason = fits ? TRACK_OK : TRACK_ICMP_WRONG_OUTER;
        s->answer.direction = fits ? (uint8_t)s->direction : TRACK_ORIGINAL;
        return;
    }
    if (look == FLOW_NONE || flow_move(s) == FLOW_NONE)
        flow_begin(s);
}

/* A new flow enters the map, with what the helper will need. false: there is no room. */
GLOBAL int flow_confirm(struct scratch *s)
{
    struct track_flow *flow;
    uint32_t handle;
    long r;

    if (!s || !s->has_flow || !s->fresh)
        return true;
    flow = &s->found.flow;
    flow->status |= TRACK_CONFIRMED;
    /* If another CPU has confirmed it meanwhile, that flow stands. */
    r = bpf_map_update_elem(&flows, &s->key, &s->found, BPF_NOEXIST);
    if (r)
        return r == -EEXIST;
    handle = flow->helper_data;
    if (!handle)
        return true;
    __builtin_memset(&s->control, 0, sizeof s->control);
    s->control.flow = s->key;
    bpf_map_update_elem(&controls, &handle, &s->control, BPF_NOEXIST);
    return true;
}

/* The rules gave the connection a mark. */
GLOBAL int flow_mark(struct scratch *s, uint32_t mark)
{
    struct bpf_flow *f;

    if (!s || !s->has_flow)
        return 0;
    s->found.flow.mark = mark;
    if (s->fresh)
        return 0;
    f = bpf_map_lookup_elem(&flows, &s->key);
    if (!f)
        return 0;
    bpf_spin_lock(&f->lock);
    f->flow.mark = mark;
    bpf_spin_unlock(&f->lock);
    return 0;
}

/* REJECT --reject-with tcp-reset of a packet of the flow. */
GLOBAL int flow_close(struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_flow *f;

    if (!s || !settings || !s->has_flow || s->fresh)
        return 0;
    f = bpf_map_lookup_elem(&flows, &s->key);
    if (!f)
        return 0;
    bpf_spin_lock(&f->lock);
    track_close(&f->flow, s->ask.now_ms, &settings->track);
    bpf_spin_unlock(&f->lock);
    return 0;
}

#endif
