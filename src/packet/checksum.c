/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/checksum.h"

uint64_t packet_sum_add(uint64_t sum, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (; size > 1; at += 2, size -= 2)
        sum += (uint64_t)at[0] << 8 | at[1];
    return size ? sum + ((uint64_t)*at << 8) : sum;
}

uint64_t packet_sum_pseudo(uint8_t family, const struct packet_address *source,
                           const struct packet_address *destination, uint8_t protocol, uint32_t size)
{
    size_t width = family == PACKET_IPV4 ? 4 : 16;
    uint64_t sum = packet_sum_add(0, source->word, width);

    sum = packet_sum_add(sum, destination->word, width);
    return sum + protocol + (size >> 16) + (size & 0xffff);
}

uint16_t packet_sum_finish(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}
