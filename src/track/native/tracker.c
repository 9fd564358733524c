/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/tracker.h"

#include "track/hear.h"
#include "track/native/helper.h"
#include "track/native/nat.h"
#include "track/native/store.h"

#include <stdlib.h>

void track_config_default(struct track_config *ret, enum track_manner manner, uint32_t kernel)
{
    *ret = (struct track_config){
        .manner = manner,
        .kernel = kernel,
        .automatic_helper = kernel < TRACK_KERNEL(4, 7),
        .tcp_loose = true,
        .tcp_max_retrans = 3,
        .check_sums = true,
        .ftp_ports = {21},
        .ftp_port_count = 1,
        .max_flows = 262144,
        .max_expectations = 4096,
        .timeouts =
            {
                .tcp_syn_sent = 120,
                .tcp_syn_recv = 60,
                .tcp_established = 432000,
                .tcp_fin_wait = 120,
                .tcp_close_wait = 60,
                .tcp_last_ack = 30,
                .tcp_time_wait = 120,
                .tcp_close = 10,
                .tcp_syn_sent2 = 120,
                .tcp_max_retrans_time = 300,
                .tcp_unacknowledged = 300,
                .udp = 30,
                .udp_stream = kernel < TRACK_KERNEL(5, 0) ? 180 : 120,
                .icmp = 30,
                .icmpv6 = 30,
                .gre = 30,
                .gre_stream = 180,
                .generic = 600,
                .expectation = 300,
            },
        .key = {{0x5a11f0a7c0ffee21, 0x1d0f7a3b6c9e2284}},
    };
}

struct tracker *tracker_new(const struct track_config *config, track_on_event *on_event, void *arg)
{
    struct tracker *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->settings = track_settings_of(config);
    t->on_event = on_event;
    t->arg = arg;
    t->control_size = sizeof(struct control);
    if (config->manner == TRACK_ROBUST)
        t->control_size += TRACK_DIRECTIONS * sizeof(struct track_ftp_line);
    if (table_init(&t->table, config->key) < 0) {
        free(t);
        return NULL;
    }
    return t;
}

void tracker_free(struct tracker **t)
{
    if (!*t)
        return;
    table_fini(&(*t)->table);
    free((*t)->controls);
    free((*t)->expectations.all);
    free(*t);
    *t = NULL;
}

/* The packet before is done with. */
static void put_down(struct tracker *t)
{
    if (t->held != TABLE_NONE)
        table_give_back(&t->table, t->held);
    t->held = t->current = TABLE_NONE;
}

static void set_invalid(struct track_view *view, enum track_reason reason)
{
    *view = (struct track_view){.state = TRACK_INVALID, .reason = reason};
}

/* The expectation that this tuple fulfils, of a control connection that is still there. */
static uint32_t find_expectation(struct tracker *t, const struct track_tuple *tuple)
{
    if (t->expectations.count == 0 || tuple->protocol != PACKET_TCP)
        return 0;
    uint32_t number = tracker_expected(t, tuple);
    if (!number)
        return 0;
    uint32_t slot = tracker_control(t, t->expectations.all[number - 1].e.master)->slot;
    if (track_has_expired(table_flow(&t->table, slot), t->now)) {
        tracker_end_flow(t, slot);
        return 0;
    }
    return number;
}

/* Once used, the expectation is gone, whatever the rules make of the packet. */
static void adopt(struct tracker *t, struct track_flow *flow, uint32_t expectation)
{
    struct track_expectation e = t->expectations.all[expectation - 1].e;
    const struct track_flow *parent = tracker_control_flow(t, e.master);

    tracker_control_use(t, e.master);
    track_adopt(flow, e.master, parent->mark, parent->helper);
    if (e.follows)
        nat_follow(t, flow, parent, &e);
    tracker_unexpect(t, expectation, TRACK_EXPECT_USED, flow);
}

/* A new flow, not yet in the table; init_conntrack of nf_conntrack_core.c. TABLE_NONE: there is no room. */
static uint32_t make_flow(struct tracker *t, const struct track_tuple *tuple, uint32_t hash,
                          const struct track_template *template)
{
    if (!tracker_has_room(t, hash))
        return TABLE_NONE;
    uint32_t expectation = find_expectation(t, tuple);
    uint32_t slot = table_take(&t->table);
    if (slot == TABLE_NONE)
        return TABLE_NONE;
    struct track_flow *flow = table_flow(&t->table, slot);
    track_flow_name(flow, tuple);
    flow->serial = ++t->last_serial;
    if (expectation)
        adopt(t, flow, expectation);
    else if (track_assign_helper(flow, template, &t->settings.config))
        flow->helper_data = tracker_control_new(t, slot);
    return slot;
}

/* The packet moves the flow in slot. first: it began it. */
static struct track_moved move_flow(struct tracker *t, const struct packet *packet, uint32_t slot,
                                    enum track_direction direction, bool first)
{
    struct track_flow *flow = table_flow(&t->table, slot);
    struct track_moved moved = {.move = TRACK_MOVE_PASS};
    enum track_reason fault = track_fault(packet, t->settings.config.check_sums);

    if (fault != TRACK_OK) {
        track_refuse(&moved, fault);
    } else if (packet->protocol == PACKET_TCP) {
        struct track_segment s = track_segment_read(packet);
        struct bounded_text options = {.bytes = packet->bytes + packet->transport + 20,
                                       .size = track_options_size(packet)};
        track_options_read(&options, s.acknowledgement, &s.options);
        helper_unshift(t, flow, direction, &s);
        track_move_tcp(flow, &s, direction, first, t->now, &t->settings.tcp, &moved);
    } else {
        track_move_other(flow, packet->protocol, first, t->now, &t->settings.config.timeouts, &moved);
    }
    if (moved.assured)
        tracker_tell(t, TRACK_FLOW_ASSURED, TRACK_OK, flow, NULL);
    return moved;
}

/* Finds or makes the flow, and moves it; a loop only because a SYN may end the flow that it finds. */
static void begin_flow(struct tracker *t, const struct packet *packet, const struct track_tuple *tuple,
                       const struct track_template *template, struct track_view *view)
{
    uint32_t hash = t->current_hash = table_hash(&t->table, tuple);
    enum track_direction direction;

    for (;;) {
        uint32_t slot = tracker_find_flow(t, tuple, hash, &direction);
        bool fresh = slot == TABLE_NONE;
        if (fresh) {
            direction = TRACK_ORIGINAL;
            slot = make_flow(t, tuple, hash, template);
            if (slot == TABLE_NONE) {
                set_invalid(view, TRACK_TABLE_FULL);
                view->drop = true;
                return;
            }
        }
        struct track_flow *flow = table_flow(&t->table, slot);
        enum track_state state = track_state_of(flow->status, direction);
        struct track_moved moved = move_flow(t, packet, slot, direction, fresh);
        if (moved.move == TRACK_MOVE_REOPEN) {
            tracker_end_flow(t, slot);
            continue;
        }
        if (moved.move == TRACK_MOVE_INVALID) {
            if (fresh)
                tracker_forget_flow(t, slot);
            set_invalid(view, moved.reason);
            return;
        }
        t->current = slot;
        if (moved.move == TRACK_MOVE_END)
            tracker_end_flow(t, slot);
        *view = (struct track_view){.state = state, .direction = direction, .flow = flow, .fresh = fresh};
        if (track_see_reply(flow, direction) && !(flow->status & TRACK_DYING))
            tracker_tell(t, TRACK_FLOW_REPLIED, TRACK_OK, flow, NULL);
        return;
    }
}

void tracker_begin(struct tracker *t, const struct packet *packet, uint64_t now_ms,
                   const struct track_template *template, struct track_view *ret)
{
    static const struct track_template none;
    struct packet_source source = {.bytes = packet->bytes, .size = packet->captured};
    struct track_question q;
    enum track_direction direction;

    if (!template)
        template = &none;
    put_down(t);
    t->now = now_ms;
    if (t->expectations.count)
        tracker_expire_expectations(t);
    track_ask(&source, packet, template, t->settings.config.check_sums, &q);
    if (q.ask == TRACK_ASK_FLOW) {
        begin_flow(t, packet, &q.tuple, template, ret);
        return;
    }
    *ret = (struct track_view){.state = q.state, .reason = q.reason};
    if (q.ask == TRACK_ASK_NOTHING)
        return;
    uint32_t slot = tracker_find_flow(t, &q.tuple, table_hash(&t->table, &q.tuple), &direction);
    if (slot == TABLE_NONE)
        return;
    if (q.ask == TRACK_ASK_ANSWER) {
        begin_flow(t, packet, &q.tuple, template, ret);
    } else if (!track_error_fits(packet, &q)) {
        set_invalid(ret, TRACK_ICMP_WRONG_OUTER);
    } else {
        t->current = slot;
        *ret = (struct track_view){
            .state = TRACK_RELATED, .direction = direction, .flow = table_flow(&t->table, slot)};
    }
}

bool tracker_commit(struct tracker *t, const struct packet *packet, struct packet_copy *copy,
                    struct track_view *view, enum track_reason *ret_reason)
{
    struct track_flow *flow = view->flow;
    enum track_reason reason = TRACK_OK;

    if (!flow)
        return true;
    bool pass = true;
    if (track_is_heard(packet, flow))
        pass = helper_hear(t, packet, copy, view->state, view->direction, flow, &reason);
    else if (t->on_event && packet->protocol == PACKET_TCP)
        helper_note_unheard(t, packet, view->direction, flow);
    if (pass && view->fresh) {
        flow->status |= TRACK_CONFIRMED;
        tracker_index_flow(t, t->current, t->current_hash);
        tracker_tell(t, TRACK_FLOW_NEW, TRACK_OK, flow, NULL);
    } else if (view->fresh) {
        tracker_forget_flow(t, t->current);
        view->flow = NULL;
    }
    view->fresh = false;
    *ret_reason = reason;
    return pass;
}

void tracker_abandon(struct tracker *t, struct track_view *view)
{
    if (view->fresh)
        tracker_forget_flow(t, t->current);
    view->fresh = false;
    view->flow = NULL;
    put_down(t);
}

void tracker_help(struct tracker *t, struct track_view *view, enum track_helper helper)
{
    struct track_flow *flow = view->flow;

    if (!flow || !view->fresh || flow->helper != TRACK_HELPER_NONE)
        return;
    flow->helper = (uint8_t)helper;
    flow->status |= TRACK_HELPER_ASSIGNED;
    if (helper == TRACK_HELPER_FTP && flow->tuple.protocol == PACKET_TCP)
        flow->helper_data = tracker_control_new(t, t->current);
}

void tracker_close(struct tracker *t, struct track_view *view)
{
    if (view->flow)
        track_close(view->flow, t->now, &t->settings);
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
        if (!tracker_has(t, slot) || !track_has_expired(table_flow(&t->table, slot), t->now))
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

const struct track_flow *tracker_flow(const struct tracker *t, uint32_t handle)
{
    return tracker_control_flow(t, handle);
}

size_t tracker_flow_count(const struct tracker *t)
{
    return t->table.used;
}

size_t tracker_memory(const struct tracker *t)
{
    return sizeof(*t) + table_memory(&t->table) + t->control_capacity * t->control_size +
           t->expectations.capacity * sizeof(struct expected);
}

const struct track_flow *tracker_find(const struct tracker *t, const struct track_tuple *tuple,
                                      uint64_t now_ms)
{
    enum track_direction direction;
    uint32_t slot = table_find(&t->table, tuple, table_hash(&t->table, tuple), &direction);

    if (slot == TABLE_NONE)
        return NULL;
    const struct track_flow *flow = table_flow(&t->table, slot);
    return !track_has_expired(flow, now_ms) && track_tuple_equal(&flow->tuple, tuple) ? flow : NULL;
}

static int compare_flows(const void *a, const void *b)
{
    const struct track_flow *const *x = a, *const *y = b;

    return compare_serials(&(*x)->serial, &(*y)->serial);
}

/* Out of memory, the order is that of the pool. */
void tracker_each_flow(const struct tracker *t, bool (*visit)(void *arg, const struct track_flow *flow),
                       void *arg)
{
    const struct track_flow **flows = calloc(t->table.used + 1, sizeof(*flows));
    size_t count = 0;

    for (uint32_t slot = 1; slot <= t->table.top; slot++) {
        const struct track_flow *flow = table_flow(&t->table, slot);
        if (!tracker_has(t, slot) || track_has_expired(flow, t->now))
            continue;
        if (flows)
            flows[count++] = flow;
        else if (!visit(arg, flow))
            return;
    }
    if (count)
        qsort(flows, count, sizeof(*flows), compare_flows);
    for (size_t i = 0; i < count; i++) {
        if (!visit(arg, flows[i]))
            break;
    }
    free(flows);
}

void tracker_each_expectation(const struct tracker *t,
                              bool (*visit)(void *arg, const struct track_expectation *e), void *arg)
{
    uint32_t number = t->expectations.oldest;

    while (number) {
        const struct expected *it = &t->expectations.all[number - 1];
        if (it->e.expires > t->now && !visit(arg, &it->e))
            return;
        number = it->newer;
    }
}
