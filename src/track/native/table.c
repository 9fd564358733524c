/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/table.h"

#include "track/tuple.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_BITS = 6,
    MOST_BITS = 31,
};

static struct table_entry *new_entries(uint32_t bits)
{
    size_t size = sizeof(struct table_entry) << bits;
    struct table_entry *entries = aligned_alloc(size < TABLE_PAGE ? 64 : TABLE_PAGE, size);

    if (entries)
        memset(entries, 0, size);
    return entries;
}

int table_init(struct table *t, struct track_key key)
{
    *t = (struct table){.key = key, .bits = LEAST_BITS, .entries = new_entries(LEAST_BITS)};
    return t->entries ? 0 : -ENOMEM;
}

void table_fini(struct table *t)
{
    for (uint32_t i = 0; i < t->chunk_count; i++)
        free(t->chunks[i]);
    free(t->chunks);
    free(t->entries);
    *t = (struct table){0};
}

static uint32_t entry_mask(const struct table *t)
{
    return (1U << t->bits) - 1;
}

static void put_entry(struct table *t, struct table_entry entry)
{
    uint32_t at = table_home(t, entry.hash);

    while (t->entries[at].slot != TABLE_NONE)
        at = (at + 1) & entry_mask(t);
    t->entries[at] = entry;
}

static int grow_entries(struct table *t)
{
    struct table_entry *old = t->entries;
    size_t count = (size_t)1 << t->bits;

    if (t->bits == MOST_BITS)
        return -ENOMEM;
    struct table_entry *entries = new_entries(t->bits + 1);
    if (!entries)
        return -ENOMEM;
    t->entries = entries;
    t->bits++;
    for (size_t i = 0; i < count; i++) {
        if (old[i].slot != TABLE_NONE)
            put_entry(t, old[i]);
    }
    free(old);
    return 0;
}

static int grow_pool(struct table *t)
{
    /* The list of chunks doubles whenever its length is a power of two. */
    if ((t->chunk_count & (t->chunk_count - 1)) == 0) {
        size_t room = t->chunk_count ? 2 * (size_t)t->chunk_count : 1;
        struct track_flow **chunks = realloc(t->chunks, room * sizeof(struct track_flow *));
        if (!chunks)
            return -ENOMEM;
        t->chunks = chunks;
    }
    struct track_flow *chunk = malloc(TABLE_CHUNK * sizeof(*chunk));
    if (!chunk)
        return -ENOMEM;
    t->chunks[t->chunk_count++] = chunk;
    return 0;
}

/* At most two thirds full: then a lookup rarely leaves its cache line. */
static bool is_crowded(const struct table *t)
{
    return ((uint64_t)t->taken + t->twice + 2) * 3 > 2ULL << t->bits;
}

uint32_t table_take(struct table *t)
{
    uint32_t slot = t->free;

    if (is_crowded(t) && grow_entries(t) < 0)
        return TABLE_NONE;
    if (slot != TABLE_NONE) {
        t->free = table_flow(t, slot)->master;
        if (t->free != TABLE_NONE)
            table_prefetch(t, t->free);
    } else {
        if (t->top == t->chunk_count * TABLE_CHUNK && grow_pool(t) < 0)
            return TABLE_NONE;
        slot = ++t->top;
    }
    t->taken++;
    *table_flow(t, slot) = (struct track_flow){.tuple.family = UINT8_MAX};
    return slot;
}

void table_give_back(struct table *t, uint32_t slot)
{
    struct track_flow *flow = table_flow(t, slot);

    flow->tuple.family = 0;
    flow->master = t->free;
    t->free = slot;
    t->taken--;
}

uint32_t table_find(const struct table *t, const struct track_tuple *tuple, uint32_t hash,
                    enum track_direction *ret_direction)
{
    for (uint32_t at = table_home(t, hash);; at = (at + 1) & entry_mask(t)) {
        struct table_entry entry = t->entries[at];
        if (entry.slot == TABLE_NONE)
            return TABLE_NONE;
        if (entry.hash != hash)
            continue;
        enum track_direction direction = track_flow_direction(table_flow(t, entry.slot), tuple);
        if (direction != TRACK_DIRECTIONS) {
            *ret_direction = direction;
            return entry.slot;
        }
    }
}

void table_insert(struct table *t, uint32_t slot, uint32_t hash)
{
    put_entry(t, (struct table_entry){.hash = hash, .slot = slot});
    t->used++;
}

void table_insert_again(struct table *t, uint32_t slot, uint32_t hash)
{
    put_entry(t, (struct table_entry){.hash = hash, .slot = slot});
    t->twice++;
}

static void remove_entry(struct table *t, uint32_t slot, uint32_t hash)
{
    uint32_t mask = entry_mask(t), hole = table_home(t, hash);

    while (t->entries[hole].slot != slot || t->entries[hole].hash != hash)
        hole = (hole + 1) & mask;
    /* Those behind it that would no longer be found move up (Knuth, volume 3, 6.4, algorithm R). */
    for (uint32_t at = (hole + 1) & mask; t->entries[at].slot != TABLE_NONE; at = (at + 1) & mask) {
        uint32_t home = table_home(t, t->entries[at].hash);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            t->entries[hole] = t->entries[at];
            hole = at;
        }
    }
    t->entries[hole] = (struct table_entry){0};
}

void table_remove(struct table *t, uint32_t slot, uint32_t hash)
{
    remove_entry(t, slot, hash);
    t->used--;
}

void table_remove_again(struct table *t, uint32_t slot, uint32_t hash)
{
    remove_entry(t, slot, hash);
    t->twice--;
}

size_t table_memory(const struct table *t)
{
    return (sizeof(struct table_entry) << t->bits) +
           (size_t)t->chunk_count * (TABLE_CHUNK * sizeof(struct track_flow) + sizeof(struct track_flow *));
}
