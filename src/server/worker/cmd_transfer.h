/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_CMD_TRANSFER_H
#define SALLY_SERVER_WORKER_CMD_TRANSFER_H

#include "base/result.h"
#include "server/worker/session.h"
#include "server/worker/transfer.h"

/*
 * The life of a transfer command, whatever it moves: cmd_list.c, cmd_send.c and cmd_store.c begin one and say how it ends.
 * It goes through phases: OPENING, while the broker opens the file or writes the listing; CONNECTING, while the data
 * channel comes about; MOVING, while bytes flow (in a thread, or in one send if they are few); ENDING, until the client has
 * closed the channel that all was sent on, or a moment; CLOSING, while the broker makes an upload final. ABOR, the client's end and the broker's death can meet it in each.
 */

/* In each loop, before its first session. 0 or -errno. */
MUST_USE int transfer_init(void);

/* --- for the commands -------------------------------------------------------------------------------- */

/* A new transfer of the session, in phase OPENING. NULL after a reply. The offset of REST is used up by it. conclude is
 * called when its bytes have moved, or could not: it answers by transfer->result and ends with transfer_over. */
MUST_USE struct transfer *transfer_begin(struct session *s, enum transfer_kind kind, const char *verb,
                                         const char *argument, void (*conclude)(struct session *s));
/* Takes what a broker opened: fd, or the reply's content. False: out of memory. */
MUST_USE bool transfer_take_content(struct transfer *t, const struct file_reply *r, int fd);
/* All is there but the data channel: on to CONNECTING. */
void transfer_connect(struct session *s);
/* On to MOVING, without a data channel. */
void transfer_move(struct session *s);
/* The broker could not open it: answers r->error (file_error.h) and is over. */
void transfer_open_failed(struct session *s, const struct file_reply *r, int code, const char *text);
/* Ends it with this reply before any byte was moved; why is for the logs. */
void transfer_fail(struct session *s, int code, const char *text, const char *why);
/* Logs and answers the end of bytes that were sent: RETR, LIST and their kin. */
void transfer_conclude_send(struct session *s);
/* True if one of the ends that all kinds share was answered: the broker's death, an abort, a stall. */
MUST_USE bool transfer_reply_result(struct session *s, const struct transfer *t);
/* Before a FILE_END: pays back what an upload borrowed of its quota. The broker's answer then tells what was freed: the
 * old file, or the new one. */
void transfer_end_quota(struct transfer *t);
/* It was logged and answered. */
void transfer_over(struct session *s);

/* --- for who owns the session ------------------------------------------------------------------------ */

/* The monitor's answer to CHOWN, which the message of that serial asked for: 0 or an errno. */
void store_given_away(struct session *s, uint16_t serial, int error);
/* The session's timer ran out during a transfer. */
void transfer_timeout(struct session *s);
/* For identity_init. */
void transfer_broker_lost(struct session *s);
/* The session has ended: stops its transfer, if it has one. s->transfer is NULL afterwards, or its end is a change of the
 * session later. */
void transfer_cancel(struct session *s);

#endif
