/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_HOLDERS_H
#define SALLY_SERVER_WORKER_HOLDERS_H

#include "base/result.h"
#include "tls/hello.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

/*
 * Which session holds which passive port for which address, and who waits for one. A (port, address) pair is held by one
 * session, or by several if TLS will tell whose a connection is: each of them takes only a data channel that continues its
 * own control channel's session.
 *
 * A table and nothing else: no lock (passive.c's), no clock, no sockets.
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

/* A session's part; zeroed is PASSIVE_IDLE. What other loops change has functions in passive.h. */
struct passive_wait {
    UT_hash_handle hh;
    TAILQ_ENTRY(passive_wait) queue;
    struct passive_wait *beside; /* the next of those that hold the same; the first is in the table */
    struct passive_key key;      /* key.port: the port that it holds, or held last */
    uint32_t session;            /* its number */
    uint32_t serial;             /* of its last request: news of one before is nobody's */
    uint32_t turn;               /* how many had got a port when it did */
    double since;
    atomic_uint strangers; /* connections to its port that nobody waited for: from other addresses */
    atomic_uint unbound;   /* ...to its port, which others held too, that continued nobody's TLS session */
    unsigned patience;     /* seconds until its port may be taken over, 0: never */
    bool promiscuous;      /* pasv_promiscuous: whoever comes is welcome */
    bool has_door;         /* in the firewall, for one connection: what it holds it does not share */
    bool is_awaiting;      /* somebody's connection, and is to hear of one that may be its own */
    const struct tls_mark *
        bound_to; /* nothing else is taken; lives as long as it is held or waited for. NULL: whatever comes */
    enum passive_wait_state state;
};

struct holders {
    struct passive_wait *table; /* by key */
    unsigned promiscuous;       /* of them */
    uint32_t turns;             /* how many have got a port */
    TAILQ_HEAD(, passive_wait) queue;
};

/* The first of those that hold it, the others beside it; NULL: it is free. */
struct passive_wait *holders_of(const struct holders *h, const struct passive_key *key);
/* The one of them that hello names; NULL: none. */
struct passive_wait *holders_named(const struct holders *h, const struct passive_key *key,
                                   const struct tls_hello *hello);
/* Of those on that port that take whoever comes, the one that waits longest; NULL: none. */
struct passive_wait *holders_promiscuous(const struct holders *h, uint16_t port);
/* May it hold that? What is held beside others is: not while somebody who needs it for himself waits for his turn. */
MUST_USE bool holders_may(const struct holders *h, const struct passive_wait *w,
                          const struct passive_key *key);
void holders_add(struct holders *h, struct passive_wait *w, const struct passive_key *key, double now);
void holders_remove(struct holders *h, struct passive_wait *w, enum passive_wait_state state);
/* In the queue: the first that may hold port holds it now. NULL: nobody. */
struct passive_wait *holders_serve(struct holders *h, uint16_t port, double now);

#endif
