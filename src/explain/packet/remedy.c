/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/remedy.h"
#include "explain/exchange/exchange.h"
#include "explain/make.h"
#include "packet/decode.h"
#include "speech/speech.h"

#include <errno.h>

enum { ECHO_REQUEST = 8, ECHO_REQUEST6 = 128 };

static bool begins_an_exchange(const struct packet *p)
{
    switch (p->protocol) {
    case PACKET_TCP:
        return p->tcp.flags == PACKET_SYN;
    case PACKET_UDP:
        return true;
    case PACKET_ICMP:
        return p->icmp.type == ECHO_REQUEST;
    case PACKET_ICMPV6:
        return p->icmp.type == ECHO_REQUEST6;
    default:
        return false;
    }
}

/* Its sender is the client, whoever that is in the packet's story. */
static struct play exchange_of(const struct packet *p, enum wall_path path, const struct play *play)
{
    static const enum story_at places[WALL_PATHS] = {[WALL_IN] = STORY_AT_SERVER,
                                                     [WALL_OUT] = STORY_AT_CLIENT,
                                                     [WALL_THROUGH] = STORY_AT_GATEWAY,
                                                     [WALL_LOOP] = STORY_AT_SERVER};
    struct play exchange = *play;

    exchange.client = p->source;
    exchange.server = p->destination;
    exchange.where = places[path];
    if (packet_has_ports(p->protocol)) {
        exchange.client_ports = (struct rules_range16){p->source_port, p->source_port};
        exchange.server_port = p->destination_port;
    }
    return exchange;
}

int packet_remedy(struct story *story, const struct rules *r, const struct packet *packet,
                  enum wall_path path, const struct play *play)
{
    struct play exchange = exchange_of(packet, path, play);
    uint8_t protocol = packet->protocol == PACKET_ICMPV6 ? PACKET_ICMP : packet->protocol;

    if (!begins_an_exchange(packet))
        return 0;
    struct story *whole = exchange_explain(r, protocol, &exchange);
    if (!whole)
        return -ENOMEM;
    story->fixes = whole->fixes;
    story->fix_count = whole->fix_count;
    whole->fixes = NULL;
    whole->fix_count = 0;
    story_free(&whole);
    if (!story->fix_count)
        return 0;
    return story_note_take(story, PHRASE(NOTE_EXCHANGE_TRIED));
}
