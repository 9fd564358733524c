/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_VALUE_H
#define SALLY_VERDICT_IMAGE_VALUE_H

/* Which set of an index a packet leads to. Freestanding; in the kernel program the same text as natively. */
#include "verdict/condition/field.h"
#include "verdict/image/find.h"

/* The packet's number in a field (enum image_field). Packets of protocols without ports have 0 for these: rules
 * that ask for ports ask for the protocol too. A hook without an interface has the name "". */
static IMAGE_INLINE struct condition_value image_value(const struct packet *p, uint8_t hook, const char *in,
                                                       const char *out, uint8_t state, uint8_t field)
{
    struct condition_value v = {0, 0};

    switch (field) {
    case IMAGE_SOURCE:
        return condition_value_address(&p->source, p->family);
    case IMAGE_DESTINATION:
        return condition_value_address(&p->destination, p->family);
    case IMAGE_IN:
        return hook <= RULES_FORWARD && in ? condition_value_name(in) : v;
    case IMAGE_OUT:
        return hook >= RULES_FORWARD && out ? condition_value_name(out) : v;
    case IMAGE_DESTINATION_PORT:
        v.low = p->destination_port;
        if (p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6)
            v.low = (uint64_t)p->icmp.type << 8 | p->icmp.code;
        return v;
    case IMAGE_SOURCE_PORT:
        v.low = p->source_port;
        return v;
    case IMAGE_PROTOCOL:
        v.low = p->protocol;
        return v;
    case IMAGE_STATE:
        v.low = state;
        return v;
    default: /* FLAGS */
        v.low = p->protocol == PACKET_TCP ? p->tcp.flags : 0;
        return v;
    }
}

/* Offset of the value's set. */
static IMAGE_INLINE uint32_t image_find(const uint8_t *base, const struct image_index *index,
                                        struct condition_value v)
{
    switch (index->kind) {
    case IMAGE_KEY8:
        return image_find8(base, index, (uint8_t)v.low);
    case IMAGE_KEY16:
        return image_find16(base, index, (uint16_t)v.low);
    case IMAGE_KEY32:
        return image_find32(base, index, (uint32_t)v.low);
    default:
        return image_find128(base, index, v.high, v.low);
    }
}

/* Can the field be read though the transport header can't? The others are then as if all rules wanted their
 * value, and each rule is asked in full. late: of the table. */
static IMAGE_INLINE bool image_is_readable(uint8_t field, uint32_t late)
{
    return (field == IMAGE_SOURCE || field == IMAGE_DESTINATION || field == IMAGE_STATE ||
            field == IMAGE_IN || field == IMAGE_OUT) &&
           !(late >> (field & 31) & 1);
}

#endif
