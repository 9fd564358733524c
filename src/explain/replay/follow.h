/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_FOLLOW_H
#define SALLY_EXPLAIN_REPLAY_FOLLOW_H

#include "base/result.h"
#include "packet/packet.h"

/*
 * The TCP connections of a capture, followed for what the capture has of them: does it hold their beginning,
 * both directions, every byte that was acknowledged? That is not the firewall's connection tracking, which
 * sees only what the rules leave; it is about the evidence. The same packets lead to the same serials.
 */
enum { FOLLOW_MOST = 131072 /* connections at a time; the one that was silent longest goes first */ };

struct follow_hole { /* bytes that were passed over */
    uint32_t from, to;
};
enum { FOLLOW_HOLES = 4 };

struct follow_side { /* what one end sent */
    uint32_t next;   /* the sequence number behind all that was seen */
    struct follow_hole holes[FOLLOW_HOLES];
    uint8_t hole_count;
    bool seen, syn, fin, rst;
    uint64_t payload; /* bytes, each counted once */
};

struct follow {
    struct packet_address address[2]; /* of the end that began, as far as is known, and the other */
    uint16_t port[2];
    uint8_t family;
    bool begun;      /* its SYN is in the capture */
    bool lost;       /* bytes were acknowledged that are not in the capture */
    bool went_on;    /* the end that began sent more than SYNs */
    uint32_t serial; /* 1... */
    uint32_t user;   /* the caller's, 0 at first */
    uint32_t doubt;  /* as well */
    uint32_t syn_sequence, syn_frame, syn_tries;
    uint64_t syn_ms, last_ms;
    struct follow_side side[2];
    uint32_t next, newer, older; /* in lists, by index + 1 */
};

/* What a packet does to its connection. */
struct follow_event {
    struct follow *of;
    bool is_new;      /* the connection was not known */
    uint8_t side;     /* who sent it */
    uint32_t fresh;   /* bytes at the end of its payload that were not seen before */
    bool after_gap;   /* bytes before those are missing, so far */
    uint32_t lost;    /* bytes that it acknowledges, or passes over for good, and nobody saw */
    bool is_leftover; /* it comes after both ends had closed, or one had reset */
};

struct follower;

MUST_USE struct follower *follower_new(void); /* NULL: out of memory */
void follower_free(struct follower **f);
/* p: sound TCP, no fragment. 0 and *ret, valid until the next call; -ENOMEM. */
MUST_USE int follow_packet(struct follower *f, const struct packet *p, uint32_t frame, uint64_t now_ms,
                           struct follow_event *ret);
/* The connection between these ends, in either direction, or NULL. */
struct follow *follow_find(struct follower *f, const struct packet_address address[2], const uint16_t port[2],
                           uint8_t family);
/* Calls visit with each connection that is still known. */
void follow_each(struct follower *f, void (*visit)(void *arg, struct follow *c), void *arg);
/* Who is told of a connection before it is forgotten; NULL: nobody. */
void follow_on_end(struct follower *f, void (*end)(void *arg, struct follow *c), void *arg);

static inline bool follow_is_established(const struct follow *c)
{
    return c->side[0].syn && c->side[1].syn;
}

static inline bool follow_is_over(const struct follow *c)
{
    return c->side[0].rst || c->side[1].rst || (c->side[0].fin && c->side[1].fin);
}

#endif
