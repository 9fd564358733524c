/* SPDX-License-Identifier: BSD-2-Clause */
/* net/netfilter/xt_limit.c, xt_statistic.c, xt_time.c. */
#include "verdict/match/topic.h"

#include "verdict/memory.h"

/* Credits a jiffy: the largest power of two with which a day's fit into 32 bits (xt_limit.c:
 * CREDITS_PER_JIFFY). */
enum { LIMIT_SCALE = 10000, LIMIT_CREDITS = 128 };
_Static_assert((uint64_t)LIMIT_CREDITS *MEMORY_HZ * 86400 <= UINT32_MAX &&
                   (uint64_t)LIMIT_CREDITS * 2 * MEMORY_HZ * 86400 > UINT32_MAX,
               "credits fit the clock");

/* xt_limit.c: user2credits, with its 32 bits. */
static uint32_t limit_credits(uint32_t user)
{
    if (user > UINT32_MAX / (MEMORY_HZ * LIMIT_CREDITS))
        return user / LIMIT_SCALE * MEMORY_HZ * LIMIT_CREDITS;
    return user * MEMORY_HZ * LIMIT_CREDITS / LIMIT_SCALE;
}

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
    struct memory_bucket *b = &entry->bucket;
    if (fresh) {
        b->cap = b->credit = limit_credits(m->average * m->burst);
        b->cost = limit_credits(m->average);
        b->previous = now;
    }
    /* A bucket that has had time to fill is full, whoever drew from it. */
    if (entry->tainted && (now - b->previous) * LIMIT_CREDITS >= b->cap)
        entry->tainted = false;
    if (verdict_memory_in_doubt(q->memory)) {
        entry->tainted = true;
        b->previous = now;
        b->credit = b->cap;
    }
    if (entry->tainted)
        return match_unknown(q, "how many packets have passed a limit before");
    uint32_t credit = (uint32_t)b->credit + (uint32_t)((now - b->previous) * LIMIT_CREDITS);
    b->previous = now;
    if (credit > b->cap)
        credit = (uint32_t)b->cap;
    bool pass = credit >= b->cost;
    b->credit = pass ? credit - b->cost : credit;
    return match_answer(pass);
}

/* Matches every n-th packet, beginning with the one of number m->packet (counted from 0). */
static enum verdict_answer match_nth(const struct match_question *q)
{
    const struct rules_match_statistic *m = &q->match->statistic;
    bool fresh;
    struct memory_entry *entry = find_own(q, MEMORY_STATISTIC, &fresh);

    if (!entry)
        return match_unknown(q, MATCH_NO_MEMORY);
    if (fresh)
        entry->counter = m->every - 1 - m->packet;
    if (verdict_memory_in_doubt(q->memory) && m->every > 1)
        entry->tainted = true;
    if (entry->tainted)
        return match_unknown(q, "how many packets a rule has counted before");
    entry->counter = entry->counter == m->every - 1 ? 0 : entry->counter + 1;
    return match_answer((entry->counter == 0) != m->inverted);
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

enum { DAY = 86400 };

/* Day of the month, 1..31, of a day since 1970 (after Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static unsigned month_day(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    uint32_t day_of_era = (uint32_t)(shifted - era * 146097);
    uint32_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * day_of_year + 2) / 153;

    return day_of_year - (153 * month + 2) / 5 + 1;
}

static bool on_days(const struct rules_match_time *m, int64_t days)
{
    /* 1 January 1970 was a Thursday, the fourth day. */
    unsigned week_day = (unsigned)((days % 7 + 7 + 3) % 7) + 1;

    if (m->week_days && !(m->week_days >> week_day & 1) == !m->week_days_inverted)
        return false;
    return !m->month_days || !(m->month_days >> month_day(days) & 1) == m->month_days_inverted;
}

enum verdict_answer match_time(const struct match_question *q)
{
    const struct rules_match_time *m = &q->match->time;
    int64_t stamp = q->p->time + (m->kernel_tz ? (int64_t)60 * q->p->zone_minutes : 0);

    if (q->p->unknown & VERDICT_NO_TIME)
        return match_unknown(q, "the time of day");
    if (stamp < m->date_start || stamp > m->date_stop)
        return VERDICT_NO;
    int64_t days = stamp / DAY - (stamp % DAY < 0), second = stamp - days * DAY;
    if (m->day_start < m->day_stop) {
        if (second < m->day_start || second > m->day_stop)
            return VERDICT_NO;
    } else {
        if (second < m->day_start && second > m->day_stop)
            return VERDICT_NO;
        /* Past midnight a contiguous range still belongs to the day on which it began. */
        if (m->contiguous && second <= m->day_stop)
            days--;
    }
    return match_answer(on_days(m, days));
}
