/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/diff/region.h"

#include <arpa/inet.h>

/* ---- numbers and bits ---- */

diff_number diff_number_of(const struct packet_address *a, uint8_t family)
{
    diff_number n = 0;
    for (int i = 0; i < (family == PACKET_IPV6 ? 4 : 1); i++)
        n = n << 32 | ntohl(a->word[i]);
    return n;
}

struct packet_address diff_address_of(diff_number n, uint8_t family)
{
    struct packet_address a = {0};
    if (family != PACKET_IPV6) {
        a.word[0] = htonl((uint32_t)n);
        return a;
    }
    for (int i = 3; i >= 0; i--, n >>= 32)
        a.word[i] = htonl((uint32_t)n);
    return a;
}

static bool is_subset(const struct diff_bits *a, const struct diff_bits *of)
{
    uint64_t outside = 0;
    for (int i = 0; i < 4; i++)
        outside |= a->word[i] & ~of->word[i];
    return outside == 0;
}

static struct diff_bits both(const struct diff_bits *a, const struct diff_bits *b, bool invert_b)
{
    struct diff_bits out;
    for (int i = 0; i < 4; i++)
        out.word[i] = a->word[i] & (invert_b ? ~b->word[i] : b->word[i]);
    return out;
}

static bool is_empty(const struct diff_bits *b)
{
    return !(b->word[0] | b->word[1] | b->word[2] | b->word[3]);
}

static struct diff_bits first_bits(unsigned count)
{
    struct diff_bits b = {0};
    for (unsigned i = 0; i < count; i++)
        diff_bits_set(&b, i);
    return b;
}

/* ---- regions ---- */

void diff_region_all(struct diff_region *ret, uint8_t family, enum wall_path path,
                     const struct diff_names *names)
{
    diff_number last_address = family == PACKET_IPV6 ? ~(diff_number)0 : UINT32_MAX;
    unsigned interfaces = (unsigned)names->interface_count;
    *ret = (struct diff_region){
        .interval =
            {
                [DIFF_SOURCE] = {0, last_address},
                [DIFF_DESTINATION] = {0, last_address},
                [DIFF_SOURCE_PORT] = {0, 65535},
                [DIFF_DESTINATION_PORT] = {0, 65535},
                [DIFF_ICMP] = {0, 65535},
                [DIFF_LENGTH] = {20, 65535},
            },
    };
    ret->bits[DIFF_PROTOCOL - DIFF_INTERVALS] = first_bits(256);
    ret->bits[DIFF_STATE - DIFF_INTERVALS] =
        first_bits(family == PACKET_IPV6 ? 5 : 4); /* IPv4 is UNTRACKED only by rules */
    ret->bits[DIFF_FLAGS - DIFF_INTERVALS] = first_bits(256);
    ret->bits[DIFF_IN - DIFF_INTERVALS] = first_bits(path == WALL_OUT ? 1 : interfaces);
    ret->bits[DIFF_OUT - DIFF_INTERVALS] = first_bits(path == WALL_IN ? 1 : interfaces);
    ret->bits[DIFF_FRAGMENT - DIFF_INTERVALS] = first_bits(1); /* defragmented before the rules */
    ret->bits[DIFF_TTL - DIFF_INTERVALS] = first_bits(256);
    ret->bits[DIFF_TOS - DIFF_INTERVALS] = first_bits(256);
    if (path == WALL_THROUGH) /* a router discards what has no hop left */
        ret->bits[DIFF_TTL - DIFF_INTERVALS].word[0] &= ~(uint64_t)3;
}

static enum verdict_answer ask_interval(const struct diff_condition *c, const struct diff_interval *in)
{
    enum verdict_answer answer = VERDICT_NO;
    for (uint8_t i = 0; i < c->count; i++) {
        const struct diff_interval *range = &c->ranges[i];
        if (range->first <= in->first && in->last <= range->last) {
            answer = VERDICT_YES;
            break;
        }
        if (range->first <= in->last && in->first <= range->last)
            answer = VERDICT_UNKNOWN;
    }
    if (answer == VERDICT_UNKNOWN || !c->inverted)
        return answer;
    return answer == VERDICT_YES ? VERDICT_NO : VERDICT_YES;
}

static enum verdict_answer ask_bits(const struct diff_condition *c, const struct diff_bits *in)
{
    struct diff_bits common = both(in, &c->bits, false);
    bool all = is_subset(in, &c->bits), none = is_empty(&common);
    if (!all && !none)
        return VERDICT_UNKNOWN;
    return all != c->inverted ? VERDICT_YES : VERDICT_NO;
}

enum verdict_answer diff_condition_ask(const struct diff_condition *c, const struct diff_region *region,
                                       bool untracked)
{
    static const struct diff_bits untracked_only = {{(uint64_t)RULES_STATE_UNTRACKED}};
    if (c->field < DIFF_INTERVALS)
        return ask_interval(c, &region->interval[c->field]);
    if (c->field == DIFF_STATE && untracked)
        return ask_bits(c, &untracked_only);
    if (c->field < DIFF_FIELDS)
        return ask_bits(c, &region->bits[c->field - DIFF_INTERVALS]);
    if (diff_bits_has(&region->holds, c->atom))
        return c->inverted ? VERDICT_NO : VERDICT_YES;
    if (diff_bits_has(&region->fails, c->atom))
        return c->inverted ? VERDICT_YES : VERDICT_NO;
    return VERDICT_UNKNOWN;
}

/* Where inside an interval a condition changes its mind: the first number behind the change. */
static diff_number cut_of(const struct diff_condition *c, const struct diff_interval *in)
{
    for (uint8_t i = 0; i < c->count; i++) {
        if (c->ranges[i].first > in->first && c->ranges[i].first <= in->last)
            return c->ranges[i].first;
        if (c->ranges[i].last >= in->first && c->ranges[i].last < in->last)
            return c->ranges[i].last + 1;
    }
    return in->last;
}

void diff_region_split(const struct diff_region *region, const struct diff_condition *c,
                       struct diff_region *ret_one, struct diff_region *ret_other)
{
    struct diff_region one = *region, other = *region;
    if (c->field < DIFF_INTERVALS) {
        diff_number cut = cut_of(c, &region->interval[c->field]);
        one.interval[c->field].last = cut - 1;
        other.interval[c->field].first = cut;
    } else if (c->field < DIFF_FIELDS) {
        unsigned f = c->field - DIFF_INTERVALS;
        one.bits[f] = both(&region->bits[f], &c->bits, false);
        other.bits[f] = both(&region->bits[f], &c->bits, true);
    } else {
        diff_bits_set(&one.holds, c->atom);
        diff_bits_set(&other.fails, c->atom);
    }
    *ret_one = one;
    *ret_other = other;
}
