/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_NATIVE_TABLE_H
#define SALLY_TRACK_NATIVE_TABLE_H

/*
 * Where flows live: a pool of slots that never move, and a hash table of slot numbers with one entry a flow
 * for both directions (two, where NAT makes them differ). Entries hold the hash, so that a lookup touches one line of the table and, as a rule,
 * one flow. The table is ordered by hash (linear probing from the hash's top bits), so growing it runs
 * through memory from front to back.
 *
 * A slot is free, or taken and not (yet, any more) in the table, or in the table.
 */
#include "base/result.h"
#include "track/hash.h"

enum {
    /* Of flows in a chunk of the pool: small enough for malloc to have it at hand, since who plays a session needs but a
     * few flows. */
    TABLE_CHUNK_BITS = 9,
    TABLE_CHUNK = 1 << TABLE_CHUNK_BITS,
    TABLE_PAGE =
        2 << 20,    /* the table's memory comes in whole large pages, where the system has them (on x86 of
                             2 MiB): a packet in a hundred thousand flows else pays for a walk through page tables */
    TABLE_NONE = 0, /* slot numbers begin with 1 */
};

struct table_entry {
    uint32_t hash;
    uint32_t slot; /* TABLE_NONE: empty */
};

struct table {
    struct track_key key;
    struct table_entry *entries;
    uint32_t bits;  /* log2 of their number */
    uint32_t used;  /* flows in the table */
    uint32_t twice; /* of them have an entry for each direction */

    struct track_flow **chunks;
    uint32_t chunk_count;
    uint32_t taken; /* slots that are not free */
    uint32_t top;   /* slots that have ever been taken: 1...top */
    uint32_t free;  /* first of a list through track_flow.master */
};

/* 0, or -ENOMEM. */
MUST_USE int table_init(struct table *t, struct track_key key);
void table_fini(struct table *t);

static inline struct track_flow *table_flow(const struct table *t, uint32_t slot)
{
    return &t->chunks[(slot - 1) >> TABLE_CHUNK_BITS][(slot - 1) & (TABLE_CHUNK - 1)];
}

/* Is the slot taken? */
static inline bool table_has(const struct table *t, uint32_t slot)
{
    return table_flow(t, slot)->tuple.family != 0;
}

static inline uint32_t table_hash(const struct table *t, const struct track_tuple *tuple)
{
    return (uint32_t)(track_tuple_hash(tuple, &t->key) >> 32);
}

static inline uint32_t table_home(const struct table *t, uint32_t hash)
{
    return hash >> (32 - t->bits);
}

/* The lines of a flow that will be written to. Inlined early, or GCC 12 takes the call for one without
 * effect and drops it. */
__attribute__((always_inline)) static inline void table_prefetch(const struct table *t, uint32_t slot)
{
    const char *flow = (const char *)table_flow(t, slot);

    __builtin_prefetch(flow, 1);
    __builtin_prefetch(flow + 64, 1);
    __builtin_prefetch(flow + 128, 1);
}

/* A slot for a new flow (zeroed but for family 255, which the caller overwrites); TABLE_NONE: out of memory.
 * Also makes sure that table_insert finds room. */
uint32_t table_take(struct table *t);
/* The slot must not be in the table. */
void table_give_back(struct table *t, uint32_t slot);

/* TABLE_NONE: none. */
uint32_t table_find(const struct table *t, const struct track_tuple *tuple, uint32_t hash,
                    enum track_direction *ret_direction);
/* A flow with the same tuple must not be there. */
void table_insert(struct table *t, uint32_t slot, uint32_t hash);
void table_remove(struct table *t, uint32_t slot, uint32_t hash);
/* Likewise for a second entry of a flow in the table, under the hash of its other direction. */
void table_insert_again(struct table *t, uint32_t slot, uint32_t hash);
void table_remove_again(struct table *t, uint32_t slot, uint32_t hash);

size_t table_memory(const struct table *t);

#endif
