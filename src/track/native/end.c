/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/parts.h"

#include <stdlib.h>

enum {
    ROOM_PROBES = 64, /* entries of the table that are looked at for one to push out */
    ROOM_SWEEP = 256, /* slots that are looked at for one that has expired, if the table is full */
    SWEEP_AHEAD = 16, /* slots; so far ahead of the sweep they are fetched into the cache */
};

void tracker_tell(struct tracker *t, enum track_event_type type, enum track_reason reason,
                  const struct track_flow *flow, const struct track_expectation *e)
{
    struct track_event event = {
        .type = type, .reason = reason, .now = t->now, .flow = flow, .expectation = e};

    if (t->on_event)
        t->on_event(t->arg, &event);
}

/* What a flow holds besides its slot. */
static void let_go(struct tracker *t, struct track_flow *flow)
{
    if (flow->helper_data) {
        struct control *c = tracker_control(t, flow->helper_data);
        if (c->expectation)
            tracker_unexpect(t, c->expectation, TRACK_EXPECT_REMOVED, flow);
        tracker_control(t, flow->helper_data)->slot = TABLE_NONE;
        tracker_control_unuse(t, flow->helper_data);
    }
    if (flow->master)
        tracker_control_unuse(t, flow->master);
}

void tracker_end_flow(struct tracker *t, uint32_t slot)
{
    struct track_flow *flow = table_flow(&t->table, slot);

    table_remove(&t->table, slot, table_hash(&t->table, &flow->tuple));
    flow->status |= TRACK_DYING;
    tracker_tell(t, TRACK_FLOW_ENDED, TRACK_OK, flow, NULL);
    let_go(t, flow);
    /* Who has been shown it may still read it. */
    if (slot == t->current)
        t->held = slot;
    else
        table_give_back(&t->table, slot);
}

void tracker_forget_flow(struct tracker *t, uint32_t slot)
{
    let_go(t, table_flow(&t->table, slot));
    table_give_back(&t->table, slot);
}

void tracker_close(struct tracker *t, struct track_view *view)
{
    struct track_flow *flow = view->flow;

    if (!flow || flow->tuple.protocol != PACKET_TCP || !(flow->status & TRACK_CONFIRMED) ||
        t->config.kernel < TRACK_KERNEL(6, 3) || flow->tcp.state == TRACK_TCP_CLOSE)
        return;
    flow->tcp.state = TRACK_TCP_CLOSE;
    flow->expires = t->now + (uint64_t)t->config.timeouts.tcp_close * 1000;
}

static bool is_in_table(const struct tracker *t, uint32_t slot)
{
    return table_has(&t->table, slot) &&
           (table_flow(&t->table, slot)->status & (TRACK_CONFIRMED | TRACK_DYING)) == TRACK_CONFIRMED;
}

static bool end_if_expired(struct tracker *t, uint32_t slot)
{
    if (!is_in_table(t, slot) || !tracker_has_expired(t, table_flow(&t->table, slot)))
        return false;
    tracker_end_flow(t, slot);
    return true;
}

void tracker_sweep(struct tracker *t, uint32_t slots)
{
    for (uint32_t i = 0; i < slots && i < t->table.top; i++) {
        t->sweep = t->sweep < t->table.top ? t->sweep + 1 : 1;
        if (t->table.top - t->sweep > SWEEP_AHEAD)
            __builtin_prefetch(table_flow(&t->table, t->sweep + SWEEP_AHEAD));
        end_if_expired(t, t->sweep);
    }
}

/* As early_drop of nf_conntrack_core.c: some neighbours in the table, whoever is not assured. */
static bool push_out(struct tracker *t, uint32_t hash)
{
    uint32_t entries = 1U << t->table.bits, home = table_home(&t->table, hash);

    for (uint32_t i = 0; i < ROOM_PROBES && i < entries; i++) {
        uint32_t slot = t->table.entries[(home + i) & (entries - 1)].slot;
        if (slot == TABLE_NONE)
            continue;
        struct track_flow *flow = table_flow(&t->table, slot);
        if (flow->status & TRACK_ASSURED && !tracker_has_expired(t, flow))
            continue;
        tracker_end_flow(t, slot);
        return true;
    }
    return false;
}

bool tracker_make_room(struct tracker *t, uint32_t hash)
{
    uint32_t taken = t->table.taken;

    tracker_sweep(t, ROOM_SWEEP);
    return t->table.taken < taken || push_out(t, hash);
}

static int compare_serials(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

struct old_flow {
    uint32_t serial, slot;
};

void tracker_tick(struct tracker *t, uint64_t now_ms)
{
    struct old_flow *old = NULL;
    size_t count = 0, room = 0;

    t->now = now_ms;
    tracker_expire_expectations(t);
    /* Collected first, so that events come in the order in which the flows began; without memory for that
     * they end in any order. */
    for (uint32_t slot = 1; slot <= t->table.top; slot++) {
        if (!is_in_table(t, slot) || !tracker_has_expired(t, table_flow(&t->table, slot)))
            continue;
        if (count == room) {
            struct old_flow *more = reallocarray(old, room ? 2 * room : 64, sizeof(*old));
            if (!more) {
                tracker_end_flow(t, slot);
                continue;
            }
            old = more;
            room = room ? 2 * room : 64;
        }
        old[count++] = (struct old_flow){.serial = table_flow(&t->table, slot)->serial, .slot = slot};
    }
    if (count)
        qsort(old, count, sizeof(*old), compare_serials);
    for (size_t i = 0; i < count; i++)
        tracker_end_flow(t, old[i].slot);
    free(old);
}
