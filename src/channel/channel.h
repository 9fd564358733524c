/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CHANNEL_CHANNEL_H
#define SALLY_CHANNEL_CHANNEL_H

#include "base/result.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * A stream of bytes over a connected socket, in the clear or under TLS: the client's side. Every call waits, and none longer
 * than the channel's limits say. Belongs to one thread at a time.
 */
struct channel;

struct channel_limits {
    int patience; /* ms for which nothing may come or go; for channel_connect, until it is connected */
    int stop;     /* a descriptor: once it is readable every call returns -ECANCELED. -1: none */
};

/* Connected to an address; from (NULL: any) is where it comes from. 0 and *ret; or -ETIMEDOUT, -ECANCELED, what
 * connect(2) says (-ECONNREFUSED, -EHOSTUNREACH...), or -ENOMEM. */
MUST_USE int channel_connect(const struct sockaddr_storage *to, const struct sockaddr_storage *from,
                             const struct channel_limits *limits, struct channel **ret);
/* Over a connected socket, which it takes, also if it fails. NULL: out of memory. */
MUST_USE struct channel *channel_over(int fd, const struct channel_limits *limits);
/* Closes it, and says nothing to the other side (channel_end does). Also sets *c to NULL. */
void channel_free(struct channel **c);
int channel_socket(const struct channel *c);
void channel_set_patience(struct channel *c, int ms);

/* More than 0; 0: the other side has said that no more comes; -ETIMEDOUT, -ECANCELED; -EPIPE: TLS ended without saying so, and
 * what came may not be all (RFC 8446 section 6.1); -EPROTO: what came is not TLS, or was changed; another -errno. */
MUST_USE ssize_t channel_read(struct channel *c, void *bytes, size_t len);
/* All of them: 0, or as above. */
MUST_USE int channel_write(struct channel *c, const void *bytes, size_t len);
/* So many bytes of a file at most, from where it stands on, none of which comes by here: how many, 0 at its end; -EOPNOTSUPP: not so
 * (TLS; a file that the kernel does not send), and nothing was sent; or as above. */
MUST_USE ssize_t channel_send_file(struct channel *c, int file, size_t most);
/* Says that no more comes from here. 0 or -errno. */
MUST_USE int channel_end(struct channel *c);
/* Waits for a descriptor (POLLIN, POLLOUT) as the limits say: 0, -ETIMEDOUT, -ECANCELED. */
MUST_USE int channel_wait(int fd, short events, const struct channel_limits *limits);

/* ---- TLS ---- */

/* What all connections to servers share: ciphers, and whom this system trusts. For one thread at a time. */
struct channel_tls;
/* NULL: OpenSSL says no, or no memory. */
MUST_USE struct channel_tls *channel_tls_new(void);
/* After its channels. Also sets *t to NULL. */
void channel_tls_free(struct channel_tls **t);

enum {
    CHANNEL_FINGERPRINT = 65, /* SHA-256 of a certificate in hexadecimal, and a NUL */
    CHANNEL_WHY = 160,
};

/* What a handshake has shown. */
struct channel_peer {
    bool is_trusted;                       /* by this system, under the host's name, now */
    bool is_resumed;                       /* it continues the session it was told to */
    char fingerprint[CHANNEL_FINGERPRINT]; /* of its certificate */
    char subject[CHANNEL_WHY];             /* "CN = ftp.example.org" */
    char why[CHANNEL_WHY];                 /* not trusted: why not; a handshake that failed: why */
    char protocol[16], cipher[48];
};

/* Shakes hands, whoever the other side may be: whether to go on is the caller's to decide by *ret. host: the name that the certificate has to have. session_of: the
 * control channel whose session is to be continued, or NULL. 0; -EPROTO: it failed, ret->why says why; or as channel_read. */
MUST_USE int channel_secure(struct channel *c, struct channel_tls *tls, const char *host,
                            struct channel *session_of, struct channel_peer *ret);
bool channel_is_secure(const struct channel *c);

#endif
