/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BENCH_WALLLOAD_H
#define SALLY_BENCH_WALLLOAD_H

#include <stdbool.h>
#include <stdint.h>

/* What wallload was asked for. Each command prints one line of JSON when it is done. */
struct wallload {
    const char *interface, *mac; /* flood: where out, and the next machine's */
    const char *from, *to;       /* addresses, of one family */
    const char *behind;          /* probe: a file of /proc/.../ns/net, where the receiver is */
    uint16_t port, forbidden;
    bool is_syn;     /* flood: TCP SYN in place of UDP */
    bool is_random;  /* flood: each frame has a source of its own at random; else the ports count upwards */
    uint32_t frames; /* flood: so many that differ, sent in turns */
    uint64_t count;  /* flood: an end after so many; 0: none */
    uint32_t rate;   /* packets a second; 0: as fast as can be */
    double seconds;  /* 0: until standard input ends */
    uint64_t seed;
};

/* All end the program with a message on standard error where they can't go on. */
void wallload_flood(const struct wallload *asked);
void wallload_serve(const struct wallload *asked);   /* takes connections, and throws away what comes */
void wallload_bulk(const struct wallload *asked);    /* one connection, as much as it takes */
void wallload_connect(const struct wallload *asked); /* one connection after the other, each reset at once */
/* Sends to two UDP ports in turns: what goes to the first must arrive, what goes to the second must not. */
void wallload_probe(const struct wallload *asked);

/* ---- for them ---- */

double wallload_now(void);       /* seconds, monotonic */
double wallload_processor(void); /* seconds of this thread, with what the kernel did on its behalf */
_Noreturn void wallload_fail(const char *what, const char *name); /* with errno's words */
/* Has the time come, or, where none was given, has standard input ended? */
bool wallload_is_over(const struct wallload *asked, double begin);
/* Waits until the packet with this number is due. */
void wallload_pace(const struct wallload *asked, double begin, uint64_t number);

#endif
