/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_EXCHANGE_CLIENTS_H
#define SALLY_EXPLAIN_EXCHANGE_CLIENTS_H

#include "base/result.h"
#include "explain/play/settings.h"

/*
 * Where nobody said who asks, somebody is assumed whom no rule names. Rules that name whom they admit then speak of
 * somebody else: what would become of him?
 */
enum { EXCHANGE_CLIENTS = 16 };

struct exchange_clients {
    struct packet_address address[EXCHANGE_CLIENTS]; /* one of each source that rules name */
    enum story_outcome outcome[EXCHANGE_CLIENTS];
    size_t count;
};

/* play is complete, but who asks is assumed. 0 or -ENOMEM. */
MUST_USE int exchange_clients_try(struct wall_rules *r, const struct play *play,
                                  struct exchange_clients *ret);

/* The first that fares so; NULL: none does. */
const struct packet_address *exchange_clients_find(const struct exchange_clients *clients,
                                                   enum story_outcome outcome);

#endif
