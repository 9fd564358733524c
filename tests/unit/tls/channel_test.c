/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/channel.h"

#include "certificates.h"
#include "sys/probe.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whose keys: the first two are for whoever names no host. */
enum { ON_EC, ON_RSA, OTHER, KIM, CA, KEYS };
static EVP_PKEY *keys[KEYS];
static X509 *certificates[KEYS];

/* The key process, here: what it was asked for last, and how often. */
static struct {
    unsigned count;
    bool is_refused; /* it can't be asked */
    struct tls_channel *channel;
    struct tls_to_sign what;
    uint8_t input[TLS_INPUT_MAX];
} asked;

static bool ask(void *ctx, struct tls_channel *c, const struct tls_to_sign *what)
{
    assert_ptr_equal(ctx, &asked);
    assert_true(what->len <= sizeof(asked.input));
    asked.count++;
    asked.channel = c;
    asked.what = *what;
    memcpy(asked.input, what->input, what->len);
    asked.what.input = asked.input;
    return !asked.is_refused;
}

static void answer(void)
{
    uint8_t signature[TLS_SIGNATURE_MAX];
    size_t len;
    assert_int_equal(tls_sign(keys[asked.what.key], &asked.what, signature, &len), 0);
    tls_channel_signed(asked.channel, signature, len);
}

static int set_up(void **state)
{
    (void)state;
    keys[ON_EC] = EVP_EC_gen("P-256");
    keys[ON_RSA] = EVP_RSA_gen(2048);
    keys[OTHER] = EVP_EC_gen("P-384");
    keys[KIM] = EVP_EC_gen("P-256");
    keys[CA] = EVP_EC_gen("P-256");
    certificates[ON_EC] = certify(keys[ON_EC], &(struct certificate_wish){.host = "ftp.example.org"});
    certificates[ON_RSA] = certify(keys[ON_RSA], &(struct certificate_wish){.host = "ftp.example.org"});
    certificates[OTHER] = certify(keys[OTHER], &(struct certificate_wish){.host = "*.other.example"});
    certificates[CA] =
        certify(keys[CA], &(struct certificate_wish){.name = "the authority", .is_authority = true});
    certificates[KIM] = certify(
        keys[KIM],
        &(struct certificate_wish){.name = "kim\nroot", .issuer = certificates[CA], .issuer_key = keys[CA]});
    (void)signal(SIGPIPE, SIG_IGN); /* as the worker does */
    return tls_channel_init();
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
    memset(&asked, 0, sizeof(asked));
    return 0;
}

/* --- the server, and a client ------------------------------------------------------------------------ */

static struct tls_server *serve(struct tls_server_settings s)
{
    const char *why;
    if (!s.tls12 && !s.tls13)
        s.tls12 = s.tls13 = true;
    s.ask = ask;
    s.ctx = &asked;
    struct tls_server *server = tls_server_new(&s, &why);
    assert_null(why);
    assert_non_null(server);
    for (unsigned i = ON_EC; i <= OTHER; i++) {
        char *pem = pem_of(certificates[i], NULL, NULL, NULL);
        assert_int_equal(tls_server_add_certificate(server, "f", pem, strlen(pem), (uint8_t)i), 0);
        free(pem);
    }
    char *pem = pem_of(certificates[CA], NULL, NULL, NULL);
    assert_int_equal(tls_server_add_authorities(server, pem, strlen(pem)), 0);
    free(pem);
    return server;
}

struct ends {
    int fds[2]; /* the server's, the client's */
    struct tls_channel *server;
    SSL_CTX *ctx;
    SSL *client;
    SSL_SESSION *session; /* the one given last */
    unsigned sessions;
    int client_result; /* of its handshake: 1, or what SSL_get_error says */
    unsigned long client_reason;
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct ends *e = SSL_get_app_data(ssl);
    SSL_SESSION_free(e->session);
    e->session = session;
    e->sessions++;
    return 1; /* it is ours */
}

static void open_ends(struct ends *e, struct tls_server *server, int version, const struct ends *control)
{
    *e = (struct ends){.ctx = SSL_CTX_new(TLS_client_method())};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, e->fds), 0);
    assert_true(SSL_CTX_set_min_proto_version(e->ctx, version));
    assert_true(SSL_CTX_set_max_proto_version(e->ctx, version));
    SSL_CTX_set_session_cache_mode(e->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(e->ctx, on_session);
    e->client = SSL_new(e->ctx);
    SSL_set_app_data(e->client, e);
    assert_true(SSL_set_fd(e->client, e->fds[1]));
    SSL_set_connect_state(e->client);
    e->server = tls_channel_new(server, e->fds[0], control ? control->server : NULL, e);
    assert_non_null(e->server);
    assert_ptr_equal(tls_channel_owner(e->server), e);
}

static void close_ends(struct ends *e)
{
    tls_channel_free(&e->server);
    assert_null(e->server);
    SSL_free(e->client);
    SSL_CTX_free(e->ctx);
    SSL_SESSION_free(e->session);
    close(e->fds[0]);
    if (e->fds[1] >= 0)
        close(e->fds[1]);
    ERR_clear_error();
}

static void step_client(struct ends *e)
{
    if (e->client_result == 1 || e->client_result == SSL_ERROR_SSL + 100)
        return;
    ERR_clear_error();
    int r = SSL_do_handshake(e->client);
    int error = SSL_get_error(e->client, r);
    e->client_result = r == 1 ? 1 : error == SSL_ERROR_SSL ? SSL_ERROR_SSL + 100 : 0;
    if (e->client_result != 1 && e->client_result != 0)
        e->client_reason = (unsigned long)ERR_GET_REASON(ERR_peek_error());
    ERR_clear_error();
}

/* As far as both ends go without an answer of the key process: the server's last step. */
static enum tls_step shake_some(struct ends *e)
{
    enum tls_step step = TLS_WANTS_READ;
    for (unsigned turn = 0; turn < 10 && step != TLS_FAILED && step != TLS_WANTS_SIGNATURE; turn++) {
        step_client(e);
        step = tls_channel_step(e->server);
        if (step == TLS_ESTABLISHED && e->client_result != 0)
            break;
    }
    step_client(e); /* an alert is there to be read */
    return step;
}

static enum tls_step shake(struct ends *e)
{
    enum tls_step step = shake_some(e);
    if (step != TLS_WANTS_SIGNATURE)
        return step;
    answer();
    return shake_some(e);
}

/* The client reads: bytes, 0 at the end, or -EAGAIN. Tickets come along with it. */
static int client_read(struct ends *e, void *bytes, size_t len)
{
    ERR_clear_error();
    int r = SSL_read(e->client, bytes, (int)len);
    int error = SSL_get_error(e->client, r);
    ERR_clear_error();
    return r > 0 ? r : error == SSL_ERROR_WANT_READ ? -EAGAIN : error == SSL_ERROR_ZERO_RETURN ? 0 : -EPROTO;
}

static void open_control(struct ends *e, struct tls_server *server, int version, uint64_t options)
{
    char byte;
    open_ends(e, server, version, NULL);
    SSL_set_options(e->client, options);
    assert_int_equal(shake(e), TLS_ESTABLISHED);
    assert_int_equal(e->client_result, 1);
    assert_int_equal(client_read(e, &byte, 1), -EAGAIN);
    assert_non_null(e->session);
}

/* A data channel of control, where the client continues the session of offered; it may offer that again. */
static void open_data(struct ends *e, struct tls_server *server, const struct ends *control,
                      const struct ends *offered, uint64_t options)
{
    char byte;
    open_ends(e, server, SSL_version(control->client), control);
    SSL_set_options(e->client, options);
    if (offered) {
        SSL_SESSION *copy = SSL_SESSION_dup(offered->session);
        assert_non_null(copy);
        assert_true(SSL_set_session(e->client, copy));
        SSL_SESSION_free(copy);
    }
    assert_false(tls_channel_is_bound(e->server));
    assert_int_equal(shake(e), TLS_ESTABLISHED);
    assert_int_equal(e->client_result, 1);
    assert_int_equal(client_read(e, &byte, 1), -EAGAIN);
}

/* What the client says from now on, until send_kept, stays in memory. */
static BIO *keep_back(struct ends *e)
{
    BIO *kept = BIO_new(BIO_s_mem());
    assert_non_null(kept);
    SSL_set0_wbio(e->client, kept);
    return kept;
}

static void send_kept(struct ends *e, BIO *kept)
{
    char *bytes;
    long len = BIO_get_mem_data(kept, &bytes);
    assert_int_equal(write(e->fds[1], bytes, (size_t)len), len);
    assert_true(BIO_reset(kept));
}

/* The client sends a word, of which a bit changes on the way. */
static void send_changed(struct ends *e)
{
    char *bytes;
    BIO *kept = keep_back(e);
    assert_int_equal(SSL_write(e->client, "word", 4), 4);
    long len = BIO_get_mem_data(kept, &bytes);
    bytes[len - 1] ^= 1;
    send_kept(e, kept);
}

/* --- handshakes -------------------------------------------------------------------------------------- */

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static const char *const version_names[] = {"TLSv1.2", "TLSv1.3"};

static void handshakes(void **state)
{
    static const struct {
        const char *algorithms;
        unsigned key;
    } rows[] = {{"ECDSA+SHA256", ON_EC}, {"RSA-PSS+SHA256", ON_RSA}, {"RSA-PSS+SHA512", ON_RSA}};
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct ends e;
            char name[8];
            open_ends(&e, server, versions[v], NULL);
            assert_true(SSL_set1_sigalgs_list(e.client, rows[i].algorithms));
            asked.count = 0;
            assert_int_equal(shake_some(&e), TLS_WANTS_SIGNATURE);
            assert_int_equal(asked.what.key, rows[i].key);
            answer();
            assert_int_equal(shake_some(&e), TLS_ESTABLISHED);
            assert_int_equal(e.client_result, 1);
            assert_int_equal(asked.count, 1);
            assert_string_equal(tls_channel_protocol(e.server), version_names[v]);
            assert_string_equal(tls_channel_cipher(e.server), SSL_get_cipher_name(e.client));
            assert_string_equal(tls_channel_why(e.server), "");
            assert_false(tls_channel_is_bound(e.server));
            assert_false(tls_channel_client(e.server, name, sizeof(name)));
            assert_string_equal(name, "");
            close_ends(&e);
        }
    }
    tls_server_free(&server);
    assert_null(server);
}

static void pkcs1_for_old_clients(void **state)
{
    struct ends e;
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    open_ends(&e, server, TLS1_2_VERSION, NULL);
    assert_true(SSL_set1_sigalgs_list(e.client, "RSA+SHA256"));
    assert_int_equal(shake(&e), TLS_ESTABLISHED);
    assert_int_equal(asked.what.padding, TLS_PKCS1);
    close_ends(&e);
    tls_server_free(&server);
}

static void only_the_versions_that_are_permitted(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct tls_server *server = serve((struct tls_server_settings){.tls12 = v == 0, .tls13 = v == 1});
        struct ends e;
        open_ends(&e, server, versions[v], NULL);
        assert_int_equal(shake(&e), TLS_ESTABLISHED);
        close_ends(&e);
        open_ends(&e, server, versions[1 - v], NULL);
        assert_int_equal(shake(&e), TLS_FAILED);
        assert_string_not_equal(tls_channel_why(e.server), "");
        assert_int_equal(e.client_reason, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
        close_ends(&e);
        tls_server_free(&server);
    }
}

/* --- the key process --------------------------------------------------------------------------------- */

static void an_answer_may_come_late(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct ends e;
        asked.count = 0;
        open_ends(&e, server, versions[v], NULL);
        tls_channel_signed(e.server, "nobody asked", 12);
        assert_int_equal(shake_some(&e), TLS_WANTS_SIGNATURE);
        for (unsigned i = 0; i < 5; i++) /* the socket wakes it up meanwhile */
            assert_int_equal(tls_channel_step(e.server), TLS_WANTS_SIGNATURE);
        assert_int_equal(asked.count, 1);
        answer();
        tls_channel_signed(e.server, "another one", 11); /* the first counts */
        assert_int_equal(shake_some(&e), TLS_ESTABLISHED);
        tls_channel_signed(e.server, "nobody asks", 11);
        assert_int_equal(e.client_result, 1);
        close_ends(&e);
    }
    tls_server_free(&server);
}

/* Handshakes wait side by side, and each gets its own answer, in whatever order. */
static void several_wait_at_once(void **state)
{
    enum { MANY = 6 };
    struct ends e[MANY];
    struct {
        struct tls_to_sign what;
        uint8_t input[TLS_INPUT_MAX];
    } questions[MANY];
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (unsigned i = 0; i < MANY; i++) {
        open_ends(&e[i], server, versions[i % 2], NULL);
        assert_true(SSL_set1_sigalgs_list(e[i].client, i % 3 == 0 ? "RSA-PSS+SHA256" : "ECDSA+SHA256"));
        assert_int_equal(shake_some(&e[i]), TLS_WANTS_SIGNATURE);
        assert_ptr_equal(asked.channel, e[i].server);
        questions[i].what = asked.what;
        memcpy(questions[i].input, asked.input, asked.what.len);
    }
    for (unsigned i = MANY; i-- > 0;) {
        asked.channel = e[i].server;
        asked.what = questions[i].what;
        asked.what.input = questions[i].input;
        answer();
        assert_int_equal(shake_some(&e[i]), TLS_ESTABLISHED);
        assert_int_equal(e[i].client_result, 1);
    }
    for (unsigned i = 0; i < MANY; i++)
        close_ends(&e[i]);
    tls_server_free(&server);
}

/* The session ends before the answer, or between the answer and the step. */
static void no_answer_and_no_leak(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (unsigned i = 0; i < 3; i++) {
            struct ends e;
            open_ends(&e, server, versions[v], NULL);
            assert_int_equal(shake_some(&e), TLS_WANTS_SIGNATURE);
            if (i == 1)
                answer();
            if (i == 2) {
                close(e.fds[1]);
                e.fds[1] = -1;
            }
            close_ends(&e);
        }
    }
    tls_server_free(&server);
}

static void no_signature_no_session(void **state)
{
    static const uint8_t wrong[TLS_SIGNATURE_MAX + 1] = {0x30, 6, 2, 1, 1, 2, 1, 1};
    static const struct {
        bool is_refused;
        size_t len;
    } rows[] = {{true, 0}, {false, 0}, {false, 8}, {false, TLS_SIGNATURE_MAX + 1}};
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct ends e;
            open_ends(&e, server, versions[v], NULL);
            asked.is_refused = rows[i].is_refused;
            enum tls_step step = shake_some(&e);
            assert_int_equal(step, rows[i].is_refused ? TLS_FAILED : TLS_WANTS_SIGNATURE);
            if (!rows[i].is_refused) {
                tls_channel_signed(e.server, wrong, rows[i].len);
                step = shake_some(&e);
            }
            assert_int_equal(step, TLS_FAILED);
            assert_int_not_equal(e.client_result, 1);
            assert_string_not_equal(tls_channel_why(e.server), "");
            if (rows[i].len != 8) /* else the client found out, and said so */
                assert_int_equal(e.client_reason, SSL_R_TLSV1_ALERT_INTERNAL_ERROR);
            close_ends(&e);
        }
    }
    tls_server_free(&server);
}

/* --- bytes ------------------------------------------------------------------------------------------- */

static void words_and_the_end(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct ends e;
        char bytes[16];
        open_control(&e, server, versions[v], 0);
        assert_int_equal(tls_channel_read(e.server, bytes, sizeof(bytes)), -EAGAIN);
        assert_int_equal(SSL_write(e.client, "NOOP\r\n", 6), 6);
        assert_int_equal(tls_channel_read(e.server, bytes, 4), 4);
        assert_memory_equal(bytes, "NOOP", 4);
        assert_true(tls_channel_has_input(e.server));
        assert_int_equal(tls_channel_read(e.server, bytes, sizeof(bytes)), 2);
        assert_false(tls_channel_has_input(e.server));
        assert_int_equal(tls_channel_write(e.server, "200 Fine.\r\n", 11), 11);
        assert_int_equal(client_read(&e, bytes, sizeof(bytes)), 11);
        assert_memory_equal(bytes, "200 Fine.\r\n", 11);
        assert_int_equal(SSL_shutdown(e.client), 0);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(tls_channel_read(e.server, bytes, sizeof(bytes)), 0);
        assert_int_equal(tls_channel_write(e.server, "221", 3), 3); /* each way ends by itself */
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(tls_channel_close(e.server), 0);
        assert_int_equal(client_read(&e, bytes, sizeof(bytes)), 3);
        assert_int_equal(client_read(&e, bytes, sizeof(bytes)), 0);
        close_ends(&e);
    }
    tls_server_free(&server);
}

static void a_bare_end_is_epipe(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct ends e;
        char bytes[16];
        open_control(&e, server, versions[v], 0);
        assert_int_equal(SSL_write(e.client, "half", 4), 4);
        assert_int_equal(shutdown(e.fds[1], SHUT_WR), 0);
        assert_int_equal(tls_channel_read(e.server, bytes, sizeof(bytes)), 4);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(tls_channel_read(e.server, bytes, sizeof(bytes)), -EPIPE);
        close_ends(&e);
        /* In the middle of a record. */
        open_control(&e, server, versions[v], 0);
        assert_int_equal(write(e.fds[1], "\x17\x03\x03\x00\x40half", 9), 9);
        assert_int_equal(shutdown(e.fds[1], SHUT_WR), 0);
        assert_int_equal(tls_channel_read(e.server, bytes, sizeof(bytes)), -EPIPE);
        close_ends(&e);
    }
    tls_server_free(&server);
}

static void changed_bytes_are_eproto(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct ends e;
        char bytes[16];
        open_control(&e, server, versions[v], 0);
        send_changed(&e);
        assert_int_equal(tls_channel_read(e.server, bytes, sizeof(bytes)), -EPROTO);
        assert_true(tls_channel_read(e.server, bytes, sizeof(bytes)) < 0);
        close_ends(&e);
        open_control(&e, server, versions[v], 0);
        assert_int_equal(write(e.fds[1], "USER anonymous\r\n", 16), 16);
        assert_int_equal(tls_channel_read(e.server, bytes, sizeof(bytes)), -EPROTO);
        close_ends(&e);
    }
    tls_server_free(&server);
}

static void no_room_is_eagain(void **state)
{
    static char sent[16384], got[16384];
    (void)state;
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 7);
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct ends e;
        unsigned written = 0, waits = 0;
        size_t read = 0;
        open_control(&e, server, versions[v], 0);
        while (written < 100 || read < 100 * sizeof(sent)) {
            ssize_t n = written < 100 ? tls_channel_write(e.server, sent, sizeof(sent)) : -EAGAIN;
            assert_true(n == (ssize_t)sizeof(sent) || n == -EAGAIN);
            written += n > 0;
            if (n > 0)
                continue;
            waits++;
            size_t at = read % sizeof(sent);
            int r = client_read(&e, got, sizeof(got) - at);
            assert_true(r > 0);
            assert_memory_equal(got, sent + at, (size_t)r);
            read += (size_t)r;
        }
        assert_true(waits > 1);
        close_ends(&e);
    }
    tls_server_free(&server);
}

static void gathered_until_flushed(void **state)
{
    struct ends e;
    char bytes[16];
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    open_control(&e, server, TLS1_3_VERSION, 0);
    assert_true(tls_channel_gather(e.server, 16384));
    assert_int_equal(tls_channel_write(e.server, "one", 3), 3);
    assert_int_equal(client_read(&e, bytes, sizeof(bytes)), -EAGAIN);
    assert_int_equal(tls_channel_flush(e.server), 0);
    assert_int_equal(client_read(&e, bytes, sizeof(bytes)), 3);
    assert_int_equal(tls_channel_write(e.server, "two", 3), 3);
    assert_int_equal(tls_channel_close(e.server), 0);
    assert_int_equal(client_read(&e, bytes, sizeof(bytes)), 3);
    assert_int_equal(client_read(&e, bytes, sizeof(bytes)), 0);
    close_ends(&e);
    tls_server_free(&server);
}

/* Records without data in them do not keep a loop: every call ends soon, and what follows them arrives. */
static void a_thousand_key_updates(void **state)
{
    static const int kinds[] = {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED};
    enum { MANY = 1000 };
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct ends e;
        char bytes[16];
        open_control(&e, server, TLS1_3_VERSION, 0);
        BIO *kept = keep_back(&e);
        for (unsigned i = 0; i < MANY; i++) {
            assert_int_equal(SSL_key_update(e.client, kinds[k]), 1);
            assert_int_equal(SSL_do_handshake(e.client), 1);
        }
        assert_int_equal(SSL_write(e.client, "word", 4), 4);
        send_kept(&e, kept);
        unsigned waits = 0;
        ssize_t n;
        while ((n = tls_channel_read(e.server, bytes, sizeof(bytes))) == -EAGAIN && waits < 4 * MANY) {
            waits++;
            (void)client_read(&e, bytes, sizeof(bytes)); /* room for the server's own KeyUpdates */
        }
        assert_int_equal(n, 4);
        assert_in_range(waits, MANY, 2 * MANY);
        close_ends(&e);
    }
    tls_server_free(&server);
}

static void no_renegotiation(void **state)
{
    struct ends e;
    char bytes[16];
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    open_control(&e, server, TLS1_2_VERSION, 0);
    asked.count = 0;
    assert_int_equal(SSL_renegotiate(e.client), 1);
    (void)SSL_do_handshake(e.client); /* it asks, and waits */
    ssize_t n = tls_channel_read(e.server, bytes, sizeof(bytes));
    assert_true(n == -EAGAIN || n == -EPROTO);
    assert_int_equal(asked.count, 0);
    close_ends(&e);
    tls_server_free(&server);
}

/* --- data channels ----------------------------------------------------------------------------------- */

/* How a client continues a session: a ticket under either version, or a session's id. */
static const struct way {
    int version;
    uint64_t options;
} ways[] = {{TLS1_3_VERSION, 0}, {TLS1_2_VERSION, 0}, {TLS1_2_VERSION, SSL_OP_NO_TICKET}};

static void a_data_channel_is_its_control_channels(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (const struct way *w = ways; w < ways + COUNT(ways); w++) {
        struct ends control, data;
        char bytes[16];
        open_control(&control, server, w->version, w->options);
        assert_int_equal(control.sessions, 1);
        asked.count = 0;
        open_data(&data, server, &control, &control, w->options);
        assert_true(tls_channel_is_bound(data.server));
        assert_true(SSL_session_reused(data.client));
        assert_int_equal(asked.count, 0);
        assert_int_equal(data.sessions, 0); /* no ticket */
        assert_int_equal(tls_channel_write(data.server, "data", 4), 4);
        assert_int_equal(client_read(&data, bytes, sizeof(bytes)), 4);
        assert_int_equal(tls_channel_close(data.server), 0);
        assert_int_equal(client_read(&data, bytes, sizeof(bytes)), 0);
        assert_int_equal(data.sessions, 0);
        close_ends(&data);
        close_ends(&control);
    }
    tls_server_free(&server);
}

/* Who has a session of his own has none of somebody else's. */
static void not_another_control_channels(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (const struct way *w = ways; w < ways + COUNT(ways); w++) {
        struct ends control, other, data;
        open_control(&control, server, w->version, w->options);
        open_control(&other, server, w->version, w->options);
        for (unsigned i = 0; i < 2; i++) {
            open_data(&data, server, &control, i == 0 ? &other : NULL, w->options);
            assert_false(tls_channel_is_bound(data.server));
            assert_false(SSL_session_reused(data.client));
            if (w->version == TLS1_3_VERSION)
                assert_int_equal(data.sessions, 0); /* no ticket, though nothing is continued */
            close_ends(&data);
        }
        open_data(&data, server, &control, &control, w->options);
        assert_true(tls_channel_is_bound(data.server));
        close_ends(&data);
        close_ends(&other);
        close_ends(&control);
    }
    tls_server_free(&server);
}

static void a_control_channel_continues_nothing(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (const struct way *w = ways; w < ways + COUNT(ways); w++) {
        struct ends control, again;
        open_control(&control, server, w->version, w->options);
        open_ends(&again, server, w->version, NULL);
        SSL_set_options(again.client, w->options);
        assert_true(SSL_set_session(again.client, control.session));
        asked.count = 0;
        assert_int_equal(shake(&again), TLS_ESTABLISHED);
        assert_false(SSL_session_reused(again.client));
        assert_false(tls_channel_is_bound(again.server));
        assert_int_equal(asked.count, 1);
        close_ends(&again);
        close_ends(&control);
    }
    tls_server_free(&server);
}

/* OpenSSL never continues a session whose connection broke; here that is one transfer's affair. */
static void a_transfer_that_broke_is_not_the_last(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (const struct way *w = ways; w < ways + COUNT(ways); w++) {
        struct ends control, data;
        char bytes[16];
        open_control(&control, server, w->version, w->options);
        for (unsigned i = 0; i < 3; i++) {
            open_data(&data, server, &control, &control, w->options);
            assert_true(tls_channel_is_bound(data.server));
            send_changed(&data);
            assert_int_equal(tls_channel_read(data.server, bytes, sizeof(bytes)), -EPROTO);
            close_ends(&data);
        }
        assert_int_equal(SSL_write(control.client, "NOOP", 4), 4);
        assert_int_equal(tls_channel_read(control.server, bytes, sizeof(bytes)), 4);
        close_ends(&control);
    }
    tls_server_free(&server);
}

/* A data channel continues a session with all that was agreed to in it: the host, and who the client is. */
static void a_data_channel_of_a_client_with_a_name(void **state)
{
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){
        .only_host = "ftp.example.org", .certificate = TLS_CERTIFICATE_REQUIRED, .validate = true});
    for (const struct way *w = ways; w < ways + COUNT(ways); w++) {
        struct ends control, data;
        char byte, name[64];
        open_ends(&control, server, w->version, NULL);
        SSL_set_options(control.client, w->options);
        assert_true(SSL_set_tlsext_host_name(control.client, "ftp.example.org"));
        assert_true(SSL_use_certificate(control.client, certificates[KIM]));
        assert_true(SSL_use_PrivateKey(control.client, keys[KIM]));
        assert_int_equal(shake(&control), TLS_ESTABLISHED);
        assert_int_equal(client_read(&control, &byte, 1), -EAGAIN);

        open_ends(&data, server, w->version, &control);
        SSL_set_options(data.client, w->options);
        assert_true(SSL_set_tlsext_host_name(data.client, "ftp.example.org"));
        assert_true(SSL_set_session(data.client, control.session));
        assert_int_equal(shake(&data), TLS_ESTABLISHED);
        assert_true(tls_channel_is_bound(data.server));
        assert_true(tls_channel_client(data.server, name, sizeof(name)));
        close_ends(&data);
        close_ends(&control);
    }
    tls_server_free(&server);
}

static void a_ticket_more(void **state)
{
    struct ends control, data;
    char bytes[16];
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    open_control(&control, server, TLS1_3_VERSION, 0);
    assert_int_equal(control.sessions, 1);
    tls_channel_give_ticket(control.server);
    assert_int_equal(tls_channel_write(control.server, "226", 3), 3);
    assert_int_equal(client_read(&control, bytes, sizeof(bytes)), 3);
    assert_int_equal(control.sessions, 2);
    open_data(&data, server, &control, &control, 0);
    assert_true(tls_channel_is_bound(data.server));
    close_ends(&data);
    close_ends(&control);

    open_control(&control, server, TLS1_2_VERSION, 0);
    tls_channel_give_ticket(control.server); /* there is nothing to give, and no harm */
    assert_int_equal(tls_channel_write(control.server, "226", 3), 3);
    assert_int_equal(client_read(&control, bytes, sizeof(bytes)), 3);
    assert_int_equal(control.sessions, 1);
    close_ends(&control);
    tls_server_free(&server);
}

/* --- extensions -------------------------------------------------------------------------------------- */

static void alpn(void **state)
{
    static const struct {
        const char *offered;
        bool is_taken;
    } rows[] = {{"\x03"
                 "ftp",
                 true},
                {"\x08http/1.1\x03"
                 "ftp",
                 true},
                {"\x08http/1.1", false},
                {"\x04"
                 "ftps",
                 false}};
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct ends e;
            const unsigned char *chosen;
            unsigned len;
            open_ends(&e, server, versions[v], NULL);
            assert_int_equal(SSL_set_alpn_protos(e.client, (const unsigned char *)rows[i].offered,
                                                 (unsigned)strlen(rows[i].offered)),
                             0);
            assert_int_equal(shake(&e), rows[i].is_taken ? TLS_ESTABLISHED : TLS_FAILED);
            SSL_get0_alpn_selected(e.client, &chosen, &len);
            assert_int_equal(len, rows[i].is_taken ? 3 : 0);
            if (!rows[i].is_taken)
                assert_int_equal(e.client_reason, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
            close_ends(&e);
        }
    }
    tls_server_free(&server);
}

static void the_certificate_for_the_name(void **state)
{
    static const struct {
        const char *host;
        unsigned key;
    } rows[] = {{NULL, ON_EC},
                {"ftp.example.org", ON_EC},
                {"a.other.example", OTHER},
                {"A.Other.Example", OTHER},
                {"other.example", ON_EC},
                {"elsewhere.example", ON_EC}};
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct ends e;
            open_ends(&e, server, versions[v], NULL);
            assert_true(SSL_set_tlsext_host_name(e.client, rows[i].host));
            assert_int_equal(shake(&e), TLS_ESTABLISHED);
            assert_int_equal(asked.what.key, rows[i].key);
            assert_int_equal(X509_cmp(SSL_get0_peer_certificate(e.client), certificates[rows[i].key]), 0);
            close_ends(&e);
        }
    }
    tls_server_free(&server);
}

static void what_a_responder_said(void **state)
{
    unsigned char *der = NULL;
    (void)state;
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL);
    int len = i2d_OCSP_RESPONSE(response, &der);
    assert_true(len > 0);
    struct tls_server *server = serve((struct tls_server_settings){0});
    assert_int_equal(tls_server_add_ocsp(server, der, (size_t)len), 0); /* of the one added last */
    assert_int_equal(tls_server_add_ocsp(server, der, (size_t)len), 0); /* a newer one */
    assert_int_equal(tls_server_add_ocsp(server, "no", 2), -EINVAL);
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (unsigned i = 0; i < 3; i++) {
            struct ends e;
            const unsigned char *got = NULL;
            open_ends(&e, server, versions[v], NULL);
            const char *host = i > 0 ? "a.other.example" : "ftp.example.org";
            assert_true(SSL_set_tlsext_host_name(e.client, host));
            if (i < 2)
                assert_true(SSL_set_tlsext_status_type(e.client, TLSEXT_STATUSTYPE_ocsp));
            assert_int_equal(shake(&e), TLS_ESTABLISHED);
            long got_len = SSL_get_tlsext_status_ocsp_resp(e.client, &got);
            assert_int_equal(got_len, i == 1 ? len : -1);
            if (i == 1)
                assert_memory_equal(got, der, (size_t)len);
            close_ends(&e);
        }
    }
    tls_server_free(&server);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
}

static void only_one_host(void **state)
{
    static const struct {
        const char *host;
        bool is_taken;
    } rows[] = {
        {"ftp.example.org", true}, {"FTP.example.org", true}, {"a.other.example", false}, {NULL, false}};
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){.only_host = "ftp.example.org"});
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct ends e;
            open_ends(&e, server, versions[v], NULL);
            assert_true(SSL_set_tlsext_host_name(e.client, rows[i].host));
            assert_int_equal(shake(&e), rows[i].is_taken ? TLS_ESTABLISHED : TLS_FAILED);
            if (!rows[i].is_taken)
                assert_int_equal(e.client_reason, SSL_R_TLSV1_UNRECOGNIZED_NAME);
            close_ends(&e);
        }
    }
    tls_server_free(&server);
}

/* Which of three clients are let in: without a certificate, with the authority's, with one of his own making. */
static void clients_certificates(void **state)
{
    enum { NONE, KIMS, OWN, CLIENTS };
    static const struct {
        struct tls_server_settings settings;
        bool is_taken[CLIENTS], is_seen;
    } rows[] = {
        {{.certificate = TLS_CERTIFICATE_IGNORED}, {true, true, true}, false},
        {{.certificate = TLS_CERTIFICATE_REQUESTED}, {true, true, true}, true},
        {{.certificate = TLS_CERTIFICATE_REQUIRED}, {false, true, true}, true},
        {{.certificate = TLS_CERTIFICATE_REQUESTED, .validate = true}, {true, true, false}, true},
        {{.certificate = TLS_CERTIFICATE_REQUIRED, .validate = true}, {false, true, false}, true},
    };
    (void)state;
    X509 *own = certify(keys[KIM], &(struct certificate_wish){.name = "kim\nroot"});
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tls_server *server = serve(rows[i].settings);
        for (size_t v = 0; v < COUNT(versions); v++) {
            for (unsigned client = 0; client < CLIENTS; client++) {
                struct ends e;
                char name[64] = "x";
                open_ends(&e, server, versions[v], NULL);
                if (client != NONE) {
                    assert_true(SSL_use_certificate(e.client, client == KIMS ? certificates[KIM] : own));
                    assert_true(SSL_use_PrivateKey(e.client, keys[KIM]));
                }
                assert_int_equal(shake(&e), rows[i].is_taken[client] ? TLS_ESTABLISHED : TLS_FAILED);
                if (rows[i].is_taken[client]) {
                    bool is_seen = client != NONE && rows[i].is_seen;
                    assert_int_equal(tls_channel_client(e.server, name, sizeof(name)), is_seen);
                    /* A line break in it is shown: what goes to a log stays one line. */
                    assert_string_equal(name, is_seen ? "CN = kim\\0Aroot" : "");
                    char small[8];
                    assert_int_equal(tls_channel_client(e.server, small, sizeof(small)), is_seen);
                    assert_string_equal(small, is_seen ? "CN = ki" : "");
                } else
                    assert_string_not_equal(tls_channel_why(e.server), "");
                close_ends(&e);
            }
        }
        tls_server_free(&server);
    }
    X509_free(own);
}

/* --- the kernel's TLS -------------------------------------------------------------------------------- */

/* TCP, of which alone the kernel does TLS, in the place of what the ends were connected by; nothing was said yet. */
static void connect_by_tcp(struct ends *e)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    const int fds[] = {server, client};
    for (size_t i = 0; i < COUNT(fds); i++) {
        assert_int_equal(dup2(fds[i], e->fds[i]), e->fds[i]);
        assert_int_equal(fcntl(e->fds[i], F_SETFL, O_NONBLOCK), 0);
        close(fds[i]);
    }
    close(listener);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 10000) == 1;
}

/* Over a network there is nothing to be read until it has come. */
static enum tls_step shake_by_tcp(struct ends *e)
{
    enum tls_step step;
    while ((step = shake(e)) == TLS_WANTS_READ || (step == TLS_ESTABLISHED && e->client_result == 0)) {
        if (!is_readable(e->fds[step == TLS_ESTABLISHED ? 1 : 0]))
            break;
    }
    return step;
}

/* Whoever encrypts, the client notices nothing. It is the kernel where that can, and was asked. */
static void by_the_kernel_where_it_can(void **state)
{
    const bool has_it = probe_kernel_tls();
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (int asks = 0; asks <= 1; asks++) {
            struct ends e;
            char word[8] = "";
            open_ends(&e, server, versions[v], NULL);
            connect_by_tcp(&e);
            if (asks)
                tls_channel_offer_kernel(e.server);
            assert_false(tls_channel_in_kernel(e.server));
            assert_int_equal(shake_by_tcp(&e), TLS_ESTABLISHED);
            assert_int_equal(e.client_result, 1);
            assert_int_equal(tls_channel_in_kernel(e.server), has_it && asks);
            assert_int_equal(SSL_write(e.client, "hello", 5), 5);
            assert_true(is_readable(e.fds[0]));
            assert_int_equal(tls_channel_read(e.server, word, sizeof(word)), 5);
            assert_int_equal(tls_channel_read(e.server, word, sizeof(word)), -EAGAIN);
            assert_int_equal(tls_channel_write(e.server, "welcome", 7), 7);
            int got;
            while ((got = client_read(&e, word, sizeof(word))) == -EAGAIN && is_readable(e.fds[1]))
                ; /* tickets come first */
            assert_int_equal(got, 7);
            assert_memory_equal(word, "welcome", 7);
            assert_int_equal(tls_channel_close(e.server), 0);
            assert_true(is_readable(e.fds[1]));
            assert_int_equal(client_read(&e, word, sizeof(word)), 0);
            assert_int_equal(SSL_shutdown(e.client), 1);
            assert_true(is_readable(e.fds[0]));
            assert_int_equal(tls_channel_read(e.server, word, sizeof(word)), 0);
            close_ends(&e);
        }
    }
    tls_server_free(&server);
}

static void a_socket_that_is_no_tcp_is_not_the_kernels(void **state)
{
    struct ends e;
    (void)state;
    struct tls_server *server = serve((struct tls_server_settings){0});
    open_ends(&e, server, TLS1_3_VERSION, NULL);
    tls_channel_offer_kernel(e.server);
    assert_int_equal(shake(&e), TLS_ESTABLISHED);
    assert_false(tls_channel_in_kernel(e.server));
    close_ends(&e);
    tls_server_free(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(handshakes, before_each),
        cmocka_unit_test_setup(pkcs1_for_old_clients, before_each),
        cmocka_unit_test_setup(only_the_versions_that_are_permitted, before_each),
        cmocka_unit_test_setup(an_answer_may_come_late, before_each),
        cmocka_unit_test_setup(several_wait_at_once, before_each),
        cmocka_unit_test_setup(no_answer_and_no_leak, before_each),
        cmocka_unit_test_setup(no_signature_no_session, before_each),
        cmocka_unit_test_setup(words_and_the_end, before_each),
        cmocka_unit_test_setup(a_bare_end_is_epipe, before_each),
        cmocka_unit_test_setup(changed_bytes_are_eproto, before_each),
        cmocka_unit_test_setup(no_room_is_eagain, before_each),
        cmocka_unit_test_setup(gathered_until_flushed, before_each),
        cmocka_unit_test_setup(a_thousand_key_updates, before_each),
        cmocka_unit_test_setup(no_renegotiation, before_each),
        cmocka_unit_test_setup(a_data_channel_is_its_control_channels, before_each),
        cmocka_unit_test_setup(not_another_control_channels, before_each),
        cmocka_unit_test_setup(a_control_channel_continues_nothing, before_each),
        cmocka_unit_test_setup(a_transfer_that_broke_is_not_the_last, before_each),
        cmocka_unit_test_setup(a_data_channel_of_a_client_with_a_name, before_each),
        cmocka_unit_test_setup(a_ticket_more, before_each),
        cmocka_unit_test_setup(alpn, before_each),
        cmocka_unit_test_setup(the_certificate_for_the_name, before_each),
        cmocka_unit_test_setup(what_a_responder_said, before_each),
        cmocka_unit_test_setup(only_one_host, before_each),
        cmocka_unit_test_setup(clients_certificates, before_each),
        cmocka_unit_test_setup(by_the_kernel_where_it_can, before_each),
        cmocka_unit_test_setup(a_socket_that_is_no_tcp_is_not_the_kernels, before_each),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
