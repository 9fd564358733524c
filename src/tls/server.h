/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TLS_SERVER_H
#define SALLY_TLS_SERVER_H

#include "base/result.h"
#include "tls/sign.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What all TLS channels of a server have in common: an SSL_CTX with its certificates, whose private keys are elsewhere
 * (remote_key.h), and the rules of which handshakes it agrees to. TLS 1.2 and 1.3; ephemeral elliptic curves only; neither
 * renegotiation, compression nor early data.
 */
struct tls_channel;
struct tls_server;

enum tls_client_certificate {
    TLS_CERTIFICATE_IGNORED,
    TLS_CERTIFICATE_REQUESTED,
    TLS_CERTIFICATE_REQUIRED,
};

struct tls_server_settings {
    bool tls12, tls13;
    const char *ciphers;      /* of TLS 1.2, as in ciphers(1); NULL: OpenSSL's own list */
    const char *ciphersuites; /* of TLS 1.3; NULL: OpenSSL's own list */
    const char *only_host;    /* refuse whoever does not ask for this name (SNI); NULL: nobody */
    enum tls_client_certificate certificate;
    bool validate; /* a client's certificate that can't be verified ends the handshake */
    /* Has it signed, later: tls_channel_signed is to be called. False: it can't be, and the handshake fails. In the
     * thread of the handshake. */
    bool (*ask)(void *ctx, struct tls_channel *c, const struct tls_to_sign *what);
    void *ctx;
};

/* Strings need not stay. NULL: *ret_why says why, for an administrator; static. */
MUST_USE struct tls_server *tls_server_new(const struct tls_server_settings *settings, const char **ret_why);
/* After the last of its channels. Also sets *s to NULL. */
void tls_server_free(struct tls_server **s);

/* A certificate and those that lead to its authority, PEM; name: of it, for tls_server_ages; number: its key, for ask. The first of each kind of key is for
 * whoever names no host, or one that no certificate is for; of the others those whose names fit the host. 0; -EINVAL: no
 * certificate, or none with a key of RSA or EC; -ENOMEM. */
MUST_USE int tls_server_add_certificate(struct tls_server *s, const char *name, const void *pem, size_t len,
                                        uint8_t number);
/* What an OCSP responder said of the certificate added last (RFC 6960), DER; sent to who asks. 0 or -EINVAL, -ENOMEM. */
MUST_USE int tls_server_add_ocsp(struct tls_server *s, const void *der, size_t len);
/* Authorities that clients' certificates must lead to, PEM. 0 or -EINVAL, -ENOMEM. */
MUST_USE int tls_server_add_authorities(struct tls_server *s, const void *pem, size_t len);

/* Calls each for every certificate: how many days it is still good for, rounded down; negative: it has expired. */
void tls_server_ages(const struct tls_server *s, void (*each)(const char *name, int days));

/* --- for channel.c ----------------------------------------------------------------------------------- */

SSL_CTX *tls_server_context(const struct tls_server *s);
const struct tls_server_settings *tls_server_settings(const struct tls_server *s);

#endif
