/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/exchange/clients.h"
#include "explain/play/ports.h"
#include "explain/play/world.h"

#include <arpa/inet.h>
#include <errno.h>

/* ---- whom rules name ---- */

static bool is_known(const struct exchange_clients *clients, const struct packet_address *address)
{
    for (size_t i = 0; i < clients->count; i++) {
        if (packet_address_equal(&clients->address[i], address))
            return true;
    }
    return false;
}

/* Nobody asks from there: loopback, "any", groups. */
static bool is_nobody(const struct packet_address *a, uint8_t family)
{
    const uint8_t *octet = (const uint8_t *)a->word;
    if (play_is_loopback(a, family))
        return true;
    return family == PACKET_IPV6 ? octet[0] == 0xff || octet[0] == 0 : octet[0] == 0 || octet[0] >= 224;
}

/* A network's first machine, or the one that is named. */
static struct packet_address member_of(const struct rules_network *n, uint8_t family)
{
    struct packet_address one = n->address;
    int last = family == PACKET_IPV6 ? 3 : 0;
    if (n->mask.word[last] != UINT32_MAX)
        one.word[last] = htonl(ntohl(one.word[last]) + 1);
    return one;
}

static void add_source(struct exchange_clients *clients, const struct rules_network *n,
                       const struct play *play)
{
    struct packet_address one = member_of(n, play->family);
    bool is_any = n->mask.word[0] == 0;
    if (is_any || n->inverted || clients->count == EXCHANGE_CLIENTS || is_nobody(&one, play->family))
        return;
    if (packet_address_equal(&one, &play->server) || packet_address_equal(&one, &play->client))
        return;
    if (!is_known(clients, &one))
        clients->address[clients->count++] = one;
}

static void collect(const struct rules *r, const struct play *play, struct exchange_clients *clients)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++)
                add_source(clients, &chain->rules[i].source, play);
        }
    }
}

int exchange_clients_try(struct wall_rules *r, const struct play *play, struct exchange_clients *ret)
{
    struct exchange_clients clients = {0};
    collect(wall_rules_model(r), play, &clients);
    for (size_t i = 0; i < clients.count; i++) {
        struct play one = *play;
        one.client = clients.address[i];
        struct story *story = play_worst(r, &one, true, NULL, NULL);
        if (!story)
            return -ENOMEM;
        clients.outcome[i] = story->outcome;
        story_free(&story);
    }
    *ret = clients;
    return 0;
}

const struct packet_address *exchange_clients_find(const struct exchange_clients *clients,
                                                   enum story_outcome outcome)
{
    for (size_t i = 0; i < clients->count; i++) {
        if (clients->outcome[i] == outcome)
            return &clients->address[i];
    }
    return NULL;
}
