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

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
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

/* Made for this file, and good for nothing else. */
static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeFELtox8HATPbZ3m\n"
                              "tFp5EqNFyAJC0ikqmj9hJ31IP26hRANCAATWtIWyKN4kGzMl/dMSM5hshiqjSvjt\n"
                              "NhRASaITV40eXzYkiMBXwvJWP1LwsJf1HspixxKX/Adcq0G2kSeJNr13\n"
                              "-----END PRIVATE KEY-----\n";
static const char certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIBdTCCARugAwIBAgIUYZfkhhd1/YeBJ0gw1PUndMMfTxAwCgYIKoZIzj0EAwIw\n"
                                  "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjkwNDAxMjBaGA8yMTI2MTEwNTA0MDEy\n"
                                  "MFowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNa0\n"
                                  "hbIo3iQbMyX90xIzmGyGKqNK+O02FEBJohNXjR5fNiSIwFfC8lY/UvCwl/UeymLH\n"
                                  "Epf8B1yrQbaRJ4k2vXejUzBRMB0GA1UdDgQWBBTE1klqZ5QcuVHQxqg/bDhpGNan\n"
                                  "uDAfBgNVHSMEGDAWgBTE1klqZ5QcuVHQxqg/bDhpGNanuDAPBgNVHRMBAf8EBTAD\n"
                                  "AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDpA+MEpTaEHdUjTiu5OhhMFeKywrqI4pW6\n"
                                  "Hp1roKx8cwIgdMZkmLnobA/1IPg9GRXlINBFf6nRuSRBhyjNRJ582J0=\n"
                                  "-----END CERTIFICATE-----\n";
static EVP_PKEY *key;
static struct tls_server *server;

static struct {
    struct tls_to_sign what;
    uint8_t input[TLS_INPUT_MAX];
    unsigned count;
} asked;

static bool ask(void *ctx, struct tls_channel *c, const struct tls_to_sign *what)
{
    MUST(ctx == NULL && c != NULL && what->key == 7 && what->len <= sizeof(asked.input));
    MUST(tls_is_server_input(what->input, what->len));
    asked.what = *what;
    memcpy(asked.input, what->input, what->len);
    asked.what.input = asked.input;
    MUST(++asked.count == 1);
    return true;
}

static void serve(void)
{
    const struct tls_server_settings settings = {
        .tls12 = true, .tls13 = true, .certificate = TLS_CERTIFICATE_REQUESTED, .ask = ask};
    const char *why;
    BIO *bio = BIO_new_mem_buf(key_pem, sizeof(key_pem) - 1);
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    MUST(key && tls_channel_init() == 0);
    server = tls_server_new(&settings, &why);
    MUST(server && !why);
    MUST(tls_server_add_certificate(server, "f", certificate, sizeof(certificate) - 1, 7) == 0);
    (void)signal(SIGPIPE, SIG_IGN);
}

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
    uint8_t signature[TLS_SIGNATURE_MAX];
    size_t len;
    MUST(tls_sign(key, &asked.what, signature, &len) == 0);
    if (t->mode & IS_WRONG)
        signature[len - 1] ^= 1;
    tls_channel_signed(t->channel, signature, len);
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
        serve();
    asked.count = 0;
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
