/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BENCH_TLS_H
#define SALLY_BENCH_TLS_H

/*
 * TLS as the bench's client speaks it, over blocking sockets: TLS 1.3 with TLS_AES_128_GCM_SHA256 and P-256,
 * whatever the server would prefer, so that all servers do the same work. Certificates are taken unseen.
 *
 * The newest ticket is kept in one place for all connections that belong together (RFC 4217 section 10.2: data
 * connections continue the control connection's session), whichever of them brought it.
 */

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Sets up what all connections share; once, before any thread starts. From then on a peer that is gone is an
 * error and no SIGPIPE. Returns 0 or a negative errno. */
int tls_prepare(void);

/* A client's side of a connection, without a socket yet. Tickets that it brings are put in place of *ticket,
 * which must live as long as it, or until tls_tickets_ignore(). NULL: no memory. */
SSL *tls_new(SSL_SESSION **ticket);

/* Tickets that the connection brings from now on are dropped. */
void tls_tickets_ignore(SSL *ssl);

/* The handshake over fd, offering to resume the ticket's session unless that is NULL. 0, or -1. */
int tls_handshake(SSL *ssl, int fd, SSL_SESSION *ticket);

/* A handshake over a socket that does not block, as far as it goes now. 1: it is done, 0: the peer has to say more,
 * -1. */
int tls_handshake_step(SSL *ssl);

/* Like recv: the bytes received; 0 after the peer's close_notify; -1. */
ssize_t tls_receive(SSL *ssl, void *buffer, size_t size);

/* Sends it all. 0, or -1. */
int tls_send(SSL *ssl, const void *bytes, size_t size);

/* Sends the first `size` bytes, many records a write(2), and close_notify. 0, or -1. */
int tls_send_whole(SSL *ssl, int fd, const void *bytes, uint64_t size);

/* Sends close_notify, if the peer still listens. */
void tls_finish(SSL *ssl);

/* Did the last operation on the connection end because the peer closed it without close_notify? */
bool tls_is_cut(void);

/* Why the last operation of this thread failed. */
const char *tls_error(void);

#endif
