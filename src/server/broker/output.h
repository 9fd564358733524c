/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_OUTPUT_H
#define SALLY_SERVER_BROKER_OUTPUT_H

#include "server/broker/state.h"

/* The lines of a listing: in the workspace while they are few, then in a memfd. */
struct output {
    struct call *call;
    int memfd; /* -1: none yet */
    size_t used;
    uint64_t flushed;
};

enum {
    OUTPUT_LINE_MAX = 12 * 1024, /* more than any line */
};

/* Where the next line (at most OUTPUT_LINE_MAX bytes) goes; NULL with *ret_error set: -errno. */
char *output_room(struct output *o, int *ret_error);
static inline void output_commit(struct output *o, size_t len)
{
    o->used += len;
}
/* Adds all lines of another output, which is only good for closing then. 0 or -errno. */
int output_append(struct output *o, struct output *other);
/* Hands all of it to the call's reply. 0 or -errno. */
int output_finish(struct output *o);

#endif
