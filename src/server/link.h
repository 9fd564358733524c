/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_LINK_H
#define SALLY_SERVER_LINK_H

#include "base/result.h"
#include "ipc/ipc.h"

#include <event2/event.h>

/*
 * An end of a message socket in an event loop: between monitor and worker, and the worker's to a broker.
 * Sending never blocks: what the socket does not take is kept and sent when it does.
 */
struct link;

typedef void link_message_fn(void *ctx, const struct ipc_message *m); /* m->fd is the callee's */
typedef void link_ended_fn(void *ctx, int error); /* -EPIPE, -EPROTO; the link is still to be freed */

/* Takes sock, which it makes non-blocking. NULL: out of memory (sock stays the caller's). */
MUST_USE struct link *link_new(struct event_base *base, int sock, uint8_t receives,
                               link_message_fn *on_message, link_ended_fn *on_ended, void *ctx);
void link_free(struct link **l);

/* Sends or queues; a failure of the socket comes later through on_ended. fd is duplicated. 0 or -ENOMEM,
 * -EMSGSIZE, -EPIPE. */
MUST_USE int link_send(struct link *l, const struct ipc_message *m);

#endif
