/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_STEP_H
#define SALLY_VERDICT_MATCH_STEP_H

/*
 * What matches that count, or look at the clock or at TCP's options, do at each packet: net/netfilter/xt_limit.c,
 * xt_statistic.c, xt_time.c, xt_tcpudp.c, xt_tcpmss.c. Freestanding; where a count lies between packets is the
 * caller's (memory.h natively, a map in the kernel).
 *
 * Time counts in jiffies of a kernel with CONFIG_HZ=250 (Debian's; 4 ms): credits are granted by the jiffy, so
 * that the exact packet at which a limit is reached depends on it.
 */
#include "base/wire.h"
#include "rules/model.h"

enum {
    MEMORY_HZ = 250,
    MEMORY_JIFFY_MS = 1000 / MEMORY_HZ,
    /* Credits a jiffy: the largest power of two with which a day's fit into 32 bits (CREDITS_PER_JIFFY). */
    LIMIT_CREDITS = 128,
    LIMIT_SCALE = 10000,
    TIME_DAY = 86400,
    TCP_OPTIONS_MOST = 40,
    TCP_OPTION_MSS = 2,
    TCP_OPTION_MSS_SIZE = 4,
};
_Static_assert((uint64_t)LIMIT_CREDITS *MEMORY_HZ * 86400 <= UINT32_MAX &&
                   (uint64_t)LIMIT_CREDITS * 2 * MEMORY_HZ * 86400 > UINT32_MAX,
               "credits fit the clock");

static inline uint64_t memory_jiffies(uint64_t now_ms)
{
    return now_ms / MEMORY_JIFFY_MS;
}

/* ---- limit ---- */

struct limit_bucket {
    uint32_t credit, cap, cost;
    uint64_t previous; /* jiffies at which credit was last granted */
};

/* user2credits, with its 32 bits. */
static inline uint32_t limit_credits(uint32_t user)
{
    if (user > UINT32_MAX / (MEMORY_HZ * LIMIT_CREDITS))
        return user / LIMIT_SCALE * MEMORY_HZ * LIMIT_CREDITS;
    return user * MEMORY_HZ * LIMIT_CREDITS / LIMIT_SCALE;
}

static inline void limit_begin(struct limit_bucket *b, const struct rules_match_limit *m, uint64_t jiffies)
{
    b->cap = b->credit = limit_credits(m->average * m->burst);
    b->cost = limit_credits(m->average);
    b->previous = jiffies;
}

/* Does the bucket overflow 32 bits? Then it holds less than it says, and nft's own limit, which iptables-nft makes
 * of it, holds all. */
static inline bool limit_overflows(const struct rules_match_limit *m)
{
    uint64_t user = (uint64_t)m->average * m->burst;

    return user > UINT32_MAX || user * MEMORY_HZ * LIMIT_CREDITS / LIMIT_SCALE > UINT32_MAX;
}

/* Is a packet within the limit? */
static inline bool limit_take(struct limit_bucket *b, uint64_t jiffies)
{
    uint32_t credit = b->credit + (uint32_t)((jiffies - b->previous) * LIMIT_CREDITS);

    b->previous = jiffies;
    if (credit > b->cap)
        credit = b->cap;
    bool pass = credit >= b->cost;
    b->credit = pass ? credit - b->cost : credit;
    return pass;
}

/* ---- statistic --mode nth ---- */

static inline uint32_t nth_begin(const struct rules_match_statistic *m)
{
    return m->every - 1 - m->packet;
}

/* Every n-th packet, beginning with the one of number m->packet (counted from 0). */
static inline bool nth_take(uint32_t *counter, const struct rules_match_statistic *m)
{
    *counter = *counter == m->every - 1 ? 0 : *counter + 1;
    return (*counter == 0) != m->inverted;
}

/* ---- time ---- */

/* Day of the month, 1..31, of a day since 1970 (after Hinnant, "chrono-compatible low-level date algorithms");
 * the kernel's seconds are not before 1970. */
static inline uint32_t time_month_day(uint64_t days)
{
    uint32_t day_of_era = (uint32_t)((days + 719468) % 146097);
    uint32_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * day_of_year + 2) / 153;

    return day_of_year - (153 * month + 2) / 5 + 1;
}

static inline bool time_on_days(const struct rules_match_time *m, uint64_t days)
{
    /* 1 January 1970 was a Thursday, the fourth day. */
    uint32_t week_day = (uint32_t)((days + 3) % 7) + 1;

    if (m->week_days && !(m->week_days >> week_day & 1) == !m->week_days_inverted)
        return false;
    return !m->month_days || !(m->month_days >> time_month_day(days) & 1) == m->month_days_inverted;
}

/* stamp: seconds since 1970, UTC or, with kernel_tz, of the kernel's zone; one before 1970 never is in time. */
static inline bool time_holds(const struct rules_match_time *m, int64_t stamp)
{
    uint64_t days = (uint64_t)stamp / TIME_DAY, second = (uint64_t)stamp % TIME_DAY;

    if (stamp < 0 || stamp < m->date_start || stamp > m->date_stop)
        return false;
    if (m->day_start < m->day_stop) {
        if (second < m->day_start || second > m->day_stop)
            return false;
    } else {
        if (second < m->day_start && second > m->day_stop)
            return false;
        /* Past midnight a contiguous range still belongs to the day on which it began. */
        if (m->contiguous && second <= m->day_stop)
            days--;
    }
    return time_on_days(m, days);
}

/* ---- TCP's options ---- */

/* Where the option at `at` ends. op[size] may be read one byte too far by the kernel, here it counts as end. */
static inline uint32_t tcp_option_end(const uint8_t *options, uint32_t size, uint32_t at)
{
    bool single = options[at] < 2 || at + 1 >= size || options[at + 1] == 0;

    return at + (single ? 1 : options[at + 1]);
}

/* Is the option at `at` the one that is asked for? of tcpmss: one of this kind with another length is walked
 * over. */
static inline bool tcp_option_is(const uint8_t *options, uint32_t size, uint32_t at, uint8_t kind, bool mss)
{
    if (options[at] != kind)
        return false;
    return !mss || (size - at >= TCP_OPTION_MSS_SIZE && options[at + 1] == TCP_OPTION_MSS_SIZE);
}

#endif
