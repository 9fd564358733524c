/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BENCH_REFERENCE_H
#define SALLY_BENCH_REFERENCE_H

#include "load.h"

/*
 * What the machine gives at most, measured with the same client: a sender that is nothing but sendfile, and
 * an answerer that recites the replies to a login. Each is a process of its own, as a server is, and ends
 * with us.
 */
struct reference {
    int listener;
    int file;
    uint64_t size;
    unsigned connections;
    struct sockaddr_in address; /* where it listens */
};

/* Starts a process that sends the source file to each of options->sessions connections. 0 or a negative
 * errno. */
int reference_sender_start(struct reference *reference, const struct load_options *options);

/* Starts a process that answers USER, PASS and QUIT on any number of connections. 0 or a negative errno. */
int reference_answerer_start(struct reference *reference, const struct load_options *options);

/* A worker's run: connects to the sender (worker->data is the reference) and receives everything. */
int reference_run(struct load_worker *worker);

#endif
