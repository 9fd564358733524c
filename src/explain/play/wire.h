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
};

struct wire_connection { /* indexed by enum story_lane */
    enum story_channel channel;
    uint16_t port[2];
    uint32_t next[2]; /* sequence number of the next byte sent */
};

/* Sends one segment (flags are TCP's alone), datagram or echo; all ACKs of what the other side sent before ride on
 * it. Did it arrive (as far as can be
 * told)? */
MUST_USE bool wire_send(struct wire *w, struct wire_connection *c, enum story_lane from, uint8_t flags,
                        const void *payload, size_t size, const char *label);
/* SYN, SYN ACK, ACK. */
MUST_USE bool wire_connect(struct wire *w, struct wire_connection *c, enum story_lane from);
/* FIN of from, FIN of the other, ACK. */
MUST_USE bool wire_close(struct wire *w, struct wire_connection *c, enum story_lane from);

#endif
