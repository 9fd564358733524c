/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/parts.h"

/* From now on the flow lasts this long without another packet. */
static void refresh(struct tracker *t, struct track_flow *flow, uint32_t seconds)
{
    flow->expires = t->now + (uint64_t)seconds * 1000;
}

static void assure(struct tracker *t, struct track_flow *flow)
{
    if (flow->status & TRACK_ASSURED)
        return;
    flow->status |= TRACK_ASSURED;
    tracker_tell(t, TRACK_FLOW_ASSURED, TRACK_OK, flow, NULL);
}

/* Headers that contradict themselves; tcp_error, udp_error and their like. */
static enum track_reason find_fault(const struct tracker *t, const struct packet *packet)
{
    if (packet->fault == PACKET_BAD_CHECKSUM)
        return t->config.check_sums ? TRACK_BAD_CHECKSUM : TRACK_OK;
    return packet->fault == PACKET_SOUND ? TRACK_OK : TRACK_SHORT_PACKET;
}

static enum track_reason refusal(const struct track_tcp_outcome *outcome, const struct track_segment *s)
{
    if (outcome->why == TRACK_TCP_WHY_WINDOW)
        return TRACK_TCP_OUT_OF_WINDOW;
    return s->class == TRACK_TCP_SYN || s->class == TRACK_TCP_SYN_ACK ? TRACK_TCP_STALE_SYN
                                                                      : TRACK_TCP_INVALID_IN_STATE;
}

static enum tracker_result move_tcp(struct tracker *t, const struct packet *packet, uint32_t slot,
                                    enum track_direction direction, bool first, enum track_reason *ret_reason)
{
    struct track_flow *flow = table_flow(&t->table, slot);
    struct track_segment s = track_segment_read(packet);

    if (!track_tcp_flags_are_valid(s.flags)) {
        *ret_reason = TRACK_BAD_TCP_FLAGS;
        return TRACKER_INVALID;
    }
    if (first && !track_tcp_begin(&flow->tcp, &s, t->tcp.loose)) {
        *ret_reason = TRACK_TCP_NOT_A_START;
        return TRACKER_INVALID;
    }
    uint64_t left = flow->expires > t->now ? flow->expires - t->now : 0;
    struct track_tcp_outcome outcome =
        track_tcp_packet(&flow->tcp, flow->status, direction, &s, left, &t->tcp);
    switch (outcome.verdict) {
    case TRACK_TCP_REOPEN:
        return TRACKER_REPEAT;
    case TRACK_TCP_SHORTEN:
        refresh(t, flow, outcome.age);
        *ret_reason = refusal(&outcome, &s);
        return TRACKER_INVALID;
    case TRACK_TCP_REFUSE:
        *ret_reason = refusal(&outcome, &s);
        return TRACKER_INVALID;
    case TRACK_TCP_END:
        t->current = slot;
        tracker_end_flow(t, slot);
        return TRACKER_PASS;
    case TRACK_TCP_PASS_AGED:
        return TRACKER_PASS;
    case TRACK_TCP_PASS:
        break;
    }
    refresh(t, flow, outcome.age);
    if (outcome.assured)
        assure(t, flow);
    return TRACKER_PASS;
}

enum tracker_result tracker_protocol(struct tracker *t, const struct packet *packet, uint32_t slot,
                                     enum track_direction direction, bool first,
                                     enum track_reason *ret_reason)
{
    const struct track_timeouts *ages = &t->config.timeouts;
    struct track_ages udp = {ages->udp, ages->udp_stream}, gre = {ages->gre, ages->gre_stream};
    struct track_flow *flow = table_flow(&t->table, slot);
    bool assured = false;
    uint32_t age = ages->generic;

    *ret_reason = find_fault(t, packet);
    if (*ret_reason != TRACK_OK)
        return TRACKER_INVALID;
    switch (packet->protocol) {
    case PACKET_TCP:
        return move_tcp(t, packet, slot, direction, first, ret_reason);
    case PACKET_UDP:
        age = track_udp_age(flow, first, t->now, &udp, &assured);
        break;
    case PACKET_UDPLITE:
        age = track_pair_age(flow, &udp, &assured);
        break;
    case PACKET_GRE:
        age = track_pair_age(flow, &gre, &assured);
        break;
    case PACKET_ICMP:
        age = ages->icmp;
        break;
    case PACKET_ICMPV6:
        age = ages->icmpv6;
        break;
    }
    refresh(t, flow, age);
    if (assured)
        assure(t, flow);
    return TRACKER_PASS;
}
