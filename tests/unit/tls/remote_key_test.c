/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/remote_key.h"

#include "unit.h"

#include <errno.h>
#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

/* The other process, here: it holds the keys, and answers when it likes. */
enum { KEYS = 4 };
static EVP_PKEY *keys[KEYS];
static X509 *certificates[KEYS];
static const char *const curves[KEYS] = {"P-256", "P-384", "P-521", NULL /* RSA */};
static unsigned asked;
static int answer; /* instead of a signature, if not 0 */

static int sign(const struct tls_to_sign *what, uint8_t ret[TLS_SIGNATURE_MAX], size_t *ret_len)
{
    asked++;
    assert_true(what->key < KEYS);
    if (ASYNC_get_current_job())
        ASYNC_pause_job();
    return answer != 0 ? answer : tls_sign(keys[what->key], what, ret, ret_len);
}

static X509 *certify(EVP_PKEY *key)
{
    X509 *x = X509_new();
    assert_non_null(x);
    assert_true(X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
    assert_true(X509_gmtime_adj(X509_getm_notBefore(x), 0) && X509_gmtime_adj(X509_getm_notAfter(x), 3600));
    assert_true(X509_set_pubkey(x, key));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static int set_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        keys[i] = curves[i] ? EVP_EC_gen(curves[i]) : EVP_RSA_gen(2048);
        assert_non_null(keys[i]);
        certificates[i] = certify(keys[i]);
    }
    return tls_remote_init(sign);
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        EVP_PKEY_free(keys[i]);
        X509_free(certificates[i]);
    }
    return 0;
}

static int before_each(void **state)
{
    (void)state;
    asked = 0;
    answer = 0;
    return 0;
}

static void use(SSL_CTX *ctx, unsigned which)
{
    EVP_PKEY *key = tls_remote_key(certificates[which], (uint8_t)which);
    assert_non_null(key);
    assert_int_equal(SSL_CTX_use_certificate(ctx, certificates[which]), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    assert_int_equal(SSL_CTX_check_private_key(ctx), 1);
    EVP_PKEY_free(key);
}

struct ends {
    SSL_CTX *server_ctx, *client_ctx;
    SSL *server, *client;
    unsigned pauses;
};

static void open_ends(struct ends *e, int version)
{
    BIO *a, *b;
    *e = (struct ends){.server_ctx = SSL_CTX_new(TLS_server_method()),
                       .client_ctx = SSL_CTX_new(TLS_client_method())};
    assert_true(SSL_CTX_set_max_proto_version(e->server_ctx, version));
    assert_true(BIO_new_bio_pair(&a, 0, &b, 0));
    e->server = NULL;
    e->client = SSL_new(e->client_ctx);
    SSL_set_bio(e->client, b, b);
    SSL_set_connect_state(e->client);
    SSL_CTX_set_app_data(e->server_ctx, a);
}

/* 1 if both ends are content, else what the server's SSL_get_error says. */
static int shake(struct ends *e, bool async)
{
    BIO *bio = SSL_CTX_get_app_data(e->server_ctx);
    e->server = SSL_new(e->server_ctx);
    SSL_set_bio(e->server, bio, bio);
    SSL_set_accept_state(e->server);
    if (async)
        SSL_set_mode(e->server, SSL_MODE_ASYNC);
    int server = 0, client = 0, error = 0;
    for (unsigned turn = 0; turn < 20 && (server != 1 || client != 1); turn++) {
        ERR_clear_error(); /* SSL_get_error(3) */
        if (client != 1)
            client = SSL_do_handshake(e->client);
        ERR_clear_error();
        if (server != 1)
            server = SSL_do_handshake(e->server);
        error = SSL_get_error(e->server, server);
        e->pauses += error == SSL_ERROR_WANT_ASYNC;
        if (error == SSL_ERROR_SSL)
            return error;
    }
    return server == 1 && client == 1 ? 1 : error;
}

static void close_ends(struct ends *e)
{
    SSL_free(e->server);
    SSL_free(e->client);
    SSL_CTX_free(e->server_ctx);
    SSL_CTX_free(e->client_ctx);
    ERR_clear_error();
}

static void test_handshakes(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    unsigned expected = 0;
    (void)state;
    for (unsigned key = 0; key < KEYS; key++) {
        for (size_t v = 0; v < COUNT(versions); v++) {
            for (int async = 0; async < 2; async++) {
                struct ends e;
                open_ends(&e, versions[v]);
                use(e.server_ctx, key);
                assert_int_equal(shake(&e, async), 1);
                assert_int_equal(SSL_version(e.server), versions[v]);
                assert_int_equal(asked, ++expected);
                assert_int_equal(e.pauses, async);
                close_ends(&e);
            }
        }
    }
}

/* ECDSA and RSA side by side: the client's algorithms choose. */
static void test_two_certificates(void **state)
{
    static const char *const algorithms[] = {"ECDSA+SHA256", "RSA-PSS+SHA256"};
    (void)state;
    for (size_t i = 0; i < COUNT(algorithms); i++) {
        struct ends e;
        open_ends(&e, TLS1_3_VERSION);
        use(e.server_ctx, 0);
        use(e.server_ctx, 3);
        assert_int_equal(SSL_set1_sigalgs_list(e.client, algorithms[i]), 1);
        assert_int_equal(shake(&e, false), 1);
        X509 *shown = SSL_get1_peer_certificate(e.client);
        assert_int_equal(X509_cmp(shown, certificates[i == 0 ? 0 : 3]), 0);
        X509_free(shown);
        close_ends(&e);
    }
}

static void test_no_signature_no_session(void **state)
{
    (void)state;
    answer = -EIO;
    for (int async = 0; async < 2; async++) {
        struct ends e;
        open_ends(&e, TLS1_3_VERSION);
        use(e.server_ctx, 0);
        assert_int_equal(shake(&e, async), SSL_ERROR_SSL);
        close_ends(&e);
    }
    assert_int_equal(asked, 2);
}

/* A key that is another certificate's is found out here, as if it were a real one. */
static void test_the_wrong_key(void **state)
{
    struct ends e;
    EVP_PKEY *key = tls_remote_key(certificates[1], 1);
    (void)state;
    open_ends(&e, TLS1_3_VERSION);
    assert_int_equal(SSL_CTX_use_certificate(e.server_ctx, certificates[0]), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(e.server_ctx, key), 0);
    EVP_PKEY_free(key);
    BIO_free(SSL_CTX_get_app_data(e.server_ctx));
    close_ends(&e);
}

/* The process has no private half to give away, and its key signs nothing else. */
static void test_there_is_no_private_half(void **state)
{
    unsigned char *bytes = NULL, signature[TLS_SIGNATURE_MAX];
    size_t len = sizeof(signature);
    EVP_PKEY *key = tls_remote_key(certificates[0], 0);
    OSSL_PARAM *params = NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    (void)state;
    assert_true(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params) <= 0);
    assert_true(i2d_PrivateKey(key, &bytes) <= 0);
    assert_true(EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) > 0);
    assert_true(EVP_DigestSign(md, signature, &len, (const unsigned char *)"a certificate", 13) <= 0);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static void test_other_kinds_of_key(void **state)
{
    EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *x = X509_new();
    (void)state;
    assert_true(X509_set_pubkey(x, ed25519));
    assert_null(tls_remote_key(x, 0));
    X509_free(x);
    EVP_PKEY_free(ed25519);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_handshakes, before_each),
        cmocka_unit_test_setup(test_two_certificates, before_each),
        cmocka_unit_test_setup(test_no_signature_no_session, before_each),
        cmocka_unit_test_setup(test_the_wrong_key, before_each),
        cmocka_unit_test_setup(test_there_is_no_private_half, before_each),
        cmocka_unit_test_setup(test_other_kinds_of_key, before_each),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
