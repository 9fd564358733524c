/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/peers.h"

#include <stdlib.h>

pthread_mutex_t peers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct peer *peers;

struct peer *peers_find(const struct in6_addr *ip)
{
    struct peer *p;
    HASH_FIND(hh, peers, ip, sizeof(*ip), p);
    return p;
}

static struct peer *find_or_make(const struct in6_addr *ip)
{
    struct peer *p = peers_find(ip);
    if (!p && (p = calloc(1, sizeof(*p)))) {
        p->ip = *ip;
        HASH_ADD(hh, peers, ip, sizeof(p->ip), p);
    }
    return p;
}

unsigned peers_join(const struct in6_addr *ip)
{
    pthread_mutex_lock(&peers_lock);
    struct peer *p = find_or_make(ip);
    unsigned sessions = p ? ++p->sessions : 0;
    pthread_mutex_unlock(&peers_lock);
    return sessions;
}

void peers_leave(const struct in6_addr *ip)
{
    pthread_mutex_lock(&peers_lock);
    struct peer *p = peers_find(ip);
    if (p && --p->sessions == 0) {
        HASH_DEL(peers, p);
        free(p);
    }
    pthread_mutex_unlock(&peers_lock);
}
