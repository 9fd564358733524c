/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_HANDSHAKE_H
#define SALLY_SERVER_WORKER_HANDSHAKE_H

#include "base/result.h"
#include "server/worker/keys.h"
#include "server/worker/session.h"
#include "tls/channel.h"

#include <stdbool.h>

/*
 * TLS handshakes, of control and data channels. Each takes a fraction of a millisecond of computing, and a thousand may begin
 * at once: so they take turns, a few at the end of each turn of the loop, and whoever is only to be answered is answered in
 * between. While one waits for its client or for a signature it costs nothing.
 */
struct handshake;

/* Established: c is the callee's. Or not: c is NULL, and why is for logs. */
typedef void handshake_done_fn(struct session *s, struct tls_channel *c, const char *why);

/* Once, before there are loops. */
void handshake_prepare(void);
/* In each loop, before its first session. on_settled: see keys_init. */
void handshake_init(void (*on_settled)(const char *why));
/* On fd, which does not block, for s, with the certificates of k. control: a data channel of that one; NULL: a control
 * channel. done is called from handshake_turns. NULL: out of memory. */
MUST_USE struct handshake *handshake_begin(struct session *s, struct keys *k, int fd,
                                           const struct tls_channel *control, handshake_done_fn *done);
/* Right after it was begun: the kernel is to encrypt, if it can (tls_channel_in_kernel tells afterwards). */
void handshake_for_kernel(struct handshake *h);
/* Nobody waits for it any more. Also sets *h to NULL; NULL is fine. */
void handshake_cancel(struct handshake **h);
/* At the end of each turn of the loop: goes on with some. True: others are ready to go on, so do not wait. */
MUST_USE bool handshake_turns(void);

#endif
