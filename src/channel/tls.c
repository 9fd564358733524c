/* SPDX-License-Identifier: BSD-2-Clause */
#include "channel/private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DRAINED = 64,           /* reads */
    READ_AHEAD = 64 * 1024, /* bytes that are taken off the socket at once: a few records */
};

struct channel_tls {
    SSL_CTX *ctx;
};

/* Under TLS 1.3 tickets come whenever the server likes, and its newest is the one to use (RFC 8446 section 4.6.1). */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct channel *c = SSL_get_app_data(ssl);

    SSL_SESSION_free(c->session);
    c->session = session;
    return 1; /* it is ours now */
}

struct channel_tls *channel_tls_new(void)
{
    struct channel_tls *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (!t->ctx || !SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION)) {
        channel_tls_free(&t);
        return NULL;
    }
    /* A system without certificates trusts nobody, which is said of each server. */
    (void)!SSL_CTX_set_default_verify_paths(t->ctx);
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_NONE, NULL); /* looked at, and left to the caller: channel_peer */
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(t->ctx, keep_session);
    SSL_CTX_set_read_ahead(t->ctx, 1);
    SSL_CTX_set_default_read_buffer_len(t->ctx, READ_AHEAD);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_AUTO_RETRY | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    return t;
}

void channel_tls_free(struct channel_tls **t)
{
    if (!*t)
        return;
    SSL_CTX_free((*t)->ctx);
    free(*t);
    *t = NULL;
}

void channel_tls_drop(struct channel *c)
{
    SSL_SESSION_free(c->session);
    SSL_free(c->ssl);
    c->session = NULL;
    c->ssl = NULL;
}

/* What SSL_get_error(3) says of a call that returned r: 0, go on, what was waited for is there; or -errno. */
static int await(struct channel *c, int r)
{
    int saved = errno;

    switch (SSL_get_error(c->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return channel_wait(c->fd, POLLIN, &c->limits);
    case SSL_ERROR_WANT_WRITE:
        return channel_wait(c->fd, POLLOUT, &c->limits);
    case SSL_ERROR_SYSCALL:
        return saved ? -saved : -EPIPE;
    default:
        return ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? -EPIPE : -EPROTO;
    }
}

/* Records that are here already, as many as there is room for, behind the first: a write of the caller's for each would be dear. */
static size_t read_more(struct channel *c, char *bytes, size_t len)
{
    size_t got = 0, n = 1;

    while (n > 0 && got < len && SSL_has_pending(c->ssl)) {
        n = 0;
        ERR_clear_error();
        errno = 0;
        int r = SSL_read_ex(c->ssl, bytes + got, len - got, &n);
        int error = r > 0 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r);
        if (error == SSL_ERROR_SYSCALL || error == SSL_ERROR_SSL)
            c->late = await(c, r); /* OpenSSL says why but once */
        got += n;
    }
    return got;
}

ssize_t channel_tls_read(struct channel *c, void *bytes, size_t len)
{
    for (;;) {
        size_t n = 0;
        if (c->late)
            return c->late;
        ERR_clear_error();
        errno = 0;
        int r = SSL_read_ex(c->ssl, bytes, len, &n);
        if (r > 0)
            return (ssize_t)(n + read_more(c, (char *)bytes + n, len - n));
        if (SSL_get_error(c->ssl, r) == SSL_ERROR_ZERO_RETURN)
            return 0;
        int error = await(c, r);
        if (error)
            return error;
    }
}

int channel_tls_write(struct channel *c, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        size_t n = 0;
        ERR_clear_error();
        errno = 0;
        int r = SSL_write_ex(c->ssl, at, len, &n);
        int error = r > 0 ? 0 : await(c, r);
        if (error)
            return error;
        at += n;
        len -= n;
    }
    return 0;
}

int channel_tls_end(struct channel *c)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int r = SSL_shutdown(c->ssl);
        int error = r >= 0 ? 0 : await(c, r);
        if (r >= 0 || error)
            return error;
    }
}

/* Who only writes reads no tickets, and a socket that is closed with bytes in it resets the connection, on which a server may lose the end of what was
 * sent (curl#6149, proftpd#2015). */
void channel_tls_drain(struct channel *c)
{
    char bytes[4096];

    for (unsigned i = 0; i < DRAINED && channel_read(c, bytes, sizeof(bytes)) > 0; i++)
        ; /* a server that goes on is not heard out */
}

/* ---- handshake ---- */

static void copy_text(char *to, size_t cap, const char *from)
{
    snprintf(to, cap, "%s", from ? from : "");
}

static void describe_certificate(X509 *certificate, struct channel_peer *ret)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    BIO *text = BIO_new(BIO_s_mem());

    if (X509_digest(certificate, EVP_sha256(), digest, &len))
        for (unsigned i = 0; i < len && 2 * i + 2 < sizeof(ret->fingerprint); i++)
            snprintf(&ret->fingerprint[2 * i], 3, "%02x", digest[i]);
    if (text && X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
                                   XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        int n = BIO_read(text, ret->subject, sizeof(ret->subject) - 1);
        ret->subject[n > 0 ? n : 0] = '\0';
    }
    BIO_free(text);
}

static void describe(struct channel *c, struct channel_peer *ret)
{
    X509 *certificate = SSL_get1_peer_certificate(c->ssl);
    long verified = SSL_get_verify_result(c->ssl);

    if (certificate)
        describe_certificate(certificate, ret);
    ret->is_trusted = certificate && verified == X509_V_OK;
    if (!ret->is_trusted)
        copy_text(ret->why, sizeof(ret->why),
                  certificate ? X509_verify_cert_error_string(verified) : "no certificate");
    ret->is_resumed = SSL_session_reused(c->ssl);
    copy_text(ret->protocol, sizeof(ret->protocol), SSL_get_version(c->ssl));
    copy_text(ret->cipher, sizeof(ret->cipher), SSL_get_cipher_name(c->ssl));
    X509_free(certificate);
}

/* Whom the certificate has to name; numeric addresses are not sent as names (RFC 6066 section 3). */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

static bool prepare(struct channel *c, struct channel_tls *tls, const char *host, struct channel *session_of)
{
    SSL_SESSION *session;
    bool is_set;

    c->ssl = SSL_new(tls->ctx);
    if (!c->ssl || !SSL_set_app_data(c->ssl, c) || !SSL_set_fd(c->ssl, c->fd) || !expect_host(c->ssl, host))
        return false;
    if (!session_of || !session_of->session)
        return true;
    /* OpenSSL takes a session of TLS 1.3 for used up once it was used, and not every server gives a new one for each data channel. */
    session = SSL_SESSION_dup(session_of->session);
    is_set = session && SSL_set_session(c->ssl, session);
    SSL_SESSION_free(session);
    return is_set;
}

int channel_secure(struct channel *c, struct channel_tls *tls, const char *host, struct channel *session_of,
                   struct channel_peer *ret)
{
    int r, error = 0;

    *ret = (struct channel_peer){.is_trusted = false};
    if (!prepare(c, tls, host, session_of)) {
        channel_tls_drop(c);
        return -ENOMEM;
    }
    do {
        ERR_clear_error();
        errno = 0;
        r = SSL_connect(c->ssl);
        if (r != 1)
            error = await(c, r);
    } while (r != 1 && !error);
    if (!error) {
        describe(c, ret);
        return 0;
    }
    copy_text(ret->why, sizeof(ret->why),
              error == -EPIPE ? "the server ended the connection"
                              : ERR_reason_error_string(ERR_peek_last_error()));
    return error == -EPIPE ? -EPROTO : error;
}
