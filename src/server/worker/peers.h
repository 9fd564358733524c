/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_PEERS_H
#define SALLY_SERVER_WORKER_PEERS_H

#include "base/result.h"

#include <netinet/in.h>
#include <pthread.h>
#include <uthash.h>

/* What one client address has, as long as it has a session. All loops share them: one lock, held for a moment when a session
 * comes or goes, and when a listing begins or ends. */
struct peer {
    UT_hash_handle hh;
    struct in6_addr ip;
    unsigned sessions; /* for max_per_ip */
    unsigned listings; /* made and not yet read, see listing_turn.h */
};

/* How many sessions it has now, with this one; 0: out of memory. */
MUST_USE unsigned peers_join(const struct in6_addr *ip);
void peers_leave(const struct in6_addr *ip);

/* For listing_turn.c: find, and use what was found, under the lock. NULL: no session from there. */
extern pthread_mutex_t peers_lock;
struct peer *peers_find(const struct in6_addr *ip);

#endif
