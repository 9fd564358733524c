/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/decode.h"

#include "packet/checksum.h"
#include "packet/read.h"

#include <errno.h>

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
    if (p->family == PACKET_IPV4 && p->fault == PACKET_SOUND &&
        packet_sum_finish(packet_sum_add(0, p->bytes, (size_t)(p->bytes[0] & 15) * 4)) != 0)
        p->fault = PACKET_BAD_CHECKSUM;
    if (p->fault == PACKET_SOUND && !p->is_fragment && p->captured == p->length && has_sum(p) &&
        !transport_sum_is_right(p))
        p->fault = PACKET_BAD_CHECKSUM;
}

int packet_decode(const void *bytes, size_t size, bool check_sums, struct packet *ret)
{
    struct packet_source source = {.bytes = bytes, .size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX};

    switch (packet_read(&source, ret)) {
    case PACKET_READ:
        if (check_sums)
            verify_sums(ret);
        return 0;
    case PACKET_NOT_IP:
        return -EPROTONOSUPPORT;
    default:
        return -EBADMSG;
    }
}
