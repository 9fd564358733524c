/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BASE_WIRE_H
#define SALLY_BASE_WIRE_H

#include <stdint.h>

/* Numbers of the wire (big-endian), at any alignment. The caller has checked that the bytes are there. */
static inline uint16_t wire_read16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t wire_read32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void wire_write16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void wire_write32(uint8_t *at, uint32_t value)
{
    wire_write16(at, (uint16_t)(value >> 16));
    wire_write16(at + 2, (uint16_t)value);
}

#endif
