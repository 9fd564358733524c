/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person did not say about a session. */
#include "explain/play/world.h"
#include "packet/decode.h"

#include <arpa/inet.h>
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

/* Rules name the server that they guard: the single address that most rules of the hook have as destination.
 */
static bool find_server(const struct rules *r, const struct play *play, struct packet_address *ret)
{
    static const enum rules_hook hooks[] = {[STORY_AT_SERVER] = RULES_INPUT,
                                            [STORY_AT_GATEWAY] = RULES_FORWARD,
                                            [STORY_AT_CLIENT] = RULES_OUTPUT};
    const struct rules_chain *chain = rules_chain_at(r, RULES_FILTER, hooks[play->where]);
    size_t most = 0;
    for (size_t i = 0; chain && i < chain->count; i++) {
        const struct rules_network *n = &chain->rules[i].destination;
        size_t same = 0;
        if (!is_host(n, r->family) || packet_address_equal(&n->address, &play->client))
            continue;
        for (size_t k = 0; k < chain->count; k++)
            same += is_host(&chain->rules[k].destination, r->family) &&
                    packet_address_equal(&chain->rules[k].destination.address, &n->address);
        if (same > most) {
            most = same;
            *ret = n->address;
        }
    }
    return most > 0;
}

static bool is_private(const struct packet_address *a, uint8_t family)
{
    uint32_t first = ntohl(a->word[0]);
    if (family == PACKET_IPV6)
        return first >> 25 == 0xfc >> 1 || first == 0x20010db8;
    return first >> 24 == 10 || first >> 20 == 0xac1 || first >> 16 == 0xc0a8;
}

/* A neighbour of a server in a private network, else somebody from outside. */
static struct packet_address assume_client(const struct packet_address *server, uint8_t family)
{
    struct packet_address client = *server;
    uint8_t told;
    if (!is_private(server, family)) {
        /* a constant of ours, well formed */
        (void)!packet_address_parse(family == PACKET_IPV6 ? "2001:db8::2" : "198.51.100.7", &client, &told);
        return client;
    }
    uint32_t *last = &client.word[family == PACKET_IPV6 ? 3 : 0];
    uint32_t number = ntohl(*last) & 255;
    *last = htonl((ntohl(*last) & ~255U) | (number == 2 ? 3 : 2));
    return client;
}

void play_complete(const struct rules *r, struct play *play)
{
    uint8_t told;
    if (play->family == 0)
        play->family = r->family;
    if (is_zero(&play->server) && !find_server(r, play, &play->server))
        /* a constant of ours, well formed */
        (void)!packet_address_parse(play->family == PACKET_IPV6 ? "2001:db8::18" : "192.168.0.18",
                                    &play->server, &told);
    if (is_zero(&play->client))
        play->client = assume_client(&play->server, play->family);
    /* Without the very last port: rule sets that end their range at 65534 are common, and a server that may
     * pick 65535 does so once in 64,512 times. */
    if (play->passive_ports.last == 0)
        play->passive_ports = (struct rules_range16){1024, 65534};
    if (play->active_ports.last == 0)
        play->active_ports = (struct rules_range16){32768, 60999};
}
