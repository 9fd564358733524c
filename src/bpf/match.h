/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_MATCH_H
#define SALLY_BPF_MATCH_H

/*
 * Conditions that a match itself answers, over the kernel program's maps: what verdict/match does natively. What
 * they compute is in verdict/match/step.h and its neighbours.
 */
#include "bpf/scratch.h"
#include "verdict/condition/condition.h"
#include "verdict/match/addrtype.h"
#include "verdict/match/hashlimit.h"
#include "verdict/match/recent.h"
#include "verdict/match/step.h"
#include "verdict/verdict.h"

/* Where the option lies among those of a TCP packet (tcp_option_is); their size: there is none. */
GLOBAL uint32_t match_find_option(struct scratch *s, uint32_t size, uint32_t kind, uint32_t mss)
{
    int n;

    if (!s)
        return 0;
    s->walk.at = 0;
    LOOP(n, 0, TCP_OPTIONS_MOST)
    {
        uint32_t at = s->walk.at;
        if (at >= size || at >= TCP_OPTIONS_MOST)
            return size;
        if (tcp_option_is(&s->reader.text.bytes[at], size - at, 0, (uint8_t)kind, mss))
            return at;
        s->walk.at = at + tcp_option_end(&s->reader.text.bytes[at], size - at, 0);
    }
    return size;
}

/* --tcp-option and tcpmss. */
static inline int match_option(struct scratch *s, const struct condition *c, uint32_t payload)
{
    const struct packet *p = &s->packet;
    uint32_t header = p->tcp.header, size, at;

    if (p->transport > p->length || p->length - p->transport < 20 || header < 20 ||
        header > p->length - p->transport)
        return VERDICT_HOTDROP;
    size = header - 20;
    if (size > s->reader.text.size) /* not all of the packet is there */
        return VERDICT_HOTDROP;
    if (c->argument == RULES_MATCH_TCP) {
        const struct rules_match_tcp *m = image_window(NULL, payload, sizeof(*m));
        if (!m)
            return VERDICT_NO;
        at = match_find_option(s, size, m->option, false);
        return (at < size) != m->option_inverted ? VERDICT_YES : VERDICT_NO;
    }
    const struct rules_match_tcpmss *m = image_window(NULL, payload, sizeof(*m));
    if (!m)
        return VERDICT_NO;
    at = match_find_option(s, size, TCP_OPTION_MSS, true);
    if (at >= size || at > TCP_OPTIONS_MOST)
        return m->inverted ? VERDICT_YES : VERDICT_NO;
    uint32_t mss = wire_read16(&s->reader.text.bytes[at + 2]);
    return (mss >= m->mss.first && mss <= m->mss.last) != m->inverted ? VERDICT_YES : VERDICT_NO;
}

/* What is remembered for the condition at offset, made now if need be. */
static inline struct bpf_remembered *match_remembered(uint32_t offset, const struct bpf_remembered *fresh)
{
    struct bpf_remembered *r = bpf_map_lookup_elem(&remembered, &offset);

    if (r)
        return r;
    bpf_map_update_elem(&remembered, &offset, fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&remembered, &offset);
}

static inline int match_limit(const struct scratch *s, uint32_t offset, uint32_t payload)
{
    const struct rules_match_limit *m = image_window(NULL, payload, sizeof(*m));
    uint64_t now = memory_jiffies(s->ask.now_ms);
    struct limit_bucket bucket;
    struct bpf_remembered *r;
    bool yes;

    if (!m)
        return VERDICT_NO;
    limit_begin(&bucket, m, now);
    struct bpf_remembered fresh = {
        .credit = bucket.credit, .cap = bucket.cap, .cost = bucket.cost, .previous = now};
    r = match_remembered(offset, &fresh);
    if (!r)
        return VERDICT_NO;
    bpf_spin_lock(&r->lock);
    bucket.credit = r->credit;
    bucket.previous = r->previous;
    yes = limit_take(&bucket, now);
    r->credit = bucket.credit;
    r->previous = bucket.previous;
    bpf_spin_unlock(&r->lock);
    return yes ? VERDICT_YES : VERDICT_NO;
}

static inline int match_statistic(uint32_t offset, uint32_t payload)
{
    const struct rules_match_statistic *m = image_window(NULL, payload, sizeof(*m));
    struct bpf_remembered *r;
    uint32_t counter;
    bool yes;

    if (!m)
        return VERDICT_NO;
    if (!m->nth) /* chance; the loader lets in none but never and always */
        return (m->probability != 0) != m->inverted ? VERDICT_YES : VERDICT_NO;
    struct bpf_remembered fresh = {.counter = nth_begin(m)};
    struct rules_match_statistic nth = *m;
    r = match_remembered(offset, &fresh);
    if (!r)
        return VERDICT_NO;
    bpf_spin_lock(&r->lock);
    counter = r->counter;
    yes = nth_take(&counter, &nth);
    r->counter = counter;
    bpf_spin_unlock(&r->lock);
    return yes ? VERDICT_YES : VERDICT_NO;
}

/* ---- hashlimit ---- */

struct match_sweep {
    uint32_t table, gone;
    uint64_t last; /* jiffies */
};

static long match_sweep_one(void *map, const void *key, void *value, void *arg)
{
    const struct bpf_bucket_key *k = key;
    const struct bpf_bucket *b = value;
    struct match_sweep *sweep = arg;

    (void)map;
    if (k->table == sweep->table && sweep->last >= b->bucket.expires && !bpf_map_delete_elem(&buckets, k))
        sweep->gone++;
    return 0;
}

/* Has the table room for one more? Expired buckets stay until it is full, or somebody comes across them. */
static inline bool match_has_room(uint32_t number, uint32_t most, uint64_t last)
{
    struct match_sweep sweep = {.table = number, .last = last};
    struct bpf_table *table = bpf_map_lookup_elem(&tables, &number);

    if (!table)
        return false;
    if (table->count < most)
        return true;
    bpf_for_each_map_elem(&buckets, match_sweep_one, &sweep, 0);
    __sync_fetch_and_sub(&table->count, sweep.gone);
    return table->count < most;
}

/* The packet's key, into s->bucket_key. false: the packet ends before its ports. */
static inline bool match_hashlimit_key(struct bpf_nf_ctx *context, struct scratch *s,
                                       const struct hashlimit_asked *m)
{
    struct bpf_bucket_key *key = &s->bucket_key;
    uint32_t at = hashlimit_ports_at(&m->match, &s->packet);
    struct packet_source source;
    const uint8_t *ports;

    __builtin_memset(key, 0, sizeof(*key));
    key->table = m->table;
    hashlimit_addresses(&m->match, &s->packet, key->address);
    if (!at)
        return true;
    if (!packet_open(context, &source) || s->packet.captured < HASHLIMIT_PORTS ||
        at > s->packet.captured - HASHLIMIT_PORTS)
        return false;
    ports = packet_at(&source, at, HASHLIMIT_PORTS);
    if (!ports)
        return false;
    hashlimit_ports(&m->match, ports, key->port);
    return true;
}

/* The bucket of s->bucket_key, made now if need be; NULL: there is no room. */
static inline struct bpf_bucket *match_bucket(struct scratch *s, const struct hashlimit_asked *m,
                                              struct bpf_table *table, uint64_t now)
{
    struct bpf_bucket *b = bpf_map_lookup_elem(&buckets, &s->bucket_key);
    uint64_t last = hashlimit_swept(&m->match, table->began, now);

    if (b && last >= b->bucket.expires) {
        if (!bpf_map_delete_elem(&buckets, &s->bucket_key))
            __sync_fetch_and_sub(&table->count, 1);
        b = NULL;
    }
    if (b)
        return b;
    if (!match_has_room(m->table, hashlimit_most(&m->match), last))
        return NULL;
    __builtin_memset(&s->bucket, 0, sizeof(s->bucket));
    hashlimit_begin(&s->bucket.bucket, &m->match, now);
    s->bucket.bucket.expires = hashlimit_expires(&m->match, now);
    if (!bpf_map_update_elem(&buckets, &s->bucket_key, &s->bucket, BPF_NOEXIST))
        __sync_fetch_and_add(&table->count, 1);
    return bpf_map_lookup_elem(&buckets, &s->bucket_key);
}

GLOBAL int match_hashlimit(struct bpf_nf_ctx *context, struct scratch *s, uint32_t payload)
{
    const struct hashlimit_asked *m = image_window(NULL, payload, sizeof(*m));
    struct bpf_table *table;
    struct bpf_bucket *b;
    uint32_t number, length;
    uint64_t now;
    bool yes;

    if (!s || !m)
        return VERDICT_NO;
    number = m->table;
    table = bpf_map_lookup_elem(&tables, &number);
    now = memory_jiffies(s->ask.now_ms);
    if (!table || !match_hashlimit_key(context, s, m))
        return VERDICT_HOTDROP;
    if (!table->began)
        table->began = now;
    b = match_bucket(s, m, table, now);
    if (!b)
        return VERDICT_HOTDROP;
    length = s->packet.length;
    bpf_spin_lock(&b->lock);
    hashlimit_grant(&b->bucket, &m->match, now);
    b->bucket.expires = hashlimit_expires(&m->match, now);
    yes = hashlimit_take(&b->bucket, &m->match, length);
    bpf_spin_unlock(&b->lock);
    return yes != m->match.above ? VERDICT_YES : VERDICT_NO;
}

/* ---- recent ---- */

/* Looks for s->look.address, for the oldest address, and for where another has room. */
static inline void match_look(struct match_look *look, const struct bpf_list *list)
{
    int i;

    look->first = UINT64_MAX;
    look->found = look->oldest = look->room = RECENT_ADDRESSES;
    LOOP(i, 0, RECENT_ADDRESSES)
    {
        const struct bpf_seen *seen = &list->seen[i];
        uint64_t changed = seen->changed;
        if (!changed) {
            look->room = (uint32_t)i;
            continue;
        }
        if (packet_address_equal(&seen->address, &look->address))
            look->found = (uint32_t)i;
        if (changed < look->first) {
            look->first = changed;
            look->oldest = (uint32_t)i;
        }
    }
    if (look->room == RECENT_ADDRESSES)
        look->room = look->oldest;
}

/* Under the list's lock. seen: the packet's address, or where it will be. */
static inline void match_change(struct bpf_list *list, struct bpf_seen *seen, enum recent_change change,
                                const struct packet_address *address, uint64_t now)
{
    list->changes++;
    if (change == RECENT_KEEP)
        return;
    if (change == RECENT_REMOVE) {
        seen->changed = 0;
        return;
    }
    if (change == RECENT_ADD) {
        seen->address = *address;
        seen->ring.count = seen->ring.next = 0;
    }
    seen->changed = list->changes;
    recent_stamp(&seen->ring, seen->stamps, RECENT_STAMPS, now);
}

/* Looks without the lock, which allows no loops; false: meanwhile the list has changed. */
static inline bool match_try(struct match_look *look, struct bpf_list *list,
                             const struct rules_match_recent *m, uint64_t now, bool *ret_answer)
{
    uint64_t changes = __sync_fetch_and_add(&list->changes, 0);
    uint32_t at, last;
    bool has, reaps, is_same;

    match_look(look, list);
    has = look->found < RECENT_ADDRESSES;
    at = has ? look->found : look->room;
    last = look->oldest;
    HIDE(at);
    HIDE(last);
    if (at >= RECENT_ADDRESSES)
        return false;
    if (last >= RECENT_ADDRESSES)
        last = at;
    struct bpf_seen *seen = &list->seen[at], *oldest = &list->seen[last];
    bool enough = has && recent_enough(m, &seen->ring, seen->stamps, RECENT_STAMPS, now, &look->hits);
    enum recent_change change = recent_decide(m, has, enough, ret_answer);
    reaps = has && recent_reaps(m, recent_last(&oldest->ring, oldest->stamps, RECENT_STAMPS),
                                change == RECENT_STAMP && last == at, now);
    if (change == RECENT_KEEP && !reaps)
        return __sync_fetch_and_add(&list->changes, 0) == changes;
    bpf_spin_lock(&list->lock);
    is_same = list->changes == changes;
    if (is_same) {
        if (reaps)
            oldest->changed = 0;
        match_change(list, seen, change, &look->address, now);
    }
    bpf_spin_unlock(&list->lock);
    return is_same;
}

enum { MATCH_TRIES = 8 };

GLOBAL int match_recent(struct scratch *s, uint32_t payload)
{
    const struct recent_asked *m = image_window(NULL, payload, sizeof(*m));
    struct bpf_list *list;
    uint32_t number;
    uint64_t now;
    bool yes;
    int i;

    if (!s || !m)
        return VERDICT_NO;
    number = m->table;
    list = bpf_map_lookup_elem(&lists, &number);
    if (!list)
        return VERDICT_NO;
    now = memory_jiffies(s->ask.now_ms);
    s->look.address = m->match.by_destination ? s->packet.destination : s->packet.source;
    for (unsigned w = 0; w < 4; w++)
        s->look.address.word[w] &= m->match.mask.word[w];
    LOOP(i, 0, MATCH_TRIES)
    {
        if (match_try(&s->look, list, &m->match, now, &yes))
            return yes ? VERDICT_YES : VERDICT_NO;
    }
    return VERDICT_HOTDROP;
}

/* ---- u32 ---- */

GLOBAL int match_u32(struct bpf_nf_ctx *context, struct scratch *s, uint32_t payload)
{
    const struct rules_match_u32 *m = image_window(NULL, payload, sizeof(*m));
    struct packet_source source;

    if (!s || !m || !packet_open(context, &source))
        return VERDICT_NO;
    return u32_holds(m, &source, &s->packet, s->walk.hook == RULES_FORWARD, &s->u32) == U32_YES ? VERDICT_YES
                                                                                                : VERDICT_NO;
}

/* ---- addrtype ---- */

static inline enum verdict_answer match_type(const struct scratch *s, const struct rules_match_addrtype *m,
                                             bool source)
{
    const uint32_t *type = bpf_map_lookup_elem(&locals, source ? &s->packet.source : &s->packet.destination);

    return addrtype_ask(m, &s->packet, source, type ? (uint16_t)*type : ADDRTYPE_UNICAST);
}

GLOBAL int match_addrtype(struct scratch *s, uint32_t payload)
{
    const struct rules_match_addrtype *m = image_window(NULL, payload, sizeof(*m));

    if (!s || !m || match_type(s, m, true) != VERDICT_YES)
        return VERDICT_NO;
    return match_type(s, m, false) == VERDICT_YES ? VERDICT_YES : VERDICT_NO;
}

/* ---- any of them ---- */

/* A condition that the match itself answers (verdict/match natively). */
GLOBAL int match_call(struct bpf_nf_ctx *context, struct scratch *s, uint32_t offset)
{
    const struct condition *c = image_window(NULL, offset, sizeof(*c));
    const struct rules_match_time *time;

    if (!s || !c)
        return VERDICT_NO;
    if (!c->payload) /* can't be judged here: closed rather than open */
        return VERDICT_HOTDROP;
    switch (c->argument) {
    case RULES_MATCH_TCP:
    case RULES_MATCH_TCPMSS:
        return match_option(s, c, c->payload);
    case RULES_MATCH_LIMIT:
        return match_limit(s, offset, c->payload);
    case RULES_MATCH_STATISTIC:
        return match_statistic(offset, c->payload);
    case RULES_MATCH_TIME:
        time = image_window(NULL, c->payload, sizeof(*time));
        return time && time_holds(time, s->ask.time) ? VERDICT_YES : VERDICT_NO;
    case RULES_MATCH_HASHLIMIT:
        return match_hashlimit(context, s, c->payload);
    case RULES_MATCH_RECENT:
        return match_recent(s, c->payload);
    case RULES_MATCH_U32:
        return match_u32(context, s, c->payload);
    case RULES_MATCH_ADDRTYPE:
        return match_addrtype(s, c->payload);
    default:
        return VERDICT_NO;
    }
}

#endif
