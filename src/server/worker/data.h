/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_DATA_H
#define SALLY_SERVER_WORKER_DATA_H

#include "server/worker/session.h"

/* The data channel of a session, from PORT, PASV, EPRT or EPSV until a transfer has it. */

/* Once, before the first session. */
void data_init(void);
struct data_waiter {
    /* The channel stands: fd is the callee's. Or none came: fd is -1, and why is for the client to read. */
    void (*on_channel)(struct session *s, int fd, const char *why);
    /* Before that, perhaps: TLS will tell whether a connection that is there is this one (passive.h). */
    void (*on_maybe)(struct session *s);
};

/* For a command that has all it needs but the channel. It may be told at once. */
void data_acquire(struct session *s, const struct data_waiter *waiter);
/* Forgets addresses, ports, a connection that came, and who waits for one. */
void data_reset(struct session *s);
/* The session's timer ran out while it waited for a connection or a turn, or its turn has come. */
void data_timeout(struct session *s);
/* CONNECT_REPLY to the request with this serial. Takes fd (-1: none). */
void data_connect_reply(struct session *s, uint16_t serial, const struct connect_reply *answer, int fd);

#endif
