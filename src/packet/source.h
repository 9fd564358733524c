/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_SOURCE_H
#define SALLY_PACKET_SOURCE_H

/*
 * Where a packet's bytes come from: natively memory, in the kernel program (src/bpf/kernel.h) the skb. Freestanding.
 */
#include "packet/packet.h"

#ifndef PACKET_SOURCE
struct packet_source {
    const uint8_t *bytes;
    uint32_t size;
};

/* size bytes (a constant, at most PACKET_PIECE) at offset, which the caller has seen to be there; NULL, in the kernel
 * only: they can't be had. What the call before returned is gone. */
static inline const uint8_t *packet_at(struct packet_source *s, uint32_t offset, uint32_t size)
{
    (void)size;
    return s->bytes + offset;
}

static inline void packet_borrow(struct packet_source *s, struct packet *p)
{
    p->bytes = s->bytes;
}
#endif

enum { PACKET_PIECE = 40 };

#endif
