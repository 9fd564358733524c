/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TLS_CHANNEL_H
#define SALLY_TLS_CHANNEL_H

#include "base/result.h"
#include "tls/hello.h"
#include "tls/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * TLS over one connected socket, the server's side. Made and shaken hands with in one thread; then it may be handed to another,
 * never to two at once. Whether calls wait is the socket's affair (O_NONBLOCK).
 */
struct tls_channel;

/* Once a process, before the first server, and before it has threads. 0 or -ENOTSUP: see tls_remote_init. */
MUST_USE int tls_channel_init(void);

enum tls_step {
    TLS_ESTABLISHED,
    TLS_WANTS_READ,      /* go on when the socket is readable */
    TLS_WANTS_WRITE,     /* ...writable */
    TLS_WANTS_SIGNATURE, /* ...after tls_channel_signed */
    TLS_FAILED,          /* tls_channel_why says why; the client was sent an alert */
};

/* Over fd, which stays the caller's. control NULL: a control channel. Else a data channel of that one, which must live until
 * this one is established or freed. server must live longer. NULL: out of memory. */
MUST_USE struct tls_channel *tls_channel_new(struct tls_server *server, int fd,
                                             const struct tls_channel *control, void *owner);
/* Tells the other side nothing (tls_channel_close does). Also sets *c to NULL. */
void tls_channel_free(struct tls_channel **c);
void *tls_channel_owner(const struct tls_channel *c);

/* Before the first step: what is written after the handshake is to be encrypted by the kernel. What is read is not: its records
 * would have to be asked for one by one, and whoever looks at the bare socket (MSG_PEEK, splice) would meet errors. */
void tls_channel_offer_kernel(struct tls_channel *c);
/* Does it? Not if this kernel, or this OpenSSL, does not have the cipher that was agreed upon. If so, sendfile on the socket sends
 * a file, and neither tls_channel_gather nor shutdown(SHUT_WR) may be called: what was handed over may not all be records yet. */
bool tls_channel_in_kernel(const struct tls_channel *c);

/* The handshake, or what is left of it, as far as it goes without waiting. The socket must not block. */
MUST_USE enum tls_step tls_channel_step(struct tls_channel *c);
/* The answer to tls_server_settings.ask; len 0: there is none. Then step again. */
void tls_channel_signed(struct tls_channel *c, const void *signature, size_t len);
const char *tls_channel_why(const struct tls_channel *c);

/* Established, a data channel: does it continue its control channel's session? */
bool tls_channel_is_bound(const struct tls_channel *c);
/* Established, a control channel: what a data channel that is to continue its session names first. Lives as long as c. */
const struct tls_mark *tls_channel_mark(const struct tls_channel *c);
/* A control channel, TLS 1.3: one more ticket, for the next data channel (a client may use each but once). It travels with
 * what is written next. */
void tls_channel_give_ticket(struct tls_channel *c);

/* Bytes moved, more than none; 0 (read): the other side has said that there are no more; -EAGAIN: the socket's time, or its
 * room, is over: call again with the same bytes; -ENOBUFS (read): what came is to be answered (KeyUpdate), and the other side
 * leaves no room for that; -EPIPE (read): it ended without saying so, what came may not be all; -EPROTO: what came is not TLS,
 * or was changed; another -errno of the socket. */
MUST_USE ssize_t tls_channel_read(struct tls_channel *c, void *bytes, size_t len);
/* All of them or -errno, as above. */
MUST_USE ssize_t tls_channel_write(struct tls_channel *c, const void *bytes, size_t len);
/* Has it read bytes off the socket that were not asked for yet? */
bool tls_channel_has_input(const struct tls_channel *c);
/* What is written from now on gathers until there is so much of it, or tls_channel_flush; false: out of memory. */
MUST_USE bool tls_channel_gather(struct tls_channel *c, size_t bytes);
/* Reads so many bytes of the socket at once from now on, rather than record by record. Not where TLS may end before the
 * connection does. */
void tls_channel_read_ahead(struct tls_channel *c, size_t bytes);
/* 0 or -errno. */
MUST_USE int tls_channel_flush(struct tls_channel *c);
/* Says that no more comes (close_notify), and flushes. 0 or -errno. The socket is still open, for the other side's. */
MUST_USE int tls_channel_close(struct tls_channel *c);

/* "TLSv1.3", "TLS_AES_128_GCM_SHA256"; established. */
const char *tls_channel_protocol(const struct tls_channel *c);
const char *tls_channel_cipher(const struct tls_channel *c);
/* The subject of the client's certificate ("CN = kim, O = Example"), into out; false: it showed none. */
bool tls_channel_client(const struct tls_channel *c, char *out, size_t cap);
enum {
    TLS_FINGERPRINT_CHARS = 65, /* SHA-256 in hexadecimal, and a NUL */
};
/* Of that certificate; false: it showed none. */
MUST_USE bool tls_channel_client_fingerprint(const struct tls_channel *c, char out[TLS_FINGERPRINT_CHARS]);

#endif
