/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_FLOWS_H
#define SALLY_BPF_FLOWS_H

/*
 * Tracking over the kernel program's maps: what src/track/native does with its own. What it decides is in
 * track/decide.h, where flows lie in pool.h. A flow is found and moved under its lock at once; everything that is read
 * for that is read before. Flows and expectations whose time is over go when somebody comes across them, or when the
 * sweep does.
 */
#include "bpf/sweep.h"

/* ---- flows that are there ---- */

enum flow_look { FLOW_NONE, FLOW_FOUND, FLOW_OVER /* and to be buried */ };

/* A packet of the flow moves it; s->moved says what became of the flow. */
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

/* The flow has taken the packet, or not. direction is 0 or 1: an index would have to be proved so under the lock. */
static inline void flow_count(uint64_t packets[2], uint64_t bytes[2], uint32_t direction, uint32_t length)
{
    packets[0] += !direction;
    packets[1] += direction;
    bytes[0] += direction ? 0 : length;
    bytes[1] += direction ? length : 0;
}

/* Under the lock of the flow. */
static inline void flow_take(struct scratch *s, struct bpf_flow *f, uint32_t direction,
                             const struct track_settings *t)
{
    s->before = f->flow.status;
    s->state_before = f->flow.tcp.state;
    flow_move_by(s, &f->flow, direction, false, t);
    s->answer.order = ++f->moves;
    if (s->moved.move == TRACK_MOVE_PASS || s->moved.move == TRACK_MOVE_END)
        flow_count(f->packets, f->bytes, direction, s->packet.length);
    if (s->moved.move == TRACK_MOVE_REOPEN || s->moved.move == TRACK_MOVE_END)
        f->flow.status |= TRACK_DYING;
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

/* Looks for the flow of s->question, and if moves, the packet moves it; a copy of what it is then is in s->found. */
GLOBAL int flow_find(struct scratch *s, uint32_t moves)
{
    const struct bpf_settings *settings = settings_get();
    const uint32_t *slot;
    struct bpf_flow *f;
    uint32_t direction, look = FLOW_NONE;

    if (!s || !settings)
        return FLOW_NONE;
    s->has_flow = false;
    s->key = pool_key(&s->question.tuple, settings);
    slot = bpf_map_lookup_elem(&flow_index, &s->key);
    if (!slot)
        return FLOW_NONE;
    s->slot = *slot;
    f = bpf_map_lookup_elem(&flows, &s->slot);
    if (!f)
        return FLOW_NONE;
    if (flow_faults(s, &settings->track))
        moves = false;
    bpf_spin_lock(&f->lock);
    direction = track_flow_direction(&f->flow, &s->question.tuple);
    if (flow_is_used(f) && direction < TRACK_DIRECTIONS) {
        look = FLOW_FOUND;
        s->before = f->flow.status;
        if (track_has_expired(&f->flow, s->ask.now_ms)) {
            f->flow.status |= TRACK_DYING;
            look = FLOW_OVER;
        } else if (moves) {
            flow_take(s, f, direction & 1, &settings->track);
        }
        s->found.flow = f->flow;
    }
    bpf_spin_unlock(&f->lock);
    if (look == FLOW_NONE)
        return FLOW_NONE;
    s->direction = direction;
    if (look == FLOW_OVER)
        pool_bury(s->slot, s->ask.now_ms);
    s->has_flow = look == FLOW_FOUND;
    return look == FLOW_FOUND ? FLOW_FOUND : FLOW_NONE;
}

static inline void flow_refuse(struct scratch *s)
{
    s->has_flow = s->fresh = false;
    s->answer.state = TRACK_INVALID;
    s->answer.direction = TRACK_ORIGINAL;
    s->answer.reason = s->moved.reason;
}

/* What becomes of the packet that has moved the flow in s->found. FLOW_NONE: the flow is over, and it begins another. */
GLOBAL int flow_follow(struct scratch *s)
{
    uint32_t direction;

    if (!s)
        return FLOW_FOUND;
    direction = s->direction & 1;
    s->answer.serial = s->found.flow.serial;
    if (s->moved.move == TRACK_MOVE_REOPEN || s->moved.move == TRACK_MOVE_END)
        pool_bury(s->slot, s->ask.now_ms);
    if (s->moved.move == TRACK_MOVE_REOPEN)
        return FLOW_NONE;
    if (s->moved.move == TRACK_MOVE_INVALID) {
        flow_refuse(s);
        return FLOW_FOUND;
    }
    if (s->found.flow.status != s->before || s->found.flow.tcp.state != s->state_before)
        pool_tell(s->slot, BPF_FLOW_UPDATE, s->ask.now_ms);
    s->answer.state = (uint8_t)track_state_of((uint16_t)s->before, direction);
    s->answer.direction = (uint8_t)direction;
    s->answer.reason = TRACK_OK;
    return FLOW_FOUND;
}

/* ---- flows that begin ---- */

/* What the expected flow takes over from the control connection in the slot. False: that is over. */
static inline bool flow_inherit(struct scratch *s, uint32_t slot, uint32_t master)
{
    struct bpf_flow *parent = bpf_map_lookup_elem(&flows, &slot);
    uint32_t mark, helper;
    bool is_there, is_over;

    if (!parent)
        return false;
    bpf_spin_lock(&parent->lock);
    is_there = flow_is_used(parent) && parent->flow.serial == master;
    is_over = track_has_expired(&parent->flow, s->ask.now_ms);
    mark = parent->flow.mark;
    helper = parent->flow.helper;
    bpf_spin_unlock(&parent->lock);
    if (is_there && is_over)
        pool_end(slot, master, s->ask.now_ms);
    if (!is_there || is_over)
        return false;
    /* Of two packets on two CPUs, one gets it. */
    if (!expected_end(&s->expected, master))
        return false;
    track_adopt(&s->found.flow, master, mark, (uint8_t)helper);
    return true;
}

/* The expectation that the new flow in s->found fulfils, of a control connection that is still there: it takes
 * over what that hands on. Once used, it is gone, whatever the rules make of the packet. */
GLOBAL int flow_adopt(struct scratch *s)
{
    struct track_expectation *e;
    struct bpf_control *control;
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
    if (!control || !flow_inherit(s, control->slot, master))
        return false;
    control->expects = 0;
    return true;
}

/* The table has no room for a new connection, which is dropped before the rules (init_conntrack). */
static inline void flow_refuse_another(struct scratch *s)
{
    s->has_flow = s->fresh = false;
    s->drop = true;
    s->answer.state = TRACK_INVALID;
    s->answer.reason = TRACK_TABLE_FULL;
}

/* A new flow in s->found, which gets a slot when it is confirmed. */
GLOBAL int flow_begin(struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_pool *p = pool_get();
    struct track_flow *flow;

    if (!s || !settings || !p)
        return 0;
    if (!pool_has_room(p, settings->track.config.max_flows, s->ask.now_ms)) {
        flow_refuse_another(s);
        return 0;
    }
    flow = &s->found.flow;
    __builtin_memset(&s->found, 0, sizeof s->found);
    track_flow_name(flow, &s->question.tuple);
    flow->serial = pool_serial(p);
    s->has_flow = s->fresh = true;
    s->direction = TRACK_ORIGINAL;
    if (!flow_adopt(s) && track_assign_helper(flow, &s->template, &settings->track.config))
        flow->helper_data = flow->serial;
    s->answer.state = (uint8_t)track_state_of(flow->status, TRACK_ORIGINAL);
    s->answer.direction = TRACK_ORIGINAL;
    s->answer.reason = TRACK_OK;
    if (!flow_faults(s, &settings->track))
        flow_move_by(s, flow, TRACK_ORIGINAL, true, &settings->track);
    flow_count(s->found.packets, s->found.bytes, TRACK_ORIGINAL, s->packet.length);
    s->found.moves = 1;
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
    look = flow_find(s, ask != TRACK_ASK_ERROR);
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
    if (look == FLOW_NONE || flow_follow(s) == FLOW_NONE)
        flow_begin(s);
}

/* ---- flows that are confirmed ---- */

enum { FLOW_TRIES = 4 };

/* Writes the flow in s->found into its slot, which this CPU has to itself. */
static inline void flow_write(struct scratch *s, struct bpf_flow *f)
{
    bpf_spin_lock(&f->lock);
    f->flow = s->found.flow;
    f->moves = s->found.moves;
    f->packets[0] = s->found.packets[0];
    f->packets[1] = 0;
    f->bytes[0] = s->found.bytes[0];
    f->bytes[1] = 0;
    bpf_spin_unlock(&f->lock);
}

/* Enters s->slot in the index. -EEXIST: another flow is there, and stands; one that is dying is waited for, a little. */
GLOBAL int flow_enter(struct scratch *s)
{
    const uint32_t *other;
    long r = -EEXIST;
    int i;

    if (!s)
        return -EEXIST;
    LOOP(i, 0, FLOW_TRIES)
    {
        r = bpf_map_update_elem(&flow_index, &s->key, &s->slot, BPF_NOEXIST);
        if (r != -EEXIST)
            break;
        other = bpf_map_lookup_elem(&flow_index, &s->key);
        uint32_t slot = other ? *other : 0;
        const struct bpf_flow *f = bpf_map_lookup_elem(&flows, &slot);
        if (other && f && !(f->flow.status & TRACK_DYING))
            break;
    }
    return (int)r;
}

/* From here on it may be evicted. It may have ended since it was entered. */
static inline void flow_confirmed(struct scratch *s, struct bpf_flow *f)
{
    bpf_spin_lock(&f->lock);
    if (flow_is_used(f) && f->flow.serial == s->found.flow.serial)
        f->flow.status |= TRACK_CONFIRMED;
    bpf_spin_unlock(&f->lock);
    s->found.flow.status |= TRACK_CONFIRMED;
    s->answer.serial = s->found.flow.serial;
    s->answer.order = 1;
    pool_tell(s->slot, BPF_FLOW_NEW, s->ask.now_ms);
    if (s->ask.is_live) /* else its time is not the timer's */
        sweep_wake(s->ask.now_ms);
}

/* A slot for the flow in s->found. NULL: there is none. */
static inline struct bpf_flow *flow_place(struct scratch *s)
{
    struct bpf_pool *p = pool_get();

    if (!p)
        return NULL;
    s->slot = pool_take(p);
    /* Others have come since there was room. */
    if (s->slot == (uint32_t)SLOT_NONE && pool_evict(s->ask.now_ms))
        s->slot = pool_take(p);
    if (s->slot == (uint32_t)SLOT_NONE)
        __sync_fetch_and_add(&p->refused, 1);
    return bpf_map_lookup_elem(&flows, &s->slot);
}

/* A new flow enters the table. false: there is no room. */
GLOBAL int flow_confirm(struct scratch *s)
{
    struct bpf_flow *f;
    int r;

    if (!s || !s->has_flow || !s->fresh)
        return true;
    f = flow_place(s);
    if (!f)
        return false;
    flow_write(s, f);
    r = flow_enter(s);
    if (r == 0) {
        flow_confirmed(s, f);
        return true;
    }
    pool_give_back(s->slot);
    return r == -EEXIST;
}

/* ---- what rules do to a flow ---- */

/* The rules gave the connection a mark. */
GLOBAL int flow_mark(struct scratch *s, uint32_t mark)
{
    struct bpf_flow *f;
    bool changes = false;

    if (!s || !s->has_flow)
        return 0;
    s->found.flow.mark = mark;
    if (s->fresh)
        return 0;
    f = bpf_map_lookup_elem(&flows, &s->slot);
    if (!f)
        return 0;
    bpf_spin_lock(&f->lock);
    if (flow_is_used(f) && f->flow.serial == s->found.flow.serial) {
        changes = f->flow.mark != mark;
        f->flow.mark = mark;
    }
    bpf_spin_unlock(&f->lock);
    if (changes)
        pool_tell(s->slot, BPF_FLOW_UPDATE, s->ask.now_ms);
    return 0;
}

/* REJECT --reject-with tcp-reset of a packet of the flow. */
GLOBAL int flow_close(struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_flow *f;

    if (!s || !settings || !s->has_flow || s->fresh)
        return 0;
    f = bpf_map_lookup_elem(&flows, &s->slot);
    if (!f)
        return 0;
    bpf_spin_lock(&f->lock);
    if (flow_is_used(f) && f->flow.serial == s->found.flow.serial)
        track_close(&f->flow, s->ask.now_ms, &settings->track);
    bpf_spin_unlock(&f->lock);
    return 0;
}

#endif
