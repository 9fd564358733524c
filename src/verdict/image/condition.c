/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/condition.h"

#include "rules/build.h"
#include "verdict/condition/field.h"
#include "verdict/condition/read.h"
#include "verdict/match/match.h"

unsigned image_field_bits(enum image_field field, uint8_t family)
{
    switch (field) {
    case IMAGE_SOURCE:
    case IMAGE_DESTINATION:
        return family == PACKET_IPV6 ? 128 : 32;
    case IMAGE_SOURCE_PORT:
    case IMAGE_DESTINATION_PORT:
        return 16;
    case IMAGE_IN:
    case IMAGE_OUT:
        return 128;
    default:
        return 8;
    }
}

/* Keeps of a field's values only those in asked. false: it could not be written down; nothing is changed. */
static bool restrict_field(struct image_condition *c, enum image_field field, uint8_t family,
                           struct image_ranges *asked, bool inverted)
{
    struct condition_value most = image_value_most(image_field_bits(field, family));

    image_ranges_normalize(asked);
    if (inverted && image_ranges_invert(asked, most) < 0)
        return false;
    if (image_ranges_are_all(asked, most))
        return true;
    if (!(c->asked & 1U << field))
        image_ranges_all(&c->field[field], most);
    if (image_ranges_intersect(&c->field[field], asked) < 0)
        return false;
    c->asked |= 1U << field;
    return true;
}

static bool restrict_to_range(struct image_condition *c, enum image_field field, uint8_t family,
                              struct condition_value first, struct condition_value last, bool inverted)
{
    struct image_ranges one;

    one.count = 1;
    one.at[0] = (struct image_range){first, last};
    return restrict_field(c, field, family, &one, inverted);
}

/* What a condition asks of 256 values or fewer; value i stands for of(i). */
static bool restrict_to_wanted(struct image_condition *c, enum image_field field, unsigned values,
                               uint64_t (*of)(unsigned i), const struct condition *condition)
{
    struct image_ranges asked;

    asked.count = 0;
    for (unsigned i = 0; i < values; i++) {
        struct image_range *last = asked.count ? &asked.at[asked.count - 1] : NULL;

        if (!condition_wants(condition, (struct condition_value){0, of(i)}))
            continue;
        if (last && last->last.low + 1 == i)
            last->last.low = i;
        else
            asked.at[asked.count++] = (struct image_range){{0, i}, {0, i}};
    }
    return restrict_field(c, field, 0, &asked, false);
}

static uint64_t itself(unsigned i)
{
    return i;
}

static uint64_t state_bit(unsigned state)
{
    return condition_state_bit((uint8_t)state);
}

static bool restrict_to_list(struct image_condition *c, enum image_field field,
                             const struct condition *condition)
{
    struct image_ranges asked;

    asked.count = 0;
    for (unsigned i = 0; i < condition->count; i++)
        asked.at[asked.count++] =
            (struct image_range){{0, condition->list[i].first}, {0, condition->list[i].last}};
    return restrict_field(c, field, 0, &asked, condition->inverted);
}

bool image_condition_prefix(const struct condition *c, unsigned bits, struct image_range *ret)
{
    struct condition_value most = image_value_most(bits), first = c->masked.wanted,
                           host = {~c->masked.mask.high & most.high, ~c->masked.mask.low & most.low},
                           above = image_value_next(host);

    if ((host.high & above.high) | (host.low & above.low & most.low))
        return false; /* a mask that is no prefix */
    *ret = (struct image_range){first, {first.high | host.high, first.low | host.low}};
    return true;
}

static bool restrict_to_network(struct image_condition *c, enum image_field field, uint8_t family,
                                const struct condition *condition)
{
    struct image_range range;

    return image_condition_prefix(condition, image_field_bits(field, family), &range) &&
           restrict_to_range(c, field, family, range.first, range.last, condition->inverted);
}

struct reader {
    struct image_condition *ret;
    const struct rules_rule *rule;
    uint8_t family;
    bool ordered;         /* what comes now is left, to be asked in its turn */
    bool after_transport; /* a match before has read the transport header, or may have dropped the packet */
};

/* Where the image keeps a field, if the rule's protocol makes sure that the packet has it. */
static bool find_field(const struct reader *r, const struct condition *c, enum image_field *ret)
{
    static const uint8_t fields[CONDITION_FIELDS] = {
        [CONDITION_SOURCE] = 1 + IMAGE_SOURCE,
        [CONDITION_DESTINATION] = 1 + IMAGE_DESTINATION,
        [CONDITION_PROTOCOL] = 1 + IMAGE_PROTOCOL,
        [CONDITION_IN] = 1 + IMAGE_IN,
        [CONDITION_OUT] = 1 + IMAGE_OUT,
        [CONDITION_SOURCE_PORT] = 1 + IMAGE_SOURCE_PORT,
        [CONDITION_DESTINATION_PORT] = 1 + IMAGE_DESTINATION_PORT,
        [CONDITION_ICMP] = 1 + IMAGE_DESTINATION_PORT,
        [CONDITION_FLAGS] = 1 + IMAGE_FLAGS,
        [CONDITION_STATE] = 1 + IMAGE_STATE,
    };
    uint8_t protocol = r->rule->protocol_inverted ? 0 : r->rule->protocol;

    if (!fields[c->field])
        return false;
    *ret = (enum image_field)(fields[c->field] - 1);
    if (c->field == CONDITION_FLAGS)
        return protocol == PACKET_TCP;
    if (c->field == CONDITION_ICMP)
        return protocol == (r->family == PACKET_IPV6 ? PACKET_ICMPV6 : PACKET_ICMP);
    return (*ret != IMAGE_SOURCE_PORT && *ret != IMAGE_DESTINATION_PORT) || packet_has_ports(protocol);
}

/* Do the sets now hold all that the condition asks of a packet with a sound transport header? */
static bool is_held(const struct reader *r, const struct condition *c)
{
    enum image_field field;

    if (c->field == CONDITION_TRANSPORT)
        return true;
    if (!find_field(r, c, &field))
        return false;
    if (field == IMAGE_STATE)
        return restrict_to_wanted(r->ret, field, TRACK_UNTRACKED + 1, state_bit, c);
    if (field == IMAGE_FLAGS)
        return restrict_to_wanted(r->ret, field, 256, itself, c);
    if (c->kind == CONDITION_MASKED)
        return restrict_to_network(r->ret, field, r->family, c);
    if (c->kind == CONDITION_LIST)
        return restrict_to_list(r->ret, field, c);
    return restrict_to_range(r->ret, field, r->family, c->range.first, c->range.last, c->inverted);
}

/* Else a rule could be asked for less than it says: 6 of its header, and a match has 13 at most (conntrack). */
_Static_assert(6 + (int)RULES_MATCHES_MAX * 13 <= (int)IMAGE_CONDITIONS_MOST, "all conditions of a rule fit");

/* A condition_visit. */
static bool read_condition(void *arg, const struct condition *c)
{
    enum { LATE = 1 << IMAGE_SOURCE | 1 << IMAGE_DESTINATION | 1 << IMAGE_STATE };
    struct reader *r = arg;
    struct image_condition *ret = r->ret;
    const struct rules_match *call = c->kind == CONDITION_CALL ? &r->rule->matches[c->match] : NULL;
    bool transport = call ? match_reads_transport(call) : c->field == CONDITION_TRANSPORT;
    unsigned i = ret->count++;
    enum image_field field;

    ret->all[i] = *c;
    if (i >= IMAGE_CONDITIONS)
        return ret->count < IMAGE_CONDITIONS_MOST;
    r->ordered |= call && !match_is_stateless(call);
    bool held = !r->ordered && is_held(r, c);
    if (held && r->after_transport && find_field(r, c, &field))
        ret->late |= 1U << field & LATE;
    if (!held)
        ret->residual |= 1ULL << i;
    r->ordered |= !held && transport;
    /* IPv6: the protocol is looked for behind extension headers, which may be cut off. */
    r->after_transport |= transport || (c->field == CONDITION_PROTOCOL && r->family == PACKET_IPV6);
    return true;
}

void image_condition_read(const struct rules_rule *rule, uint8_t family, struct image_condition *ret)
{
    struct reader r = {.ret = ret, .rule = rule, .family = family};

    ret->asked = ret->late = 0;
    ret->residual = 0;
    ret->count = 0;
    condition_read(rule, family, read_condition, &r);
}
