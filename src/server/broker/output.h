/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_OUTPUT_H
#define SALLY_SERVER_BROKER_OUTPUT_H

#include "base/result.h"
#include "server/broker/state.h"

/*
 * The lines of a listing: in the workspace while they are few, then in a memfd. With FILE_STREAM the memfd
 * goes to the worker as soon as it is needed, and its seals say how it ended (messages.h).
 *
 * An output is shared by the threads that write a listing; each has lines of its own, which go out in blocks,
 * as they come.
 */
struct output {
    struct call *call;
    pthread_mutex_t lock; /* of everything below */
    int memfd;            /* -1: none yet */
    uint64_t len;         /* of the memfd */
};

struct lines {
    struct output *to;
    char *bytes; /* WORKSPACE_OUT of them */
    size_t used;
};

enum {
    OUTPUT_LINE_MAX = 12 * 1024, /* more than any line */
};

void output_init(struct output *o, struct call *call);
/* Every thread's lines but these were flushed. Hands all to the call's reply, or says at the memfd's end that
 * it is whole, or with error (-errno) that it is not. 0 or -errno. Ends the output's life in any case. */
MUST_USE int output_finish(struct output *o, struct lines *last, int error);

/* Where the next line (at most OUTPUT_LINE_MAX bytes) goes; NULL with *ret_error set: -errno. */
MUST_USE char *lines_room(struct lines *l, int *ret_error);
static inline void lines_commit(struct lines *l, size_t len)
{
    l->used += len;
}
/* Into the memfd, which there is from then on. 0 or -errno. */
MUST_USE int lines_flush(struct lines *l);

#endif
