/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct peer {
    UT_hash_handle hh;
    struct in6_addr ip;
    unsigned sessions;
};

static struct peer *peers;

static struct peer *find(const struct in6_addr *ip)
{
    struct peer *p;
    HASH_FIND(hh, peers, ip, sizeof(*ip), p);
    return p;
}

int peers_join(const struct in6_addr *ip)
{
    struct peer *p = find(ip);
    if (!p) {
        p = calloc(1, sizeof(*p));
        if (!p)
            return -ENOMEM;
        p->ip = *ip;
        HASH_ADD(hh, peers, ip, sizeof(p->ip), p);
    }
    p->sessions++;
    return 0;
}

void peers_leave(const struct in6_addr *ip)
{
    struct peer *p = find(ip);
    if (p && --p->sessions == 0) {
        HASH_DEL(peers, p);
        free(p);
    }
}

unsigned peers_count(const struct in6_addr *ip)
{
    const struct peer *p = find(ip);
    return p ? p->sessions : 0;
}
