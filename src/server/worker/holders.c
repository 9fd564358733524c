/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/holders.h"

#include <string.h>

struct passive_wait *holders_of(const struct holders *h, const struct passive_key *key)
{
    struct passive_wait *w;
    HASH_FIND(hh, h->table, key, sizeof(*key), w);
    return w;
}

struct passive_wait *holders_named(const struct holders *h, const struct passive_key *key,
                                   const struct tls_hello *hello)
{
    struct passive_wait *w = holders_of(h, key);
    while (w && !(w->bound_to && tls_hello_names(hello, w->bound_to)))
        w = w->beside;
    return w;
}

struct passive_wait *holders_promiscuous(const struct holders *h, uint16_t port)
{
    struct passive_wait *w, *next, *oldest = NULL;
    if (h->promiscuous == 0)
        return NULL;
    HASH_ITER(hh, h->table, w, next) {
        if (w->key.port == port && w->promiscuous && (!oldest || w->since < oldest->since))
            oldest = w;
    }
    return oldest;
}

static bool is_same_address(const struct passive_wait *w, const struct in6_addr *ip)
{
    return memcmp(&w->key.ip, ip, sizeof(*ip)) == 0;
}

static bool is_wanted_alone(const struct holders *h, const struct in6_addr *ip)
{
    const struct passive_wait *w;
    TAILQ_FOREACH(w, &h->queue, queue) {
        if (!w->bound_to && is_same_address(w, ip))
            return true;
    }
    return false;
}

bool holders_may(const struct holders *h, const struct passive_wait *w, const struct passive_key *key)
{
    const struct passive_wait *first = holders_of(h, key);
    return !first || (first->bound_to && w->bound_to && !first->has_door && !w->has_door &&
                      !is_wanted_alone(h, &key->ip));
}

void holders_add(struct holders *h, struct passive_wait *w, const struct passive_key *key, double now)
{
    struct passive_wait *first = holders_of(h, key);
    w->key = *key;
    w->since = now;
    w->turn = ++h->turns;
    w->strangers = w->unbound = 0;
    w->is_awaiting = false;
    w->state = PASSIVE_HOLDS;
    h->promiscuous += w->promiscuous;
    w->beside = first ? first->beside : NULL;
    if (first)
        first->beside = w;
    else
        HASH_ADD(hh, h->table, key, sizeof(w->key), w);
}

void holders_remove(struct holders *h, struct passive_wait *w, enum passive_wait_state state)
{
    struct passive_wait *before = holders_of(h, &w->key);
    if (before == w) {
        HASH_DEL(h->table, w);
        if (w->beside)
            HASH_ADD(hh, h->table, key, sizeof(w->key), w->beside);
    } else {
        while (before->beside != w)
            before = before->beside;
        before->beside = w->beside;
    }
    w->beside = NULL;
    h->promiscuous -= w->promiscuous;
    w->state = state;
}

struct passive_wait *holders_serve(struct holders *h, uint16_t port, double now)
{
    struct passive_wait *w;
    TAILQ_FOREACH(w, &h->queue, queue) {
        struct passive_key key = {w->key.ip, port};
        if (!holders_may(h, w, &key))
            continue;
        TAILQ_REMOVE(&h->queue, w, queue);
        holders_add(h, w, &key, now);
        return w;
    }
    return NULL;
}
