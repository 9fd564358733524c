/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_PASSIVE_H
#define SALLY_SERVER_WORKER_PASSIVE_H

#include <netinet/in.h>
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
 */
struct session;

struct passive_key {
    struct in6_addr ip;
    uint32_t port;
};

enum passive_wait_state {
    PASSIVE_IDLE,
    PASSIVE_QUEUED, /* waits for a turn */
    PASSIVE_HOLDS,  /* has a port, its connection has not come */
};

/* A session's part; zeroed is PASSIVE_IDLE. */
struct passive_wait {
    UT_hash_handle hh;
    TAILQ_ENTRY(passive_wait) queue;
    struct passive_key key;
    struct session *session;
    double since;
    enum passive_wait_state state;
};

/* A listener from the monitor. Takes fd. */
void passive_add_listener(int fd, uint16_t port);
/* The monitor has no more: whoever waits for one waits for a turn alone. */
void passive_no_more(void);
/* Lowest and highest port, for people; false: no listener yet. */
bool passive_ports(uint16_t *ret_low, uint16_t *ret_high);

/* Wants a port for connections from ip. PASSIVE_HOLDS: key.port is it. PASSIVE_QUEUED: session_passive_turn
 * comes later. */
enum passive_wait_state passive_request(struct passive_wait *w, struct session *s, const struct in6_addr *ip);
/* Gives up the port or the place in the queue; idle is fine. */
void passive_release(struct passive_wait *w);

/* Implemented by data.c: w holds a port now; the connection that w's session awaited is here (fd is the
 * callee's). */
void session_passive_turn(struct session *s);
void session_passive_arrived(struct session *s, int fd);

#endif
