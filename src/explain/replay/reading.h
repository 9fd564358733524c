/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_READING_H
#define SALLY_EXPLAIN_REPLAY_READING_H

#include "base/result.h"
#include "packet/packet.h"

#include <stdio.h>

/*
 * The packets of a capture in order, as a firewall's connection tracking would be given them: each once,
 * fragments put together. Gone through twice: first to see what was talked about, then to replay.
 */
enum reading_sum {               /* checksum of the transport */
                   SUM_NOT_SEEN, /* cut off, or there is none */
                   SUM_RIGHT,
                   SUM_LEFT_TO_CARD, /* the network card was to fill it in, after the capture */
                   SUM_WRONG,
};

struct reading_packet {
    struct packet packet;
    uint32_t number; /* of its (last) frame in the order of time, 1... */
    uint64_t now_ms; /* since the first; never goes back */
    uint64_t time_s; /* since 1970 */
    bool is_cut;     /* the snap length cut something off */
};

struct reading_facts {
    uint64_t frames, not_ip; /* frames without a sound IP packet */
    uint64_t doubled;        /* seen before, and left out */
    uint64_t cut;            /* cut short by the snap length */
    uint64_t headless;       /* of them without their whole headers */
    uint64_t lost;           /* counted as lost by the capturing machine */
    uint64_t moved;          /* of several interfaces, put into the order of time */
    uint64_t back;           /* times the clock went back */
    uint64_t last_ms;
    uint32_t unread, interfaces;
    const char *unread_name;
    bool limited; /* there is more than what is read */
    char *damage; /* why reading ended early, or NULL */
};

struct reading;

/* As capture_open. */
MUST_USE int reading_open(FILE *file, const char *name, struct reading **ret, char **message);
void reading_close(struct reading **r);
/* 1 and a packet, valid until the next call; 0: the end (see facts.damage); -ENOMEM. */
MUST_USE int reading_next(struct reading *r, struct reading_packet *ret);
/* Back to the first. 0, -EIO or -ENOMEM. */
MUST_USE int reading_again(struct reading *r);
/* Of what was read so far; whole at the end. */
const struct reading_facts *reading_facts(const struct reading *r);

enum reading_sum reading_sum(const struct packet *p);

#endif
