/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/nat.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    PORTS_TRIED = 128, /* NF_NAT_MAX_ATTEMPTS */
    SOURCES_LOOKED_AT =
        4096, /* flows; of a source that more than these would have to be asked about nothing is sure */
};

/* ---- is it taken? ---- */

/* Would replies to packets that look so belong to another connection? (nf_nat_used_tuple) */
static bool is_taken(struct tracker *t, const struct track_tuple *tuple)
{
    struct track_tuple reply;
    enum track_direction direction;

    return track_tuple_invert(tuple, &reply) &&
           tracker_find_flow(t, &reply, table_hash(&t->table, &reply), &direction) != TABLE_NONE;
}

/* ---- addresses ---- */

/* lookup3 by Bob Jenkins, as include/linux/jhash.h has it: jhash2 of four words. */
static uint32_t hash_words(const uint32_t word[4], uint32_t initial)
{
#define ROTATE(x, bits)    ((x) << (bits) | (x) >> (32 - (bits)))
#define MIX(x, y, z, bits) (x) -= (z), (x) ^= ROTATE(z, bits), (z) += (y)
#define FINAL(x, y, bits)  (x) ^= (y), (x) -= ROTATE(y, bits)
    uint32_t a = 0xdeadbeef + (4U << 2) + initial, b = a, c = a;

    a += word[0];
    b += word[1];
    c += word[2];
    MIX(a, b, c, 4);
    MIX(b, c, a, 6);
    MIX(c, a, b, 8);
    MIX(a, b, c, 16);
    MIX(b, c, a, 19);
    MIX(c, a, b, 4);
    a += word[3];
    FINAL(c, b, 14);
    FINAL(a, c, 11);
    FINAL(b, a, 25);
    FINAL(c, b, 16);
    FINAL(a, c, 4);
    FINAL(b, a, 14);
    FINAL(c, b, 24);
    return c;
}

/* Spread evenly over the range, and the same for the same ends (find_best_ips_proto). */
static struct packet_address choose_address(const struct track_tuple *tuple, const struct nat_order *o)
{
    unsigned words = tuple->family == PACKET_IPV6 ? 4 : 1;
    bool persistent = o->flags & NAT_PERSISTENT, whole = false;
    uint32_t spread =
        hash_words(tuple->source.word, persistent ? 0 : tuple->destination.word[words - 1] ^ tuple->zone);
    struct packet_address chosen = {{0}};

    for (unsigned w = 0; w < words; w++) {
        uint32_t least = whole ? 0 : ntohl(o->first.word[w]),
                 distance = whole ? UINT32_MAX : ntohl(o->last.word[w]) - least + 1;
        chosen.word[w] = htonl(least + (uint32_t)((uint64_t)spread * distance >> 32));
        whole |= chosen.word[w] != o->last.word[w];
        if (!persistent)
            spread ^= tuple->destination.word[w];
    }
    return chosen;
}

static void map_address(struct track_tuple *tuple, enum nat_manip manip, const struct nat_order *o)
{
    struct packet_address *end = manip == NAT_SOURCE ? &tuple->source : &tuple->destination, mask;

    if (!(o->flags & NAT_MAPS_ADDRESSES))
        return;
    if (o->flags & NAT_NETMAP) {
        mask = nat_netmask(o);
        for (unsigned w = 0; w < 4; w++)
            end->word[w] = (end->word[w] & ~mask.word[w]) | (o->first.word[w] & mask.word[w]);
    } else {
        *end = packet_address_equal(&o->first, &o->last) ? o->first : choose_address(tuple, o);
    }
}

/* ---- ports ---- */

static uint16_t *port_of(struct track_tuple *tuple, enum nat_manip manip)
{
    return manip == NAT_SOURCE || track_is_icmp(tuple->protocol) ? &tuple->source_port
                                                                 : &tuple->destination_port;
}

static bool has_port_to_map(uint8_t protocol)
{
    return track_has_ports(protocol) || track_is_icmp(protocol);
}

static bool is_in(const struct nat_order *o, uint16_t port)
{
    return port >= o->port_first && port <= o->port_last;
}

/* The ports that one is taken of: those of the order, or such as mean the same to the other side. */
static struct nat_order port_range(const struct nat_order *o, const struct track_tuple *tuple, uint16_t port)
{
    struct nat_order range = *o;

    if (o->flags & NAT_MAPS_PORTS)
        return range;
    range.port_first = 1024;
    range.port_last = UINT16_MAX;
    if (track_is_icmp(tuple->protocol))
        range.port_first = 0;
    else if (port < 512)
        range.port_first = 1, range.port_last = 511;
    else if (port < 1024)
        range.port_first = 600, range.port_last = 1023;
    return range;
}

/* nf_nat_l4proto_unique_tuple. true: which one it is, only chance decides. */
static bool choose_port(struct tracker *t, struct track_tuple *tuple, enum nat_manip manip,
                        const struct nat_order *o)
{
    uint16_t *port = port_of(tuple, manip), was = *port;
    struct nat_order range = port_range(o, tuple, was);
    uint32_t size = (uint32_t)range.port_last - range.port_first + 1;
    bool shifted = o->flags & NAT_OFFSET,
         random = !shifted && (o->flags & (NAT_RANDOM | NAT_RANDOM_FULLY) || manip == NAT_SOURCE) && size > 1;
    uint32_t offset = shifted ? (uint16_t)(was - o->port_base) : 0;

    if (!has_port_to_map(tuple->protocol) || (manip == NAT_DESTINATION && !(o->flags & NAT_MAPS_PORTS)))
        return false;
    for (uint32_t i = 0; i < PORTS_TRIED && i < size; i++, offset++) {
        *port = (uint16_t)(range.port_first + (offset & UINT16_MAX) % size);
        if (!is_taken(t, tuple))
            break;
    }
    return random;
}

/* ---- an end ---- */

/* nf_in_range: of sources. */
static bool is_in_range(const struct track_tuple *tuple, const struct nat_order *o)
{
    const struct packet_address *a = &tuple->source;

    if (o->flags & NAT_MAPS_ADDRESSES &&
        (memcmp(a, &o->first, sizeof(*a)) < 0 || memcmp(a, &o->last, sizeof(*a)) > 0))
        return false;
    return !(o->flags & NAT_MAPS_PORTS) || is_in(o, tuple->source_port);
}

/* A source that another of its connections has already, if that suits (find_appropriate_src). -1: too many to look. */
static int find_source(struct tracker *t, const struct track_tuple *tuple, const struct nat_order *o,
                       struct track_tuple *ret)
{
    if (t->table.top > SOURCES_LOOKED_AT)
        return -1;
    for (uint32_t slot = 1; slot <= t->table.top; slot++) {
        const struct track_flow *flow = tracker_has(t, slot) ? table_flow(&t->table, slot) : NULL;
        struct track_tuple mapped = *tuple;

        if (!flow || !(flow->status & TRACK_SRC_NAT_DONE) || flow->tuple.protocol != tuple->protocol ||
            flow->tuple.source_port != tuple->source_port || flow->tuple.zone != tuple->zone ||
            !packet_address_equal(&flow->tuple.source, &tuple->source))
            continue;
        mapped.source = flow->reply.destination;
        mapped.source_port = flow->reply.destination_port;
        if (is_in_range(&mapped, o)) {
            *ret = mapped;
            return 1;
        }
    }
    return 0;
}

/* get_unique_tuple. Status bits of what is open. */
static uint16_t choose(struct tracker *t, struct track_tuple *tuple, enum nat_manip manip,
                       const struct nat_order *o)
{
    bool random = o->flags & (NAT_RANDOM | NAT_RANDOM_FULLY), unlooked = false;
    struct track_tuple found;

    if (manip == NAT_SOURCE && !random) {
        if (is_in_range(tuple, o)) {
            if (!is_taken(t, tuple))
                return 0;
        } else {
            int r = find_source(t, tuple, o, &found);
            unlooked = r < 0;
            if (r > 0 && !is_taken(t, &found)) {
                *tuple = found;
                return 0;
            }
        }
    }
    map_address(tuple, manip, o);
    uint16_t open = unlooked ? TRACK_SRC_ADDRESS_OPEN | TRACK_SRC_PORT_OPEN : 0,
             port = *port_of(tuple, manip);
    bool single = o->port_first == o->port_last;
    if (!random && o->flags & NAT_MAPS_PORTS) {
        if (!(o->flags & NAT_OFFSET) && is_in(o, port) && (single || !is_taken(t, tuple)))
            return open;
    } else if (!random && !is_taken(t, tuple)) {
        return open;
    }
    if (choose_port(t, tuple, manip, o))
        open |= manip == NAT_SOURCE ? TRACK_SRC_PORT_OPEN : TRACK_DST_PORT_OPEN;
    return open;
}

bool nat_is_mapped(const struct track_flow *flow, enum nat_manip manip)
{
    return flow->status & (manip == NAT_SOURCE ? TRACK_SRC_NAT_DONE : TRACK_DST_NAT_DONE);
}

void nat_map(struct tracker *t, struct track_flow *flow, enum nat_manip manip, const struct nat_order *order)
{
    static const struct nat_order none;
    struct track_tuple now, mapped;
    bool source = manip == NAT_SOURCE;

    if (nat_is_mapped(flow, manip) || flow->status & TRACK_CONFIRMED)
        return;
    flow->status |= source ? TRACK_SRC_NAT_DONE : TRACK_DST_NAT_DONE;
    if (!track_tuple_invert(&flow->reply, &now))
        return;
    mapped = now;
    flow->status |= choose(t, &mapped, manip, order ? order : &none);
    if (track_tuple_equal(&mapped, &now) || !track_tuple_invert(&mapped, &flow->reply))
        return;
    flow->status |= source ? TRACK_SRC_NAT : TRACK_DST_NAT;
}

static struct nat_order to_address(const struct packet_address *address)
{
    return (struct nat_order){
        .kind = NAT_MAP, .flags = NAT_MAPS_ADDRESSES, .first = *address, .last = *address};
}

void nat_follow(struct tracker *t, struct track_flow *flow, const struct track_flow *master,
                const struct track_expectation *e)
{
    const struct track_tuple *of = track_flow_tuple(master, (enum track_direction)e->direction);
    struct nat_order source = to_address(&of->destination), destination = to_address(&of->source);

    destination.flags |= NAT_MAPS_PORTS;
    destination.port_first = destination.port_last = e->saved_port;
    nat_map(t, flow, NAT_SOURCE, &source);
    nat_map(t, flow, NAT_DESTINATION, &destination);
}

bool nat_rewrites(const struct track_flow *flow, enum track_direction direction, enum nat_manip manip,
                  struct track_tuple *ret)
{
    bool source = (manip == NAT_SOURCE) == (direction == TRACK_ORIGINAL);

    return flow->status & (source ? TRACK_SRC_NAT : TRACK_DST_NAT) &&
           track_tuple_invert(track_flow_tuple(flow, (enum track_direction) !direction), ret);
}
