/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/sign.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

static const char *const digests[] = {
    [TLS_SHA256] = "SHA256",
    [TLS_SHA384] = "SHA384",
    [TLS_SHA512] = "SHA512",
};

const char *tls_digest_name(unsigned digest)
{
    return digest < sizeof(digests) / sizeof(digests[0]) ? digests[digest] : NULL;
}

/* TLS 1.3: 64 blanks, the context with its NUL, and the transcript's hash. */
static bool is_certificate_verify(const uint8_t *input, size_t len)
{
    static const char context[] = "TLS 1.3, server CertificateVerify";
    enum { BLANKS = 64 };
    if (len < BLANKS + sizeof(context) || memcmp(input + BLANKS, context, sizeof(context)) != 0)
        return false;
    for (size_t i = 0; i < BLANKS; i++) {
        if (input[i] != ' ')
            return false;
    }
    size_t hash = len - BLANKS - sizeof(context);
    return hash == 32 || hash == 48; /* of the cipher suites: SHA-256, SHA-384 */
}

/* TLS 1.2: the two randoms, then named_curve (3), its number, and a public key of the length that goes with it. */
static bool is_server_key_exchange(const uint8_t *input, size_t len)
{
    static const struct {
        uint16_t curve; /* RFC 8422 section 5.1.1 */
        uint8_t point;
    } curves[] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56}};
    enum { RANDOMS = 64, HEAD = 4 };
    if (len < RANDOMS + HEAD || input[RANDOMS] != 3)
        return false;
    unsigned curve = input[RANDOMS + 1] * 256U + input[RANDOMS + 2];
    size_t point = input[RANDOMS + 3];
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (curves[i].curve == curve)
            return point == curves[i].point && len == RANDOMS + HEAD + point;
    }
    return false;
}

bool tls_is_server_input(const uint8_t *input, size_t len)
{
    return is_certificate_verify(input, len) || is_server_key_exchange(input, len);
}

/* Digest and padding, as far as OpenSSL does not take them by itself. */
static bool prepare(EVP_MD_CTX *md, EVP_PKEY *key, const struct tls_to_sign *what)
{
    EVP_PKEY_CTX *ctx = NULL; /* md's */
    if (EVP_DigestSignInit_ex(md, &ctx, tls_digest_name(what->digest), NULL, NULL, key, NULL) <= 0)
        return false;
    if (what->padding == TLS_NO_PADDING)
        return true;
    if (what->padding == TLS_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

int tls_sign(EVP_PKEY *key, const struct tls_to_sign *what, uint8_t ret[TLS_SIGNATURE_MAX], size_t *ret_len)
{
    bool is_rsa = EVP_PKEY_is_a(key, "RSA");
    bool is_ec = EVP_PKEY_is_a(key, "EC");
    bool fits = what->padding == TLS_NO_PADDING ? is_ec : is_rsa && what->padding <= TLS_PSS;
    if (!fits || !tls_digest_name(what->digest) || !tls_is_server_input(what->input, what->len))
        return -EINVAL;
    if (EVP_PKEY_get_size(key) > TLS_SIGNATURE_MAX)
        return -EMSGSIZE;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t len = TLS_SIGNATURE_MAX;
    bool done = md && prepare(md, key, what) && EVP_DigestSign(md, ret, &len, what->input, what->len) > 0;
    EVP_MD_CTX_free(md);
    if (!done)
        return -EIO;
    *ret_len = len;
    return 0;
}
