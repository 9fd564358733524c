/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/handshake.h"

#include <stdlib.h>
#include <uthash.h>

enum {
    STEPS_A_TURN = 4, /* of about 0.2 ms */
};

struct handshake {
    TAILQ_ENTRY(handshake) next;
    UT_hash_handle hh; /* while a signature is awaited */
    uint32_t asked;    /* its number, 0: none is */
    struct session *session;
    struct keys *keys;
    struct tls_channel *channel;
    struct event *event; /* for the socket */
    handshake_done_fn *done;
    bool is_ready; /* in the queue */
};

static _Thread_local TAILQ_HEAD(, handshake) ready;
static _Thread_local struct handshake *asking; /* by asked */

static void make_ready(struct handshake *h)
{
    if (!h->is_ready)
        TAILQ_INSERT_TAIL(&ready, h, next);
    h->is_ready = true;
}

/* --- signatures -------------------------------------------------------------------------------------- */

static void asks_no_more(struct handshake *h)
{
    if (h->asked != 0)
        HASH_DEL(asking, h);
    h->asked = 0;
}

static bool ask(void *keys, struct tls_channel *c, const struct tls_to_sign *what)
{
    static _Thread_local uint32_t last;
    struct handshake *h = tls_channel_owner(c);
    if (++last == 0)
        last = 1;
    if (keys_sign(keys, last, what) < 0)
        return false;
    h->asked = last;
    HASH_ADD(hh, asking, asked, sizeof(h->asked), h);
    return true;
}

static void on_signed(uint32_t id, const void *signature, size_t len)
{
    struct handshake *h;
    HASH_FIND(hh, asking, &id, sizeof(id), h);
    if (!h)
        return; /* it was cancelled */
    asks_no_more(h);
    tls_channel_signed(h->channel, signature, len);
    make_ready(h);
}

static void on_lost(const struct keys *k)
{
    struct handshake *h, *next;
    HASH_ITER(hh, asking, h, next) {
        if (h->keys == k)
            on_signed(h->asked, "", 0);
    }
}

/* --- turns ------------------------------------------------------------------------------------------- */

static void free_but_channel(struct handshake *h)
{
    asks_no_more(h);
    if (h->is_ready)
        TAILQ_REMOVE(&ready, h, next);
    if (h->event)
        event_free(h->event);
    free(h);
}

/* Its channel, which failed if why is not NULL, goes to who began it. */
static void end(struct handshake *h, const char *why)
{
    struct session *s = h->session;
    handshake_done_fn *done = h->done;
    struct tls_channel *c = h->channel;
    free_but_channel(h);
    done(s, why ? NULL : c, why);
    if (why)
        tls_channel_free(&c); /* after done: why is in it */
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    make_ready(arg);
}

static void wait_for(struct handshake *h, short what)
{
    event_assign(h->event, worker.base, event_get_fd(h->event), what, on_socket, h);
    if (event_add(h->event, NULL) < 0)
        end(h, "out of memory");
}

static void step(struct handshake *h)
{
    switch (tls_channel_step(h->channel)) {
    case TLS_ESTABLISHED:
        end(h, NULL);
        return;
    case TLS_WANTS_READ:
        wait_for(h, EV_READ);
        return;
    case TLS_WANTS_WRITE:
        wait_for(h, EV_WRITE);
        return;
    case TLS_WANTS_SIGNATURE:
        return;
    case TLS_FAILED:
        end(h, tls_channel_why(h->channel));
        return;
    }
}

bool handshake_turns(void)
{
    struct handshake *h;
    for (int i = 0; i < STEPS_A_TURN && (h = TAILQ_FIRST(&ready)); i++) {
        TAILQ_REMOVE(&ready, h, next);
        h->is_ready = false;
        step(h);
    }
    return !TAILQ_EMPTY(&ready);
}

/* --- begun, given up --------------------------------------------------------------------------------- */

void handshake_prepare(void)
{
    (void)!tls_channel_init(); /* that there is no TLS is said when there is to be some */
}

void handshake_init(void (*on_settled)(const char *why))
{
    static const struct keys_users users = {ask, on_signed, on_lost};
    TAILQ_INIT(&ready);
    keys_init(&users, on_settled);
}

struct handshake *handshake_begin(struct session *s, struct keys *k, int fd,
                                  const struct tls_channel *control, handshake_done_fn *done)
{
    struct handshake *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    *h = (struct handshake){.session = s, .keys = k, .done = done};
    h->channel = tls_channel_new(keys_server(k), fd, control, h);
    h->event = event_new(worker.base, fd, EV_READ, on_socket, h);
    if (!h->channel || !h->event) {
        handshake_cancel(&h);
        return NULL;
    }
    make_ready(h);
    return h;
}

void handshake_for_kernel(struct handshake *h)
{
    tls_channel_offer_kernel(h->channel);
}

void handshake_cancel(struct handshake **handshake)
{
    struct handshake *h = *handshake;
    *handshake = NULL;
    if (!h)
        return;
    struct tls_channel *c = h->channel;
    free_but_channel(h);
    tls_channel_free(&c);
}
