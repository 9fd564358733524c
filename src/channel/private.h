/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CHANNEL_PRIVATE_H
#define SALLY_CHANNEL_PRIVATE_H

#include "channel/channel.h"

#include <openssl/ssl.h>

enum { CHANNEL_GLANCE = 32 }; /* calls without waiting, behind which it is seen whether it was called off */

struct channel {
    unsigned calls;
    int fd; /* owned */
    struct channel_limits limits;
    SSL *ssl; /* NULL: in the clear */
    int late; /* under TLS: -errno with which reading has ended, to be told when what came before it has been */
    SSL_SESSION *session; /* the newest that the server has given, for data channels */
};

ssize_t channel_tls_read(struct channel *c, void *bytes, size_t len);
int channel_tls_write(struct channel *c, const void *bytes, size_t len);
int channel_tls_end(struct channel *c);
/* Reads until the other side has ended too. */
void channel_tls_drain(struct channel *c);
void channel_tls_drop(struct channel *c);

#endif
