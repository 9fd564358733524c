/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/sign.h"

#include "unit.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

enum { KEY_EC, KEY_RSA, KEY_ED25519, KEYS };

static EVP_PKEY *keys[KEYS];

static int make_keys(void **state)
{
    (void)state;
    keys[KEY_EC] = EVP_EC_gen("P-256");
    keys[KEY_RSA] = EVP_RSA_gen(2048);
    keys[KEY_ED25519] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return keys[KEY_EC] && keys[KEY_RSA] && keys[KEY_ED25519] ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEYS; i++)
        EVP_PKEY_free(keys[i]);
    return 0;
}

/* RFC 8446 section 4.4.3. */
static size_t put_certificate_verify(uint8_t *ret, const char *context, size_t hash_len)
{
    memset(ret, ' ', 64);
    memcpy(ret + 64, context, strlen(context) + 1);
    memset(ret + 64 + strlen(context) + 1, 0xa5, hash_len);
    return 64 + strlen(context) + 1 + hash_len;
}

/* RFC 8422 section 5.4. */
static size_t put_key_exchange(uint8_t *ret, unsigned curve, size_t point_len)
{
    memset(ret, 0x5a, 64);
    ret[64] = 3;
    ret[65] = (uint8_t)(curve >> 8);
    ret[66] = (uint8_t)curve;
    ret[67] = (uint8_t)point_len;
    memset(ret + 68, 4, point_len);
    return 68 + point_len;
}

static const char server[] = "TLS 1.3, server CertificateVerify";

static void test_what_servers_sign(void **state)
{
    uint8_t input[TLS_INPUT_MAX];
    static const struct {
        unsigned curve;
        size_t point;
    } curves[] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56}};
    (void)state;
    assert_true(tls_is_server_input(input, put_certificate_verify(input, server, 32)));
    assert_true(tls_is_server_input(input, put_certificate_verify(input, server, 48)));
    for (size_t i = 0; i < COUNT(curves); i++)
        assert_true(tls_is_server_input(input, put_key_exchange(input, curves[i].curve, curves[i].point)));
}

static void test_what_they_do_not(void **state)
{
    uint8_t input[TLS_INPUT_MAX] = {0};
    (void)state;
    assert_false(tls_is_server_input(input, 0));
    assert_false(tls_is_server_input(input, sizeof(input)));
    assert_false(
        tls_is_server_input(input, put_certificate_verify(input, "TLS 1.3, client CertificateVerify", 32)));
    assert_false(
        tls_is_server_input(input, put_certificate_verify(input, "TLS 1.3, server CertificateVerif", 33)));
    for (size_t len = 0; len < 64; len++) {
        if (len != 32 && len != 48)
            assert_false(tls_is_server_input(input, put_certificate_verify(input, server, len)));
    }
    for (size_t i = 0; i < 64; i++) {
        size_t len = put_certificate_verify(input, server, 32);
        input[i] = '!';
        assert_false(tls_is_server_input(input, len));
    }
    assert_false(tls_is_server_input(input, put_key_exchange(input, 23, 64)));
    assert_false(tls_is_server_input(input, put_key_exchange(input, 22, 65)));
    assert_false(tls_is_server_input(input, put_key_exchange(input, 256 + 23, 65)));
    assert_false(tls_is_server_input(input, put_key_exchange(input, 23, 65) + 1));
    assert_false(tls_is_server_input(input, put_key_exchange(input, 23, 65) - 1));
    size_t len = put_key_exchange(input, 23, 65);
    input[64] = 1; /* explicit_prime */
    assert_false(tls_is_server_input(input, len));
}

/* Does the signature hold, by OpenSSL's word? */
static bool verifies(const struct tls_to_sign *what, EVP_PKEY *key, const uint8_t *signature, size_t len)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    assert_true(EVP_DigestVerifyInit_ex(md, &ctx, tls_digest_name(what->digest), NULL, NULL, key, NULL) > 0);
    if (what->padding == TLS_PSS) {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0);
    }
    bool good = EVP_DigestVerify(md, signature, len, what->input, what->len) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

static void test_signatures_hold(void **state)
{
    uint8_t input[TLS_INPUT_MAX], signature[TLS_SIGNATURE_MAX];
    size_t input_len = put_certificate_verify(input, server, 32);
    (void)state;
    for (unsigned digest = 0; tls_digest_name(digest); digest++) {
        for (unsigned padding = TLS_NO_PADDING; padding <= TLS_PSS; padding++) {
            struct tls_to_sign what = {0, (enum tls_digest)digest, (enum tls_padding)padding, input,
                                       input_len};
            EVP_PKEY *key = keys[padding == TLS_NO_PADDING ? KEY_EC : KEY_RSA];
            size_t len = 0;
            assert_int_equal(tls_sign(key, &what, signature, &len), 0);
            assert_true(verifies(&what, key, signature, len));
            signature[len - 1] ^= 1;
            assert_false(verifies(&what, key, signature, len));
        }
    }
}

static void test_refused(void **state)
{
    uint8_t input[TLS_INPUT_MAX], signature[TLS_SIGNATURE_MAX];
    struct tls_to_sign what = {0, TLS_SHA256, TLS_NO_PADDING, input,
                               put_certificate_verify(input, server, 32)};
    size_t len = 12345;
    (void)state;
    assert_int_equal(tls_sign(keys[KEY_RSA], &what, signature, &len), -EINVAL);
    assert_int_equal(tls_sign(keys[KEY_ED25519], &what, signature, &len), -EINVAL);
    what.padding = TLS_PSS;
    assert_int_equal(tls_sign(keys[KEY_EC], &what, signature, &len), -EINVAL);
    what.padding = (enum tls_padding)3;
    assert_int_equal(tls_sign(keys[KEY_RSA], &what, signature, &len), -EINVAL);
    what.padding = TLS_PKCS1;
    what.digest = (enum tls_digest)3;
    assert_int_equal(tls_sign(keys[KEY_RSA], &what, signature, &len), -EINVAL);
    what.digest = TLS_SHA256;
    what.len--;
    assert_int_equal(tls_sign(keys[KEY_RSA], &what, signature, &len), -EINVAL);
    assert_int_equal(len, 12345);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_servers_sign),
        cmocka_unit_test(test_what_they_do_not),
        cmocka_unit_test(test_signatures_hold),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
