/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/rewrite.h"

#include "base/wire.h"
#include "packet/build.h"
#include "packet/checksum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IPV4_LEAST = 20, IPV6_HEADER = 40 };

static int reserve(struct packet_copy *c, size_t size)
{
    if (size <= c->capacity)
        return 0;
    uint8_t *bytes = realloc(c->bytes, size);
    if (!bytes)
        return -ENOMEM;
    c->bytes = bytes;
    c->packet.bytes = bytes;
    c->capacity = size;
    return 0;
}

int packet_copy_take(struct packet_copy *c, const struct packet *p)
{
    if (p == &c->packet)
        return 0;
    if (reserve(c, p->captured) < 0)
        return -ENOMEM;
    if (p->captured)
        memcpy(c->bytes, p->bytes, p->captured);
    c->packet = *p;
    c->packet.bytes = c->bytes;
    return 0;
}

void packet_copy_free(struct packet_copy *c)
{
    free(c->bytes);
    *c = (struct packet_copy){0};
}

/* Are size bytes from at on there? */
static bool has(const struct packet_copy *c, uint32_t at, uint32_t size)
{
    return at <= c->packet.captured && size <= c->packet.captured - at;
}

/* Where in the transport header the checksum is; 0: it has none that is kept right. */
static uint32_t sum_place(const struct packet *p)
{
    switch (p->protocol) {
    case PACKET_TCP:
        return 16;
    case PACKET_UDP:
        return 6;
    case PACKET_ICMP:
    case PACKET_ICMPV6:
        return 2;
    default:
        return 0;
    }
}

static void sum_transport(struct packet_copy *c)
{
    const struct packet *p = &c->packet;
    uint32_t place = p->transport + sum_place(p), size = p->length - p->transport;

    if (place == p->transport || p->fault != PACKET_SOUND || p->is_fragment || p->captured < p->length ||
        !has(c, place, 2))
        return;
    uint8_t *at = c->bytes + place;
    if (p->protocol == PACKET_UDP && wire_read16(at) == 0) /* none was sent (RFC 768) */
        return;
    uint64_t sum = p->protocol == PACKET_ICMP
                       ? 0
                       : packet_sum_pseudo(p->family, &p->source, &p->destination, p->protocol, size);
    wire_write16(at, 0);
    uint16_t value = packet_sum_finish(packet_sum_add(sum, c->bytes + p->transport, size));
    wire_write16(at, value == 0 && p->protocol == PACKET_UDP ? 0xffff : value);
}

static void sum_all(struct packet_copy *c)
{
    sum_transport(c);
    if (c->packet.family != PACKET_IPV4 || !has(c, 0, IPV4_LEAST))
        return;
    uint32_t header = (c->bytes[0] & 15u) * 4;
    if (!has(c, 0, header))
        return;
    wire_write16(c->bytes + 10, 0);
    wire_write16(c->bytes + 10, packet_sum_finish(packet_sum_add(0, c->bytes, header)));
}

static void set_address(struct packet_copy *c, bool source, const struct packet_address *address)
{
    bool six = c->packet.family == PACKET_IPV6;
    uint32_t size = six ? 16 : 4, first = six ? 8 : 12;

    *(source ? &c->packet.source : &c->packet.destination) = *address;
    if (has(c, 0, first + 2 * size))
        memcpy(c->bytes + first + (source ? 0 : size), address->word, size);
}

static void set_port(struct packet_copy *c, bool source, uint16_t port)
{
    struct packet *p = &c->packet;
    bool icmp = p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6;
    uint32_t at = p->transport + (icmp ? 4 : source ? 0 : 2);

    if (p->fragment_offset || (!icmp && !packet_has_ports(p->protocol)))
        return;
    if (icmp)
        p->icmp.id = port;
    else
        *(source ? &p->source_port : &p->destination_port) = port;
    if (has(c, at, 2))
        wire_write16(c->bytes + at, port);
}

void packet_copy_set_end(struct packet_copy *c, bool source, const struct packet_address *address,
                         uint16_t port)
{
    set_address(c, source, address);
    set_port(c, source, port);
    sum_all(c);
}

void packet_copy_set_numbers(struct packet_copy *c, uint32_t sequence, uint32_t acknowledgement)
{
    struct packet *p = &c->packet;

    p->tcp.sequence = sequence;
    p->tcp.acknowledgement = acknowledgement;
    if (has(c, p->transport + 4, 8)) {
        wire_write32(c->bytes + p->transport + 4, sequence);
        wire_write32(c->bytes + p->transport + 8, acknowledgement);
    }
    sum_all(c);
}

static void set_length(struct packet_copy *c, uint32_t length)
{
    c->packet.length = length;
    if (c->packet.family == PACKET_IPV4)
        wire_write16(c->bytes + 2, (uint16_t)length);
    else
        wire_write16(c->bytes + 4, (uint16_t)(length - IPV6_HEADER));
}

int packet_copy_replace(struct packet_copy *c, uint32_t at, uint32_t cut, const char *text, uint32_t size)
{
    struct packet *p = &c->packet;
    uint32_t begin = p->payload + at;

    if (p->captured < p->length || at > p->length || !has(c, begin, cut) ||
        p->length - cut + size > PACKET_LONGEST)
        return -EMSGSIZE;
    uint32_t rest = p->captured - begin - cut;
    if (reserve(c, p->captured - cut + size) < 0)
        return -ENOMEM;
    memmove(c->bytes + begin + size, c->bytes + begin + cut, rest);
    memcpy(c->bytes + begin, text, size);
    p->captured = p->captured - cut + size;
    set_length(c, p->length - cut + size);
    sum_all(c);
    return 0;
}
