/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TLS_REMOTE_KEY_H
#define SALLY_TLS_REMOTE_KEY_H

#include "base/result.h"
#include "tls/sign.h"

/*
 * A private key that is in another process: an OpenSSL key object that has the public half, and asks for signatures
 * (provider(7), provider-keymgmt(7), provider-signature(7)). SSL_CTX_use_PrivateKey takes it as any other; it signs what TLS
 * servers sign, in one piece (EVP_DigestSign), and does nothing else.
 */

/* Has it signed: 0 with *ret_len bytes in ret, or an -errno, and then the handshake fails. Called in the thread, and the ASYNC job if
 * there is one (SSL_MODE_ASYNC), of the handshake; it may pause that (ASYNC_pause_job(3)) until the answer is there. */
typedef int tls_sign_fn(const struct tls_to_sign *what, uint8_t ret[TLS_SIGNATURE_MAX], size_t *ret_len);

/* Once a process, before the first key, and before it has threads. 0 or -ENOTSUP: OpenSSL does not take the provider. */
MUST_USE int tls_remote_init(tls_sign_fn *sign);

/* The private key of this certificate, for the process only a number: RSA or EC. NULL: another kind, or no memory. The caller's
 * to EVP_PKEY_free. OpenSSL may leave errors in the thread's queue where it tried in vain to export the private half, though
 * what was asked for succeeded: clear it before what SSL_get_error(3) is asked about. */
EVP_PKEY *tls_remote_key(X509 *certificate, uint8_t number);

#endif
