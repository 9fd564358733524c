/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_CHECKSUM_H
#define SALLY_PACKET_CHECKSUM_H

#include "packet/packet.h"

/* The Internet checksum (RFC 1071). Sums are of 16-bit words in wire order; start with 0. */

/* Adds size bytes to sum; an odd last byte is padded with zero. */
uint64_t packet_sum_add(uint64_t sum, const void *bytes, size_t size);
/* The pseudo header of TCP, UDP and ICMPv6 (RFC 9293 section 3.1, RFC 8200 section 8.1). */
uint64_t packet_sum_pseudo(uint8_t family, const struct packet_address *source,
                           const struct packet_address *destination, uint8_t protocol, uint32_t size);
/* What the checksum field must hold, in host byte order; over bytes that include a right one it is 0. */
uint16_t packet_sum_finish(uint64_t sum);

#endif
