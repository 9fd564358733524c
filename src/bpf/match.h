/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_MATCH_H
#define SALLY_BPF_MATCH_H

/*
 * Conditions that a match itself answers, over the kernel program's maps: what verdict/match does natively. What
 * they compute is in verdict/match/step.h and its neighbours.
 */
#include "bpf/connlimit.h"
#include "bpf/link.h"
#include "bpf/scratch.h"
#include "bpf/set.h"
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
        const struct rules_match_tcp *m = image_window(image_base(s), payload, sizeof(*m));
        if (!m)
            return VERDICT_NO;
        at = match_find_option(s, size, m->option, false);
        return (at < size) != m->option_inverted ? VERDICT_YES : VERDICT_NO;
    }
    const struct rules_match_tcpmss *m = image_window(image_base(s), payload, sizeof(*m));
    if (!m)
        return VERDICT_NO;
    at = match_find_option(s, size, TCP_OPTION_MSS, true);
    if (at >= size || at > TCP_OPTIONS_MOST)
        return m->inverted ? VERDICT_YES : VERDICT_NO;
    uint32_t mss = wire_read16(&s->reader.text.bytes[at + 2]);
    return (mss >= m->mss.first && mss <= m->mss.last) != m->inverted ? VERDICT_YES : VERDICT_NO;
}

/* What is remembered for the condition at offset, made now if need be. */
static inline struct bpf_remembered *match_remembered(const struct scratch *s, uint32_t offset,
                                                      const struct bpf_remembered *fresh)
{
    const struct image_header *header = image_window(image_base(s), 0, sizeof(*header));
    struct bpf_remembered_key key = {.offset = offset, .serial = header ? header->serial : 0};
    struct bpf_remembered *r = bpf_map_lookup_elem(&remembered, &key);

    if (r)
        return r;
    bpf_map_update_elem(&remembered, &key, fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&remembered, &key);
}

static inline int match_limit(const struct scratch *s, uint32_t offset, uint32_t payload)
{
    const struct rules_match_limit *m = image_window(image_base(s), payload, sizeof(*m));
    uint64_t now = memory_jiffies(s->ask.now_ms);
    struct limit_bucket bucket;
    struct bpf_remembered *r;
    bool yes;

    if (!m)
        return VERDICT_NO;
    limit_begin(&bucket, m, now);
    struct bpf_remembered fresh = {
        .credit = bucket.credit, .cap = bucket.cap, .cost = bucket.cost, .previous = now};
    r = match_remembered(s, offset, &fresh);
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

static inline int match_statistic(const struct scratch *s, uint32_t offset, uint32_t payload)
{
    const struct rules_match_statistic *m = image_window(image_base(s), payload, sizeof(*m));
    struct bpf_remembered *r;
    uint32_t counter;
    bool yes;

    if (!m)
        return VERDICT_NO;
    if (!m->nth) /* chance, of 2^31 */
        return ((bpf_get_prandom_u32() & INT32_MAX) < m->probability) != m->inverted ? VERDICT_YES
                                                                                     : VERDICT_NO;
    struct bpf_remembered fresh = {.counter = nth_begin(m)};
    struct rules_match_statistic nth = *m;
    r = match_remembered(s, offset, &fresh);
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
    uint64_t table, gone;
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
static inline bool match_has_room(uint64_t number, uint32_t most, uint64_t last)
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

/* Made now if need be. */
static inline struct bpf_table *match_table(uint64_t id)
{
    struct bpf_table *table = bpf_map_lookup_elem(&tables, &id), fresh = {.began = 0};

    if (table)
        return table;
    bpf_map_update_elem(&tables, &id, &fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&tables, &id);
}

GLOBAL int match_hashlimit(struct bpf_nf_ctx *context, struct scratch *s, uint32_t payload)
{
    const struct hashlimit_asked *m = image_window(image_base(s), payload, sizeof(*m));
    struct bpf_table *table;
    struct bpf_bucket *b;
    uint32_t length;
    uint64_t now;
    bool yes;

    if (!s || !m)
        return VERDICT_NO;
    table = match_table(m->table);
    now = memory_jiffies(s->ask.now_ms);
    if (!table || !match_hashlimit_key(context, s, m))
        return VERDICT_HOTDROP;
    if (!table->began)
        table->began = now;
    table->gc = (uint32_t)hashlimit_gc(&m->match);
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
static inline void match_look(struct match_look *look, const struct bpf_list *list,
                              const struct rules_match_recent *m)
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
        if (packet_address_equal(&seen->address, &look->address) &&
            recent_same_ttl(m, (uint8_t)seen->ttl, look->ttl))
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
                                const struct packet_address *address, uint8_t ttl, uint64_t now)
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
    seen->ttl = ttl;
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

    match_look(look, list, m);
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
        match_change(list, seen, change, &look->address, look->ttl, now);
    }
    bpf_spin_unlock(&list->lock);
    return is_same;
}

/* Made now if need be. */
static inline struct bpf_list *match_list(uint64_t id)
{
    uint32_t zero = 0;
    struct bpf_list *list = bpf_map_lookup_elem(&lists, &id);
    struct empty_list *fresh;

    if (list)
        return list;
    fresh = bpf_map_lookup_elem(&empty_list, &zero);
    if (fresh)
        bpf_map_update_elem(&lists, &id, fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&lists, &id);
}

enum { MATCH_TRIES = 8 };

GLOBAL int match_recent(struct scratch *s, uint32_t payload)
{
    const struct recent_asked *m = image_window(image_base(s), payload, sizeof(*m));
    struct bpf_list *list;
    uint64_t now;
    bool yes;
    int i;

    if (!s || !m)
        return VERDICT_NO;
    list = match_list(m->table);
    if (!list)
        return VERDICT_HOTDROP; /* no room: closed */
    now = memory_jiffies(s->ask.now_ms);
    s->look.address = m->match.by_destination ? s->packet.destination : s->packet.source;
    s->look.ttl = s->packet.ttl;
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
    const struct rules_match_u32 *m = image_window(image_base(s), payload, sizeof(*m));
    struct packet_source source;

    if (!s || !m || !packet_open(context, &source))
        return VERDICT_NO;
    return u32_holds(m, &source, &s->packet, s->walk.hook == RULES_FORWARD && !s->ask.is_live, &s->u32) ==
                   U32_YES
               ? VERDICT_YES
               : VERDICT_NO;
}

/* ---- addrtype ---- */

/* What an address of the packet is to the machine; on a hook exactly, so that nothing is left of the interface to
 * which a rule limits that. */
static inline uint16_t match_told(struct bpf_nf_ctx *context, struct scratch *s, uint32_t source,
                                  uint32_t flags)
{
    const uint32_t *type;

    if (s->ask.is_live)
        return (uint16_t)link_ask(context, s, source, flags);
    type = bpf_map_lookup_elem(&locals, source ? &s->packet.source : &s->packet.destination);
    return type ? (uint16_t)*type : ADDRTYPE_UNICAST;
}

GLOBAL int match_addrtype(struct bpf_nf_ctx *context, struct scratch *s, uint32_t payload)
{
    const struct rules_match_addrtype *m = image_window(image_base(s), payload, sizeof(*m));
    struct rules_match_addrtype asked;

    if (!s || !m)
        return VERDICT_NO;
    asked = *m;
    if (s->ask.is_live)
        asked.flags &= (uint8_t)~(RULES_ADDRTYPE_IFACE_IN | RULES_ADDRTYPE_IFACE_OUT);
    if (m->source &&
        addrtype_ask(&asked, &s->packet, true, match_told(context, s, true, m->flags)) != VERDICT_YES)
        return VERDICT_NO;
    if (m->destination &&
        addrtype_ask(&asked, &s->packet, false, match_told(context, s, false, m->flags)) != VERDICT_YES)
        return VERDICT_NO;
    return VERDICT_YES;
}

/* ---- IPv6's chain of headers ---- */

GLOBAL int match_headers(struct bpf_nf_ctx *context, struct scratch *s, uint32_t payload, uint32_t type)
{
    const struct headers_routing *routing = image_window(image_base(s), payload, sizeof(*routing));
    const struct rules_match_ipv6header *listed = image_window(image_base(s), payload, sizeof(*listed));
    struct packet_source source;
    bool yes;

    if (!s || !routing || !listed || !packet_open(context, &source) ||
        !headers_walk(&source, &s->packet, &s->headers))
        return VERDICT_NO;
    yes = type == RULES_MATCH_IPV6HEADER ? headers_are(listed, s->headers.bits)
                                         : headers_route(routing, &s->headers);
    return yes ? VERDICT_YES : VERDICT_NO;
}

/* ---- any of them ---- */

/* Matches that look into nothing far away. */
GLOBAL int match_near(struct bpf_nf_ctx *context, struct scratch *s, uint32_t offset)
{
    const struct condition *c = image_window(image_base(s), offset, sizeof(*c));
    const struct rules_match_time *time;

    if (!s || !c)
        return VERDICT_NO;
    switch (c->argument) {
    case RULES_MATCH_TCP:
    case RULES_MATCH_TCPMSS:
        return match_option(s, c, c->payload);
    case RULES_MATCH_LIMIT:
        return match_limit(s, offset, c->payload);
    case RULES_MATCH_STATISTIC:
        return match_statistic(s, offset, c->payload);
    case RULES_MATCH_TIME:
        time = image_window(image_base(s), c->payload, sizeof(*time));
        return time && time_holds(time, link_time(s)) ? VERDICT_YES : VERDICT_NO;
    case RULES_MATCH_HASHLIMIT:
        return match_hashlimit(context, s, c->payload);
    case RULES_MATCH_RECENT:
        return match_recent(s, c->payload);
    case RULES_MATCH_U32:
        return match_u32(context, s, c->payload);
    case RULES_MATCH_OWNER:
        return match_owner(context, s, c->payload);
    case RULES_MATCH_IPV6HEADER:
    case RULES_MATCH_OPAQUE: /* rt */
        return match_headers(context, s, c->payload, c->argument);
    default:
        return VERDICT_HOTDROP;
    }
}

/* A condition, at offset, that the match itself answers (verdict/match natively). Those that call others in turn are
 * called from here: the verifier allows 8 calls in one another. */
static inline int match_call(struct bpf_nf_ctx *context, struct scratch *s, uint32_t offset,
                             const struct condition *c)
{
    uint32_t payload = c->payload;

    if (!payload) /* can't be judged here: closed rather than open */
        return VERDICT_HOTDROP;
    if (c->argument == RULES_MATCH_ADDRTYPE)
        return match_addrtype(context, s, payload);
    if (c->argument == RULES_MATCH_CONNLIMIT)
        return match_connlimit(s, offset, payload);
    if (c->argument == RULES_MATCH_SET)
        return match_set(context, s, payload);
    return match_near(context, s, offset);
}

#endif
