/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_DECIDE_H
#define SALLY_TRACK_DECIDE_H

/*
 * What tracking decides: which packet asks for which flow, what begins one, how a packet moves it, and what
 * that makes the packet: NEW, RELATED, ESTABLISHED, INVALID. Freestanding; where flows are stored is the
 * caller's affair (nf_conntrack_core.c, without its tables).
 */
#include "track/icmp.h"
#include "track/reason.h"
#include "track/settings.h"
#include "track/udp.h"

/* ---- the question that a packet asks ---- */

enum track_ask {
    TRACK_ASK_NOTHING, /* state and reason say all */
    TRACK_ASK_FLOW,    /* found or begun */
    TRACK_ASK_ANSWER,  /* found, or the packet is INVALID for the reason */
    TRACK_ASK_ERROR,   /* likewise; and track_error_fits */
};

struct track_question {
    uint8_t ask;    /* enum track_ask */
    uint8_t state;  /* enum track_state */
    uint8_t reason; /* enum track_reason */
    struct track_tuple tuple;
};

static inline void track_ask_nothing(struct track_question *q, enum track_state state,
                                     enum track_reason reason)
{
    q->ask = TRACK_ASK_NOTHING;
    q->state = (uint8_t)state;
    q->reason = (uint8_t)reason;
}

/* The tuple that would answer the packet which the error complains of: that flow's sender gets the error. */
static inline void track_ask_error(struct packet_source *s, const struct packet *p, uint32_t begin,
                                   uint16_t zone, struct track_question *q)
{
    struct track_inner inner = {.begin = begin, .end = p->length < p->captured ? p->length : p->captured};

    track_ask_nothing(q, TRACK_INVALID, TRACK_ICMP_UNKNOWN_INNER);
    if (begin <= inner.end && track_inner_read(s, p->family, zone, &inner) &&
        track_tuple_invert(&inner.tuple, &q->tuple))
        q->ask = TRACK_ASK_ERROR;
}

/* nf_conntrack_inet_error: the error goes to the one who has sent the inner packet. */
static inline bool track_error_fits(const struct packet *p, const struct track_question *q)
{
    return packet_address_equal(&p->destination, &q->tuple.destination);
}

/* What ICMP says without beginning or answering anything. true: that is all. */
static inline bool track_ask_icmp(struct packet_source *s, const struct packet *p, uint16_t zone,
                                  bool check_sums, struct track_question *q)
{
    uint32_t inner = track_icmp_inner_offset(p);

    track_ask_nothing(q, TRACK_INVALID, TRACK_ICMP_NOT_A_REQUEST);
    if (p->protocol != (p->family == PACKET_IPV6 ? PACKET_ICMPV6 : PACKET_ICMP))
        return true;
    if (p->fault == PACKET_SHORT) {
        q->reason = TRACK_SHORT_PACKET;
        return true;
    }
    if (p->fault == PACKET_BAD_CHECKSUM && check_sums) {
        q->reason = TRACK_BAD_CHECKSUM;
        return true;
    }
    if (p->protocol == PACKET_ICMPV6 && track_icmp6_is_untracked(p->icmp.type)) {
        track_ask_nothing(q, TRACK_UNTRACKED, TRACK_OK);
        return true;
    }
    if (p->protocol == PACKET_ICMPV6 && p->icmp.type == ICMP6_REDIRECT &&
        track_icmp6_redirect(s, p, &inner) == TRACK_REDIRECT_INVALID)
        return true;
    if (inner)
        track_ask_error(s, p, inner, zone, q);
    return inner;
}

static inline void track_ask(struct packet_source *s, const struct packet *p,
                             const struct track_template *template, bool check_sums, struct track_question *q)
{
    if (template->notrack) {
        track_ask_nothing(q, TRACK_UNTRACKED, TRACK_OK);
        return;
    }
    if (p->fragment_offset) {
        track_ask_nothing(q, TRACK_INVALID, TRACK_FRAGMENT);
        return;
    }
    if (track_is_icmp(p->protocol) && track_ask_icmp(s, p, template->zone, check_sums, q))
        return;
    if (!track_tuple_read(p, template->zone, &q->tuple)) {
        track_ask_nothing(q, TRACK_INVALID, TRACK_SHORT_PACKET);
        return;
    }
    q->ask = TRACK_ASK_FLOW;
    /* An answer finds its question or is nothing. */
    if (track_is_icmp(p->protocol) && !track_icmp_may_begin(p->protocol, p->icmp.type)) {
        track_ask_nothing(q, TRACK_INVALID, TRACK_ICMP_NOT_A_REQUEST);
        q->ask = TRACK_ASK_ANSWER;
    }
}

/* ---- how a flow begins ---- */

/* Would the helper have been attached without a rule? nf_ct_lookup_helper: by the port that the reply comes
 * from. */
static inline bool track_is_helped_automatically(const struct track_config *c, const struct track_flow *flow)
{
    bool on = c->always_helps || c->kernel < TRACK_KERNEL(3, 5) ||
              (c->automatic_helper && c->kernel < TRACK_KERNEL(6, 0));

    if (!on || flow->tuple.protocol != PACKET_TCP)
        return false;
    uint16_t port = flow->reply.source_port;
    for (uint32_t i = 0; i < sizeof c->ftp_ports / sizeof c->ftp_ports[0]; i++) {
        if (i < c->ftp_port_count && port == c->ftp_ports[i])
            return true;
    }
    return false;
}

/* Of a flow that nobody expected. true: it is a control connection. */
static inline bool track_assign_helper(struct track_flow *flow, const struct track_template *template,
                                       const struct track_config *config)
{
    if (template->helper != TRACK_HELPER_NONE) {
        flow->helper = (uint8_t)template->helper;
        flow->status |= TRACK_HELPER_ASSIGNED;
    } else if (track_is_helped_automatically(config, flow)) {
        flow->helper = TRACK_HELPER_FTP;
    }
    return flow->helper == TRACK_HELPER_FTP && flow->tuple.protocol == PACKET_TCP;
}

/* What an expected flow takes over from its control connection. */
static inline void track_adopt(struct track_flow *flow, uint32_t master, uint32_t mark, uint8_t helper)
{
    flow->status |= TRACK_EXPECTED;
    flow->master = master;
    flow->mark = mark;
    flow->expected_by = helper;
}

/* ---- how a packet moves it ---- */

static inline bool track_has_expired(const struct track_flow *flow, uint64_t now_ms)
{
    return flow->expires <= now_ms;
}

/* From now on the flow lasts this long without another packet. */
static inline void track_refresh(struct track_flow *flow, uint64_t now_ms, uint32_t seconds)
{
    flow->expires = now_ms + (uint64_t)seconds * 1000;
}

enum track_move {
    TRACK_MOVE_PASS,
    TRACK_MOVE_INVALID,
    TRACK_MOVE_END,    /* it passes, and the flow is over */
    TRACK_MOVE_REOPEN, /* the flow is over, and the packet begins another */
};

struct track_moved {
    uint8_t move;   /* enum track_move */
    uint8_t reason; /* enum track_reason, of INVALID */
    bool assured;   /* the flow has become so */
};

static inline void track_refuse(struct track_moved *m, enum track_reason reason)
{
    m->move = TRACK_MOVE_INVALID;
    m->reason = (uint8_t)reason;
}

/* Headers that contradict themselves; tcp_error, udp_error and their like. */
static inline enum track_reason track_fault(const struct packet *p, bool check_sums)
{
    if (p->fault == PACKET_BAD_CHECKSUM)
        return check_sums ? TRACK_BAD_CHECKSUM : TRACK_OK;
    if (p->fault != PACKET_SOUND)
        return TRACK_SHORT_PACKET;
    if (p->protocol == PACKET_TCP && !track_tcp_flags_are_valid(p->tcp.flags))
        return TRACK_BAD_TCP_FLAGS;
    return TRACK_OK;
}

static inline enum track_reason track_tcp_reason(const struct track_tcp_outcome *outcome,
                                                 const struct track_segment *s)
{
    if (outcome->why == TRACK_TCP_WHY_WINDOW)
        return TRACK_TCP_OUT_OF_WINDOW;
    return s->class == TRACK_TCP_SYN || s->class == TRACK_TCP_SYN_ACK ? TRACK_TCP_STALE_SYN
                                                                      : TRACK_TCP_INVALID_IN_STATE;
}

static inline void track_assure(struct track_flow *flow, struct track_moved *m)
{
    m->assured = !(flow->status & TRACK_ASSURED);
    flow->status |= TRACK_ASSURED;
}

/* first: the segment began the flow. */
static inline void track_move_tcp(struct track_flow *flow, const struct track_segment *s,
                                  enum track_direction direction, bool first, uint64_t now_ms,
                                  const struct track_tcp_config *config, struct track_moved *m)
{
    struct track_tcp_outcome o;

    if (first && !track_tcp_begin(&flow->tcp, s, config->loose)) {
        track_refuse(m, TRACK_TCP_NOT_A_START);
        return;
    }
    o = track_tcp_packet(&flow->tcp, flow->status, direction, s,
                         flow->expires > now_ms ? flow->expires - now_ms : 0, config);
    if (o.verdict == TRACK_TCP_REOPEN)
        m->move = TRACK_MOVE_REOPEN;
    if (o.verdict == TRACK_TCP_END)
        m->move = TRACK_MOVE_END;
    if (o.verdict == TRACK_TCP_REFUSE || o.verdict == TRACK_TCP_SHORTEN)
        track_refuse(m, track_tcp_reason(&o, s));
    if (o.verdict == TRACK_TCP_SHORTEN || o.verdict == TRACK_TCP_PASS)
        track_refresh(flow, now_ms, o.age);
    if (o.verdict == TRACK_TCP_PASS && o.assured)
        track_assure(flow, m);
}

/* Protocols without states of their own. */
static inline void track_move_other(struct track_flow *flow, uint8_t protocol, bool first, uint64_t now_ms,
                                    const struct track_timeouts *ages, struct track_moved *m)
{
    struct track_ages udp = {ages->udp, ages->udp_stream}, gre = {ages->gre, ages->gre_stream};
    bool assured = false;
    uint32_t age = ages->generic;

    if (protocol == PACKET_UDP)
        age = track_udp_age(flow, first, now_ms, &udp, &assured);
    else if (protocol == PACKET_UDPLITE)
        age = track_pair_age(flow, &udp, &assured);
    else if (protocol == PACKET_GRE)
        age = track_pair_age(flow, &gre, &assured);
    else if (protocol == PACKET_ICMP)
        age = ages->icmp;
    else if (protocol == PACKET_ICMPV6)
        age = ages->icmpv6;
    track_refresh(flow, now_ms, age);
    if (assured)
        track_assure(flow, m);
}

/* What a packet that passed is to its flow; status: from before it moved the flow. */
static inline enum track_state track_state_of(uint16_t status, enum track_direction direction)
{
    if (direction == TRACK_REPLY || status & TRACK_SEEN_REPLY)
        return TRACK_ESTABLISHED;
    return status & TRACK_EXPECTED ? TRACK_RELATED : TRACK_NEW;
}

/* Behind the move. true: this is the first reply. */
static inline bool track_see_reply(struct track_flow *flow, enum track_direction direction)
{
    if (direction != TRACK_REPLY || flow->status & TRACK_SEEN_REPLY)
        return false;
    flow->status |= TRACK_SEEN_REPLY;
    return true;
}

/* The firewall answers a packet of the flow with a reset of its own (nf_conntrack_tcp_set_closing; since
 * Linux 6.3, before nothing happens). */
static inline void track_close(struct track_flow *flow, uint64_t now_ms,
                               const struct track_settings *settings)
{
    if (flow->tuple.protocol != PACKET_TCP || !(flow->status & TRACK_CONFIRMED) ||
        settings->config.kernel < TRACK_KERNEL(6, 3) || flow->tcp.state == TRACK_TCP_CLOSE)
        return;
    flow->tcp.state = TRACK_TCP_CLOSE;
    track_refresh(flow, now_ms, settings->tcp.age[TRACK_TCP_CLOSE]);
}

/* Does a rule that rejects with a reset answer this packet? Not what is no TCP or broken, nor a reset
 * (nf_send_reset). Then track_close. */
static inline bool track_answered_with_reset(const struct packet *p)
{
    return p->protocol == PACKET_TCP && p->fault == PACKET_SOUND && !(p->tcp.flags & PACKET_RST);
}

#endif
