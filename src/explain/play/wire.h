/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PLAY_WIRE_H
#define SALLY_EXPLAIN_PLAY_WIRE_H

#include "base/result.h"
#include "explain/play/world.h"

/*
 * TCP under the scripted session, or whatever protocol is played: each packet is built, goes through the wall and
 * becomes a step. A packet that is dropped is sent twice more, as TCP does and as resolvers do; then the connection
 * counts as dead.
 */
struct wire {
    const struct rules *rules;
    const struct play *play;
    struct story *story;
    struct wall *wall;
    struct play_watch watch;
    uint64_t now_ms;
    const char *phase;
    bool is_dead;        /* the control channel is: nothing more is sent */
    int error;           /* 0 or -ENOMEM, sticky: nothing more is sent */
    uint32_t lost_step;  /* first packet of this task that did not arrive; 0: none */
    uint32_t raw_doubt;  /* first packet of all of which raw's rules leave open how it is tracked; 0: none */
    uint32_t doubt_step; /* first packet of this task of which it can't be told; 0: none */
    char heard[512];     /* the payload that came last, its beginning, as it arrived */
};

struct wire_end {
    struct packet_address address;
    uint16_t port; /* of a ping its id */
};

/* Where a side turned out to be, when NAT sent its packets elsewhere. */
struct wire_stand {
    bool is_known, is_here;          /* here: on the firewall's own machine */
    char interface[RULES_INTERFACE]; /* else: beyond that; "": not known */
};

/* Indexed by enum story_lane. Each side speaks of itself and of the other as it knows them, which NAT may make differ. */
struct wire_connection {
    enum story_channel channel;
    struct wire_end own[2], peer[2];
    bool met[2]; /* a packet has come to it, and told its ends */
    struct wire_end
        waits; /* who opens it must reach this end, for only there somebody waits; port 0: wherever it leads */
    bool waits_here;  /* on the firewall's own machine, at whichever of its addresses */
    uint32_t next[2]; /* sequence number of the next byte that it sends */
    uint32_t seen[2]; /* of the next byte of it, as the other side has them */
    struct wire_stand stand[2];
};

/* from opens a connection to peer, from its own end; begin takes both for what they are on the wire. */
void wire_begin(struct wire_connection *c, enum story_lane from, const struct wire_end *own,
                const struct wire_end *peer);
/* Sends one segment (flags are TCP's alone), datagram or echo; all ACKs of what the other side sent before ride on
 * it. Did it arrive (as far as can be
 * told)? */
MUST_USE bool wire_send(struct wire *w, struct wire_connection *c, enum story_lane from, uint8_t flags,
                        const void *payload, size_t size, const char *label);
/* SYN, SYN ACK, ACK. */
MUST_USE bool wire_connect(struct wire *w, struct wire_connection *c, enum story_lane from);
/* FIN of from, FIN of the other, and an ACK, of which it does not matter whether it arrives. */
MUST_USE bool wire_close(struct wire *w, struct wire_connection *c, enum story_lane from);

#endif
