/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TLS_SIGN_H
#define SALLY_TLS_SIGN_H

#include "base/result.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a TLS server signs with its private key, and nothing else: whoever holds the key (a process of its own) signs only
 * what tls_is_server_input takes, and makes digest and padding itself. So who may ask for signatures can play this server in
 * handshakes for as long as he may ask; he can sign no certificate, no mail and no challenge of another protocol with it,
 * and decrypt nothing.
 */
enum {
    TLS_INPUT_MAX = 512,      /* bytes; the longest that is taken has 201 (TLS 1.2, P-521) */
    TLS_SIGNATURE_MAX = 1024, /* RSA with 8,192 bits */
};

/* SignatureScheme, RFC 8446 section 4.2.3, as far as digest and padding go. */
enum tls_padding {
    TLS_NO_PADDING, /* ECDSA */
    TLS_PKCS1,
    TLS_PSS, /* salt as long as the digest, MGF1 with the same digest */
};

enum tls_digest {
    TLS_SHA256,
    TLS_SHA384,
    TLS_SHA512,
};

struct tls_to_sign {
    uint8_t key; /* which: a number that both sides know */
    enum tls_digest digest;
    enum tls_padding padding;
    const uint8_t *input;
    size_t len;
};

/* "SHA256"...; NULL: no such digest. */
const char *tls_digest_name(unsigned digest);

/* Is this the content that a server's CertificateVerify covers (RFC 8446 section 4.4.3), or that of its ServerKeyExchange with
 * ephemeral elliptic curves (RFC 5246 section 7.4.3, RFC 8422 section 5.4)? */
bool tls_is_server_input(const uint8_t *input, size_t len);

/* Signs with a private key. 0; -EINVAL: not a server's input, or digest and padding do not go with the key; -EMSGSIZE; -EIO. */
MUST_USE int tls_sign(EVP_PKEY *key, const struct tls_to_sign *what, uint8_t ret[TLS_SIGNATURE_MAX],
                      size_t *ret_len);

#endif
