/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/server.h"

#include "tls/binding.h"
#include "tls/channel.h"
#include "tls/remote_key.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the process with the keys does not sign for, or nobody should offer, whatever the administrator's list says. */
static const char never[] = ":!kRSA:!kDHE:!aNULL:!eNULL:!PSK:!SRP";

enum {
    CERTIFICATES_MAX = 64,
    CHAIN_MAX = 8, /* a client's certificate, and those above it */
    CHAIN_BYTES_MAX = 16 * 1024,
};

struct certificate {
    char *name;
    X509 *leaf;
    STACK_OF(X509) * chain; /* the rest */
    EVP_PKEY *key;
    uint8_t *ocsp;
    size_t ocsp_len;
};

struct tls_server {
    SSL_CTX *ctx;
    struct tls_server_settings settings; /* its strings are not kept, but only_host */
    char *only_host;
    struct certificate certificates[CERTIFICATES_MAX];
    size_t count;
};

SSL_CTX *tls_server_context(const struct tls_server *s)
{
    return s->ctx;
}

const struct tls_server_settings *tls_server_settings(const struct tls_server *s)
{
    return &s->settings;
}

/* --- what is agreed to in a handshake ---------------------------------------------------------------- */

/* RFC 7301. Who speaks of another protocol was led here by somebody else's server (ALPACA); who speaks of none is any FTP
 * client. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *arg)
{
    static const unsigned char ftp[] = "\x03"
                                       "ftp";
    (void)ssl;
    (void)arg;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_len, ftp, sizeof(ftp) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const struct tls_server *s = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    if (s->only_host && (!name || strcasecmp(name, s->only_host) != 0))
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

/* Of each kind of key the first certificate that fits the name takes the place of the first one there is. */
static int choose_certificates(SSL *ssl, void *arg)
{
    const struct tls_server *s = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct certificate *chosen[2] = {NULL, NULL}; /* RSA, EC */
    for (size_t i = 0; name && i < s->count; i++) {
        const struct certificate *c = &s->certificates[i];
        bool is_ec = EVP_PKEY_is_a(c->key, "EC");
        if (!chosen[is_ec] && X509_check_host(c->leaf, name, 0, 0, NULL) == 1)
            chosen[is_ec] = c;
    }
    if (!chosen[0] && !chosen[1])
        return 1;
    SSL_certs_clear(ssl);
    for (size_t i = 0; i < 2; i++) {
        if (chosen[i] && SSL_use_cert_and_key(ssl, chosen[i]->leaf, chosen[i]->key, chosen[i]->chain, 1) != 1)
            return 0;
    }
    ERR_clear_error();
    return 1;
}

static int on_ocsp(SSL *ssl, void *arg)
{
    const struct tls_server *s = arg;
    const X509 *leaf = SSL_get_certificate(ssl);
    for (size_t i = 0; leaf && i < s->count; i++) {
        const struct certificate *c = &s->certificates[i];
        if (!c->ocsp || X509_cmp(leaf, c->leaf) != 0)
            continue;
        unsigned char *copy = OPENSSL_memdup(c->ocsp, c->ocsp_len); /* OpenSSL frees it */
        if (!copy)
            return SSL_TLSEXT_ERR_NOACK;
        (void)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->ocsp_len); /* a setter that cannot fail */
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

/* Without validate_cert any certificate will do: it is only noted, and nothing is computed. */
static int accept_any(X509_STORE_CTX *ctx, void *arg)
{
    (void)ctx;
    (void)arg;
    return 1;
}

static void set_verification(struct tls_server *s)
{
    int mode = s->settings.certificate == TLS_CERTIFICATE_IGNORED ? SSL_VERIFY_NONE
               : s->settings.certificate == TLS_CERTIFICATE_REQUIRED
                   ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                   : SSL_VERIFY_PEER;
    SSL_CTX_set_verify(s->ctx, mode, NULL);
    SSL_CTX_set_verify_depth(s->ctx, CHAIN_MAX);
    SSL_CTX_set_max_cert_list(s->ctx, CHAIN_BYTES_MAX); /* anybody may send one, before a login */
    if (!s->settings.validate)
        SSL_CTX_set_cert_verify_callback(s->ctx, accept_any, NULL);
}

/* --- made -------------------------------------------------------------------------------------------- */

static const char *set_ciphers(SSL_CTX *ctx, const struct tls_server_settings *settings)
{
    const char *wanted = settings->ciphers ? settings->ciphers : "DEFAULT";
    size_t len = strlen(wanted);
    char *list = malloc(len + sizeof(never));
    if (!list)
        return "out of memory";
    memcpy(list, wanted, len);
    memcpy(list + len, never, sizeof(never));
    bool is_good = SSL_CTX_set_cipher_list(ctx, list) == 1;
    free(list);
    if (!is_good)
        return "ssl_ciphers names no cipher of TLS 1.2 with ephemeral elliptic curves (ECDHE) that OpenSSL "
               "has";
    if (settings->ciphersuites && SSL_CTX_set_ciphersuites(ctx, settings->ciphersuites) != 1)
        return "ssl_ciphersuites names what is no cipher suite of TLS 1.3";
    return NULL;
}

static const char *set_up(struct tls_server *s)
{
    static const unsigned char id_context[] = "sallyd";
    SSL_CTX *ctx = s->ctx;
    const struct tls_server_settings *settings = &s->settings;
    if (tls_channel_init() < 0)
        return "this OpenSSL takes no provider: sallyd needs OpenSSL 3.0 or later";
    if (!settings->tls12 && !settings->tls13)
        return "neither TLS 1.2 nor TLS 1.3 is permitted: ssl_tlsv12, ssl_tlsv13";
    if (SSL_CTX_set_min_proto_version(ctx, settings->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, settings->tls13 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1)
        return "this OpenSSL does not have TLS 1.2 or 1.3";
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ASYNC);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, s);
    SSL_CTX_set_cert_cb(ctx, choose_certificates, s);
    SSL_CTX_set_tlsext_status_cb(ctx, on_ocsp);
    SSL_CTX_set_tlsext_status_arg(ctx, s);
    set_verification(s);
    if (SSL_CTX_set_session_id_context(ctx, id_context, sizeof(id_context) - 1) != 1 ||
        !tls_binding_init(ctx))
        return "out of memory";
    return set_ciphers(ctx, settings);
}

struct tls_server *tls_server_new(const struct tls_server_settings *settings, const char **ret_why)
{
    struct tls_server *s = calloc(1, sizeof(*s));
    *ret_why = "out of memory";
    if (!s)
        return NULL;
    s->settings = *settings;
    s->settings.ciphers = s->settings.ciphersuites = s->settings.only_host = NULL;
    s->ctx = SSL_CTX_new(TLS_server_method());
    s->only_host = settings->only_host ? strdup(settings->only_host) : NULL;
    if (s->ctx && (s->only_host || !settings->only_host)) {
        struct tls_server_settings kept = s->settings;
        s->settings = *settings;
        *ret_why = set_up(s);
        s->settings = kept;
    }
    ERR_clear_error();
    if (*ret_why)
        tls_server_free(&s);
    return s;
}

void tls_server_free(struct tls_server **server)
{
    struct tls_server *s = *server;
    *server = NULL;
    if (!s)
        return;
    SSL_CTX_free(s->ctx);
    for (size_t i = 0; i < s->count; i++) {
        free(s->certificates[i].name);
        X509_free(s->certificates[i].leaf);
        sk_X509_pop_free(s->certificates[i].chain, X509_free);
        EVP_PKEY_free(s->certificates[i].key);
        free(s->certificates[i].ocsp);
    }
    free(s->only_host);
    free(s);
}

/* --- certificates ------------------------------------------------------------------------------------ */

static void certificate_fini(struct certificate *c)
{
    free(c->name);
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    *c = (struct certificate){0};
}

/* Is it the first of its kind of key: one for who names no host? */
static bool is_first_of_kind(const struct tls_server *s, const struct certificate *c)
{
    for (size_t i = 0; i < s->count; i++) {
        if (EVP_PKEY_is_a(s->certificates[i].key, "EC") == EVP_PKEY_is_a(c->key, "EC"))
            return false;
    }
    return true;
}

static int read_certificate(struct certificate *c, const void *pem, size_t len, uint8_t number)
{
    BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    X509 *more;
    c->leaf = bio ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
    c->chain = sk_X509_new_null();
    while (c->leaf && c->chain && (more = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (sk_X509_push(c->chain, more) > 0)
            continue;
        X509_free(more);
        break;
    }
    BIO_free(bio);
    if (!bio || !c->chain)
        return -ENOMEM;
    c->key = c->leaf ? tls_remote_key(c->leaf, number) : NULL;
    return c->key ? 0 : -EINVAL;
}

/* Would a handshake take it? OpenSSL refuses keys and digests that are too weak. */
static bool is_usable(const struct tls_server *s, const struct certificate *c)
{
    SSL *trial = SSL_new(s->ctx);
    bool is = trial && SSL_use_cert_and_key(trial, c->leaf, c->key, c->chain, 1) == 1;
    SSL_free(trial);
    return is;
}

int tls_server_add_certificate(struct tls_server *s, const char *name, const void *pem, size_t len,
                               uint8_t number)
{
    struct certificate c = {.name = strdup(name)};
    int r = !c.name                       ? -ENOMEM
            : s->count < CERTIFICATES_MAX ? read_certificate(&c, pem, len, number)
                                          : -EINVAL;
    if (r == 0 && !is_usable(s, &c))
        r = -EINVAL;
    if (r == 0 && is_first_of_kind(s, &c) && SSL_CTX_use_cert_and_key(s->ctx, c.leaf, c.key, c.chain, 1) != 1)
        r = -EINVAL;
    ERR_clear_error();
    if (r < 0) {
        certificate_fini(&c);
        return r;
    }
    s->certificates[s->count++] = c;
    return 0;
}

int tls_server_add_ocsp(struct tls_server *s, const void *der, size_t len)
{
    const unsigned char *at = der;
    OCSP_RESPONSE *response =
        s->count > 0 && len <= LONG_MAX ? d2i_OCSP_RESPONSE(NULL, &at, (long)len) : NULL;
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    if (!response || at != (const unsigned char *)der + len)
        return -EINVAL;
    struct certificate *c = &s->certificates[s->count - 1];
    free(c->ocsp);
    c->ocsp_len = len;
    c->ocsp = malloc(len);
    if (!c->ocsp)
        return -ENOMEM;
    memcpy(c->ocsp, der, len);
    return 0;
}

int tls_server_add_authorities(struct tls_server *s, const void *pem, size_t len)
{
    BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    size_t count = 0;
    X509 *one;
    int r = bio ? 0 : -ENOMEM;
    while (r == 0 && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(s->ctx), one) != 1 ||
            SSL_CTX_add_client_CA(s->ctx, one) != 1)
            r = -ENOMEM;
        X509_free(one);
        count++;
    }
    BIO_free(bio);
    ERR_clear_error();
    return r == 0 && count == 0 ? -EINVAL : r;
}

void tls_server_ages(const struct tls_server *s, void (*each)(const char *name, int days))
{
    for (size_t i = 0; i < s->count; i++) {
        const struct certificate *c = &s->certificates[i];
        int days = 0, seconds = 0;
        if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(c->leaf)) == 1)
            each(c->name, seconds < 0 ? -1 : days);
    }
}
