/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/hello.h"

#include "certificates.h"
#include "unit.h"

#include <openssl/ssl.h>

enum { HELLO_CAP = 8192 };

static const uint8_t key_name[16] = "sixteen of bytes";
static EVP_PKEY *key;
static X509 *certificate;
static SSL_SESSION *got; /* by the client */

static int set_up(void **state)
{
    (void)state;
    key = EVP_EC_gen("P-256");
    certificate = certify(key, &(struct certificate_wish){.host = "ftp.example.org"});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(got);
    got = session;
    return 1;
}

static SSL_CTX *context(const SSL_METHOD *method, int version, uint64_t options)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    SSL_CTX_set_options(ctx, options);
    return ctx;
}

/* A client that has been there, with what it was given. */
static SSL_CTX *returning_client(int version, uint64_t options)
{
    SSL_CTX *client_ctx = context(TLS_client_method(), version, options);
    SSL_CTX *server_ctx = context(TLS_server_method(), version, options);
    uint8_t keys[80] = {0}; /* a name, and two keys */
    BIO *one, *other;
    char byte;
    memcpy(keys, key_name, sizeof(key_name));
    assert_int_equal(SSL_CTX_set_tlsext_ticket_keys(server_ctx, keys, sizeof(keys)), 1);
    assert_int_equal(SSL_CTX_use_certificate(server_ctx, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server_ctx, key), 1);
    SSL_CTX_set_session_cache_mode(client_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client_ctx, on_session);
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
    assert_int_equal(BIO_new_bio_pair(&one, 0, &other, 0), 1);
    SSL_set_bio(client, one, one);
    SSL_set_bio(server, other, other);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
        (void)SSL_read(client, &byte, 1); /* tickets of TLS 1.3 come now */
    }
    assert_non_null(got);
    (void)SSL_shutdown(client); /* one that ends otherwise is not resumed */
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(server_ctx);
    return client_ctx;
}

/* What it says first, with session or, NULL, without. */
static size_t hello_of(SSL_CTX *ctx, SSL_SESSION *session, uint8_t out[HELLO_CAP])
{
    SSL *client = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *sent = BIO_new(BIO_s_mem());
    SSL_set_bio(client, in, sent);
    if (session)
        assert_int_equal(SSL_set_session(client, session), 1);
    SSL_set_connect_state(client);
    assert_int_equal(SSL_do_handshake(client), -1);
    int len = BIO_read(sent, out, HELLO_CAP);
    assert_true(len > 0);
    SSL_free(client);
    return (size_t)len;
}

static void a_returning_client_names_its_session(void **state)
{
    static const struct {
        int version;
        uint64_t options;
        bool by_ticket;
    } ways[] = {
        {TLS1_3_VERSION, 0, true},
        {TLS1_2_VERSION, 0, true},
        {TLS1_2_VERSION, SSL_OP_NO_TICKET, false},
    };
    uint8_t bytes[HELLO_CAP];
    struct tls_hello hello;
    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        SSL_CTX *ctx = returning_client(ways[i].version, ways[i].options);
        struct tls_mark mark = {.id_len = 0}, other = {.ticket_key = "another's", .id_len = 32};
        unsigned id_len = 0;
        const uint8_t *id = SSL_SESSION_get_id(got, &id_len);
        if (ways[i].by_ticket)
            memcpy(mark.ticket_key, key_name, sizeof(key_name));
        else
            memcpy(mark.id, id, mark.id_len = (uint8_t)id_len);

        size_t len = hello_of(ctx, got, bytes);
        assert_int_equal(tls_hello_read(bytes, len, &hello), TLS_HELLO_READ);
        assert_true(tls_hello_names(&hello, &mark));
        assert_false(tls_hello_names(&hello, &other));
        for (size_t part = 0; part < len; part++)
            assert_int_equal(tls_hello_read(bytes, part, &hello), TLS_HELLO_PART);

        len = hello_of(ctx, NULL, bytes);
        assert_int_equal(tls_hello_read(bytes, len, &hello), TLS_HELLO_READ);
        assert_false(tls_hello_names(&hello, &mark));
        SSL_SESSION_free(got);
        got = NULL;
        SSL_CTX_free(ctx);
    }
}

/* Neither of which has an id: nothing is not the same as nothing. */
static void nothing_names_nothing(void **state)
{
    const struct tls_hello hello = {.ticket_count = 0};
    const struct tls_mark mark = {.id_len = 0};
    (void)state;
    assert_false(tls_hello_names(&hello, &mark));
}

static void what_is_no_hello(void **state)
{
    static const char *const others[] = {"GET / HTTP/1.0\r\n\r\n", "USER anonymous\r\n", "SSH-2.0-x\r\n"};
    static uint8_t too_long[TLS_HELLO_MOST + 1] = {22, 3, 1, 64, 0, 1, 1, 0, 0};
    struct tls_hello hello;
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(tls_hello_read(others[i], strlen(others[i]), &hello), TLS_HELLO_NONE);
    assert_int_equal(tls_hello_read(too_long, sizeof(too_long), &hello), TLS_HELLO_NONE);
    assert_int_equal(tls_hello_read(too_long, TLS_HELLO_MOST, &hello), TLS_HELLO_NONE);
    assert_int_equal(tls_hello_read("", 0, &hello), TLS_HELLO_PART);
}

/* Every byte of one changed in several ways: whatever is said of it, nothing beyond it is read (the sanitizers see). */
static void changed_ones(void **state)
{
    SSL_CTX *ctx = returning_client(TLS1_3_VERSION, 0);
    uint8_t bytes[HELLO_CAP];
    size_t len = hello_of(ctx, got, bytes), read = 0, none = 0;
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    (void)state;
    for (size_t at = 0; at < len; at++) {
        for (size_t i = 0; i < COUNT(changes); i++) {
            struct tls_hello hello;
            uint8_t *copy = malloc(len);
            assert_non_null(copy);
            memcpy(copy, bytes, len);
            copy[at] ^= changes[i];
            enum tls_hello_state state_of = tls_hello_read(copy, len, &hello);
            read += state_of == TLS_HELLO_READ;
            none += state_of == TLS_HELLO_NONE;
            free(copy);
        }
    }
    assert_true(read > 0 && none > 0);
    SSL_SESSION_free(got);
    got = NULL;
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_returning_client_names_its_session),
        cmocka_unit_test(nothing_names_nothing),
        cmocka_unit_test(what_is_no_hello),
        cmocka_unit_test(changed_ones),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
