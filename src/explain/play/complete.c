/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person did not say about a session. */
#include "explain/play/session.h"
#include "explain/play/world.h"
#include "host/host.h"
#include "packet/decode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- addresses that were not said ---- */

static bool is_zero(const struct packet_address *a)
{
    static const struct packet_address zero;
    return packet_address_equal(a, &zero);
}

static bool is_host(const struct rules_network *n, uint8_t family)
{
    uint32_t all = family == PACKET_IPV6 ? UINT32_MAX : 0;
    return !n->inverted && n->mask.word[0] == UINT32_MAX && n->mask.word[1] == all &&
           n->mask.word[2] == all && n->mask.word[3] == all;
}

struct named { /* that a rule names as destination */
    struct packet_address address;
    size_t place; /* of the rule */
};

static int compare_hosts(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int by_address = memcmp(&x->address, &y->address, sizeof(x->address));
    return by_address ? by_address : (x->place > y->place) - (x->place < y->place);
}

/* Of sorted hosts that which is there most often; of several the one that is named first. */
static const struct named *find_most(const struct named *hosts, size_t count)
{
    const struct named *best = NULL;
    size_t most = 0, same;
    for (size_t i = 0; i < count; i += same) {
        for (same = 1; i + same < count && packet_address_equal(&hosts[i].address, &hosts[i + same].address);)
            same++;
        if (same < most || (same == most && hosts[i].place > best->place))
            continue;
        most = same;
        best = &hosts[i];
    }
    return best;
}

/* Rules name the server that they guard: the single address that most rules of the hook have as destination.
 * 1: *ret is it; 0: there is none; or -ENOMEM. */
static int find_server(const struct rules *r, const struct play *play, struct packet_address *ret)
{
    enum rules_hook hook = order_hook(play_path(play, STORY_CLIENT), RULES_FILTER);
    const struct rules_chain *chain = rules_chain_at(r, RULES_FILTER, hook);
    size_t count = 0, rules = chain ? chain->count : 0;
    struct named *hosts = calloc(rules + 1, sizeof(*hosts));
    if (!hosts)
        return -ENOMEM;
    for (size_t i = 0; i < rules; i++) {
        const struct rules_network *n = &chain->rules[i].destination;
        if (is_host(n, r->family) && !packet_address_equal(&n->address, &play->client))
            hosts[count++] = (struct named){n->address, i};
    }
    qsort(hosts, count, sizeof(*hosts), compare_hosts);
    const struct named *most = find_most(hosts, count);
    if (most)
        *ret = most->address;
    free(hosts);
    return most != NULL;
}

static bool is_private(const struct packet_address *a, uint8_t family)
{
    uint32_t first = ntohl(a->word[0]);
    if (family == PACKET_IPV6)
        return first >> 25 == 0xfc >> 1 || first == 0x20010db8;
    return first >> 24 == 10 || first >> 20 == 0xac1 || first >> 16 == 0xc0a8;
}

/* A neighbour of a server in a private network, else somebody from outside. */
static struct packet_address assume_client(const struct packet_address *server, uint8_t family,
                                           const struct host *host)
{
    struct packet_address client = *server;
    uint8_t told;
    if (play_is_loopback(server, family))
        return client;
    if (!is_private(server, family)) {
        /* a constant of ours, well formed */
        (void)!packet_address_parse(family == PACKET_IPV6 ? "2001:db8::2" : "198.51.100.7", &client, &told);
        return client;
    }
    uint32_t *last = &client.word[family == PACKET_IPV6 ? 3 : 0];
    uint32_t own = ntohl(*last) & 255, number = own == 2 ? 3 : 2;
    do
        *last = htonl((ntohl(*last) & ~255U) | number);
    while (host_has_address(host, family, &client) == HOST_YES && ++number < 254);
    return client;
}

/* The first address of the machine that others can reach. */
static bool find_own(const struct play *play, struct packet_address *ret)
{
    size_t count;
    const struct host_address *all = host_addresses(play->host, &count);

    for (size_t i = 0; i < count; i++) {
        if (all[i].family != play->family || all[i].scope >= HOST_LINK ||
            play_is_loopback(&all[i].address, play->family))
            continue;
        *ret = all[i].address;
        return true;
    }
    return false;
}

/* An end that is not said and is the machine itself: one of its own addresses, if any is known. named: by the rules. */
static bool find_end_here(const struct play *play, enum story_at where, const struct packet_address *named,
                          struct packet_address *ret)
{
    if (play->where != where || !play->host)
        return false;
    if (named && host_has_address(play->host, play->family, named) != HOST_NO)
        return false;
    return find_own(play, ret);
}

/* Interfaces that were not said: those by which the machine's own packets would go there. An end has mostly one for
 * both ways, and one that was said will do. */
static void find_interfaces(struct play *play)
{
    bool gateway = play->where == STORY_AT_GATEWAY, none = !play->in && !play->out;

    if (play_is_local(play))
        return;
    if (!play->in && (gateway || (none && play->where == STORY_AT_SERVER)))
        play->in_found = (play->in = host_towards(play->host, play->family, &play->client)) != NULL;
    if (!play->out && (gateway || (none && play->where == STORY_AT_CLIENT)))
        play->out_found = (play->out = host_towards(play->host, play->family, &play->server)) != NULL;
}

int play_complete(const struct rules *r, struct play *play)
{
    uint8_t told;
    int found = 1;
    bool was_unsaid = is_zero(&play->server);
    struct packet_address own;
    if (play->family == 0)
        play->family = r->family;
    if (play->family ==
        PACKET_IPV6) /* whose addresses PASV and PORT can't name, so that nobody says them (RFC 2428) */
        play->mode = session_is_active(play->mode) ? STORY_EPRT : STORY_EPSV;
    if (is_zero(&play->server))
        found = find_server(r, play, &play->server);
    if (found < 0)
        return found;
    if (was_unsaid && !play_is_loopback(&play->client, play->family) &&
        find_end_here(play, STORY_AT_SERVER, found ? &play->server : NULL, &play->server))
        found = 1;
    if (is_zero(&play->client) && find_end_here(play, STORY_AT_CLIENT, NULL, &own))
        play->client = own;
    if (!found && play_is_loopback(&play->client, play->family))
        play->server = play->client;
    else if (!found)
        /* a constant of ours, well formed */
        (void)!packet_address_parse(play->family == PACKET_IPV6 ? "2001:db8::18" : "192.168.0.18",
                                    &play->server, &told);
    if (is_zero(&play->client))
        play->client = assume_client(&play->server, play->family, play->host);
    find_interfaces(play);
    /* Without the very last port: rule sets that end their range at 65534 are common, and a server that may
     * pick 65535 does so once in 64,512 times. */
    if (play->passive_ports.last == 0)
        play->passive_ports = (struct rules_range16){1024, 65534};
    if (play->active_ports.last == 0)
        play->active_ports = (struct rules_range16){32768, 60999};
    return 0;
}
