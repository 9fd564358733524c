/* SPDX-License-Identifier: BSD-2-Clause */
/* net/netfilter/xt_u32.c. */
#include "verdict/match/topic.h"

#include "base/wire.h"

enum u32_result { U32_READ, U32_PAST_END, U32_NOT_CAPTURED };

/* What ip_forward and ip6_forward do to the header before FORWARD: one hop less, and in IPv4 the checksum to
 * it (RFC 1624). Returns where in the packet the changed bytes lie and how many. */
static uint32_t forwarded_bytes(const struct packet *p, uint8_t changed[4], uint32_t *ret_at)
{
    if (p->family == PACKET_IPV6) {
        *ret_at = 7;
        changed[0] = (uint8_t)(p->bytes[7] - 1);
        return 1;
    }
    uint32_t sum = wire_read16(p->bytes + 10) + 0x100u;

    sum = (sum + (sum >= 0xffff)) & 0xffff;
    *ret_at = 8;
    changed[0] = (uint8_t)(p->bytes[8] - 1);
    changed[1] = p->bytes[9];
    changed[2] = (uint8_t)(sum >> 8);
    changed[3] = (uint8_t)sum;
    return 4;
}

static uint32_t read_forwarded(const struct packet *p, uint32_t at)
{
    uint8_t bytes[4], changed[4];
    uint32_t first, count = forwarded_bytes(p, changed, &first);

    for (uint32_t i = 0; i < 4; i++)
        bytes[i] = at + i >= first && at + i < first + count ? changed[at + i - first] : p->bytes[at + i];
    return wire_read32(bytes);
}

/* Four bytes at base + at. */
static enum u32_result read_number(const struct verdict_packet *p, uint32_t base, uint32_t at, uint32_t *ret)
{
    const struct packet *packet = p->packet;

    if (base > packet->length || packet->length - base < 4 || at > packet->length - base - 4)
        return U32_PAST_END;
    if (packet->captured < 4 || base + at > packet->captured - 4)
        return U32_NOT_CAPTURED;
    *ret = p->hook == RULES_FORWARD && base + at < 12 ? read_forwarded(packet, base + at)
                                                      : wire_read32(packet->bytes + base + at);
    return U32_READ;
}

/* The number that a test's locations lead to. '@' moves the base on by what was read and reads anew. */
static enum u32_result locate(const struct verdict_packet *p, const struct rules_u32_test *test,
                              uint32_t *ret)
{
    uint32_t base = 0, value;
    enum u32_result result = read_number(p, base, test->location[0].number, &value);

    for (unsigned i = 1; i < test->locations && result == U32_READ; i++) {
        uint32_t number = test->location[i].number;
        switch (test->location[i].operation) {
        case RULES_U32_AND:
            value &= number;
            break;
        case RULES_U32_LEFT: /* x86 and arm64 count a 32-bit shift modulo 32 */
            value <<= number & 31;
            break;
        case RULES_U32_RIGHT:
            value >>= number & 31;
            break;
        default:
            if (base + value < base)
                return U32_PAST_END;
            base += value;
            result = read_number(p, base, number, &value);
            break;
        }
    }
    if (result == U32_READ)
        *ret = value;
    return result;
}

static bool in_ranges(const struct rules_u32_test *test, uint32_t value)
{
    for (unsigned i = 0; i < test->ranges; i++) {
        if (value >= test->range[i].first && value <= test->range[i].last)
            return true;
    }
    return false;
}

enum verdict_answer match_u32(const struct match_question *q)
{
    const struct rules_match_u32 *m = q->match->u32;

    for (unsigned i = 0; i < m->tests; i++) {
        uint32_t value = 0;
        enum u32_result result = locate(q->p, &m->test[i], &value);
        if (result == U32_NOT_CAPTURED)
            return match_unknown(q, MATCH_NOT_CAPTURED);
        if (result == U32_PAST_END || !in_ranges(&m->test[i], value))
            return match_answer(m->inverted);
    }
    return match_answer(!m->inverted);
}
