/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TLS_HELLO_H
#define SALLY_TLS_HELLO_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whose session a client wants to continue, read off its ClientHello before anything is answered (RFC 8446 section 4.2.11,
 * RFC 5077 section 3.2, RFC 5246 section 7.4.1.2). It is a claim that anybody can copy off the wire: the handshake that
 * follows, with the channel that is named, proves it.
 */

enum {
    TLS_HELLO_MOST = 16 * 1024, /* bytes; a longer one is none */
};

/* What a control channel's client can name: see tls_channel_mark. */
struct tls_mark {
    uint8_t ticket_key[16]; /* the name of the key of its tickets (tls/binding.h) */
    uint8_t id[32];         /* of its session under TLS 1.2 */
    uint8_t id_len;
};

struct tls_hello {
    struct {
        uint8_t key[16];
    } tickets[8]; /* the first ones of it */
    size_t ticket_count;
    uint8_t id[32];
    uint8_t id_len;
};

enum tls_hello_state {
    TLS_HELLO_PART, /* these bytes may be the beginning of one */
    TLS_HELLO_READ,
    TLS_HELLO_NONE, /* it is something else, or there is no memory */
};

/* bytes: a connection's first ones. ret is filled in where TLS_HELLO_READ is returned. */
MUST_USE enum tls_hello_state tls_hello_read(const void *bytes, size_t len, struct tls_hello *ret);
MUST_USE bool tls_hello_names(const struct tls_hello *h, const struct tls_mark *m);

#endif
