/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/match/hashlimit.h"

#include "verdict/match/topic.h"
#include "verdict/memory.h"

/* False: the ports that are asked for can't be read; *ret_answer says what that means. */
static bool make_key(const struct match_question *q, const struct memory_table *table, struct memory_key *key,
                     enum verdict_answer *ret_answer)
{
    const struct rules_match_hashlimit *c = &table->hashlimit;
    uint32_t at = hashlimit_ports_at(c, q->p->packet);

    *key = (struct memory_key){.kind = MEMORY_HASHLIMIT, .owner = table->number};
    hashlimit_addresses(c, q->p->packet, key->address);
    if (!at)
        return true;
    const uint8_t *ports = match_bytes(q, at, HASHLIMIT_PORTS, ret_answer);
    if (ports)
        hashlimit_ports(c, ports, key->port);
    return ports;
}

static bool is_expired(const void *arg, struct memory_entry *entry)
{
    return *(const uint64_t *)arg >= entry->bucket.expires;
}

/* What htable_gc would have removed at its last run before now is removed. */
static void collect(const struct match_question *q, struct memory_table *table, uint64_t now)
{
    uint64_t last = hashlimit_swept(&table->hashlimit, table->swept, now);

    if (table->swept == 0 || last == table->swept) {
        table->swept = table->swept ? table->swept : now;
        return;
    }
    table->swept = last;
    size_t before = memory_count(q->memory);
    memory_sweep(q->memory, MEMORY_HASHLIMIT, table->number, is_expired, &last);
    table->count -= (uint32_t)(before - memory_count(q->memory));
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
        if (table->count >= hashlimit_most(c))
            return VERDICT_HOTDROP;
        entry = memory_add(q->memory, &key);
        if (!entry)
            return match_unknown(q, MATCH_NO_MEMORY);
        table->count++;
        hashlimit_begin(&entry->bucket, c, now);
    }
    hashlimit_grant(&entry->bucket, c, now);
    entry->bucket.expires = hashlimit_expires(c, now);
    if (verdict_memory_in_doubt(q->memory))
        entry->tainted = true;
    if (entry->tainted)
        return match_unknown(q, "how many packets have passed a hashlimit before");
    entry->guessed |= match_is_guess(q->p);
    bool within = hashlimit_take(&entry->bucket, c, q->p->packet->length);
    if (!within && entry->guessed)
        return match_unknown(q, "how many packets have passed a hashlimit before");
    return match_answer(within != q->match->hashlimit->above);
}
