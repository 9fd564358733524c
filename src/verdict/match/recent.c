/* SPDX-License-Identifier: BSD-2-Clause */
/* net/netfilter/xt_recent.c. */
#include "verdict/match/topic.h"

#include "verdict/memory.h"

#include <stdlib.h>

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

/* A new address with this moment's stamp; the oldest goes if there are too many. */
static struct memory_entry *add_entry(struct verdict_memory *m, struct memory_table *table,
                                      const struct memory_key *key, uint64_t now)
{
    if (table->count >= MEMORY_RECENT_ADDRESSES)
        remove_entry(m, table, table->oldest);
    struct memory_entry *entry = memory_add(m, key);
    if (!entry)
        return NULL;
    entry->stamps.at = calloc(table->stamps, sizeof *entry->stamps.at);
    if (!entry->stamps.at) {
        memory_remove(m, &entry);
        return NULL;
    }
    entry->stamps.at[0] = now;
    entry->stamps.count = entry->stamps.next = 1;
    link_newest(table, entry);
    table->count++;
    return entry;
}

static void stamp_entry(struct memory_table *table, struct memory_entry *entry, uint64_t now)
{
    struct memory_stamps *s = &entry->stamps;

    s->next = (uint16_t)(s->next & (table->stamps - 1));
    s->at[s->next++] = now;
    if (s->next > s->count)
        s->count = s->next;
    unlink_entry(table, entry);
    link_newest(table, entry);
}

static bool is_old(uint64_t stamp, uint32_t seconds, uint64_t now)
{
    return now > stamp + (uint64_t)seconds * MEMORY_HZ;
}

/* next is 0 behind the last of 65,536, the most that a hit count can ask for. */
static uint64_t last_stamp(const struct memory_table *table, const struct memory_entry *entry)
{
    return entry->stamps.at[(entry->stamps.next - 1U) & (table->stamps - 1)];
}

/* Was it seen often enough within the time? */
static bool seen_enough(const struct rules_match_recent *m, const struct memory_stamps *s, uint64_t now)
{
    uint32_t hits = 0;

    for (unsigned i = 0; i < s->count; i++) {
        if (m->seconds && is_old(s->at[i], m->seconds, now))
            continue;
        if (!m->hit_count || ++hits >= m->hit_count)
            return true;
    }
    return false;
}

/* --rcheck and --update of an address that is in the table. The kernel stamps it only if the answer, after
 * "!", is yes. */
static bool check_entry(const struct match_question *q, struct memory_table *table,
                        struct memory_entry *entry, uint8_t ttl, uint64_t now)
{
    const struct rules_match_recent *m = q->match->recent;
    bool answer = seen_enough(m, &entry->stamps, now) != m->inverted;
    bool stamps = m->command == RULES_RECENT_UPDATE && answer;
    struct memory_entry *oldest = table->oldest;

    /* One that is about to be stamped is spared (recent_entry_reap). */
    if (m->reap && !(stamps && oldest == entry) && is_old(last_stamp(table, oldest), m->seconds, now))
        remove_entry(q->memory, table, oldest);
    if (stamps) {
        stamp_entry(table, entry, now);
        entry->stamps.ttl = ttl;
    }
    return answer;
}

static bool apply(const struct match_question *q, struct memory_table *table, const struct memory_key *key,
                  uint8_t ttl, uint64_t now)
{
    const struct rules_match_recent *m = q->match->recent;
    struct memory_entry *entry = memory_find(q->memory, key);

    if (entry && m->rttl && entry->stamps.ttl != ttl && ttl != 0 && entry->stamps.ttl != 0)
        entry = NULL;
    if (!entry) {
        if (m->command != RULES_RECENT_SET)
            return m->inverted;
        entry = add_entry(q->memory, table, key, now);
        if (entry)
            entry->stamps.ttl = ttl;
        return !m->inverted;
    }
    switch (m->command) {
    case RULES_RECENT_SET:
        stamp_entry(table, entry, now);
        entry->stamps.ttl = ttl;
        return !m->inverted;
    case RULES_RECENT_REMOVE:
        remove_entry(q->memory, table, entry);
        return !m->inverted;
    default:
        return check_entry(q, table, entry, ttl, now);
    }
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
    return match_answer(apply(q, table, &key, p->ttl, memory_jiffies(q->p->now_ms)));
}
