/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/decode.h"

#include "packet/checksum.h"
#include "packet/extension.h"
#include "packet/wire.h"

#include <errno.h>
#include <string.h>

enum {
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    TCP_HEADER = 20,
    UDP_HEADER = 8,
    ICMP_HEADER = 8,
    PORTS = 4,
};

/* The transport header begins and is cut off. */
static void set_short(struct packet *p)
{
    p->payload = p->captured;
    p->fault = PACKET_SHORT;
}

/* No transport header: what is asked of it finds nothing to read. */
static void set_no_transport(struct packet *p, enum packet_fault fault)
{
    p->transport = p->payload = p->captured;
    p->fault = (uint8_t)fault;
}

/* Writes to *p only once the header is known to be sound; then in place, which spares a copy. */
static int decode_ipv4(const uint8_t *bytes, size_t size, struct packet *p)
{
    if (size < IPV4_HEADER)
        return -EBADMSG;
    uint32_t header = (uint32_t)(bytes[0] & 15) * 4, total = wire_read16(bytes + 2);
    /* A sender that leaves segmentation to its network card shows captures with a length of 0. */
    if (total == 0)
        total = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    if (header < IPV4_HEADER || header > size || total < header)
        return -EBADMSG;
    uint16_t fragment = wire_read16(bytes + 6);

    *p = (struct packet){.bytes = bytes, .family = PACKET_IPV4};
    p->tos = bytes[1];
    p->length = total;
    p->captured = size < total ? (uint32_t)size : total;
    p->more_fragments = fragment & 0x2000;
    p->fragment_offset = (uint16_t)(fragment << 3);
    p->is_fragment = p->more_fragments || p->fragment_offset;
    p->ttl = bytes[8];
    p->protocol = bytes[9];
    memcpy(&p->source.word[0], bytes + 12, 4);
    memcpy(&p->destination.word[0], bytes + 16, 4);
    p->transport = header;
    return 0;
}

/* Past the extension headers. A chain that is cut off, too long, or ends in "no next header" has no
 * transport. */
static void walk_extensions(struct packet *p, uint8_t next)
{
    uint32_t at = IPV6_HEADER;

    for (unsigned n = 0; extension_is_walked(next); n++) {
        p->protocol = next;
        if (n == EXTENSION_COUNT || p->captured - at < EXTENSION_LEAST) {
            set_no_transport(p, PACKET_SHORT);
            return;
        }
        uint32_t size = extension_size(next, p->bytes[at + 1]);
        uint8_t kind = next;
        next = p->bytes[at];
        if (size > p->captured - at) {
            set_no_transport(p, PACKET_SHORT);
            return;
        }
        if (kind == EXTENSION_FRAGMENT) {
            uint16_t fragment = wire_read16(p->bytes + at + 2);
            p->fragment_offset = fragment & 0xfff8;
            p->more_fragments = fragment & 1;
            p->is_fragment = p->more_fragments || p->fragment_offset;
            p->is_atomic = !p->is_fragment;
        }
        at += size;
        if (p->fragment_offset)
            break;
    }
    p->protocol = next;
    p->transport = at;
    if (next == EXTENSION_NONE && !p->fragment_offset)
        set_no_transport(p, PACKET_SHORT);
}

static int decode_ipv6(const uint8_t *bytes, size_t size, struct packet *p)
{
    if (size < IPV6_HEADER)
        return -EBADMSG;
    uint64_t total = (uint64_t)wire_read16(bytes + 4) + IPV6_HEADER;
    /* A jumbogram (RFC 2675) has its length in a hop-by-hop option; what was captured is all there is. */
    if (total == IPV6_HEADER && bytes[6] == EXTENSION_HOP_BY_HOP)
        total = size < UINT32_MAX ? size : UINT32_MAX;

    *p = (struct packet){.bytes = bytes, .family = PACKET_IPV6};
    p->tos = (uint8_t)(wire_read16(bytes) >> 4);
    p->length = (uint32_t)total;
    p->captured = size < total ? (uint32_t)size : (uint32_t)total;
    p->ttl = bytes[7];
    memcpy(p->source.word, bytes + 8, 16);
    memcpy(p->destination.word, bytes + 24, 16);
    walk_extensions(p, bytes[6]);
    return 0;
}

static void decode_tcp(struct packet *p, const uint8_t *at, uint32_t there)
{
    if (there < TCP_HEADER) {
        set_short(p);
        return;
    }
    p->tcp.sequence = wire_read32(at + 4);
    p->tcp.acknowledgement = wire_read32(at + 8);
    p->tcp.header = (uint8_t)((at[12] >> 4) * 4);
    p->tcp.flags = at[13];
    p->tcp.window = wire_read16(at + 14);
    if (p->tcp.header < TCP_HEADER || (!p->is_fragment && p->tcp.header > p->length - p->transport)) {
        p->fault = PACKET_BAD_LENGTH;
        p->payload = p->captured;
        return;
    }
    p->payload = p->transport + p->tcp.header;
    if (p->payload > p->length) /* a first fragment may end within the options */
        p->payload = p->length;
}

static void decode_udp(struct packet *p, const uint8_t *at, uint32_t there)
{
    if (there < UDP_HEADER) {
        set_short(p);
        return;
    }
    /* Of UDP-Lite this is how much the checksum covers; 0: all (RFC 3828 section 3.1). */
    uint32_t length = wire_read16(at + 4);
    bool covers_all = p->protocol == PACKET_UDPLITE && length == 0;
    if ((length < UDP_HEADER && !covers_all) || (!p->is_fragment && length > p->length - p->transport))
        p->fault = PACKET_BAD_LENGTH;
    p->payload = p->transport + UDP_HEADER;
}

/* Messages with an identifier: echo, timestamp, information, address mask (RFC 792, 950); echo and node
 * information in IPv6 (RFC 4443, 4620). */
static bool icmp_has_id(uint8_t protocol, uint8_t type)
{
    if (protocol == PACKET_ICMPV6)
        return type == 128 || type == 129 || type == 139 || type == 140;
    return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

static void decode_icmp(struct packet *p, const uint8_t *at, uint32_t there)
{
    if (there < ICMP_HEADER) {
        set_short(p);
        return;
    }
    p->icmp.type = at[0];
    p->icmp.code = at[1];
    if (icmp_has_id(p->protocol, at[0]))
        p->icmp.id = wire_read16(at + 4);
    p->payload = p->transport + ICMP_HEADER;
}

/* As nf_conntrack reads it (net/netfilter/nf_conntrack_proto_*.c): ports even of a header that is cut off
 * behind them, which is all that an ICMP error must carry of what it answers. */
static void decode_transport(struct packet *p)
{
    if (p->fault)
        return;
    if (p->fragment_offset) {
        p->payload = p->transport;
        p->transport = p->captured;
        return;
    }
    if (p->transport > p->captured) {
        set_no_transport(p, PACKET_SHORT);
        return;
    }
    const uint8_t *at = p->bytes + p->transport;
    uint32_t there = p->captured - p->transport;
    p->payload = p->transport;
    if (packet_has_ports(p->protocol) && there >= PORTS) {
        p->source_port = wire_read16(at);
        p->destination_port = wire_read16(at + 2);
    }
    if (p->protocol == PACKET_TCP)
        decode_tcp(p, at, there);
    else if (p->protocol == PACKET_UDP || p->protocol == PACKET_UDPLITE)
        decode_udp(p, at, there);
    else if (p->protocol == (p->family == PACKET_IPV4 ? PACKET_ICMP : PACKET_ICMPV6))
        decode_icmp(p, at, there);
    else if (packet_has_ports(p->protocol) && there < PORTS)
        set_short(p);
}

/* Over the whole rest of the packet, as nf_ip_checksum does, not over UDP's own length. UDP-Lite's is checked
 * as if it were UDP's (udplite_error in nf_conntrack_proto_udp.c), so that a right one counts as wrong. */
static bool transport_sum_is_right(const struct packet *p)
{
    uint32_t size = p->length - p->transport, covered = size;
    const uint8_t *at = p->bytes + p->transport;
    uint8_t protocol = p->protocol == PACKET_UDPLITE ? PACKET_UDP : p->protocol;
    uint64_t sum = 0;

    if (protocol == PACKET_UDP && wire_read16(at + 6) == 0)
        return p->protocol == PACKET_UDP; /* RFC 768: not computed; RFC 3828: never so */
    if (p->protocol == PACKET_UDPLITE && wire_read16(at + 4) != 0)
        covered = wire_read16(at + 4);
    if (protocol != PACKET_ICMP)
        sum = packet_sum_pseudo(p->family, &p->source, &p->destination, protocol, size);
    return packet_sum_finish(packet_sum_add(sum, at, covered)) == 0;
}

static bool has_sum(const struct packet *p)
{
    return p->protocol == PACKET_TCP || p->protocol == PACKET_UDP || p->protocol == PACKET_UDPLITE ||
           p->protocol == (p->family == PACKET_IPV4 ? PACKET_ICMP : PACKET_ICMPV6);
}

static void verify_sums(struct packet *p)
{
    if (p->family == PACKET_IPV4 &&
        packet_sum_finish(packet_sum_add(0, p->bytes, (size_t)(p->bytes[0] & 15) * 4)) != 0)
        p->fault = PACKET_BAD_CHECKSUM;
    if (p->fault == PACKET_SOUND && !p->is_fragment && p->captured == p->length && has_sum(p) &&
        !transport_sum_is_right(p))
        p->fault = PACKET_BAD_CHECKSUM;
}

int packet_decode(const void *bytes, size_t size, bool check_sums, struct packet *ret)
{
    int r;

    if (size == 0)
        return -EBADMSG;
    switch (*(const uint8_t *)bytes >> 4) {
    case 4:
        r = decode_ipv4(bytes, size, ret);
        break;
    case 6:
        r = decode_ipv6(bytes, size, ret);
        break;
    default:
        return -EPROTONOSUPPORT;
    }
    if (r < 0)
        return r;
    decode_transport(ret);
    if (check_sums)
        verify_sums(ret);
    return 0;
}
