/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_POOL_H
#define SALLY_SERVER_WORKER_POOL_H

#include "base/result.h"
#include "server/worker/transfer.h"

#include <event2/event.h>

/* The threads that transfers run in. They wait idle for a few seconds for the next transfer and then end. */

/* In each loop, before its first start: on_end runs in base's loop for each transfer that has ended. 0 or -errno. */
MUST_USE int transfer_pool_init(struct event_base *base, void (*on_end)(struct transfer *));
/* Hands t to a thread. 0, or -EAGAIN if no thread can be had; t is then the caller's as before. */
MUST_USE int transfer_start(struct transfer *t);
/* Makes a running transfer end soon with TRANSFER_ABORTED. */
void transfer_abort(struct transfer *t);

#endif
