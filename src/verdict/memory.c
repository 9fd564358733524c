/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_AT_FIRST = 64 };

struct verdict_memory {
    struct memory_entry **buckets;
    size_t size, count; /* size is a power of two */
    struct memory_table *tables;
    uint32_t next_table;
    uint32_t kinds; /* bits 1 << enum memory_kind: there may be entries */
    bool doubt;
};

struct verdict_memory *verdict_memory_new(void)
{
    struct verdict_memory *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->size = BUCKETS_AT_FIRST;
    m->buckets = calloc(m->size, sizeof(struct memory_entry *));
    if (!m->buckets) {
        free(m);
        return NULL;
    }
    return m;
}

static void free_entry(struct memory_entry *entry)
{
    if (entry->key.kind == MEMORY_RECENT)
        free(entry->stamps.at);
    if (entry->key.kind == MEMORY_CONNLIMIT || entry->key.kind == MEMORY_NFT_COUNT)
        free(entry->connections.tuples);
    free(entry);
}

static void free_entries(struct verdict_memory *m)
{
    for (size_t i = 0; i < m->size && m->count; i++) {
        for (struct memory_entry *entry = m->buckets[i], *next; entry; entry = next) {
            next = entry->chain;
            free_entry(entry);
            m->count--;
        }
        m->buckets[i] = NULL;
    }
    m->kinds = 0;
}

void verdict_memory_free(struct verdict_memory **m)
{
    if (!*m)
        return;
    free_entries(*m);
    for (struct memory_table *table = (*m)->tables, *next; table; table = next) {
        next = table->next;
        free(table);
    }
    free((*m)->buckets);
    free(*m);
    *m = NULL;
}

void verdict_memory_forget(struct verdict_memory *m)
{
    free_entries(m);
    for (struct memory_table *table = m->tables; table; table = table->next) {
        table->tainted = false;
        table->count = 0;
        table->swept = 0;
        table->oldest = table->newest = NULL;
    }
}

void verdict_memory_doubt(struct verdict_memory *m, bool doubt)
{
    m->doubt = doubt;
}

bool verdict_memory_in_doubt(const struct verdict_memory *m)
{
    return m->doubt;
}

static size_t hash_of(const struct memory_key *key)
{
    const uint32_t words[] = {
        key->kind << 24 ^ key->owner,
        key->index,
        key->address[0].word[0],
        key->address[0].word[1],
        key->address[0].word[2],
        key->address[0].word[3],
        key->address[1].word[0],
        key->address[1].word[1],
        key->address[1].word[2],
        key->address[1].word[3],
        (uint32_t)key->port[0] << 16 | key->port[1],
    };
    uint64_t hash = 0x9e3779b97f4a7c15;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        hash = (hash ^ words[i]) * 0xff51afd7ed558ccd;
        hash ^= hash >> 32;
    }
    return (size_t)hash;
}

static bool same_key(const struct memory_key *a, const struct memory_key *b)
{
    return a->kind == b->kind && a->owner == b->owner && a->index == b->index &&
           packet_address_equal(&a->address[0], &b->address[0]) &&
           packet_address_equal(&a->address[1], &b->address[1]) && a->port[0] == b->port[0] &&
           a->port[1] == b->port[1];
}

struct memory_entry *memory_find(const struct verdict_memory *m, const struct memory_key *key)
{
    struct memory_entry *entry = m->buckets[hash_of(key) & (m->size - 1)];

    while (entry && !same_key(&entry->key, key))
        entry = entry->chain;
    return entry;
}

/* Twice as many buckets; if there is no memory for them the chains grow longer instead. */
static void grow(struct verdict_memory *m)
{
    size_t size = m->size * 2;
    struct memory_entry **buckets = calloc(size, sizeof(struct memory_entry *));

    if (!buckets)
        return;
    for (size_t i = 0; i < m->size; i++) {
        for (struct memory_entry *entry = m->buckets[i], *next; entry; entry = next) {
            struct memory_entry **bucket = &buckets[hash_of(&entry->key) & (size - 1)];
            next = entry->chain;
            entry->chain = *bucket;
            *bucket = entry;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->size = size;
}

struct memory_entry *memory_add(struct verdict_memory *m, const struct memory_key *key)
{
    struct memory_entry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    if (m->count >= m->size)
        grow(m);
    struct memory_entry **bucket = &m->buckets[hash_of(key) & (m->size - 1)];
    entry->key = *key;
    entry->chain = *bucket;
    *bucket = entry;
    m->count++;
    m->kinds |= 1U << key->kind;
    return entry;
}

void memory_remove(struct verdict_memory *m, struct memory_entry **entry)
{
    struct memory_entry **link = &m->buckets[hash_of(&(*entry)->key) & (m->size - 1)];

    while (*link != *entry)
        link = &(*link)->chain;
    *link = (*entry)->chain;
    m->count--;
    free_entry(*entry);
    *entry = NULL;
}

void memory_sweep(struct verdict_memory *m, enum memory_kind kind, uint32_t owner,
                  bool (*forget)(const void *arg, struct memory_entry *entry), const void *arg)
{
    for (size_t i = 0; i < m->size; i++) {
        for (struct memory_entry **link = &m->buckets[i]; *link;) {
            struct memory_entry *entry = *link;
            if (entry->key.kind != kind || entry->key.owner != owner || !forget(arg, entry)) {
                link = &entry->chain;
                continue;
            }
            *link = entry->chain;
            m->count--;
            free_entry(entry);
        }
    }
}

bool memory_has(const struct verdict_memory *m, enum memory_kind kind)
{
    return m->kinds >> kind & 1;
}

bool memory_is_due(const struct verdict_memory *m)
{
    return m->count >= m->size;
}

size_t memory_count(const struct verdict_memory *m)
{
    return m->count;
}

static uint32_t power_of_two_from(uint32_t value)
{
    uint32_t power = 1;

    while (power < value)
        power *= 2;
    return power;
}

/* recent_mt_check: room for as many stamps as the hit count needs. A table whose every rule has a small one
 * would be smaller, but then no rule puts addresses in: --set has no hit count, which is 32. */
static uint32_t stamps_for(const struct rules_match_recent *recent)
{
    return recent->hit_count > RECENT_STAMPS ? power_of_two_from(recent->hit_count) : RECENT_STAMPS;
}

static struct memory_table *find_table(struct verdict_memory *m, uint32_t kind, const char *name)
{
    struct memory_table *table = m->tables;

    while (table && (table->kind != kind || strcmp(table->name, name) != 0))
        table = table->next;
    return table;
}

struct memory_table *memory_table_of(struct verdict_memory *m, const struct rules_match *match)
{
    bool is_recent = match->type == RULES_MATCH_RECENT;
    uint32_t kind = is_recent ? MEMORY_RECENT : MEMORY_HASHLIMIT;
    const char *name = is_recent ? match->recent->name : match->hashlimit->name;
    struct memory_table *table = find_table(m, kind, name);

    if (table)
        return table;
    table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->kind = kind;
    table->number = m->next_table++;
    snprintf(table->name, sizeof table->name, "%s", name);
    if (is_recent) {
        table->mask = match->recent->mask;
        table->stamps = stamps_for(match->recent);
    } else {
        table->hashlimit = *match->hashlimit;
    }
    table->next = m->tables;
    m->tables = table;
    return table;
}

static int learn_match(struct verdict_memory *m, const struct rules_match *match)
{
    if (match->type != RULES_MATCH_RECENT && match->type != RULES_MATCH_HASHLIMIT)
        return 0;
    struct memory_table *table = memory_table_of(m, match);
    if (!table)
        return -ENOMEM;
    /* A table of recent grows with each rule that is loaded, not with the packets. */
    if (match->type == RULES_MATCH_RECENT && stamps_for(match->recent) > table->stamps)
        table->stamps = stamps_for(match->recent);
    return 0;
}

static int learn_chain(struct verdict_memory *m, const struct rules_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct rules_rule *rule = &chain->rules[i];
        for (size_t j = 0; j < rule->match_count; j++) {
            int r = learn_match(m, &rule->matches[j]);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int verdict_memory_learn(struct verdict_memory *m, const struct rules *r)
{
    for (size_t i = 0; i < RULES_TABLES; i++) {
        const struct rules_table *table = &r->tables[i];
        for (size_t j = 0; j < table->count; j++) {
            int error = learn_chain(m, table->chains[j]);
            if (error < 0)
                return error;
        }
    }
    return 0;
}
