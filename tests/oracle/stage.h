/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_STAGE_H
#define SALLY_TESTS_ORACLE_STAGE_H

/* What the plays share: how a packet gets into a sequence, and the two ends of a TCP connection. */
#include "packet/build.h"
#include "sequence.h"

enum { FRAGMENT_IDS = 8 }; /* in a sequence, at most */

enum { MUTATIONS_NONE = 0, MUTATIONS_SOME = 8, MUTATIONS_MANY = 30 };

struct stage {
    struct sequence *sequence;
    struct dice *dice;
    struct cast cast;
    enum wall_path path;  /* of packets from client to server; answers take the way back */
    bool headers;         /* no transport header is cut off */
    uint32_t fragment_id; /* the next; others than in earlier rule sets, of which some is left */
    uint8_t bounce[65536];
};

/* Adds bytes as they are. reply: from server to client. Does nothing when the sequence is full. */
void stage_add(struct stage *s, bool reply, const void *bytes, size_t size);
/* Builds and adds. */
void stage_send(struct stage *s, bool reply, const struct packet_recipe *r);
/* Addresses filled in: from client to server, or back. */
struct packet_recipe stage_recipe(const struct stage *s, bool reply, uint8_t protocol);
/* The packet last added; NULL: none. */
struct step *stage_last(struct stage *s);

/* Both ends of a TCP connection, as far as a careful liar needs. */
struct talk {
    uint16_t port[ORACLE_SIDES]; /* client, server */
    uint32_t next[ORACLE_SIDES]; /* sequence number of the next byte */
    uint16_t window[ORACLE_SIDES];
    int8_t scale[ORACLE_SIDES];
    unsigned mutations; /* percent of segments that are changed */
};

void talk_init(struct stage *s, struct talk *t, uint16_t server_port);
/* A segment with payload from one end (0 client, 1 server); advances its numbers. */
void talk_segment(struct stage *s, struct talk *t, unsigned from, uint8_t flags, const void *payload,
                  size_t size);
void talk_handshake(struct stage *s, struct talk *t);
void talk_close(struct stage *s, struct talk *t);

/* The plays. */
void play_tcp(struct stage *s);
void play_tcp_wild(struct stage *s);
void play_udp(struct stage *s);
void play_icmp(struct stage *s);
void play_icmp_errors(struct stage *s);
void play_ftp(struct stage *s);
void play_fragments(struct stage *s);
void play_others(struct stage *s);
void play_broken(struct stage *s);

#endif
