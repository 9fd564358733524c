/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_PASSIVE_H
#define SALLY_SERVER_WORKER_PASSIVE_H

#include "base/result.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

/*
 * Passive data connections on shared listeners. A port serves any number of clients at once: an arriving
 * connection belongs to the session that waits on that port for that address; one that nobody waits for is
 * reset at once (RFC 2577 section 8, VU#2558). So a (port, address) pair is held by at most one session, from
 * its PASV until its connection comes. A session that finds every port held for its address waits its turn,
 * first come first served; listeners are added while the configured range has more.
 *
 * Who holds which port and who waits is all loops' knowledge, under one lock that is held for moments. A listener is one loop's;
 * a session gets a port of its own loop if one is free, and hears of its connection in its own loop in any case.
 */

struct passive_key {
    struct in6_addr ip;
    uint32_t port;
};

enum passive_wait_state {
    PASSIVE_IDLE,
    PASSIVE_QUEUED, /* waits for a turn */
    PASSIVE_HOLDS,  /* has a port, its connection has not come */
    PASSIVE_MET,    /* has it no more: its connection has come, and on_arrival with it, or is on its way */
};

/* A session's part; zeroed is PASSIVE_IDLE. What other loops change has functions below. */
struct passive_wait {
    UT_hash_handle hh;
    TAILQ_ENTRY(passive_wait) queue;
    struct passive_key key; /* key.port: the port that it holds, or held last */
    uint32_t session;       /* its number */
    uint32_t serial;        /* of its last request: news of one before is nobody's */
    double since;
    atomic_uint strangers; /* connections to its port that nobody waited for: from other addresses */
    unsigned patience;     /* seconds until its port may be taken over, 0: never */
    bool promiscuous;      /* pasv_promiscuous: whoever comes is welcome */
    enum passive_wait_state state;
};

/* A listener from the monitor. Takes fd. */
void passive_add_listener(int fd, uint16_t port);
/* The monitor has no more: whoever waits for one waits for a turn alone. */
void passive_no_more(void);
/* The range may be another one now. */
void passive_may_be_more(void);

/* Wants a port for connections from ip; session, patience and promiscuous are filled in. PASSIVE_HOLDS: key.port is it.
 * PASSIVE_QUEUED: on_turn comes later. */
enum passive_wait_state passive_request(struct passive_wait *w, const struct in6_addr *ip);
/* Gives up the port or the place in the queue; idle is fine. */
void passive_release(struct passive_wait *w);
/* Does it hold a port? */
bool passive_holds(const struct passive_wait *w);
/* Its patience begins anew. Will its connection still come, or has it? */
MUST_USE bool passive_await(struct passive_wait *w);

/* What the sessions that wait are told, in their own loops; serial: what they asked for. A session may have ended, or given up
 * what it asked for, since. */
struct passive_news {
    /* queued until now, it holds a port (key.port) */
    void (*on_turn)(uint32_t session, uint32_t serial);
    /* its connection is here; fd is the callee's */
    void (*on_arrival)(uint32_t session, uint32_t serial, int fd);
    /* One came to its port from an address that nobody waits for, and was reset. Told once for each port held. */
    void (*on_stranger)(uint32_t session, uint32_t serial, const struct in6_addr *from);
};

/* Once, before the first passive_request. */
void passive_init(const struct passive_news *news);

#endif
