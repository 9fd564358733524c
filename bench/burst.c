/* SPDX-License-Identifier: BSD-2-Clause */
#include "burst.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOOP_EVERY_US 2000
#define NOOPS_MAX     65536
#define NOOPS_LEAST   3

struct burst_client {
    struct client_session session; /* its ssl is set once the ClientHello is made */
    BIO *hello;                    /* the ClientHello; the SSL's until it has its socket */
};

struct watcher {
    struct client_session session;
    pthread_t thread;
    atomic_bool stop;
    bool failed;
    unsigned noops;
    double took[NOOPS_MAX]; /* seconds */
};

/* ---- the session that is there already ---- */

/* A watcher that waits for a processor would count its own delay as the server's. Without the right to be preferred
 * it watches all the same. */
static void prefer_me(void)
{
    (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
}

static void *watcher_main(void *argument)
{
    struct watcher *watcher = argument;

    prefer_me();
    do {
        double begin = load_now();

        if (client_command(&watcher->session, "NOOP\r\n", 200) < 0) {
            watcher->failed = true;
            break;
        }
        watcher->took[watcher->noops++] = load_now() - begin;
        usleep(NOOP_EVERY_US);
    } while (!atomic_load(&watcher->stop) && watcher->noops < NOOPS_MAX);
    return NULL;
}

static int shorter_first(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return difference < 0 ? -1 : difference > 0;
}

/* ---- the rush ---- */

/* Connects and says AUTH TLS, and makes the ClientHello, as that costs the client more time than sending it. */
static int client_prepare(struct burst_client *client, const struct sockaddr_in *server)
{
    struct client_session *session = &client->session;

    if (client_session_open(session, server) < 0 || client_command(session, "AUTH TLS\r\n", 234) < 0)
        return -1;
    session->ssl = tls_new(&session->ticket);
    client->hello = BIO_new(BIO_s_mem());

    BIO *nothing = BIO_new(BIO_s_mem());

    if (!session->ssl || !client->hello || !nothing)
        return client_fail(session, "no memory");
    BIO_set_mem_eof_return(nothing, -1); /* "not yet", and no end */
    SSL_set_bio(session->ssl, nothing, client->hello);
    if (tls_handshake_step(session->ssl) != 0)
        return client_fail(session, "the ClientHello: %s", tls_error());
    if (fcntl(session->fd, F_SETFL, O_NONBLOCK) < 0)
        return client_fail(session, "fcntl: %s", strerror(errno));
    return 0;
}

static int client_begin(struct burst_client *client)
{
    struct client_session *session = &client->session;
    char *bytes;
    long length = BIO_get_mem_data(client->hello, &bytes);

    if (send(session->fd, bytes, (size_t)length, MSG_NOSIGNAL) != length)
        return client_fail(session, "sending the ClientHello: %s", strerror(errno));
    if (!SSL_set_fd(session->ssl, session->fd))
        return client_fail(session, "no memory");
    return 0;
}

static int clients_begin(struct burst_client *clients, unsigned count, int poll, char error[256])
{
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};

        if (client_begin(&clients[i]) < 0 ||
            (epoll_ctl(poll, EPOLL_CTL_ADD, clients[i].session.fd, &event) < 0 &&
             client_fail(&clients[i].session, "epoll: %s", strerror(errno)) < 0)) {
            snprintf(error, 256, "session %u of %u: %.200s", i + 1, count, clients[i].session.error);
            return -1;
        }
    }
    return 0;
}

static int clients_finish(unsigned count, int poll, char error[256])
{
    struct epoll_event events[64];

    for (unsigned left = count; left > 0;) {
        int ready = epoll_wait(poll, events, 64, -1);

        for (int i = 0; i < ready; i++) {
            struct burst_client *client = events[i].data.ptr;
            int r = tls_handshake_step(client->session.ssl);

            if (r < 0) {
                snprintf(error, 256, "with %u handshakes to go one failed: %s", left, tls_error());
                return -1;
            }
            if (r == 1) {
                epoll_ctl(poll, EPOLL_CTL_DEL, client->session.fd, NULL);
                left--;
            }
        }
    }
    return 0;
}

/* ---- both together ---- */

static int watcher_login(struct watcher *watcher, const struct load_options *options)
{
    struct client_session *session = &watcher->session;

    if (client_session_open(session, &options->server) < 0 || client_secure(session) < 0)
        return -1;
    return client_login(session);
}

static int burst_prepare(struct watcher *watcher, struct burst_client *clients,
                         const struct load_options *options, char error[256])
{
    if (watcher_login(watcher, options) < 0) {
        snprintf(error, 256, "%s", watcher->session.error);
        return -1;
    }
    for (unsigned i = 0; i < options->count; i++) {
        if (client_prepare(&clients[i], &options->server) < 0) {
            snprintf(error, 256, "session %u of %u: %.200s", i + 1, options->count, clients[i].session.error);
            return -1;
        }
    }
    return 0;
}

static int burst_run(struct watcher *watcher, struct burst_client *clients, unsigned count, char error[256])
{
    int poll = epoll_create1(EPOLL_CLOEXEC);

    if (poll < 0 || pthread_create(&watcher->thread, NULL, watcher_main, watcher) != 0) {
        snprintf(error, 256, "no epoll, or no thread");
        return -1;
    }

    int r = clients_begin(clients, count, poll, error);

    if (r == 0)
        r = clients_finish(count, poll, error);
    atomic_store(&watcher->stop, true);
    if (r == 0)
        pthread_join(watcher->thread, NULL);
    close(poll);
    if (r == 0 && (watcher->failed || watcher->noops < NOOPS_LEAST)) {
        snprintf(error, 256, "NOOP: %.200s",
                 watcher->failed ? watcher->session.error : "too few for a measurement");
        return -1;
    }
    return r;
}

int burst_command(const struct load_options *options)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    struct burst_client *clients = calloc(options->count, sizeof(*clients));
    char error[256] = "no memory";

    if (!options->tls)
        snprintf(error, sizeof(error), "only with --tls");
    if (!watcher || !clients || !options->tls || burst_prepare(watcher, clients, options, error) < 0) {
        fprintf(stderr, "ftpload burst: %s\n", error);
        return 1;
    }

    double begin = load_now();

    if (burst_run(watcher, clients, options->count, error) < 0) {
        fprintf(stderr, "ftpload burst: %s\n", error);
        return 1; /* exiting ends the watcher too, and frees what is left */
    }

    double seconds = load_now() - begin;

    qsort(watcher->took, watcher->noops, sizeof(watcher->took[0]), shorter_first);
    printf("{\"command\": \"burst\", \"done\": %u, \"seconds\": %.6f, \"noops\": %u, \"median_ms\": %.3f, "
           "\"worst_ms\": %.3f}\n",
           options->count, seconds, watcher->noops, watcher->took[watcher->noops / 2] * 1e3,
           watcher->took[watcher->noops - 1] * 1e3);
    return 0;
}
