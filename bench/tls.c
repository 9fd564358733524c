/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SEND_BYTES  ((size_t)64 * 1024)
#define BATCH_BYTES ((size_t)256 * 1024)

static SSL_CTX *context; /* of all connections */
static _Thread_local char reason[160];

/* The ticket's one reference is ours when we return 1. */
static int ticket_keep(SSL *ssl, SSL_SESSION *ticket)
{
    SSL_SESSION **place = SSL_get_app_data(ssl);

    if (!place)
        return 0;
    SSL_SESSION_free(*place);
    *place = ticket;
    return 1;
}

int tls_prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_client_method());
    if (!context)
        return -ENOMEM;
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, ticket_keep);
    if (!SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") ||
        !SSL_CTX_set1_groups_list(context, "P-256")) {
        SSL_CTX_free(context);
        return -ENOTSUP;
    }
    return 0;
}

SSL *tls_new(SSL_SESSION **ticket)
{
    SSL *ssl = SSL_new(context);

    if (!ssl)
        return NULL;
    SSL_set_app_data(ssl, ticket);
    SSL_set_connect_state(ssl);
    return ssl;
}

void tls_tickets_ignore(SSL *ssl)
{
    SSL_set_app_data(ssl, NULL);
}

/* Before each operation, as SSL_get_error() looks at what is left of earlier ones. */
static void reasons_forget(void)
{
    ERR_clear_error();
    reason[0] = '\0';
    errno = 0;
}

static int reason_keep(const SSL *ssl, int result)
{
    int saved = errno;
    int error = SSL_get_error(ssl, result);
    const char *said = ERR_reason_error_string(ERR_peek_error());

    if (error == SSL_ERROR_SYSCALL)
        snprintf(reason, sizeof(reason), "%s", saved ? strerror(saved) : "the connection ended");
    else
        snprintf(reason, sizeof(reason), "TLS: %s", said ? said : "close_notify at the wrong time");
    return -1;
}

const char *tls_error(void)
{
    return reason;
}

bool tls_is_cut(void)
{
    return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

int tls_handshake(SSL *ssl, int fd, SSL_SESSION *ticket)
{
    reasons_forget();

    int r = SSL_set_fd(ssl, fd) && (!ticket || SSL_set_session(ssl, ticket)) ? SSL_do_handshake(ssl) : -1;

    return r == 1 ? 0 : reason_keep(ssl, r);
}

int tls_handshake_step(SSL *ssl)
{
    reasons_forget();

    int r = SSL_do_handshake(ssl);

    if (r == 1)
        return 1;
    return SSL_get_error(ssl, r) == SSL_ERROR_WANT_READ ? 0 : reason_keep(ssl, r);
}

ssize_t tls_receive(SSL *ssl, void *buffer, size_t size)
{
    size_t got;

    reasons_forget();

    int r = SSL_read_ex(ssl, buffer, size, &got);

    if (r == 1)
        return (ssize_t)got;
    return SSL_get_error(ssl, r) == SSL_ERROR_ZERO_RETURN ? 0 : reason_keep(ssl, r);
}

int tls_send(SSL *ssl, const void *bytes, size_t size)
{
    size_t sent;

    reasons_forget();

    int r = SSL_write_ex(ssl, bytes, size, &sent);

    return r == 1 ? 0 : reason_keep(ssl, r);
}

/* Between the records and the socket, a buffer: a write(2) for 256 KiB and not for each 16 KiB. */
static int batch_begin(SSL *ssl, int fd)
{
    BIO *batch = BIO_new(BIO_f_buffer());
    BIO *direct = BIO_new_socket(fd, BIO_NOCLOSE);

    if (!batch || !direct || BIO_set_write_buffer_size(batch, BATCH_BYTES) != 1) {
        BIO_free(batch);
        BIO_free(direct);
        snprintf(reason, sizeof(reason), "no memory");
        return -1;
    }
    SSL_set0_wbio(ssl, BIO_push(batch, direct));
    return 0;
}

int tls_send_whole(SSL *ssl, int fd, const void *bytes, uint64_t size)
{
    reasons_forget();
    if (batch_begin(ssl, fd) < 0)
        return -1;
    for (uint64_t offset = 0; offset < size; offset += SEND_BYTES) {
        size_t now = size - offset < SEND_BYTES ? (size_t)(size - offset) : SEND_BYTES;

        if (tls_send(ssl, (const char *)bytes + offset, now) < 0)
            return -1;
    }
    reasons_forget();

    int r = SSL_shutdown(ssl); /* flushes what is batched */

    return r < 0 ? reason_keep(ssl, r) : 0;
}

void tls_finish(SSL *ssl)
{
    reasons_forget();
    (void)SSL_shutdown(ssl);
}
