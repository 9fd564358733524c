/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_PASSIVE_H
#define SALLY_SERVER_WORKER_PASSIVE_H

#include "base/result.h"
#include "server/worker/holders.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Passive data connections on shared listeners. A port serves any number of clients at once: an arriving
 * connection belongs to the session that waits on that port for that address; one that nobody waits for is
 * reset at once (RFC 2577 section 8, VU#2558). So a (port, address) pair is held by one session, from
 * its PASV until its connection comes. A session that finds every port held for its address waits its turn,
 * first come first served; listeners are added while the configured range has more.
 *
 * Sessions whose data channels must continue their control channels' TLS session need not wait: when there are no more ports
 * they hold one together, and a connection is left unread until its ClientHello says whose it is. Which it does when its
 * client has been told to begin (150), so all who wait are told that it may be theirs.
 *
 * Who holds which port and who waits is all loops' knowledge, under one lock that is held for moments. A listener is one loop's;
 * a session gets a port of its own loop if one is free, and hears of its connection in its own loop in any case.
 */

/* A listener from the monitor. Takes fd. */
void passive_add_listener(int fd, uint16_t port);
/* The monitor has no more: whoever waits for one waits for a turn alone. */
void passive_no_more(void);
/* The ports that there are are too few for who asks now: one more is listened on, if the range has one. */
void passive_want_more(void);
/* The range may be another one now. */
void passive_may_be_more(void);

/* Wants a port for connections from ip; session, patience, promiscuous and bound_to are filled in.
 * PASSIVE_HOLDS: key.port is it. PASSIVE_QUEUED: on_turn comes later. */
enum passive_wait_state passive_request(struct passive_wait *w, const struct in6_addr *ip);
/* Gives up the port or the place in the queue; idle is fine. */
void passive_release(struct passive_wait *w);
/* Does it hold a port? */
bool passive_holds(const struct passive_wait *w);
enum passive_prospect {
    PASSIVE_NONE,   /* another session has its port now */
    PASSIVE_COMING, /* its connection will come, or is on its way to on_arrival */
    PASSIVE_MAYBE,  /* and one is here that may be its own: see on_maybe */
};
/* Its patience begins anew. */
MUST_USE enum passive_prospect passive_await(struct passive_wait *w);
/* It takes others' connections, too, from now on (PROT C). False: it can't, as others hold the same. */
MUST_USE bool passive_unbind(struct passive_wait *w);

/* What the sessions that wait are told, in their own loops; serial: what they asked for. A session may have ended, or given up
 * what it asked for, since. */
struct passive_news {
    /* queued until now, it holds a port (key.port) */
    void (*on_turn)(uint32_t session, uint32_t serial);
    /* its connection is here; fd is the callee's */
    void (*on_arrival)(uint32_t session, uint32_t serial, int fd);
    /* One is here that is its own or another's on that port: TLS will tell, when its client begins with it */
    void (*on_maybe)(uint32_t session, uint32_t serial);
    /* Its door let one in of which TLS has yet to tell whether it is its own */
    void (*on_unclaimed)(uint32_t session, uint32_t serial);
    /* One came to its port from an address that nobody waits for, and was reset. Told once for each port held. */
    void (*on_stranger)(uint32_t session, uint32_t serial, const struct in6_addr *from);
};

/* Once, before the first passive_request. */
void passive_init(const struct passive_news *news);

#endif
