/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_PEERS_H
#define SALLY_SERVER_WORKER_PEERS_H

#include <netinet/in.h>

/* How many sessions each client address has, for max_per_ip. */
int peers_join(const struct in6_addr *ip); /* 0 or -ENOMEM */
void peers_leave(const struct in6_addr *ip);
unsigned peers_count(const struct in6_addr *ip);

#endif
