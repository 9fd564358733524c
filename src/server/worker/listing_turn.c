/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/listing_turn.h"

#include "server/worker/inbox.h"
#include "server/worker/peers.h"
#include "server/worker/state.h"

#include <stdlib.h>
#include <string.h>

enum {
    TURNS_AT_ONCE = 4, /* for an address */
};

/* All loops' (peers_lock). */
static TAILQ_HEAD(, listing_turn) queue = TAILQ_HEAD_INITIALIZER(queue);
static void (*tell_turn)(uint32_t session, uint32_t serial);

void listing_turn_init(void (*on_turn)(uint32_t session, uint32_t serial))
{
    tell_turn = on_turn;
}

enum listing_turn_state listing_turn_request(struct listing_turn *t, uint32_t session,
                                             const struct in6_addr *ip)
{
    listing_turn_release(t);
    t->session = session;
    t->serial++;
    t->ip = ip;
    pthread_mutex_lock(&peers_lock);
    struct peer *p = peers_find(ip);
    bool is_free = p->listings < TURNS_AT_ONCE;
    p->listings += is_free;
    t->state = is_free ? LISTING_HAS : LISTING_QUEUED;
    if (!is_free)
        TAILQ_INSERT_TAIL(&queue, t, queue);
    pthread_mutex_unlock(&peers_lock);
    return is_free ? LISTING_HAS : LISTING_QUEUED;
}

bool listing_turn_is_queued(const struct listing_turn *t)
{
    pthread_mutex_lock(&peers_lock);
    bool is = t->state == LISTING_QUEUED;
    pthread_mutex_unlock(&peers_lock);
    return is;
}

/* Whoever waits longest from there gets the turn that is free. */
static bool give_turn(const struct in6_addr *ip, uint32_t *ret_session, uint32_t *ret_serial)
{
    struct listing_turn *t;
    TAILQ_FOREACH(t, &queue, queue) {
        if (memcmp(t->ip, ip, sizeof(*ip)) != 0)
            continue;
        TAILQ_REMOVE(&queue, t, queue);
        t->state = LISTING_HAS;
        peers_find(ip)->listings++;
        *ret_session = t->session;
        *ret_serial = t->serial;
        return true;
    }
    return false;
}

struct news {
    struct inbox_message message;
    uint32_t session, serial;
};

static void run(struct inbox_message *m)
{
    struct news *n = (struct news *)m;
    tell_turn(n->session, n->serial);
    free(n);
}

static void tell(uint32_t session, uint32_t serial)
{
    unsigned loop = session % worker_loops;
    struct news *n = loop != worker.loop ? malloc(sizeof(*n)) : NULL;
    if (loop == worker.loop)
        tell_turn(session, serial);
    else if (n) { /* else it hears of it when its patience is at an end */
        *n = (struct news){.message.run = run, .session = session, .serial = serial};
        inbox_post(loop, &n->message);
    }
}

void listing_turn_release(struct listing_turn *t)
{
    uint32_t session, serial;
    pthread_mutex_lock(&peers_lock);
    if (t->state == LISTING_QUEUED)
        TAILQ_REMOVE(&queue, t, queue);
    if (t->state == LISTING_HAS)
        peers_find(t->ip)->listings--;
    bool is_given = t->state == LISTING_HAS && give_turn(t->ip, &session, &serial);
    t->state = LISTING_NONE;
    pthread_mutex_unlock(&peers_lock);
    if (is_given)
        tell(session, serial);
}
