/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/nft/state.h"

#include <string.h>

#include "verdict/match/connlimit.h"
#include "verdict/match/topic.h"
#include "verdict/memory.h"

#define COUNTED_BEFORE "how many packets have passed a limit before"
#define SET_CHANGED    "what rules have put into a set before"

enum {
    NS_PER_MS = 1000000,
    PACKETS_BURST = 5, /* NFT_LIMIT_PKT_BURST_DEFAULT */
    LEAST_PACKET = 20,
    OBJECT = 1 << 30, /* of what does not belong to a rule: as index */
    ELEMENT = 1 << 29,
};
static const uint64_t ns_per_s = 1000000000;

/* ---- whose memory ---- */

static enum verdict_answer unknown(const struct nft_question *q, const char *because)
{
    *q->because = because;
    return VERDICT_UNKNOWN;
}

/* Bits one behind the other into 36 bytes, of which IPv6's addresses and two ports fill 36. false: they don't fit, or are not
 * known. */
static bool pack(const struct nft_set *set, const struct nft_value *key, struct memory_key *ret)
{
    uint8_t bytes[36] = {0};
    size_t at = 0;

    if (key->count != set->type_count)
        return false;
    for (unsigned i = 0; i < key->count; i++) {
        size_t size = (nft_types[set->types[i]].bits + 7U) / 8;
        nft_number n = key->part[i].value;

        size = size ? size : sizeof(n);
        if (key->part[i].hidden || at + size > sizeof(bytes))
            return false;
        for (size_t b = size; b-- > 0; n >>= 8)
            bytes[at + b] = (uint8_t)n;
        at += size;
    }
    memcpy(ret->address, bytes, sizeof(ret->address));
    memcpy(ret->port, bytes + sizeof(ret->address), sizeof(ret->port));
    return true;
}

/* The statement's own, its object's, or its element's. false: it can't be told whose. */
static bool key_of(const struct nft_question *q, enum memory_kind kind, const struct nft_object *object,
                   struct memory_key *ret)
{
    *ret = (struct memory_key){.kind = kind, .owner = q->rule->serial, .index = q->index};
    if (object) {
        ret->owner = object->number;
        ret->index = OBJECT;
    }
    if (q->element && q->set) {
        ret->owner = q->set->number;
        ret->index = ELEMENT | q->index;
        return pack(q->set, q->element, ret);
    }
    return true;
}

static struct memory_entry *find_or_add(struct verdict_memory *m, const struct memory_key *key,
                                        bool *ret_fresh)
{
    struct memory_entry *entry = memory_find(m, key);

    *ret_fresh = !entry;
    return entry ? entry : memory_add(m, key);
}

/* ---- limit ---- */

/* nft_limit_init: a full bucket, ns. 0: its numbers are none that nf_tables takes. */
static uint64_t bucket_size(const struct nft_limit *l)
{
    unsigned __int128 ns = (unsigned __int128)l->per_s * ns_per_s, size;
    uint64_t burst = l->burst || l->by_bytes ? l->burst : PACKETS_BURST;

    if (l->rate == 0)
        return 0;
    size = l->by_bytes ? ns * ((unsigned __int128)l->rate + burst) / l->rate : ns / l->rate * burst;
    return size > UINT64_MAX / 2 ? 0 : (uint64_t)size;
}

static uint64_t cost_of(const struct nft_limit *l, uint32_t length)
{
    unsigned __int128 ns = (unsigned __int128)l->per_s * ns_per_s;

    return (uint64_t)(l->by_bytes ? ns * length / l->rate : ns / l->rate);
}

static enum verdict_answer take(const struct nft_question *q, const struct nft_limit *l,
                                struct memory_entry *entry, bool fresh)
{
    const struct verdict_packet *p = q->world->p;
    uint64_t size = bucket_size(l), now = p->now_ms * NS_PER_MS, cost = cost_of(l, p->packet->length);

    if (fresh) {
        entry->bucket_of_nft.tokens = size;
        entry->bucket_of_nft.last = now;
    }
    uint64_t passed = now - entry->bucket_of_nft.last, tokens = entry->bucket_of_nft.tokens;
    tokens = passed >= size || tokens + passed > size ? size : tokens + passed;
    if (passed >= size) /* it has had time to fill, whoever drew from it */
        entry->tainted = entry->guessed = false;
    entry->bucket_of_nft.last = now;
    if (verdict_memory_in_doubt(q->world->memory))
        entry->tainted = true;
    if (entry->tainted)
        return unknown(q, COUNTED_BEFORE);
    entry->guessed |= match_is_guess(p);
    bool within = tokens >= cost;
    if (!within && entry->guessed)
        return unknown(q, COUNTED_BEFORE);
    entry->bucket_of_nft.tokens = within ? tokens - cost : tokens;
    return match_answer(within != l->over);
}

enum verdict_answer nft_state_limit(const struct nft_question *q)
{
    const struct nft_statement *s = q->statement;
    const struct nft_limit *l = s->name ? (s->object ? &s->object->limit : NULL) : &s->limit;
    struct memory_key key;
    bool fresh;

    if (!l || bucket_size(l) == 0)
        return unknown(q, "a limit that is not declared");
    if (l->by_bytes && q->world->p->unknown & (VERDICT_NO_SHAPE | VERDICT_NO_TCP) &&
        cost_of(l, UINT16_MAX) > bucket_size(l))
        return unknown(q, "the length of the packet, of which a limit in bytes takes account");
    if (!key_of(q, MEMORY_NFT_LIMIT, s->object, &key))
        return unknown(q, COUNTED_BEFORE);
    struct memory_entry *entry = find_or_add(q->world->memory, &key, &fresh);
    return entry ? take(q, l, entry, fresh) : unknown(q, MATCH_NO_MEMORY);
}

/* ---- quota ---- */

enum verdict_answer nft_state_quota(const struct nft_question *q)
{
    const struct nft_statement *s = q->statement;
    const struct nft_quota *quota = s->name ? (s->object ? &s->object->quota : NULL) : &s->quota;
    const struct verdict_packet *p = q->world->p;
    bool is_hidden = p->unknown & (VERDICT_NO_SHAPE | VERDICT_NO_TCP), fresh, doubt;
    struct memory_entry *entry;
    struct memory_key key;

    if (!quota || !key_of(q, MEMORY_NFT_QUOTA, s->object, &key))
        return unknown(q, "how many bytes a quota has counted");
    entry = find_or_add(q->world->memory, &key, &fresh);
    if (!entry)
        return unknown(q, MATCH_NO_MEMORY);
    if (fresh)
        entry->quota.least = entry->quota.most = quota->used;
    doubt = verdict_memory_in_doubt(q->world->memory);
    entry->quota.least += doubt ? 0 : is_hidden ? LEAST_PACKET : p->packet->length;
    entry->quota.most += is_hidden ? UINT16_MAX : p->packet->length;
    /* Whether it is over when it is just reached has not been the same in all kernels. */
    if (entry->quota.most < quota->bytes)
        return match_answer(!quota->over);
    return entry->quota.least > quota->bytes ? match_answer(quota->over)
                                             : unknown(q, "how many bytes a quota has counted");
}

/* ---- ct count ---- */

enum verdict_answer nft_state_count(const struct nft_question *q)
{
    struct track_tuple tuple;
    struct memory_entry *entry;
    struct memory_key key;
    bool fresh;

    if (!connlimit_tuple(q->world->p, &tuple))
        return VERDICT_HOTDROP;
    if (!key_of(q, MEMORY_NFT_COUNT, NULL, &key))
        return unknown(q, "how many connections a rule has counted");
    entry = find_or_add(q->world->memory, &key, &fresh);
    if (!entry)
        return unknown(q, MATCH_NO_MEMORY);
    entry->tainted |= verdict_memory_in_doubt(q->world->memory);
    if (entry->tainted)
        return unknown(q, "how many connections a rule has counted");
    if (!connlimit_count(q->world->p, &tuple, &entry->connections))
        return VERDICT_HOTDROP;
    return match_answer((entry->connections.count > q->statement->count.most) == q->statement->count.over);
}

/* ---- sets that rules fill ---- */

/* What stands for the set as a whole: tainted, if rules may have put in what is not known. */
static struct memory_entry *set_entry(const struct nft_set *set, struct verdict_memory *m)
{
    const struct memory_key key = {.kind = MEMORY_NFT_SET, .owner = set->number};
    bool fresh;

    return find_or_add(m, &key, &fresh);
}

static struct memory_key element_key(const struct nft_set *set)
{
    return (struct memory_key){.kind = MEMORY_NFT_ELEMENT, .owner = set->number};
}

static bool is_live(const struct memory_entry *e, const struct nft_world *w)
{
    return e && !e->element.is_deleted && (!e->element.expires_ms || e->element.expires_ms > w->p->now_ms);
}

enum verdict_answer nft_state_lookup(const struct nft_set *set, const struct nft_value *key,
                                     const struct nft_world *w, const char **ret_because)
{
    const struct memory_key whole_key = {.kind = MEMORY_NFT_SET, .owner = set->number};
    struct memory_key own = element_key(set);

    if (!(set->flags & NFT_SET_FILLED))
        return VERDICT_NO;
    const struct memory_entry *whole = memory_find(w->memory, &whole_key);
    if (!whole)
        return VERDICT_NO;
    *ret_because = SET_CHANGED;
    if (whole->tainted || !pack(set, key, &own))
        return VERDICT_UNKNOWN;
    const struct memory_entry *e = memory_find(w->memory, &own);
    if (!is_live(e, w))
        return e && e->element.is_deleted ? VERDICT_HOTDROP : VERDICT_NO;
    return e->element.is_limited ? VERDICT_UNKNOWN : VERDICT_YES;
}

/* Is it in the set already, by what was read or was added? */
static enum verdict_answer is_in(const struct nft_set *set, const struct nft_value *key,
                                 const struct nft_world *w)
{
    const struct nft_element *element;
    const char *because;

    return nft_lookup(set, key, w, &element, &because);
}

static bool has_limit(const struct nft_statement *s)
{
    while (s && s->kind != NFT_DO_LIMIT && s->kind != NFT_DO_QUOTA && s->kind != NFT_DO_COUNT)
        s = s->next;
    return s != NULL;
}

/* Whether one that is there already is to be left as it is. */
static bool stays(const struct nft_question *q, const struct memory_entry *e, enum verdict_answer in)
{
    return q->statement->set.deed == NFT_SET_ADD && (in == VERDICT_YES || is_live(e, q->world));
}

static enum verdict_answer put(const struct nft_question *q, const struct nft_value *key,
                               struct memory_entry *whole)
{
    const struct nft_statement *s = q->statement;
    const struct nft_set *set = s->set.set;
    uint64_t timeout_s = s->set.timeout_s ? s->set.timeout_s : set->timeout_s;
    enum verdict_answer in = is_in(set, key, q->world);
    struct memory_key own = element_key(set);
    bool fresh;

    if (!pack(set, key, &own)) {
        whole->tainted |= in != VERDICT_YES || s->set.deed != NFT_SET_ADD;
        return VERDICT_YES;
    }
    if (stays(q, memory_find(q->world->memory, &own), in))
        return VERDICT_YES;
    if (s->set.deed != NFT_SET_DELETE && set->size && in != VERDICT_YES &&
        set->count + whole->counter >= set->size)
        return unknown(q, "whether a set has room for one more");
    struct memory_entry *e = find_or_add(q->world->memory, &own, &fresh);
    if (!e)
        return unknown(q, MATCH_NO_MEMORY);
    whole->counter += fresh;
    e->element.is_deleted = s->set.deed == NFT_SET_DELETE;
    e->element.is_limited = has_limit(s->set.statements) || has_limit(set->statements);
    e->element.expires_ms = timeout_s ? q->world->p->now_ms + timeout_s * 1000 : 0;
    return VERDICT_YES;
}

enum verdict_answer nft_state_set(const struct nft_question *q)
{
    struct nft_value key;
    struct memory_entry *whole = set_entry(q->statement->set.set, q->world->memory);

    nft_evaluate(q->statement->set.key, q->world, &key);
    if (key.absent == VERDICT_YES)
        return VERDICT_NO;
    if (!whole)
        return unknown(q, MATCH_NO_MEMORY);
    if (key.absent == VERDICT_UNKNOWN || verdict_memory_in_doubt(q->world->memory)) {
        whole->tainted = true;
        return key.absent == VERDICT_UNKNOWN ? unknown(q, key.because) : VERDICT_YES;
    }
    enum verdict_answer answer = put(q, &key, whole);
    for (const struct nft_statement *s = q->statement->set.statements; s && answer == VERDICT_YES;
         s = s->next) {
        const struct nft_question own = {.world = q->world,
                                         .rule = q->rule,
                                         .statement = s,
                                         .index = s->kind,
                                         .because = q->because,
                                         .set = q->statement->set.set,
                                         .element = &key};

        answer = s->kind == NFT_DO_LIMIT   ? nft_state_limit(&own)
                 : s->kind == NFT_DO_QUOTA ? nft_state_quota(&own)
                 : s->kind == NFT_DO_COUNT ? nft_state_count(&own)
                                           : VERDICT_YES;
    }
    return answer;
}
