/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/channel.h"

#include "tls/binding.h"
#include "tls/remote_key.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/async.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls_channel {
    SSL *ssl;
    struct tls_server *server;
    void *owner;
    struct tls_binding binding;
    struct tls_mark mark; /* once it is established */
    const char *why;
    bool established, has_asked, is_answered;
    bool has_said_end;  /* close_notify is written */
    uint8_t *signature; /* owned */
    size_t signature_len;
};

/* Whose handshake this thread is in, for the provider's callback. */
static _Thread_local struct tls_channel *stepping;

/* Runs in the handshake's job: pauses that until the answer is here. */
static int have_signed(const struct tls_to_sign *what, uint8_t ret[TLS_SIGNATURE_MAX], size_t *ret_len)
{
    struct tls_channel *c = stepping;
    const struct tls_server_settings *settings = tls_server_settings(c->server);
    c->has_asked = ASYNC_get_current_job() != NULL;
    if (!c->has_asked || !settings->ask(settings->ctx, c, what)) {
        c->has_asked = false;
        return -ENOMEM;
    }
    while (!c->is_answered && ASYNC_pause_job() == 1)
        ;
    c->has_asked = c->is_answered = false;
    if (c->signature_len == 0)
        return -EIO;
    memcpy(ret, c->signature, c->signature_len);
    *ret_len = c->signature_len;
    free(c->signature);
    c->signature = NULL;
    c->signature_len = 0;
    return 0;
}

void tls_channel_signed(struct tls_channel *c, const void *signature, size_t len)
{
    if (!c->has_asked || c->is_answered)
        return;
    c->is_answered = true;
    free(c->signature);
    c->signature = len > 0 && len <= TLS_SIGNATURE_MAX ? malloc(len) : NULL;
    c->signature_len = c->signature ? len : 0;
    if (c->signature)
        memcpy(c->signature, signature, len);
}

/* --- life -------------------------------------------------------------------------------------------- */

/* As SSL_set_fd, which would give every socket to the kernel's TLS, in case. */
static bool set_socket(SSL *ssl, int fd)
{
    BIO *socket = BIO_new_socket(fd, BIO_NOCLOSE);
    if (!socket)
        return false;
    SSL_set_bio(ssl, socket, socket);
    return true;
}

struct tls_channel *tls_channel_new(struct tls_server *server, int fd, const struct tls_channel *control,
                                    void *owner)
{
    struct tls_channel *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->server = server;
    c->owner = owner;
    c->ssl = SSL_new(tls_server_context(server));
    bool is_made =
        c->ssl && set_socket(c->ssl, fd) &&
        tls_bind(c->ssl, &c->binding, control ? &control->binding : NULL, control ? control->ssl : NULL);
    /* In a loop, one call must not read on and on: records that hold no data (KeyUpdate) can come without end. */
    if (is_made && !control)
        SSL_clear_mode(c->ssl, SSL_MODE_AUTO_RETRY);
    if (is_made)
        SSL_set_accept_state(c->ssl);
    else
        tls_channel_free(&c);
    return c;
}

void tls_channel_free(struct tls_channel **channel)
{
    struct tls_channel *c = *channel;
    *channel = NULL;
    if (!c)
        return;
    if (c->has_asked) { /* a job that is paused would be lost with its stack: it goes on, and fails */
        tls_channel_signed(c, "", 0);
        (void)!tls_channel_step(c); /* it failed: what of it */
    }
    SSL_free(c->ssl);
    tls_unbind(&c->binding);
    free(c->signature);
    free(c);
}

void *tls_channel_owner(const struct tls_channel *c)
{
    return c->owner;
}

/* --- the kernel's TLS -------------------------------------------------------------------------------- */

/*
 * OpenSSL hands keys to the kernel by way of the BIOs, for either direction by itself, if the option is set. There is no option
 * for one direction; so between it and the socket stands a BIO for reading that passes on bytes and no more.
 */
static int take(BIO *b, char *bytes, int len)
{
    int n = BIO_read(BIO_next(b), bytes, len);
    BIO_clear_retry_flags(b);
    BIO_copy_next_retry(b);
    return n;
}

static long answer_control(BIO *b, int cmd, long num, void *ptr)
{
    return cmd == BIO_CTRL_EOF || cmd == BIO_CTRL_PENDING ? BIO_ctrl(BIO_next(b), cmd, num, ptr) : 0;
}

static BIO_METHOD *reading; /* for good */

static bool make_reading(void)
{
    reading = BIO_meth_new(BIO_TYPE_FILTER | BIO_get_new_index(), "bytes alone");
    return reading && BIO_meth_set_read(reading, take) == 1 &&
           BIO_meth_set_ctrl(reading, answer_control) == 1;
}

void tls_channel_offer_kernel(struct tls_channel *c)
{
    static const char name[] = "tls";
    BIO *socket = SSL_get_rbio(c->ssl), *filter = BIO_new(reading);
    if (!filter || setsockopt(SSL_get_wfd(c->ssl), IPPROTO_TCP, TCP_ULP, name, sizeof(name) - 1) < 0) {
        BIO_free(filter);
        ERR_clear_error();
        return;
    }
    BIO_set_init(filter, 1);
    BIO_up_ref(socket);
    SSL_set0_rbio(c->ssl, BIO_push(filter, socket));
    SSL_set_options(c->ssl, SSL_OP_ENABLE_KTLS);
}

int tls_channel_init(void)
{
    if (!reading && !make_reading())
        return -ENOTSUP;
    return tls_remote_init(have_signed);
}

bool tls_channel_in_kernel(const struct tls_channel *c)
{
    return c->established && BIO_get_ktls_send(SSL_get_wbio(c->ssl));
}

/* --- the handshake ----------------------------------------------------------------------------------- */

static const char *reason(void)
{
    unsigned long error = ERR_peek_error();
    const char *text = ERR_reason_error_string(error);
    return text ? text : "the connection broke";
}

/* errno is the socket's where OpenSSL says nothing of its own. */
static enum tls_step step_after(struct tls_channel *c, int r)
{
    switch (SSL_get_error(c->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    case SSL_ERROR_WANT_ASYNC:
        return TLS_WANTS_SIGNATURE;
    case SSL_ERROR_WANT_ASYNC_JOB:
        c->why = "out of memory";
        return TLS_FAILED;
    case SSL_ERROR_ZERO_RETURN:
        c->why = "the client ended it";
        return TLS_FAILED;
    default:
        c->why = reason();
        return TLS_FAILED;
    }
}

static void make_mark(struct tls_channel *c)
{
    const SSL_SESSION *session = SSL_get_session(c->ssl);
    unsigned len = 0;
    const unsigned char *id = session ? SSL_SESSION_get_id(session, &len) : NULL;
    memcpy(c->mark.ticket_key, c->binding.key.name, sizeof(c->mark.ticket_key));
    if (id && len <= sizeof(c->mark.id))
        memcpy(c->mark.id, id, c->mark.id_len = (uint8_t)len);
}

enum tls_step tls_channel_step(struct tls_channel *c)
{
    struct tls_channel *outer = stepping;
    stepping = c;
    ERR_clear_error();
    int r = SSL_do_handshake(c->ssl);
    enum tls_step step = r == 1 ? TLS_ESTABLISHED : step_after(c, r);
    stepping = outer;
    ERR_clear_error();
    if (step == TLS_ESTABLISHED) {
        c->established = true;
        make_mark(c);
        c->binding.is_same_client = c->binding.is_same_client && SSL_session_reused(c->ssl);
        c->binding.control = NULL;
        SSL_clear_mode(c->ssl, SSL_MODE_ASYNC); /* nothing is signed any more */
    }
    return step;
}

const char *tls_channel_why(const struct tls_channel *c)
{
    return c->why ? c->why : "";
}

bool tls_channel_is_bound(const struct tls_channel *c)
{
    return c->established && c->binding.is_same_client;
}

const struct tls_mark *tls_channel_mark(const struct tls_channel *c)
{
    return &c->mark;
}

void tls_channel_give_ticket(struct tls_channel *c)
{
    if (SSL_version(c->ssl) == TLS1_3_VERSION)
        (void)SSL_new_session_ticket(
            c->ssl); /* without, the next data channel is a whole handshake, or refused */
    ERR_clear_error();
}

/* --- bytes ------------------------------------------------------------------------------------------- */

static ssize_t error_of(const struct tls_channel *c, int r)
{
    int error = errno;
    switch (SSL_get_error(c->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return error != 0 ? -error : -EPIPE;
    default:
        return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? -EPIPE : -EPROTO;
    }
}

ssize_t tls_channel_read(struct tls_channel *c, void *bytes, size_t len)
{
    ERR_clear_error();
    errno = 0;
    int r = SSL_read(c->ssl, bytes, len < INT_MAX ? (int)len : INT_MAX);
    if (r > 0)
        return r;
    ssize_t error = error_of(c, r);
    return error == -EAGAIN && SSL_want_write(c->ssl) ? -ENOBUFS : error;
}

ssize_t tls_channel_write(struct tls_channel *c, const void *bytes, size_t len)
{
    ERR_clear_error();
    errno = 0;
    int r = len <= INT_MAX ? SSL_write(c->ssl, bytes, (int)len) : -1;
    if (r > 0)
        return r;
    ssize_t error = error_of(c, r);
    return error == 0 ? -EPIPE : error;
}

bool tls_channel_has_input(const struct tls_channel *c)
{
    return SSL_has_pending(c->ssl) == 1;
}

bool tls_channel_gather(struct tls_channel *c, size_t bytes)
{
    BIO *buffer = BIO_new(BIO_f_buffer()), *socket = SSL_get_wbio(c->ssl);
    if (!buffer || BIO_set_write_buffer_size(buffer, (long)bytes) != 1) {
        BIO_free(buffer);
        return false;
    }
    BIO_up_ref(socket);
    SSL_set0_wbio(c->ssl, BIO_push(buffer, socket));
    return true;
}

void tls_channel_read_ahead(struct tls_channel *c, size_t bytes)
{
    SSL_set_default_read_buffer_len(c->ssl, bytes);
    SSL_set_read_ahead(c->ssl, 1);
    SSL_clear_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
}

int tls_channel_flush(struct tls_channel *c)
{
    errno = 0;
    if (BIO_flush(SSL_get_wbio(c->ssl)) == 1)
        return 0;
    return BIO_should_retry(SSL_get_wbio(c->ssl)) ? -EAGAIN : errno != 0 ? -errno : -EPIPE;
}

int tls_channel_close(struct tls_channel *c)
{
    ERR_clear_error();
    errno = 0;
    int r = c->established && !c->has_said_end ? SSL_shutdown(c->ssl) : 0;
    c->has_said_end = r >= 0; /* OpenSSL's own mark is set before it is written */
    if (r >= 0)
        return tls_channel_flush(c);
    ssize_t error = error_of(c, r);
    ERR_clear_error();
    return error == 0 ? -EPIPE : (int)error;
}

/* --- what it is -------------------------------------------------------------------------------------- */

const char *tls_channel_protocol(const struct tls_channel *c)
{
    return SSL_get_version(c->ssl);
}

const char *tls_channel_cipher(const struct tls_channel *c)
{
    return SSL_get_cipher_name(c->ssl);
}

bool tls_channel_client(const struct tls_channel *c, char *out, size_t cap)
{
    X509 *certificate = SSL_get0_peer_certificate(c->ssl);
    BIO *text = certificate ? BIO_new(BIO_s_mem()) : NULL;
    char *bytes;
    out[0] = '\0';
    if (!text)
        return false;
    (void)X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
                             XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB); /* else what there is of it */
    long len = BIO_get_mem_data(text, &bytes);
    (void)snprintf(out, cap, "%.*s", (int)len, bytes);
    BIO_free(text);
    return true;
}

bool tls_channel_client_fingerprint(const struct tls_channel *c, char out[TLS_FINGERPRINT_CHARS])
{
    const X509 *certificate = SSL_get0_peer_certificate(c->ssl);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!certificate || X509_digest(certificate, EVP_sha256(), digest, &len) != 1 ||
        (size_t)(2 * len + 1) != TLS_FINGERPRINT_CHARS)
        return false;
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(out + (size_t)(2 * i), 3, "%02x", digest[i]);
    return true;
}
