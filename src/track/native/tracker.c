/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/icmp.h"
#include "track/native/parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    SWEEP_A_FLOW = 2
}; /* slots that are looked at for each new flow, so that the pool doesn't fill with old ones */

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

static struct track_tcp_config tcp_config(const struct track_config *c)
{
    return (struct track_tcp_config){
        .loose = c->tcp_loose,
        .be_liberal = c->tcp_be_liberal,
        .ignore_invalid_rst = c->tcp_ignore_invalid_rst,
        .max_retransmissions = c->tcp_max_retrans,
        .age =
            {
                [TRACK_TCP_SYN_SENT] = c->timeouts.tcp_syn_sent,
                [TRACK_TCP_SYN_RECV] = c->timeouts.tcp_syn_recv,
                [TRACK_TCP_ESTABLISHED] = c->timeouts.tcp_established,
                [TRACK_TCP_FIN_WAIT] = c->timeouts.tcp_fin_wait,
                [TRACK_TCP_CLOSE_WAIT] = c->timeouts.tcp_close_wait,
                [TRACK_TCP_LAST_ACK] = c->timeouts.tcp_last_ack,
                [TRACK_TCP_TIME_WAIT] = c->timeouts.tcp_time_wait,
                [TRACK_TCP_CLOSE] = c->timeouts.tcp_close,
                [TRACK_TCP_SYN_SENT2] = c->timeouts.tcp_syn_sent2,
                [TRACK_TCP_AGE_RETRANS] = c->timeouts.tcp_max_retrans_time,
                [TRACK_TCP_AGE_UNACKNOWLEDGED] = c->timeouts.tcp_unacknowledged,
            },
    };
}

struct tracker *tracker_new(const struct track_config *config, track_on_event *on_event, void *arg)
{
    struct tracker *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->config = *config;
    t->tcp = tcp_config(config);
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

static uint32_t place_ahead(const struct track_tuple *t)
{
    uint32_t mixed = t->source.word[0] + t->destination.word[0] + t->source.word[3] + t->destination.word[3] +
                     ((uint32_t)t->source_port << 16) + t->destination_port;

    return (mixed * 0x9e3779b1U) >> (32 - AHEAD_BITS);
}

static uint32_t hash_of(const struct tracker *t, const struct track_tuple *tuple)
{
    const struct ahead *ahead = &t->ahead[place_ahead(tuple)];

    return track_tuple_equal(&ahead->tuple, tuple) ? ahead->hash : table_hash(&t->table, tuple);
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

/* Would the helper have been attached without a rule? nf_ct_lookup_helper: by the port that the reply comes
 * from. */
static bool is_helped_automatically(const struct track_config *c, const struct track_tuple *tuple)
{
    bool on = c->kernel < TRACK_KERNEL(3, 5) || (c->automatic_helper && c->kernel < TRACK_KERNEL(6, 0));

    for (uint8_t i = 0; on && i < c->ftp_port_count && i < sizeof(c->ftp_ports) / sizeof(c->ftp_ports[0]);
         i++) {
        if (tuple->protocol == PACKET_TCP && tuple->destination_port == c->ftp_ports[i])
            return true;
    }
    return false;
}

static void assign_helper(struct tracker *t, uint32_t slot, const struct track_template *template)
{
    struct track_flow *flow = table_flow(&t->table, slot);

    if (template && template->helper != TRACK_HELPER_NONE) {
        flow->helper = (uint8_t)template->helper;
        flow->status |= TRACK_HELPER_ASSIGNED;
    } else if (is_helped_automatically(&t->config, &flow->tuple)) {
        flow->helper = TRACK_HELPER_FTP;
    }
    if (flow->helper == TRACK_HELPER_FTP && flow->tuple.protocol == PACKET_TCP)
        flow->helper_data = tracker_control_new(t, slot);
}

/* What an expected flow takes over from its control connection. Once used, the expectation is gone, whatever
 * the rules make of the packet. */
static void adopt(struct tracker *t, struct track_flow *flow, uint32_t expectation)
{
    uint32_t master = t->expectations.all[expectation - 1].e.master;
    const struct track_flow *parent = tracker_flow(t, master);

    tracker_control_use(t, master);
    flow->status |= TRACK_EXPECTED;
    flow->master = master;
    flow->mark = parent->mark;
    flow->expected_by = parent->helper;
    tracker_unexpect(t, expectation, TRACK_EXPECT_USED, flow);
}

/* The expectation that this tuple fulfils, of a control connection that is still there. */
static uint32_t find_expectation(struct tracker *t, const struct track_tuple *tuple)
{
    if (t->expectations.count == 0 || tuple->protocol != PACKET_TCP)
        return 0;
    uint32_t number = tracker_expected(t, tuple);
    if (!number)
        return 0;
    const struct control *c = tracker_control(t, t->expectations.all[number - 1].e.master);
    if (tracker_has_expired(t, table_flow(&t->table, c->slot))) {
        tracker_end_flow(t, c->slot);
        return 0;
    }
    return number;
}

/* A new flow, not yet in the table; init_conntrack of nf_conntrack_core.c. TABLE_NONE: there is no room. */
static uint32_t make_flow(struct tracker *t, const struct track_tuple *tuple, uint32_t hash,
                          const struct track_template *template)
{
    tracker_sweep(t, SWEEP_A_FLOW);
    if (t->table.taken >= t->config.max_flows && !tracker_make_room(t, hash))
        return TABLE_NONE;
    uint32_t expectation = find_expectation(t, tuple);
    uint32_t slot = table_take(&t->table);
    if (slot == TABLE_NONE)
        return TABLE_NONE;
    struct track_flow *flow = table_flow(&t->table, slot);
    flow->tuple = *tuple;
    flow->serial = ++t->last_serial;
    if (expectation)
        adopt(t, flow, expectation);
    else
        assign_helper(t, slot, template);
    return slot;
}

/* The flow in the table that tuple belongs to, or TABLE_NONE. One whose time is over ends now. */
static uint32_t find_flow(struct tracker *t, const struct track_tuple *tuple, uint32_t hash,
                          enum track_direction *direction)
{
    uint32_t slot = table_find(&t->table, tuple, hash, direction);

    if (slot == TABLE_NONE || !tracker_has_expired(t, table_flow(&t->table, slot)))
        return slot;
    tracker_end_flow(t, slot);
    return TABLE_NONE;
}

/* The error's inner packet must be one that the error's receiver has sent; nf_conntrack_inet_error. */
static void begin_error(struct tracker *t, const struct packet *packet, uint32_t inner, uint16_t zone,
                        struct track_view *view)
{
    uint32_t end = packet->length < packet->captured ? packet->length : packet->captured;
    struct track_tuple sent, answer;
    enum track_direction direction;

    set_invalid(view, TRACK_ICMP_UNKNOWN_INNER);
    if (inner > end || !track_inner_read(packet->bytes + inner, end - inner, packet->family, zone, &sent) ||
        !track_tuple_invert(&sent, &answer))
        return;
    uint32_t slot = find_flow(t, &answer, table_hash(&t->table, &answer), &direction);
    if (slot == TABLE_NONE)
        return;
    if (!packet_address_equal(&packet->destination, &answer.destination)) {
        set_invalid(view, TRACK_ICMP_WRONG_OUTER);
        return;
    }
    t->current = slot;
    *view = (struct track_view){
        .state = TRACK_RELATED, .direction = direction, .flow = table_flow(&t->table, slot)};
}

/* What ICMP says without beginning or answering anything. true: that is all. */
static bool begin_icmp(struct tracker *t, const struct packet *packet, uint16_t zone, struct track_view *view)
{
    uint32_t inner = track_icmp_inner_offset(packet);

    if (packet->fault == PACKET_SHORT) {
        set_invalid(view, TRACK_SHORT_PACKET);
        return true;
    }
    if (packet->fault == PACKET_BAD_CHECKSUM && t->config.check_sums) {
        set_invalid(view, TRACK_BAD_CHECKSUM);
        return true;
    }
    if (packet->protocol == PACKET_ICMPV6 && track_icmp6_is_untracked(packet->icmp.type)) {
        view->state = TRACK_UNTRACKED;
        return true;
    }
    if (packet->protocol == PACKET_ICMPV6 && packet->icmp.type == ICMP6_REDIRECT) {
        enum track_redirect redirect = track_icmp6_redirect(packet, &inner);
        if (redirect == TRACK_REDIRECT_INVALID) {
            set_invalid(view, TRACK_ICMP_NOT_A_REQUEST);
            return true;
        }
    }
    if (inner)
        begin_error(t, packet, inner, zone, view);
    return inner;
}

static enum track_state state_of(const struct track_flow *flow, enum track_direction direction)
{
    if (direction == TRACK_REPLY || flow->status & TRACK_SEEN_REPLY)
        return TRACK_ESTABLISHED;
    return flow->status & TRACK_EXPECTED ? TRACK_RELATED : TRACK_NEW;
}

/* Finds or makes the flow, and moves it; a loop only because a SYN may end the flow that it finds. */
static void begin_flow(struct tracker *t, const struct packet *packet, const struct track_tuple *tuple,
                       const struct track_template *template, struct track_view *view)
{
    uint32_t hash = t->current_hash = hash_of(t, tuple);
    enum track_direction direction = TRACK_ORIGINAL;

    for (;;) {
        enum track_reason reason;
        uint32_t slot = find_flow(t, tuple, hash, &direction);
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
        enum track_state state = state_of(flow, direction);
        enum tracker_result result = tracker_protocol(t, packet, slot, direction, fresh, &reason);
        if (result == TRACKER_REPEAT) {
            tracker_end_flow(t, slot);
            continue;
        }
        if (result == TRACKER_INVALID) {
            if (fresh)
                tracker_forget_flow(t, slot);
            set_invalid(view, reason);
            return;
        }
        t->current = slot;
        *view = (struct track_view){.state = state, .direction = direction, .flow = flow, .fresh = fresh};
        if (direction == TRACK_REPLY && !(flow->status & TRACK_SEEN_REPLY)) {
            flow->status |= TRACK_SEEN_REPLY;
            if (!(flow->status & TRACK_DYING))
                tracker_tell(t, TRACK_FLOW_REPLIED, TRACK_OK, flow, NULL);
        }
        return;
    }
}

static bool is_icmp_of_its_family(const struct packet *packet)
{
    return packet->protocol == (packet->family == PACKET_IPV6 ? PACKET_ICMPV6 : PACKET_ICMP);
}

void tracker_begin(struct tracker *t, const struct packet *packet, uint64_t now_ms,
                   const struct track_template *template, struct track_view *ret)
{
    uint16_t zone = template ? template->zone : 0;
    struct track_tuple tuple;

    put_down(t);
    t->now = now_ms;
    if (t->expectations.count)
        tracker_expire_expectations(t);
    *ret = (struct track_view){.state = TRACK_INVALID};
    if (template && template->notrack) {
        ret->state = TRACK_UNTRACKED;
        return;
    }
    if (packet->fragment_offset) {
        set_invalid(ret, TRACK_FRAGMENT);
        return;
    }
    if (track_is_icmp(packet->protocol)) {
        if (!is_icmp_of_its_family(packet)) {
            set_invalid(ret, TRACK_ICMP_NOT_A_REQUEST);
            return;
        }
        if (begin_icmp(t, packet, zone, ret))
            return;
    }
    if (!track_tuple_read(packet, zone, &tuple)) {
        set_invalid(ret, TRACK_SHORT_PACKET);
        return;
    }
    /* An answer finds its question or is nothing. */
    if (track_is_icmp(tuple.protocol) && !track_icmp_may_begin(tuple.protocol, packet->icmp.type)) {
        enum track_direction direction;
        if (find_flow(t, &tuple, table_hash(&t->table, &tuple), &direction) == TABLE_NONE) {
            set_invalid(ret, TRACK_ICMP_NOT_A_REQUEST);
            return;
        }
    }
    begin_flow(t, packet, &tuple, template, ret);
}

bool tracker_commit(struct tracker *t, const struct packet *packet, struct track_view *view,
                    enum track_reason *ret_reason)
{
    struct track_flow *flow = view->flow;
    enum track_reason reason = TRACK_OK;

    if (!flow)
        return true;
    bool pass = true;
    if (packet->protocol == PACKET_TCP && !track_is_icmp(flow->tuple.protocol)) {
        if (flow->helper == TRACK_HELPER_FTP && flow->helper_data && !(flow->status & TRACK_DYING))
            pass = tracker_help(t, packet, view, &reason);
        else if (t->on_event)
            tracker_note_unheard(t, packet, view);
    }
    if (pass && view->fresh) {
        flow->status |= TRACK_CONFIRMED;
        table_insert(&t->table, t->current, t->current_hash);
        tracker_tell(t, TRACK_FLOW_NEW, TRACK_OK, flow, NULL);
    } else if (view->fresh) {
        tracker_forget_flow(t, t->current);
        view->flow = NULL;
    }
    view->fresh = false;
    if (!pass)
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

uint32_t tracker_prefetch(struct tracker *t, const struct packet *packet)
{
    struct track_tuple tuple;

    if (!track_tuple_read(packet, 0, &tuple))
        return 0;
    struct ahead *ahead = &t->ahead[place_ahead(&tuple)];
    ahead->hash = table_hash(&t->table, &tuple);
    ahead->tuple = tuple;
    __builtin_prefetch(&t->table.entries[table_home(&t->table, ahead->hash)]);
    return ahead->hash;
}

bool tracker_prefetch_flow(const struct tracker *t, uint32_t hash)
{
    uint32_t slot = table_guess(&t->table, hash);

    if (slot != TABLE_NONE)
        table_prefetch(&t->table, slot);
    return slot != TABLE_NONE;
}
