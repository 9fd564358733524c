/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Packets as they come from a wire: two bytes of length, then so many bytes, again and again. Each is
 * decoded; what the decoder says of it lies within it. Fragments go into a reassembler with little room, and
 * the clock runs; what comes out is a packet as well.
 */
#include "packet/decode.h"
#include "packet/reassemble.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

static void check_packet(const struct packet *p, size_t size)
{
    MUST(p->family == PACKET_IPV4 || p->family == PACKET_IPV6);
    MUST(p->captured <= size && p->captured <= p->length);
    MUST(p->transport <= p->captured && p->payload <= p->length);
    MUST(p->is_fragment == (p->more_fragments || p->fragment_offset > 0));
    MUST(p->fault != PACKET_SHORT || p->payload == p->captured);
    MUST(p->payload + packet_payload_size(p) <= (p->payload > p->captured ? p->payload : p->captured));
    if (p->fragment_offset)
        MUST(p->transport == p->captured && p->source_port == 0 && p->destination_port == 0);
}

static void check_text(const struct packet *p)
{
    char text[46];
    struct packet_address a;
    uint8_t family;

    packet_address_format(&p->source, p->family, text);
    MUST(packet_address_parse(text, &a, &family) == 0);
    MUST(family == p->family && packet_address_equal(&a, &p->source));
}

/* Decoded with and without a look at the sums: the same, but for that fault. */
static void take(struct packet_reassembler *r, const uint8_t *bytes, size_t size, uint64_t now)
{
    struct packet p, strict, whole;
    int result = packet_decode(bytes, size, false, &p);

    MUST(packet_decode(bytes, size, true, &strict) == result);
    if (result < 0) {
        MUST(result == -EBADMSG || result == -EPROTONOSUPPORT);
        return;
    }
    MUST(strict.fault == p.fault || strict.fault == PACKET_BAD_CHECKSUM);
    MUST(strict.transport == p.transport && strict.payload == p.payload);
    check_packet(&p, size);
    check_text(&p);
    result = packet_reassemble(r, &p, now, &whole);
    MUST(result == 0 || result == 1 || result == -EBADMSG);
    MUST(result == 1 || p.is_fragment || p.is_atomic);
    if (result == 1)
        check_packet(&whole, whole.captured);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t exact[65536];
    struct packet_reassembler *r = packet_reassembler_new(16384);
    uint64_t now = 0;

    while (size >= 2) {
        size_t part = (size_t)(data[0] << 8 | data[1]);
        data += 2;
        size -= 2;
        if (part > size)
            part = size;
        memcpy(exact + sizeof(exact) - part, data, part); /* an overrun is seen */
        take(r, exact + sizeof(exact) - part, part, now);
        now += part * 8;
        data += part;
        size -= part;
    }
    packet_reassembler_free(&r);
    return 0;
}
