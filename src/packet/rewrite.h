/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_REWRITE_H
#define SALLY_PACKET_REWRITE_H

/*
 * A packet that is written to on its way: its ends by NAT, its payload and sequence numbers by NAT's helpers. The copy
 * owns its bytes; struct packet and bytes always say the same, checksums included (of a packet that came with a wrong
 * one, or cut short, they stay as they are).
 */
#include "base/result.h"
#include "packet/packet.h"

/* All zero: holds nothing. */
struct packet_copy {
    struct packet packet;
    uint8_t *bytes; /* packet.bytes */
    size_t capacity;
};

/* Makes c a copy of p, which may be c's own packet: then nothing happens. 0 or -ENOMEM, and then c is as before. */
MUST_USE int packet_copy_take(struct packet_copy *c, const struct packet *p);
void packet_copy_free(struct packet_copy *c);

/* Its source, or its destination, becomes this; the port is ICMP's id, and nothing where the protocol has none. */
void packet_copy_set_end(struct packet_copy *c, bool source, const struct packet_address *address,
                         uint16_t port);
/* TCP only. */
void packet_copy_set_numbers(struct packet_copy *c, uint32_t sequence, uint32_t acknowledgement);
/* `cut` bytes of the payload, from at on, become the text. 0; -EMSGSIZE: no packet is so long, or they are not all
 * there; -ENOMEM. */
MUST_USE int packet_copy_replace(struct packet_copy *c, uint32_t at, uint32_t cut, const char *text,
                                 uint32_t size);

#endif
