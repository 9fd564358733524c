/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BENCH_LOAD_H
#define SALLY_BENCH_LOAD_H

/*
 * What ftpload's kinds of load share: the options, and workers (one thread per session) that start together.
 */

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

#define LOAD_SESSIONS_MAX 64

struct load_options {
    struct sockaddr_in server;
    unsigned sessions; /* at once: the number of workers */
    unsigned count;    /* hold: sessions to hold; small: files in the folder */
    double seconds;    /* logins, small: how long */
    const char *path;  /* on the server; sendfile and stor: a local file as well */
    const char *source;
    const char *verb; /* LIST or MLSD */
    uint64_t size;    /* bytes that a transfer must have */
    bool tls;         /* log in after AUTH TLS, and protect transfers */
    bool full;        /* with tls: each data channel has a full handshake */
    bool wait;        /* after the logins say "ready" and wait for a line on stdin */
};

struct load_held {
    int fd;
    SSL *ssl; /* or NULL */
};

struct load {
    const struct load_options *options;
    pthread_barrier_t barrier;
    atomic_bool failed;
    struct load_held *held; /* hold: the control channels, one after another */
    double deadline;
};

struct load_worker {
    struct load *load;
    unsigned index;
    struct client_session session;
    uint64_t done; /* logins, files, entries */
    uint64_t bytes;
    double begin;
    double end;
    int (*prepare)(struct load_worker *worker); /* before the clock runs; may be NULL */
    int (*run)(struct load_worker *worker);
    int (*finish)(struct load_worker *worker); /* after the clock was stopped; may be NULL */
    void *data;                                /* of the kind of load */
};

struct load_result {
    double seconds; /* from the first worker's begin to the last one's end */
    uint64_t done;
    uint64_t bytes;
    uint64_t resumed; /* data channels that continued a TLS session */
};

/* Seconds on the monotonic clock. */
double load_now(void);

/* Runs options->sessions workers that are copies of `pattern`, together. On failure returns -1 with the first
 * worker's sentence in ret_error. */
int load_run(struct load *load, const struct load_worker *pattern, struct load_result *ret_result,
             char ret_error[256]);

/* Receives until the end of the stream, copying into a buffer as any client does, and requires exactly `size`
 * bytes of the bench's pattern (each aligned 8 bytes hold their own index, little endian; one word of each
 * read is looked at). Closes the data channel. */
int load_receive(struct client_session *session, struct client_data *data, uint64_t size);

/* Sends the first `size` bytes of the file. Does not close. Returns 0 or a negative errno. */
int load_send_file(int fd, int file, uint64_t size);

#endif
