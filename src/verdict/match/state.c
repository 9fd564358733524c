/* SPDX-License-Identifier: BSD-2-Clause */
/* What connection tracking knows: net/netfilter/xt_conntrack.c, xt_state.c, xt_connmark.c, xt_helper.c,
 * xt_connlimit.c with nf_conncount.c. */
#include <stdlib.h>
#include <string.h>

#include "track/tcp_state.h"
#include "track/tuple.h"
#include "verdict/match/topic.h"
#include "verdict/memory.h"

static const struct track_flow *flow_of(const struct match_question *q)
{
    return q->p->view ? q->p->view->flow : NULL;
}

/* Without a connection a packet is INVALID, also in raw, before anybody has looked. There is no NAT, so no
 * SNAT, DNAT. */
static uint8_t state_bit(const struct track_view *view)
{
    static const uint8_t bits[] = {
        [TRACK_NONE] = RULES_STATE_INVALID,    [TRACK_INVALID] = RULES_STATE_INVALID,
        [TRACK_NEW] = RULES_STATE_NEW,         [TRACK_ESTABLISHED] = RULES_STATE_ESTABLISHED,
        [TRACK_RELATED] = RULES_STATE_RELATED, [TRACK_UNTRACKED] = RULES_STATE_UNTRACKED,
    };

    return view ? bits[view->state] : RULES_STATE_INVALID;
}

/* A condition that is not given holds. */
static bool holds(const struct rules_match_conntrack *m, enum rules_conntrack_part part, bool is)
{
    return !(m->given & part) || is != !!(m->inverted & part);
}

static bool addresses_hold(const struct rules_match_conntrack *m, const struct track_tuple *t)
{
    return holds(m, RULES_CT_ORIGSRC,
                 packet_address_under(&t->source, &m->origsrc.address, &m->origsrc.mask)) &&
           holds(m, RULES_CT_ORIGDST,
                 packet_address_under(&t->destination, &m->origdst.address, &m->origdst.mask)) &&
           holds(m, RULES_CT_REPLSRC,
                 packet_address_under(&t->destination, &m->replsrc.address, &m->replsrc.mask)) &&
           holds(m, RULES_CT_REPLDST,
                 packet_address_under(&t->source, &m->repldst.address, &m->repldst.mask));
}

static bool ports_hold(const struct rules_match_conntrack *m, const struct track_tuple *t)
{
    struct track_tuple reply;

    if (!track_tuple_invert(t, &reply))
        reply = *t;
    return holds(m, RULES_CT_ORIGSRCPORT, match_in_range16(&m->origsrc_port, t->source_port)) &&
           holds(m, RULES_CT_ORIGDSTPORT, match_in_range16(&m->origdst_port, t->destination_port)) &&
           holds(m, RULES_CT_REPLSRCPORT, match_in_range16(&m->replsrc_port, reply.source_port)) &&
           holds(m, RULES_CT_REPLDSTPORT, match_in_range16(&m->repldst_port, reply.destination_port));
}

/* Seconds left. One that is not confirmed has no running timer, which reads as 0. */
static uint64_t expires_in(const struct track_flow *flow, uint64_t now)
{
    return flow->status & TRACK_CONFIRMED && flow->expires > now ? (flow->expires - now) / 1000 : 0;
}

/* --ctstatus NONE adds nothing to the mask that iptables passes on: alone it never holds. */
static uint32_t status_mask(uint8_t statuses)
{
    static const struct {
        uint8_t asked;
        uint32_t status;
    } bits[] = {
        {RULES_STATUS_EXPECTED, TRACK_EXPECTED},
        {RULES_STATUS_SEEN_REPLY, TRACK_SEEN_REPLY},
        {RULES_STATUS_ASSURED, TRACK_ASSURED},
        {RULES_STATUS_CONFIRMED, TRACK_CONFIRMED},
    };
    uint32_t mask = 0;

    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        if (statuses & bits[i].asked)
            mask |= bits[i].status;
    }
    return mask;
}

enum verdict_answer match_conntrack(const struct match_question *q)
{
    const struct rules_match_conntrack *m = q->match->conntrack;
    const struct track_flow *flow = flow_of(q);

    if (!holds(m, RULES_CT_STATE, m->states & state_bit(q->p->view)))
        return VERDICT_NO;
    if (m->given == RULES_CT_STATE)
        return VERDICT_YES;
    /* Without a connection the state alone decides, whatever else is asked; if it is not, nothing holds. */
    if (!flow)
        return match_answer(m->given & RULES_CT_STATE);
    bool reply = q->p->view->direction == TRACK_REPLY;
    uint64_t expires = expires_in(flow, q->p->now_ms);
    return match_answer(holds(m, RULES_CT_DIRECTION, reply == m->reply) && addresses_hold(m, &flow->tuple) &&
                        holds(m, RULES_CT_PROTO, flow->tuple.protocol == m->protocol) &&
                        ports_hold(m, &flow->tuple) &&
                        holds(m, RULES_CT_STATUS, flow->status & status_mask(m->statuses)) &&
                        holds(m, RULES_CT_EXPIRE, expires >= m->expire.first && expires <= m->expire.last));
}

enum verdict_answer match_connmark(const struct match_question *q)
{
    const struct rules_match_mark *m = &q->match->mark;
    const struct track_flow *flow = flow_of(q);

    if (!flow)
        return VERDICT_NO;
    if (q->p->unknown & VERDICT_NO_CONNMARK && m->mark.mask != 0)
        return match_unknown(q, "the mark of the connection");
    uint32_t mark = q->p->has_connmark ? q->p->connmark : flow->mark;
    return match_answer(((mark & m->mark.mask) == m->mark.value) != m->inverted);
}

/* Asks for the helper of the connection that announced this one, not for this one's. */
enum verdict_answer match_helper(const struct match_question *q)
{
    const struct rules_match_helper *m = q->match->helper;
    const struct track_flow *flow = flow_of(q);

    if (!flow || flow->expected_by == TRACK_HELPER_NONE)
        return match_answer(m->inverted);
    if (m->name[0] == '\0')
        return match_answer(!m->inverted);
    if (flow->expected_by == TRACK_HELPER_OTHER)
        return match_unknown(q, "what another helper than ftp does");
    /* strncmp over the length of the helper's name: "ftp-21" means ftp too. */
    return match_answer((strncmp("ftp", m->name, 3) == 0) != m->inverted);
}

/* nf_conncount.c counts neither what is gone nor TCP that is closed. */
static bool is_alive(const struct verdict_packet *p, const struct track_tuple *tuple)
{
    if (!p->tracker)
        return true;
    const struct track_flow *flow = tracker_find(p->tracker, tuple, p->now_ms);

    return flow && !(tuple->protocol == PACKET_TCP &&
                     (flow->tcp.state == TRACK_TCP_TIME_WAIT || flow->tcp.state == TRACK_TCP_CLOSE));
}

static void drop_closed(const struct verdict_packet *p, struct memory_connections *c)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        if (is_alive(p, &c->tuples[i]))
            c->tuples[kept++] = c->tuples[i];
    }
    c->count = kept;
}

static bool is_deserted(const void *arg, struct memory_entry *entry)
{
    drop_closed(arg, &entry->connections);
    return entry->connections.count == 0 && !entry->tainted;
}

static bool add_connection(struct memory_connections *c, const struct track_tuple *tuple)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (track_tuple_equal(&c->tuples[i], tuple))
            return true;
    }
    if (c->count == c->capacity) {
        uint32_t capacity = c->capacity ? c->capacity * 2 : 4;
        struct track_tuple *tuples = realloc(c->tuples, capacity * sizeof *tuples);
        if (!tuples)
            return false;
        c->tuples = tuples;
        c->capacity = capacity;
    }
    c->tuples[c->count++] = *tuple;
    return true;
}

/* The connection that is counted: the packet's, or in raw and of untracked ones what its own ends make.
 * false: nothing can be made of them. */
static bool tuple_of(const struct match_question *q, struct track_tuple *ret)
{
    const struct track_flow *flow = flow_of(q);

    if (!flow)
        return track_tuple_read(q->p->packet, 0, ret);
    *ret = flow->tuple;
    return true;
}

static struct memory_entry *find_connections(const struct match_question *q, uint16_t zone)
{
    const struct rules_match_connlimit *m = &q->match->connlimit;
    const struct packet *p = q->p->packet;
    struct memory_key key = {.kind = MEMORY_CONNLIMIT,
                             .owner = q->serial,
                             .index = q->index,
                             .address[0] = m->by_destination ? p->destination : p->source,
                             .port[0] = zone};

    for (unsigned i = 0; i < 4; i++)
        key.address[0].word[i] &= m->mask.word[i];
    struct memory_entry *entry = memory_find(q->memory, &key);
    if (entry)
        return entry;
    /* Addresses that no connection is left of go when many have come, so that a scan leaves nothing behind.
     */
    if (memory_is_due(q->memory))
        memory_sweep(q->memory, MEMORY_CONNLIMIT, q->serial, is_deserted, q->p);
    return memory_add(q->memory, &key);
}

enum verdict_answer match_connlimit(const struct match_question *q)
{
    const struct rules_match_connlimit *m = &q->match->connlimit;
    struct track_tuple tuple;

    if (!tuple_of(q, &tuple))
        return VERDICT_HOTDROP;
    struct memory_entry *entry = find_connections(q, tuple.zone);
    if (!entry)
        return match_unknown(q, MATCH_NO_MEMORY);
    if (verdict_memory_in_doubt(q->memory))
        entry->tainted = true;
    if (entry->tainted)
        return match_unknown(q, "how many connections a connlimit has counted");
    drop_closed(q->p, &entry->connections);
    if (!add_connection(&entry->connections, &tuple))
        return VERDICT_HOTDROP;
    return match_answer((entry->connections.count > m->limit) == m->above);
}
