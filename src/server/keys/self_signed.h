/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_KEYS_SELF_SIGNED_H
#define SALLY_SERVER_KEYS_SELF_SIGNED_H

#include "base/result.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    SELF_SIGNED_FINGERPRINT = 3 * 32, /* "12:34:..." with the NUL */
};

/* A new EC key (P-256), and a certificate for it and this host's name, valid from yesterday for a year. *ret_pem (malloc'ed) has
 * both; it and the key are the caller's; NULL: neither. */
MUST_USE EVP_PKEY *self_signed(char **ret_pem, size_t *ret_len);
/* "12:34:...", of SHA-256. */
MUST_USE bool self_signed_fingerprint(const X509 *certificate, char ret[SELF_SIGNED_FINGERPRINT]);

#endif
