/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/build.h"

#include "base/wire.h"
#include "packet/checksum.h"

#include <errno.h>
#include <string.h>

enum { IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20, TCP_LONGEST = 60, SHORT_HEADER = 8 };

/* Options in the order of a Linux SYN, padded with no-operations (RFC 9293 section 3.1, RFC 7323, RFC 2018).
 */
static uint32_t write_tcp_options(const struct packet_recipe *r, uint8_t *at)
{
    uint8_t *start = at;

    if (r->mss) {
        *at++ = 2;
        *at++ = 4;
        wire_write16(at, r->mss);
        at += 2;
    }
    if (r->sack_permitted) {
        *at++ = 4;
        *at++ = 2;
    }
    /* The option says what a SYN offers; in later segments a zero of the recipe means none. */
    if (r->tcp.flags & PACKET_SYN && r->window_scale >= 0) {
        *at++ = 3;
        *at++ = 3;
        *at++ = (uint8_t)r->window_scale;
    }
    while ((at - start) % 4)
        *at++ = 1;
    return (uint32_t)(at - start);
}

static uint32_t write_tcp(const struct packet_recipe *r, uint8_t *at)
{
    uint32_t size = TCP_HEADER + write_tcp_options(r, at + TCP_HEADER);

    wire_write16(at, r->source_port);
    wire_write16(at + 2, r->destination_port);
    wire_write32(at + 4, r->tcp.sequence);
    wire_write32(at + 8, r->tcp.acknowledgement);
    at[12] = (uint8_t)(size / 4 << 4);
    at[13] = r->tcp.flags;
    wire_write16(at + 14, r->tcp.window);
    memset(at + 16, 0, 4);
    return size;
}

static uint32_t write_udp(const struct packet_recipe *r, uint8_t *at)
{
    wire_write16(at, r->source_port);
    wire_write16(at + 2, r->destination_port);
    wire_write16(at + 4, (uint16_t)(SHORT_HEADER + r->payload_size));
    wire_write16(at + 6, 0);
    return SHORT_HEADER;
}

static uint32_t write_icmp(const struct packet_recipe *r, uint8_t *at)
{
    at[0] = r->icmp.type;
    at[1] = r->icmp.code;
    wire_write16(at + 2, 0);
    wire_write16(at + 4, r->icmp.id);
    wire_write16(at + 6, r->icmp_sequence);
    return SHORT_HEADER;
}

static uint32_t write_transport(const struct packet_recipe *r, uint8_t *at)
{
    switch (r->protocol) {
    case PACKET_TCP:
        return write_tcp(r, at);
    case PACKET_UDP:
    case PACKET_UDPLITE:
        return write_udp(r, at);
    case PACKET_ICMP:
    case PACKET_ICMPV6:
        return write_icmp(r, at);
    default:
        return 0;
    }
}

/* Offset of the checksum in the transport header; -1: it has none. */
static int sum_offset(uint8_t protocol)
{
    switch (protocol) {
    case PACKET_TCP:
        return 16;
    case PACKET_UDP:
    case PACKET_UDPLITE:
        return 6;
    case PACKET_ICMP:
    case PACKET_ICMPV6:
        return 2;
    default:
        return -1;
    }
}

static void write_sum(const struct packet_recipe *r, uint8_t *at, uint32_t size)
{
    int offset = sum_offset(r->protocol);
    uint64_t sum = 0;

    if (offset < 0)
        return;
    if (r->protocol != PACKET_ICMP)
        sum = packet_sum_pseudo(r->family, &r->source, &r->destination, r->protocol, size);
    uint16_t value = packet_sum_finish(packet_sum_add(sum, at, size));
    /* RFC 768: a computed zero is sent as all ones. */
    if (value == 0 && (r->protocol == PACKET_UDP || r->protocol == PACKET_UDPLITE))
        value = 0xffff;
    wire_write16(at + offset, value);
}

static void write_ip(const struct packet_recipe *r, uint8_t *at, uint32_t size)
{
    uint8_t ttl = r->ttl ? r->ttl : 64;

    if (r->family == PACKET_IPV4) {
        memset(at, 0, IPV4_HEADER);
        at[0] = 0x45;
        at[1] = r->tos;
        wire_write16(at + 2, (uint16_t)size);
        at[8] = ttl;
        at[9] = r->protocol;
        memcpy(at + 12, r->source.word, 4);
        memcpy(at + 16, r->destination.word, 4);
        wire_write16(at + 10, packet_sum_finish(packet_sum_add(0, at, IPV4_HEADER)));
        return;
    }
    wire_write32(at, 6u << 28 | (uint32_t)r->tos << 20);
    wire_write16(at + 4, (uint16_t)(size - IPV6_HEADER));
    at[6] = r->protocol;
    at[7] = ttl;
    memcpy(at + 8, r->source.word, 16);
    memcpy(at + 24, r->destination.word, 16);
}

int packet_build(const struct packet_recipe *recipe, void *buffer, size_t capacity)
{
    uint8_t transport[TCP_LONGEST], *at = buffer;
    uint32_t ip = recipe->family == PACKET_IPV4 ? IPV4_HEADER : IPV6_HEADER;

    if (recipe->payload_size > PACKET_LONGEST)
        return -EMSGSIZE;
    uint32_t header = write_transport(recipe, transport);
    size_t size = ip + header + recipe->payload_size;
    if (size > PACKET_LONGEST || size > capacity)
        return -EMSGSIZE;
    memcpy(at + ip, transport, header);
    if (recipe->payload_size)
        memcpy(at + ip + header, recipe->payload, recipe->payload_size);
    write_sum(recipe, at + ip, (uint32_t)(size - ip));
    write_ip(recipe, at, (uint32_t)size);
    return (int)size;
}
