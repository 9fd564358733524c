/* SPDX-License-Identifier: BSD-2-Clause */
/* net/netfilter/xt_limit.c, xt_statistic.c, xt_time.c. */
#include "verdict/match/topic.h"

#include "verdict/match/step.h"
#include "verdict/memory.h"

static struct memory_entry *find_own(const struct match_question *q, enum memory_kind kind, bool *ret_fresh)
{
    const struct memory_key key = {.kind = kind, .owner = q->serial, .index = q->index};
    struct memory_entry *entry = memory_find(q->memory, &key);

    *ret_fresh = !entry;
    return entry ? entry : memory_add(q->memory, &key);
}

enum verdict_answer match_limit(const struct match_question *q)
{
    const struct rules_match_limit *m = &q->match->limit;
    uint64_t now = memory_jiffies(q->p->now_ms);
    bool fresh;
    struct memory_entry *entry = find_own(q, MEMORY_LIMIT, &fresh);

    if (!entry)
        return match_unknown(q, MATCH_NO_MEMORY);
    struct limit_bucket *b = &entry->limit;
    if (fresh)
        limit_begin(b, m, now);
    /* A bucket that has had time to fill is full, whoever drew from it. */
    if ((now - b->previous) * LIMIT_CREDITS >= b->cap)
        entry->tainted = entry->guessed = false;
    if (verdict_memory_in_doubt(q->memory)) {
        entry->tainted = true;
        b->previous = now;
        b->credit = b->cap;
    }
    if (entry->tainted)
        return match_unknown(q, "how many packets have passed a limit before");
    entry->guessed |= match_is_guess(q->p);
    bool within = limit_take(b, now);
    if (!within && entry->guessed)
        return match_unknown(q, "how many packets have passed a limit before");
    if (!within && limit_overflows(m))
        return match_unknown(q, "which back end of iptables counts, for a burst as large as this");
    return match_answer(within);
}

static enum verdict_answer match_nth(const struct match_question *q)
{
    const struct rules_match_statistic *m = &q->match->statistic;
    bool fresh;
    struct memory_entry *entry = find_own(q, MEMORY_STATISTIC, &fresh);

    if (!entry)
        return match_unknown(q, MATCH_NO_MEMORY);
    if (fresh)
        entry->counter = nth_begin(m);
    if ((verdict_memory_in_doubt(q->memory) || match_is_guess(q->p)) && m->every > 1)
        entry->tainted = true;
    if (entry->tainted)
        return match_unknown(q, "how many packets a rule has counted before");
    return match_answer(nth_take(&entry->counter, m));
}

enum verdict_answer match_statistic(const struct match_question *q)
{
    const struct rules_match_statistic *m = &q->match->statistic;

    if (m->nth)
        return match_nth(q);
    if (m->probability == 0)
        return match_answer(m->inverted);
    if (m->probability >= UINT32_C(1) << 31)
        return match_answer(!m->inverted);
    return match_unknown(q, "chance (statistic --mode random)");
}

enum verdict_answer match_time(const struct match_question *q)
{
    const struct rules_match_time *m = &q->match->time;
    int64_t stamp = q->p->time + (m->kernel_tz ? (int64_t)60 * q->p->zone_minutes : 0);

    if (q->p->unknown & VERDICT_NO_TIME)
        return match_unknown(q, "the time of day");
    return match_answer(time_holds(m, stamp));
}
