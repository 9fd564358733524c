/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_RECENT_H
#define SALLY_VERDICT_MATCH_RECENT_H

/*
 * What recent computes: net/netfilter/xt_recent.c. Freestanding; where lists of addresses lie is the caller's
 * (memory.h natively, a map in the kernel).
 */
#include "base/bounded.h"
#include "verdict/match/step.h"

enum {
    RECENT_ADDRESSES = 100, /* in a list: ip_list_tot */
    RECENT_STAMPS = 32,     /* of an address, unless a hit count needs more */
};

/* What the kernel program is asked. */
struct recent_asked {
    struct rules_match_recent match; /* mask: the list's, as the first rule that named it has it */
    uint64_t table;                  /* name_id */
};

/* When an address was seen: a ring of so many jiffies, a power of two, lies beside it. */
struct recent_ring {
    uint16_t count, next;
};

/* New ones are zeroed. */
static inline void recent_stamp(struct recent_ring *r, uint64_t *at, uint32_t size, uint64_t now)
{
    uint32_t next = r->next & (size - 1);

    at[next] = now;
    r->next = (uint16_t)(next + 1);
    if (r->next > r->count)
        r->count = r->next;
}

/* next is 0 behind the last of 65,536, the most that a hit count can ask for. */
static inline uint64_t recent_last(const struct recent_ring *r, const uint64_t *at, uint32_t size)
{
    return at[(r->next - 1U) & (size - 1)];
}

static inline bool recent_is_old(uint64_t stamp, uint32_t seconds, uint64_t now)
{
    return now > stamp + (uint64_t)seconds * MEMORY_HZ;
}

/* --rttl, which --set can't have, so that an address is in a list once: was it seen with this TTL? 0: any. */
static inline bool recent_same_ttl(const struct rules_match_recent *m, uint8_t seen, uint8_t ttl)
{
    return !m->rttl || seen == ttl || !seen || !ttl;
}

/* Was it seen often enough within the time? Looks at most stamps; *hits is its own, for the verifier in memory. */
static inline bool recent_enough(const struct rules_match_recent *m, const struct recent_ring *r,
                                 const uint64_t *at, uint32_t most, uint64_t now, uint32_t *hits)
{
    *hits = 0;
    BOUNDED_LOOP(i, most) {
        if (i >= r->count)
            break;
        if (!m->seconds || !recent_is_old(at[i], m->seconds, now))
            *hits += 1;
    }
    return *hits >= (m->hit_count ? m->hit_count : 1);
}

enum recent_change { RECENT_KEEP, RECENT_ADD, RECENT_STAMP, RECENT_REMOVE };

/* What becomes of the packet's address. has: the list has it; enough: often enough. The kernel stamps what it
 * updates only if the answer, after "!", is yes. */
static inline enum recent_change recent_decide(const struct rules_match_recent *m, bool has, bool enough,
                                               bool *ret_answer)
{
    bool answer = m->command == RULES_RECENT_SET || (has && (m->command == RULES_RECENT_REMOVE || enough));

    *ret_answer = answer != m->inverted;
    if (m->command == RULES_RECENT_SET)
        return has ? RECENT_STAMP : RECENT_ADD;
    if (has && m->command == RULES_RECENT_REMOVE)
        return RECENT_REMOVE;
    return has && m->command == RULES_RECENT_UPDATE && *ret_answer ? RECENT_STAMP : RECENT_KEEP;
}

/* --reap: does a question about an address that the list has remove the oldest one, which was seen at last? One
 * that is about to be stamped is spared (recent_entry_reap). */
static inline bool recent_reaps(const struct rules_match_recent *m, uint64_t last, bool is_stamped,
                                uint64_t now)
{
    return m->reap && m->command != RULES_RECENT_SET && m->command != RULES_RECENT_REMOVE && !is_stamped &&
           recent_is_old(last, m->seconds, now);
}

#endif
