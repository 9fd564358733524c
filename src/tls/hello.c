/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/hello.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

enum {
    AGE_BYTES = 4, /* after each identity: obfuscated_ticket_age */
};

static SSL_CTX *context; /* without a certificate: it never comes to need one */

static void note_ticket(struct tls_hello *h, const uint8_t *ticket, size_t len)
{
    if (len >= sizeof(h->tickets[0].key) && h->ticket_count < sizeof(h->tickets) / sizeof(h->tickets[0]))
        memcpy(h->tickets[h->ticket_count++].key, ticket, sizeof(h->tickets[0].key));
}

/* A number of two bytes at *at, which moves on behind it; more than there is after it: 0 bytes are left. */
static size_t take_length(const uint8_t **at, const uint8_t *end)
{
    if (end - *at < 2)
        return 0;
    size_t len = (size_t)(*at)[0] << 8 | (*at)[1];
    *at += 2;
    return len <= (size_t)(end - *at) ? len : 0;
}

/* OfferedPsks, of which the identities are tickets. */
static void note_identities(struct tls_hello *h, const uint8_t *at, size_t len)
{
    size_t all = take_length(&at, at + len), one;
    const uint8_t *end = at + all;
    while (all > 0 && (one = take_length(&at, end)) > 0) {
        note_ticket(h, at, one);
        at += one;
        at += end - at < AGE_BYTES ? end - at : AGE_BYTES;
    }
}

/* The handshake stops here, for good. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_hello *h = SSL_get_app_data(ssl);
    const uint8_t *bytes;
    size_t len;
    (void)alert;
    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &bytes, &len) == 1)
        note_identities(h, bytes, len);
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_session_ticket, &bytes, &len) == 1)
        note_ticket(h, bytes, len);
    len = SSL_client_hello_get0_session_id(ssl, &bytes);
    if (len <= sizeof(h->id))
        memcpy(h->id, bytes, h->id_len = (uint8_t)len);
    return SSL_CLIENT_HELLO_RETRY;
}

static void make_context(void)
{
    context = SSL_CTX_new(TLS_server_method());
    if (context)
        SSL_CTX_set_client_hello_cb(context, on_hello, NULL);
}

/* OpenSSL does the reading: a server that gets just these bytes. */
enum tls_hello_state tls_hello_read(const void *bytes, size_t len, struct tls_hello *ret)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
    enum tls_hello_state state = TLS_HELLO_NONE;
    memset(ret, 0, sizeof(*ret));
    if (CRYPTO_THREAD_run_once(&once, make_context) != 1 || !context || len > TLS_HELLO_MOST)
        return TLS_HELLO_NONE;
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new_mem_buf(bytes, (int)len), *out = BIO_new(BIO_s_null());
    if (ssl && in && out) {
        BIO_set_mem_eof_return(in, -1); /* more may come */
        SSL_set_bio(ssl, in, out);
        in = out = NULL;
        SSL_set_app_data(ssl, ret);
        SSL_set_accept_state(ssl);
        int error = SSL_get_error(ssl, SSL_do_handshake(ssl));
        if (error == SSL_ERROR_WANT_CLIENT_HELLO_CB)
            state = TLS_HELLO_READ;
        else if (error == SSL_ERROR_WANT_READ)
            state = len < TLS_HELLO_MOST ? TLS_HELLO_PART : TLS_HELLO_NONE;
    }
    BIO_free(in);
    BIO_free(out);
    SSL_free(ssl);
    ERR_clear_error();
    return state;
}

bool tls_hello_names(const struct tls_hello *h, const struct tls_mark *m)
{
    for (size_t i = 0; i < h->ticket_count; i++) {
        if (memcmp(h->tickets[i].key, m->ticket_key, sizeof(m->ticket_key)) == 0)
            return true;
    }
    return m->id_len > 0 && h->id_len == m->id_len && memcmp(h->id, m->id, m->id_len) == 0;
}
