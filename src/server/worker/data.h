/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_DATA_H
#define SALLY_SERVER_WORKER_DATA_H

#include "server/worker/session.h"

/*
 * The data channel of a session, from PORT, PASV, EPRT or EPSV until a transfer has it. data_acquire is
 * called when a transfer command has all it needs but the channel; transfer_go follows when the channel
 * stands, transfer_fail when it can't.
 */
void data_acquire(struct session *s);
/* Forgets addresses, ports and a connection that came. */
void data_reset(struct session *s);
/* The session's timer ran out while it waited for a connection or a turn, or its turn has come. */
void data_timeout(struct session *s);
/* CONNECT_REPLY of the request that s now waits for. Takes fd. */
void data_connect_reply(struct session *s, int error, int fd);

/* --- cmd_transfer.c: the transfer's side --- */

/* Does the session's transfer wait for its data channel and nothing else? */
bool transfer_awaits_data(const struct session *s);
/* The channel stands. Takes data_fd. */
void transfer_go(struct session *s, int data_fd);
/* Ends the transfer command with this reply, before any byte was moved. */
void transfer_fail(struct session *s, int code, const char *text);
/* A thread has ended t. */
void transfer_ended(struct transfer *t);
/* The session's broker died, or the session itself has ended: stop what runs. */
void transfer_cancel(struct session *s);

#endif
