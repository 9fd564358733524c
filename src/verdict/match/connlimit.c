/* SPDX-License-Identifier: BSD-2-Clause */
/* net/netfilter/xt_connlimit.c with nf_conncount.c. */
#include <stdlib.h>

#include "track/native/tracker.h"
#include "track/tcp_state.h"
#include "track/tuple.h"
#include "verdict/match/connlimit.h"
#include "verdict/match/topic.h"

/* Of either direction: what is not tracked is counted by the ends of its own packets, and may be an answer. */
static const struct track_flow *find_flow(const struct verdict_packet *p, const struct track_tuple *tuple)
{
    const struct track_flow *flow = tracker_find(p->tracker, tuple, p->now_ms);
    struct track_tuple inverse;

    if (flow || !track_tuple_invert(tuple, &inverse))
        return flow;
    return tracker_find(p->tracker, &inverse, p->now_ms);
}

/* nf_conncount.c counts neither what is gone nor TCP that is closed. */
static bool is_alive(const struct verdict_packet *p, const struct track_tuple *tuple)
{
    if (!p->tracker)
        return true;
    const struct track_flow *flow = find_flow(p, tuple);

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

bool connlimit_tuple(const struct verdict_packet *p, struct track_tuple *ret)
{
    const struct track_flow *flow = p->view ? p->view->flow : NULL;

    if (!flow)
        return track_tuple_read(p->packet, 0, ret);
    *ret = flow->tuple;
    return true;
}

bool connlimit_count(const struct verdict_packet *p, const struct track_tuple *tuple,
                     struct memory_connections *c)
{
    drop_closed(p, c);
    return add_connection(c, tuple);
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

    if (!connlimit_tuple(q->p, &tuple))
        return VERDICT_HOTDROP;
    struct memory_entry *entry = find_connections(q, tuple.zone);
    if (!entry)
        return match_unknown(q, MATCH_NO_MEMORY);
    if (verdict_memory_in_doubt(q->memory))
        entry->tainted = true;
    if (entry->tainted)
        return match_unknown(q, "how many connections a connlimit has counted");
    if (!connlimit_count(q->p, &tuple, &entry->connections))
        return VERDICT_HOTDROP;
    return match_answer((entry->connections.count > m->limit) == m->above);
}
