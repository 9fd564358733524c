/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/match/recent.h"

#include <stdlib.h>

#include "verdict/condition/field.h"
#include "verdict/match/topic.h"
#include "verdict/memory.h"

static void unlink_entry(struct memory_table *table, struct memory_entry *entry)
{
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        table->oldest = entry->newer;
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        table->newest = entry->older;
    entry->older = entry->newer = NULL;
}

static void link_newest(struct memory_table *table, struct memory_entry *entry)
{
    entry->older = table->newest;
    if (table->newest)
        table->newest->newer = entry;
    else
        table->oldest = entry;
    table->newest = entry;
}

static void remove_entry(struct verdict_memory *m, struct memory_table *table, struct memory_entry *entry)
{
    unlink_entry(table, entry);
    memory_remove(m, &entry);
    table->count--;
}

/* A new address, not stamped yet; the oldest goes if there are too many. NULL: out of memory. */
static struct memory_entry *add_entry(struct verdict_memory *m, struct memory_table *table,
                                      const struct memory_key *key)
{
    if (table->count >= RECENT_ADDRESSES)
        remove_entry(m, table, table->oldest);
    struct memory_entry *entry = memory_add(m, key);
    if (!entry)
        return NULL;
    entry->stamps.at = calloc(table->stamps, sizeof *entry->stamps.at);
    if (!entry->stamps.at) {
        memory_remove(m, &entry);
        return NULL;
    }
    link_newest(table, entry);
    table->count++;
    return entry;
}

static void stamp_entry(struct memory_table *table, struct memory_entry *entry, uint8_t ttl, uint64_t now)
{
    recent_stamp(&entry->stamps.ring, entry->stamps.at, table->stamps, now);
    entry->stamps.ttl = ttl;
    unlink_entry(table, entry);
    link_newest(table, entry);
}

static bool apply(const struct match_question *q, struct memory_table *table, const struct memory_key *key,
                  uint8_t ttl, uint64_t now)
{
    const struct rules_match_recent *m = q->match->recent;
    struct memory_entry *entry = memory_find(q->memory, key), *oldest = table->oldest;
    uint32_t hits;
    bool answer;

    if (entry && !recent_same_ttl(m, entry->stamps.ttl, ttl))
        entry = NULL;
    const struct memory_stamps *s = entry ? &entry->stamps : NULL;
    enum recent_change change =
        recent_decide(m, s, s && recent_enough(m, &s->ring, s->at, s->ring.count, now, &hits), &answer);
    if (s && recent_reaps(m, recent_last(&oldest->stamps.ring, oldest->stamps.at, table->stamps),
                          change == RECENT_STAMP && oldest == entry, now))
        remove_entry(q->memory, table, oldest);
    if (change == RECENT_ADD)
        entry = add_entry(q->memory, table, key);
    if (change == RECENT_REMOVE)
        remove_entry(q->memory, table, entry);
    else if (change != RECENT_KEEP && entry)
        stamp_entry(table, entry, ttl, now);
    return answer;
}

enum verdict_answer match_recent(const struct match_question *q)
{
    const struct rules_match_recent *m = q->match->recent;
    const struct packet *p = q->p->packet;
    struct memory_table *table = memory_table_of(q->memory, q->match);

    if (!table)
        return match_unknown(q, MATCH_NO_MEMORY);
    if (verdict_memory_in_doubt(q->memory) && (m->command != RULES_RECENT_RCHECK || m->reap))
        table->tainted = true;
    if (m->command == RULES_RECENT_SET && table->tainted)
        return match_answer(!m->inverted);
    if (table->tainted)
        return match_unknown(q, "which addresses a recent list holds");
    struct memory_key key = {.kind = MEMORY_RECENT,
                             .owner = table->number,
                             .index = p->family,
                             .address[0] = m->by_destination ? p->destination : p->source};
    for (unsigned i = 0; i < 4; i++)
        key.address[0].word[i] &= table->mask.word[i];
    /* "Use TTL as seen before forwarding": it is counted down by then, and counted up again here. */
    return match_answer(apply(q, table, &key,
                              (uint8_t)(condition_ttl(q->p) + condition_is_counted_down(q->p)),
                              memory_jiffies(q->p->now_ms)));
}
