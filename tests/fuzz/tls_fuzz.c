/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One control channel of TLS, and what anybody may send to it. The first byte says what sort of client it is and when the key
 * process answers; then come chunks, each with its length before it. A client without keys sends them as they are, from the
 * ClientHello on; another one has shaken hands before, and sends them as they are (to the record layer) or as data. Whatever
 * comes, no call waits, each has one of the results that its header names, and a handshake that gets its answer and then
 * the end of the connection ends as well.
 */
#include "tls/channel.h"

#include "fuzz.h"
#include "tls_end.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HAS_KEYS = 1,  /* the client has shaken hands */
    IS_OLD = 2,    /* ...under TLS 1.2 */
    IS_DATA = 4,   /* ...and sends the chunks as data */
    UPDATES = 8,   /* ...with new keys before each (TLS 1.3) */
    IS_LATE = 16,  /* the answer comes after the next chunk */
    IS_NEVER = 32, /* it never does */
    IS_WRONG = 64, /* it is one that does not hold */
    NO_END = 128,  /* the connection is still open when the server gives up */
};

static struct tls_server *server;

struct talk {
    int fds[2]; /* the server's, the client's */
    struct tls_channel *channel;
    SSL_CTX *ctx;
    SSL *client; /* NULL: it has no keys */
    uint8_t mode;
    enum tls_step step;
    bool is_over; /* no more is read */
};

static void answer(struct talk *t)
{
    tls_end_answer(t->channel, (t->mode & IS_WRONG) == 0);
}

/* What the server says goes nowhere. */
static void drain(const struct talk *t)
{
    static uint8_t bytes[65536];
    if (t->client) {
        (void)SSL_read(t->client, bytes, sizeof(bytes));
        ERR_clear_error();
    }
    while (!t->client && read(t->fds[1], bytes, sizeof(bytes)) > 0)
        ;
}

static void read_all(struct talk *t)
{
    static uint8_t bytes[16384 + 1];
    ssize_t n = -EAGAIN;
    /* A call may end without data where a record had none in it, so one -EAGAIN is not all. */
    for (unsigned idle = 0; !t->is_over && idle < 4; idle = n > 0 ? 0 : idle + 1) {
        n = tls_channel_read(t->channel, bytes, sizeof(bytes));
        MUST(n <= (ssize_t)sizeof(bytes));
        MUST(n >= 0 || n == -EAGAIN || n == -EPIPE || n == -EPROTO || n == -ECONNRESET);
        t->is_over = n <= 0 && n != -EAGAIN;
        if (n > 0) {
            n = tls_channel_write(t->channel, bytes, (size_t)n);
            MUST(n > 0 || n == -EAGAIN || n == -EPIPE || n == -EPROTO || n == -ECONNRESET);
            t->is_over = n == -EAGAIN; /* the same bytes would have to come next */
        }
        drain(t);
    }
}

static void go_on(struct talk *t)
{
    bool was_asked = t->step == TLS_WANTS_SIGNATURE;
    if (t->step == TLS_FAILED)
        return;
    if (was_asked && !(t->mode & IS_NEVER))
        answer(t);
    if (t->step != TLS_ESTABLISHED)
        t->step = tls_channel_step(t->channel);
    MUST(!was_asked || (t->step == TLS_WANTS_SIGNATURE) == ((t->mode & IS_NEVER) != 0));
    if (t->step == TLS_WANTS_SIGNATURE && !(t->mode & (IS_LATE | IS_NEVER))) {
        answer(t);
        t->step = tls_channel_step(t->channel);
        MUST(t->step != TLS_WANTS_SIGNATURE);
    }
    MUST((tls_channel_why(t->channel)[0] != '\0') == (t->step == TLS_FAILED));
    MUST(!tls_channel_is_bound(t->channel));
    drain(t);
    if (t->step == TLS_ESTABLISHED)
        read_all(t);
}

static void shake_hands(struct talk *t)
{
    t->ctx = SSL_CTX_new(TLS_client_method());
    MUST(t->ctx && SSL_CTX_set_max_proto_version(t->ctx, t->mode & IS_OLD ? TLS1_2_VERSION : TLS1_3_VERSION));
    t->client = SSL_new(t->ctx);
    MUST(t->client && SSL_set_fd(t->client, t->fds[1]));
    SSL_set_connect_state(t->client);
    for (unsigned turn = 0; turn < 4; turn++) {
        (void)SSL_do_handshake(t->client);
        ERR_clear_error();
        if (t->step != TLS_ESTABLISHED)
            t->step = tls_channel_step(t->channel);
        if (t->step == TLS_WANTS_SIGNATURE) {
            answer(t);
            t->step = tls_channel_step(t->channel);
        }
    }
    MUST((t->step == TLS_ESTABLISHED) == !(t->mode & IS_WRONG));
}

static void send_chunk(const struct talk *t, const uint8_t *chunk, size_t len)
{
    if (t->client && (t->mode & UPDATES)) {
        (void)SSL_key_update(t->client, len & 1);
        (void)SSL_do_handshake(t->client);
    }
    if (t->client && (t->mode & IS_DATA))
        (void)SSL_write(t->client, chunk, (int)len);
    else
        (void)!send(t->fds[1], chunk, len, 0);
    ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk t = {.step = TLS_WANTS_READ};
    if (size == 0)
        return 0;
    if (!server)
        server = tls_end_serve();
    tls_end_asked = 0;
    t.mode = data[0];
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, t.fds) == 0);
    t.channel = tls_channel_new(server, t.fds[0], NULL, NULL);
    MUST(t.channel);
    if (t.mode & HAS_KEYS)
        shake_hands(&t);
    for (size_t at = 1, len; at < size; at += len) {
        len = data[at++];
        if (len > size - at)
            len = size - at;
        send_chunk(&t, data + at, len);
        go_on(&t);
    }
    if (!(t.mode & NO_END)) {
        (void)shutdown(t.fds[1], SHUT_WR);
        for (unsigned i = 0; i < 2; i++) /* the late answer, and what is after it */
            go_on(&t);
        MUST(t.step != TLS_WANTS_READ && t.step != TLS_WANTS_WRITE);
    }
    if (t.step == TLS_ESTABLISHED) {
        tls_channel_give_ticket(t.channel);
        int r = tls_channel_close(t.channel);
        MUST(r <= 0);
    }
    tls_channel_free(&t.channel);
    SSL_free(t.client);
    SSL_CTX_free(t.ctx);
    close(t.fds[0]);
    close(t.fds[1]);
    ERR_clear_error();
    return 0;
}
