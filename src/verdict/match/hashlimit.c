/* SPDX-License-Identifier: BSD-2-Clause */
/* net/netfilter/xt_hashlimit.c, revision 3. */
#include "verdict/match/topic.h"

#include "base/wire.h"
#include "verdict/memory.h"

/* Credits a jiffy, of packets and of bytes: the largest powers of two with which a day's fit into 64 and a
 * second's into 32 bits. */
#define PACKET_CREDITS   (UINT64_C(1) << 39)
#define BYTE_CREDITS     (UINT64_C(1) << 24)
#define BYTE_CREDITS_CAP (BYTE_CREDITS * MEMORY_HZ)
_Static_assert(PACKET_CREDITS <= UINT64_MAX / (MEMORY_HZ * 86400) &&
                   PACKET_CREDITS * 2 > UINT64_MAX / (MEMORY_HZ * 86400),
               "credits of packets fit the clock");
_Static_assert(BYTE_CREDITS <= UINT32_MAX / MEMORY_HZ && BYTE_CREDITS * 2 > UINT32_MAX / MEMORY_HZ,
               "credits of bytes fit the clock");

enum {
    SCALE = 1000000,     /* XT_HASHLIMIT_SCALE_v2 */
    CHUNK_SHIFT = 4,     /* bytes are counted by 16 */
    DEFAULT_SIZE = 8192, /* of a machine with more than 1 GiB */
    DEFAULT_GC_MS = 1000,
    DEFAULT_EXPIRE_MS = 10000,
    PORTS = 4,
};

static uint64_t packet_credits(uint64_t user)
{
    return user * (MEMORY_HZ * PACKET_CREDITS / SCALE);
}

static uint32_t byte_cost(uint64_t average)
{
    return (uint32_t)((uint64_t)(uint32_t)average * BYTE_CREDITS_CAP >> 32);
}

static void bucket_init(struct memory_bucket *b, const struct rules_match_hashlimit *c, uint64_t now)
{
    b->previous = now;
    if (c->rate_match && c->by_bytes) {
        uint32_t average = (uint32_t)c->average;
        b->rate = (uint64_t)((average ? UINT32_MAX / average : UINT32_MAX) - 1) << CHUNK_SHIFT;
        b->burst = c->burst ? c->burst * b->rate : b->rate;
    } else if (c->rate_match) {
        b->rate = c->average ? SCALE / c->average : 0;
        b->burst = c->burst + b->rate;
    } else if (c->by_bytes) {
        b->credit = BYTE_CREDITS_CAP;
        b->cost = byte_cost(c->average);
        b->cap = c->burst; /* how often an empty bucket may be filled again */
    } else {
        b->credit = b->cap = packet_credits(c->average * c->burst);
        b->cost = packet_credits(c->average);
    }
}

static void bucket_grant(struct memory_bucket *b, const struct rules_match_hashlimit *c, uint64_t now)
{
    uint64_t passed = now - b->previous;

    if (passed == 0)
        return;
    if (c->rate_match) {
        uint64_t interval = (uint64_t)c->interval * MEMORY_HZ;
        if (passed < interval)
            return;
        b->previous = now;
        b->over_before = b->current_rate * interval > passed * b->rate;
        b->current_rate = 0;
        return;
    }
    uint64_t before = b->credit, cap = c->by_bytes ? BYTE_CREDITS_CAP : b->cap;
    b->previous = now;
    b->credit += passed * (c->by_bytes ? BYTE_CREDITS : PACKET_CREDITS);
    if (b->credit > cap || (c->by_bytes && b->credit <= before))
        b->credit = cap;
}

/* Is a packet of so many bytes within the limit? */
static bool bucket_take(struct memory_bucket *b, const struct rules_match_hashlimit *c, uint32_t length)
{
    if (c->rate_match) {
        b->current_rate += c->by_bytes ? length : 1;
        return !b->over_before && b->current_rate <= b->burst;
    }
    uint64_t cost = b->cost;
    if (c->by_bytes) {
        cost *= (length >> CHUNK_SHIFT) + 1;
        if (cost > BYTE_CREDITS_CAP)
            cost = BYTE_CREDITS_CAP;
        if (b->credit < cost && b->cap) {
            b->cap--;
            b->credit = BYTE_CREDITS_CAP;
        }
    }
    if (b->credit < cost)
        return false;
    b->credit -= cost;
    return true;
}

static void mask_address(struct packet_address *a, uint8_t prefix)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned bits = prefix > i * 32 ? prefix - i * 32 : 0;
        uint8_t mask[4];
        wire_write32(mask, bits >= 32 ? UINT32_MAX : ~(UINT32_MAX >> bits));
        for (unsigned j = 0; j < 4; j++)
            ((uint8_t *)&a->word[i])[j] &= mask[j];
    }
}

/* Where the ports stand in the transport header, or -1: it has none. The SPI of IPsec counts as ports
 * (proto_ports_offset). */
static int ports_offset(const struct packet *p)
{
    if (p->fragment_offset && p->family == PACKET_IPV6)
        return -1; /* ipv6_skip_exthdr stops at the fragment header */
    if (p->protocol == PACKET_ESP || packet_has_ports(p->protocol))
        return 0;
    return p->protocol == PACKET_AH && p->family == PACKET_IPV4 ? 4 : -1;
}

/* False: the ports that are asked for can't be read; *ret_answer says what that means. */
static bool make_key(const struct match_question *q, const struct memory_table *table, struct memory_key *key,
                     enum verdict_answer *ret_answer)
{
    const struct rules_match_hashlimit *c = &table->hashlimit;
    const struct packet *p = q->p->packet;

    *key = (struct memory_key){.kind = MEMORY_HASHLIMIT, .owner = table->number};
    if (c->mode & RULES_HASH_SRCIP) {
        key->address[0] = p->source;
        mask_address(&key->address[0], c->source_prefix);
    }
    if (c->mode & RULES_HASH_DSTIP) {
        key->address[1] = p->destination;
        mask_address(&key->address[1], c->destination_prefix);
    }
    int offset = ports_offset(p);
    if (!(c->mode & (RULES_HASH_SRCPORT | RULES_HASH_DSTPORT)) || offset < 0)
        return true;
    /* In IPv4 it does not ask whether this is a later fragment. */
    uint32_t transport = p->fragment_offset ? p->payload : p->transport;
    const uint8_t *ports = match_bytes(q, transport + (uint32_t)offset, PORTS, ret_answer);
    if (!ports)
        return false;
    if (c->mode & RULES_HASH_SRCPORT)
        key->port[0] = wire_read16(ports);
    if (c->mode & RULES_HASH_DSTPORT)
        key->port[1] = wire_read16(ports + 2);
    return true;
}

static uint64_t in_jiffies(uint32_t ms)
{
    return ((uint64_t)ms + MEMORY_JIFFY_MS - 1) / MEMORY_JIFFY_MS;
}

static bool is_expired(const void *arg, struct memory_entry *entry)
{
    return *(const uint64_t *)arg >= entry->bucket.expires;
}

/* htable_gc runs each gc_interval; what it would have removed at its last run before now is removed. */
static void collect(const struct match_question *q, struct memory_table *table, uint64_t now)
{
    uint64_t interval =
        in_jiffies(table->hashlimit.gc_interval ? table->hashlimit.gc_interval : DEFAULT_GC_MS);
    uint64_t last = now - (now - table->swept) % interval;

    if (table->swept == 0 || last == table->swept) {
        table->swept = table->swept ? table->swept : now;
        return;
    }
    table->swept = last;
    size_t before = memory_count(q->memory);
    memory_sweep(q->memory, MEMORY_HASHLIMIT, table->number, is_expired, &last);
    table->count -= (uint32_t)(before - memory_count(q->memory));
}

static uint32_t most_entries(const struct rules_match_hashlimit *c)
{
    uint32_t size = c->size ? c->size : DEFAULT_SIZE;

    if (c->max == 0)
        return size * 8;
    return c->max < size ? size : c->max;
}

enum verdict_answer match_hashlimit(const struct match_question *q)
{
    uint64_t now = memory_jiffies(q->p->now_ms);
    struct memory_table *table = memory_table_of(q->memory, q->match);
    struct memory_key key;
    enum verdict_answer answer;

    if (!table)
        return match_unknown(q, MATCH_NO_MEMORY);
    const struct rules_match_hashlimit *c = &table->hashlimit;
    if (!make_key(q, table, &key, &answer))
        return answer;
    collect(q, table, now);
    struct memory_entry *entry = memory_find(q->memory, &key);
    if (!entry) {
        if (table->count >= most_entries(c))
            return VERDICT_HOTDROP;
        entry = memory_add(q->memory, &key);
        if (!entry)
            return match_unknown(q, MATCH_NO_MEMORY);
        table->count++;
        bucket_init(&entry->bucket, c, now);
    } else {
        bucket_grant(&entry->bucket, c, now);
    }
    entry->bucket.expires = now + in_jiffies(c->expire ? c->expire : DEFAULT_EXPIRE_MS);
    if (verdict_memory_in_doubt(q->memory))
        entry->tainted = true;
    if (entry->tainted)
        return match_unknown(q, "how many packets have passed a hashlimit before");
    return match_answer(bucket_take(&entry->bucket, c, q->p->packet->length) != q->match->hashlimit->above);
}
