/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_EXTENSION_H
#define SALLY_PACKET_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

/* IPv6 extension headers that are walked (RFC 8200 section 4). */
enum packet_extension {
    EXTENSION_HOP_BY_HOP = 0,
    EXTENSION_ROUTING = 43,
    EXTENSION_FRAGMENT = 44,
    EXTENSION_AUTHENTICATION = 51,
    EXTENSION_NONE = 59, /* nothing follows */
    EXTENSION_DESTINATION = 60,
};

enum {
    EXTENSION_LEAST = 8, /* bytes of the shortest */
    EXTENSION_COUNT = 16 /* are walked at most */
};

static inline bool extension_is_walked(uint8_t kind)
{
    return kind == EXTENSION_HOP_BY_HOP || kind == EXTENSION_ROUTING || kind == EXTENSION_FRAGMENT ||
           kind == EXTENSION_AUTHENTICATION || kind == EXTENSION_DESTINATION;
}

/* In bytes, from the header's second byte. */
static inline uint32_t extension_size(uint8_t kind, uint8_t length)
{
    if (kind == EXTENSION_FRAGMENT)
        return EXTENSION_LEAST;
    return kind == EXTENSION_AUTHENTICATION ? (length + 2u) * 4 : (length + 1u) * 8;
}

#endif
