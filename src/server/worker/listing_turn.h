/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_LISTING_TURN_H
#define SALLY_SERVER_WORKER_LISTING_TURN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Listings that are made, or made and not yet read, cost the memory that they are long. One client address has a few at a
 * time, whatever the number of its sessions; the next ones wait their turn, first come first served. So a client that asks
 * and does not read holds up nobody but its own address.
 */
enum listing_turn_state {
    LISTING_NONE,
    LISTING_QUEUED,
    LISTING_HAS,
};

/* A session's part; zeroed is LISTING_NONE. The state changes in other loops, too. */
struct listing_turn {
    TAILQ_ENTRY(listing_turn) queue;
    enum listing_turn_state state;
    uint32_t session;          /* its number */
    uint32_t serial;           /* of its last request */
    const struct in6_addr *ip; /* its client's */
};

/* Once: what to do with a session that was queued and has the turn now that it asked for with that serial; in its own loop. */
void listing_turn_init(void (*on_turn)(uint32_t session, uint32_t serial));
/* Wants a turn for a session from ip that is in peers.h; ip lives until it is released. LISTING_HAS, or LISTING_QUEUED. */
enum listing_turn_state listing_turn_request(struct listing_turn *t, uint32_t session,
                                             const struct in6_addr *ip);
bool listing_turn_is_queued(const struct listing_turn *t);
/* Gives it up, or the place in the queue; none is fine. */
void listing_turn_release(struct listing_turn *t);

#endif
