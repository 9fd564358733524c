/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_INBOX_H
#define SALLY_SERVER_WORKER_INBOX_H

#include "base/result.h"

#include <sys/queue.h>

/*
 * What one loop asks another to do, in that one's thread. A loop's own state is nobody else's; whoever has news for it, a
 * connection of one of its sessions say, posts them here.
 */
struct inbox_message {
    STAILQ_ENTRY(inbox_message) next;
    void (*run)(struct inbox_message *m); /* in the loop's thread; frees m */
};

/* In each loop's own thread, before anybody posts to it. 0 or -errno. */
MUST_USE int inbox_open(void);
/* Takes m, which is the first member of what malloc gave. Any thread; loop's turn comes soon. */
void inbox_post(unsigned loop, struct inbox_message *m);

#endif
