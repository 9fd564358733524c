/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_ADDRESS_H
#define SALLY_SERVER_CONFIG_ADDRESS_H

#include "base/result.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* One entry of pasv_address_map, "network/bits=address"; host byte order. */
struct address_map_entry {
    uint32_t network, mask;
    bool own; /* nothing behind the =: the control connection's own address */
    struct in_addr address;
};

/*
 * Reads the entry at *map and moves *map behind it and its comma: 1; 0 at the end of the map; -EINVAL: not an
 * entry, *map is moved all the same. *ret_text and *ret_len: where the entry stands.
 */
MUST_USE int address_map_next(const char **map, struct address_map_entry *ret_entry, const char **ret_text,
                              int *ret_len);

#endif
