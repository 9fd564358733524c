/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TLS_BINDING_H
#define SALLY_TLS_BINDING_H

#include "base/result.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A data channel belongs to its control channel: it resumes that one's TLS session, which only who has its secrets can do.
 * Each control channel has a key of its own for the tickets that its client gets (RFC 5077, RFC 8446 section 4.6.1), so a
 * ticket that this key opens is of this session. Under TLS 1.2 a client may have a session's id only; the one that it names
 * must be its control channel's. Nothing is kept anywhere else, and a control channel itself never resumes.
 */
struct tls_ticket_key {
    uint8_t name[16], cipher[32], mac[32];
};

struct tls_binding {
    struct tls_ticket_key key;
    const SSL *
        control; /* data: the control channel whose session is to be resumed; NULL: this is a control channel */
    bool is_same_client; /* data: what was resumed was that session */
};

/* Once for a context, before its first SSL. False: out of memory. */
MUST_USE bool tls_binding_init(SSL_CTX *ctx);
/* For a new SSL, whose b must live as long. control NULL: a control channel; gets a random key. False: there is none to be
 * had. */
MUST_USE bool tls_bind(SSL *ssl, struct tls_binding *b, const struct tls_binding *control,
                       const SSL *control_ssl);
/* Wipes the key. */
void tls_unbind(struct tls_binding *b);

#endif
