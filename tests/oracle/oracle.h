/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_H
#define SALLY_TESTS_ORACLE_H

/*
 * Our engine against another host of the same packets. A rule set and a sequence of packets are made from a
 * seed. Both go through the engine and through the other: this machine's netfilter (a network namespace with
 * two TUN devices: tun0 towards clients, tun1 towards servers, the namespace is the gateway and a host of its
 * own), or our program in the kernel. Then fates, connections, expectations and counters are compared.
 *
 *   random.h      numbers from a seed
 *   rules_made.h  rule sets as text of iptables-save
 *   sequence.h    sequences of packets
 *   engine.h      questions to our wall
 *   host.h        the same questions to the other
 *   netfilter.h   the machine's netfilter as a host, by kernel.h (the namespace: rules in, packets in, fates
 *                 and counters out) and conntrack.h (its connection table over netlink)
 *   program.h     the kernel program as a host, asked by test runs
 *   fragments.h   what is put together before the engine and the program see it
 *   trial.h       one rule set through both, and what differs
 */
#include "bpf/ask.h"
#include "packet/packet.h"
#include "verdict/wall.h"

enum { ORACLE_SIDES = 2, TUN_CLIENTS = 0, TUN_SERVERS = 1 };

/* One packet of a sequence. */
struct step {
    enum wall_path path;
    uint8_t side; /* the TUN device it comes in by; of WALL_OUT: unused */
    uint32_t size;
    uint8_t *bytes;
};

enum { STEPS = 64 };

struct sequence {
    uint32_t number;  /* in its rule set */
    const char *kind; /* what it plays; for reports */
    struct step step[STEPS];
    unsigned count;
    unsigned split; /* sets that wait do so before this step */
};

/* What became of a packet. */
struct outcome {
    bool is_known; /* passed is: netfilter does not show it of what comes in */
    bool passed;
    struct bpf_answer answer; /* of those that say how they came to it; zero: there was no whole packet */
    char note[200];           /* the same in words, for a report */
};

/* The interfaces of its hooks, "": it has none. */
const char *step_in(const struct step *step);
const char *step_out(const struct step *step);

/* A connection as either side sees it. */
struct flow_view {
    struct track_tuple tuple;
    uint32_t status; /* enum track_status */
    uint32_t mark;
    int64_t seconds; /* left until it expires */
    int tcp_state;   /* -1: not TCP */
    char helper[16];
};

struct expectation_view {
    struct packet_address source, destination;
    uint16_t port;
    uint8_t family;
    struct packet_address master_source;
    uint16_t master_port; /* source port of the control connection */
    int64_t seconds;
};

/* A list of views, grown as needed. */
struct flow_list {
    struct flow_view *items;
    size_t count, capacity;
};

struct expectation_list {
    struct expectation_view *items;
    size_t count, capacity;
};

void flow_list_add(struct flow_list *l, const struct flow_view *v);
const struct flow_view *flow_list_find(const struct flow_list *l, const struct track_tuple *t);
void flow_list_free(struct flow_list *l);
void expectation_list_add(struct expectation_list *l, const struct expectation_view *v);
void expectation_list_free(struct expectation_list *l);
bool tuple_equal(const struct track_tuple *a, const struct track_tuple *b);
struct flow_view flow_view_of(const struct track_flow *f, uint64_t now);
/* Without its control connection. */
struct expectation_view expectation_view_of(const struct track_expectation *e, uint64_t now);
/* Into text of at least 200 bytes; returns text. */
char *flow_view_format(const struct flow_view *v, char *text, size_t size);
char *expectation_view_format(const struct expectation_view *v, char *text, size_t size);

#define NO_WHOLE_PACKET "no whole packet" /* the note of an outcome */
/* Into text of size bytes; returns text. */
char *answer_format(const struct bpf_answer *a, char *text, size_t size);

/* Ends the program with a message: the machine doesn't let us go on. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
