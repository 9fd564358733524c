/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_U32_H
#define SALLY_VERDICT_MATCH_U32_H

/* What u32 computes: net/netfilter/xt_u32.c. Freestanding. */
#include "base/bounded.h"
#include "packet/source.h"
#include "rules/model.h"

enum u32_result { U32_READ, U32_PAST_END, U32_NOT_CAPTURED };
enum u32_answer { U32_NO, U32_YES, U32_UNKNOWN }; /* the capture ends before */

/* Of a test: in memory, for the verifier. */
struct u32_reader {
    uint32_t base, value;
};

/* Of four bytes at `at`, those of the packet's place become byte. */
static inline uint32_t u32_put(uint32_t value, uint32_t at, uint32_t place, uint8_t byte)
{
    uint32_t shift = 24 - 8 * ((place - at) & 3);

    if (place - at > 3)
        return value;
    return (value & ~(UINT32_C(0xff) << shift)) | (uint32_t)byte << shift;
}

/* Four bytes at `at` after what ip_forward and ip6_forward do to the header before FORWARD: one hop less, and in
 * IPv4 the checksum to it (RFC 1624). */
static inline uint32_t u32_forwarded(struct packet_source *source, const struct packet *p, uint32_t at,
                                     uint32_t value)
{
    uint8_t hops = (uint8_t)(p->ttl - 1);
    const uint8_t *bytes;

    if (p->family == PACKET_IPV6)
        return u32_put(value, at, 7, hops);
    bytes = packet_at(source, 10, 2);
    if (!bytes)
        return value;
    uint32_t sum = wire_read16(bytes) + 0x100u;
    sum = (sum + (sum >= 0xffff)) & 0xffff;
    value = u32_put(value, at, 8, hops);
    value = u32_put(value, at, 10, (uint8_t)(sum >> 8));
    return u32_put(value, at, 11, (uint8_t)sum);
}

/* Four bytes at r->base + at, into r->value. */
static inline enum u32_result u32_read(struct packet_source *source, const struct packet *p,
                                       bool is_forwarded, struct u32_reader *r, uint32_t at)
{
    uint32_t base = r->base;
    const uint8_t *bytes;

    if (base > p->length || p->length - base < 4 || at > p->length - base - 4)
        return U32_PAST_END;
    at += base;
    if (p->captured < 4 || at > p->captured - 4)
        return U32_NOT_CAPTURED;
    bytes = packet_at(source, at, 4);
    if (!bytes)
        return U32_NOT_CAPTURED;
    uint32_t value = wire_read32(bytes);
    r->value = is_forwarded && at < 12 ? u32_forwarded(source, p, at, value) : value;
    return U32_READ;
}

/* The number that a test's locations lead to, into r->value. '@', which the first has without saying so, moves the
 * base on by what was read and reads anew. */
static inline enum u32_result u32_locate(struct packet_source *source, const struct packet *p,
                                         bool is_forwarded, const struct rules_u32_test *test,
                                         struct u32_reader *r)
{
    enum u32_result result;

    r->base = r->value = 0;
    BOUNDED_LOOP(i, RULES_U32_TESTS) {
        if (i >= test->locations)
            break;
        uint32_t number = test->location[i].number;
        switch (i == 0 ? RULES_U32_AT : test->location[i].operation) {
        case RULES_U32_AND:
            r->value &= number;
            break;
        case RULES_U32_LEFT: /* x86 and arm64 count a 32-bit shift modulo 32 */
            r->value <<= number & 31;
            break;
        case RULES_U32_RIGHT:
            r->value >>= number & 31;
            break;
        default:
            if (r->base + r->value < r->base)
                return U32_PAST_END;
            r->base += r->value;
            result = u32_read(source, p, is_forwarded, r, number);
            if (result != U32_READ)
                return result;
            break;
        }
    }
    return U32_READ;
}

static inline bool u32_in_ranges(const struct rules_u32_test *test, uint32_t value)
{
    BOUNDED_LOOP(i, RULES_U32_TESTS) {
        if (i >= test->ranges)
            break;
        if (value >= test->range[i].first && value <= test->range[i].last)
            return true;
    }
    return false;
}

static inline enum u32_answer u32_holds(const struct rules_match_u32 *m, struct packet_source *source,
                                        const struct packet *p, bool is_forwarded, struct u32_reader *r)
{
    BOUNDED_LOOP(i, RULES_U32_TESTS) {
        if (i >= m->tests)
            break;
        enum u32_result result = u32_locate(source, p, is_forwarded, &m->test[i], r);
        if (result == U32_NOT_CAPTURED)
            return U32_UNKNOWN;
        if (result == U32_PAST_END || !u32_in_ranges(&m->test[i], r->value))
            return m->inverted ? U32_YES : U32_NO;
    }
    return m->inverted ? U32_NO : U32_YES;
}

#endif
