/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One upload under TLS, and what anybody may send on its data channel, into the thread's own code. The first byte says what
 * sort of client and of transfer it is. A client without keys sends the rest as it is, from the ClientHello on. One that has
 * shaken hands, as the control channel's client or as a stranger, does what the pieces say: a kind, a length, bytes. Whatever
 * comes, only what was sent by who has the keys is stored, and it is told to be whole if and only if it is.
 */
#include "server/worker/transfer.h"
#include "tls/channel.h"

#include "fuzz.h"
#include "tls_end.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HAS_KEYS = 1,    /* the client has shaken hands */
    IS_OLD = 2,      /* ...under TLS 1.2 */
    IS_STRANGER = 4, /* ...as who continues no session */
    IS_TEXT = 8,     /* TYPE A */
    IS_STRICT = 16,  /* strict_ssl_read_eof */
    NO_END = 32,     /* the connection is still open, and the transfer has waited for long enough */
};

enum { PIECE_DATA, PIECE_RAW, PIECE_UPDATE, PIECE_END, PIECES };

enum {
    DATA_MAX = 65536,
};

static struct tls_server *server;
/* For each version: the control channel, and what its client goes on with. */
static struct control {
    int fds[2];
    struct tls_channel *channel;
    SSL_CTX *ctx;
    SSL *client;
    SSL_SESSION *session;
} controls[2];

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);
    if (!kept)
        return 0;
    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

static enum tls_step step(struct tls_channel *c)
{
    enum tls_step s = tls_channel_step(c);
    if (s != TLS_WANTS_SIGNATURE)
        return s;
    tls_end_answer(c, true);
    tls_end_asked = 0;
    s = tls_channel_step(c);
    MUST(s != TLS_WANTS_SIGNATURE);
    return s;
}

static enum tls_step shake_hands(struct tls_channel *c, SSL *client)
{
    enum tls_step s = TLS_WANTS_READ;
    for (unsigned turn = 0; turn < 4; turn++) {
        (void)SSL_do_handshake(client);
        if (s != TLS_ESTABLISHED)
            s = step(c);
    }
    ERR_clear_error();
    return s;
}

static void open_pair(int fds[2])
{
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
}

static SSL *new_client(struct control *k, int fd)
{
    SSL *client = SSL_new(k->ctx);
    MUST(client && SSL_set_fd(client, fd));
    SSL_set_connect_state(client);
    return client;
}

static void log_in(struct control *k, int version)
{
    char byte;
    open_pair(k->fds);
    k->ctx = SSL_CTX_new(TLS_client_method());
    MUST(k->ctx && SSL_CTX_set_min_proto_version(k->ctx, version) &&
         SSL_CTX_set_max_proto_version(k->ctx, version));
    SSL_CTX_set_session_cache_mode(k->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(k->ctx, on_session);
    k->client = new_client(k, k->fds[1]);
    SSL_set_app_data(k->client, &k->session);
    k->channel = tls_channel_new(server, k->fds[0], NULL, NULL);
    MUST(k->channel && shake_hands(k->channel, k->client) == TLS_ESTABLISHED);
    (void)SSL_read(k->client, &byte, 1); /* the ticket */
    ERR_clear_error();
    MUST(k->session);
}

static void serve(void)
{
    server = tls_end_serve();
    log_in(&controls[0], TLS1_3_VERSION);
    log_in(&controls[1], TLS1_2_VERSION);
}

/* What was sent, and what that means. */
struct sent {
    uint8_t data[DATA_MAX];
    size_t len; /* by who has the keys, before anything else */
    bool is_spoilt, has_ended;
};

static void send_piece(SSL *client, int fd, int kind, const uint8_t *bytes, size_t len, struct sent *sent)
{
    bool is_open = !sent->is_spoilt && !sent->has_ended;
    if (kind == PIECE_RAW) {
        ssize_t n = send(fd, bytes, len, 0);
        sent->is_spoilt |= n > 0 && !sent->has_ended;
    } else if (kind == PIECE_END) {
        sent->has_ended |= SSL_shutdown(client) >= 0 && is_open;
    } else if (kind == PIECE_UPDATE) {
        (void)SSL_key_update(client, len & 1);
        (void)SSL_do_handshake(client);
    } else if (sent->len + len <= DATA_MAX) {
        int n = SSL_write(client, bytes, (int)len);
        if (n > 0 && is_open) {
            MUST((size_t)n == len);
            memcpy(sent->data + sent->len, bytes, len);
            sent->len += len;
        }
    }
    ERR_clear_error();
}

/* As TYPE A has it: CR LF is a line's end. One that nothing follows is what it is. */
static size_t as_text(uint8_t *bytes, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        if (!(bytes[i] == '\r' && i + 1 < len && bytes[i + 1] == '\n'))
            bytes[out++] = bytes[i];
    }
    return out;
}

static void check(const struct transfer *t, int file, uint8_t mode, struct sent *sent)
{
    static uint8_t stored[DATA_MAX + 1];
    ssize_t n = pread(file, stored, sizeof(stored), 0);
    size_t all = mode & IS_TEXT ? as_text(sent->data, sent->len) : sent->len;
    bool may_be_bare = !(mode & (IS_STRICT | NO_END)) && !sent->is_spoilt;
    MUST(n >= 0 && (size_t)n <= all);
    MUST(memcmp(stored, sent->data, (size_t)n) == 0);
    MUST((t->result == TRANSFER_DONE) == (sent->has_ended || may_be_bare));
    MUST(t->result != TRANSFER_DONE || ((size_t)n == all && t->ended_bare == !sent->has_ended));
    MUST(t->result == TRANSFER_DONE || t->result == TRANSFER_CUT_OFF || t->result == TRANSFER_NETWORK ||
         (t->result == TRANSFER_STALLED && mode & NO_END));
}

static void receive(struct tls_channel *c, int fd, uint8_t mode, struct sent *sent)
{
    static struct transfer_tools tools = {.pipe = {-1, -1}};
    int file = memfd_create("upload", MFD_CLOEXEC);
    struct transfer *t = transfer_new(TRANSFER_RECEIVE);
    MUST(file >= 0 && t && fcntl(fd, F_SETFL, mode & NO_END ? O_NONBLOCK : 0) == 0);
    t->file = dup(file);
    t->data = fd;
    t->tls = c;
    t->ascii = (mode & IS_TEXT) != 0;
    t->strict_eof = (mode & IS_STRICT) != 0;
    transfer_run(t, &tools);
    check(t, file, mode, sent);
    transfer_free(&t);
    close(file);
}

/* Nothing that comes is a handshake to its end. */
static void be_spoken_to(struct tls_channel *c, int fds[2], const uint8_t *data, size_t size)
{
    for (size_t at = 0, len; at < size; at += len) {
        len = size - at < 512 ? size - at : 512;
        (void)!send(fds[1], data + at, len, 0);
        if (step(c) == TLS_FAILED)
            break;
    }
    (void)shutdown(fds[1], SHUT_WR);
    MUST(step(c) == TLS_FAILED && !tls_channel_is_bound(c));
    tls_channel_free(&c);
    close(fds[0]);
}

static void talk(struct control *k, struct tls_channel *c, int fds[2], const uint8_t *data, size_t size)
{
    static struct sent sent;
    const uint8_t mode = data[0];
    sent.len = 0;
    sent.is_spoilt = sent.has_ended = false;
    SSL *client = new_client(k, fds[1]);
    SSL_SESSION *session = SSL_SESSION_dup(k->session); /* one that broke off can't be continued again */
    MUST(session && (mode & IS_STRANGER || SSL_set_session(client, session)));
    SSL_SESSION_free(session);
    MUST(shake_hands(c, client) == TLS_ESTABLISHED);
    MUST(tls_channel_is_bound(c) == !(mode & IS_STRANGER));
    for (size_t at = 1, len; at + 1 < size; at += len) {
        int kind = data[at++] % PIECES;
        len = data[at++];
        if (len > size - at)
            len = size - at;
        send_piece(client, fds[1], kind, data + at, len, &sent);
    }
    if (!(mode & NO_END))
        (void)shutdown(fds[1], SHUT_WR);
    receive(c, fds[0], mode, &sent);
    SSL_free(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    if (size == 0)
        return 0;
    if (!server)
        serve();
    tls_end_asked = 0;
    struct control *k = &controls[data[0] & IS_OLD ? 1 : 0];
    open_pair(fds);
    struct tls_channel *c = tls_channel_new(server, fds[0], k->channel, NULL);
    MUST(c);
    if (data[0] & HAS_KEYS)
        talk(k, c, fds, data, size);
    else
        be_spoken_to(c, fds, data + 1, size - 1);
    close(fds[1]);
    ERR_clear_error();
    return 0;
}
