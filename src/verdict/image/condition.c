/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/condition.h"

#include <string.h>

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
    struct image_value most = image_value_most(image_field_bits(field, family));

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
                              struct image_value first, struct image_value last, bool inverted)
{
    struct image_ranges one;

    one.count = 1;
    one.at[0] = (struct image_range){first, last};
    return restrict_field(c, field, family, &one, inverted);
}

static bool restrict_ports(struct image_condition *c, enum image_field field, struct rules_range16 ports,
                           bool inverted)
{
    return restrict_to_range(c, field, 0, (struct image_value){0, ports.first},
                             (struct image_value){0, ports.last}, inverted);
}

static bool read_network(struct image_condition *c, enum image_field field, uint8_t family,
                         const struct rules_network *n)
{
    struct image_value mask = image_value_address(&n->mask, family),
                       first = image_value_address(&n->address, family),
                       most = image_value_most(image_field_bits(field, family)), host, above;

    if (rules_network_is_any(n))
        return true;
    first.high &= mask.high;
    first.low &= mask.low;
    host = (struct image_value){~mask.high & most.high, ~mask.low & most.low};
    above = image_value_next(host);
    if ((host.high & above.high) | (host.low & above.low & most.low))
        return false; /* a mask that is no prefix */
    return restrict_to_range(c, field, family, first,
                             (struct image_value){first.high | host.high, first.low | host.low}, n->inverted);
}

static bool read_interface(struct image_condition *c, enum image_field field, const struct rules_interface *i)
{
    struct image_value first = image_value_interface(i->name), last = first;
    size_t length = strnlen(i->name, sizeof(i->name));

    if (length == 0) /* any; but "! -i +" holds for none */
        return !(i->wildcard && i->inverted);
    if (i->wildcard) {
        unsigned open = (unsigned)(sizeof(i->name) - length) * 8;
        struct image_value rest = image_value_most(open);

        last.high |= rest.high;
        last.low |= rest.low;
    }
    return restrict_to_range(c, field, 0, first, last, i->inverted);
}

/* ---- matches: each says whether the sets now hold all that it asks ---- */

static bool read_tcp_flags(struct image_condition *c, const struct rules_match_tcp *m)
{
    struct image_ranges asked;

    if (!m->flags_mask && !m->flags_compare && !m->flags_inverted)
        return true;
    asked.count = 0;
    for (unsigned flags = 0; flags < 256; flags++) {
        struct image_range *last = asked.count ? &asked.at[asked.count - 1] : NULL;

        if (((flags & m->flags_mask) == m->flags_compare) == m->flags_inverted)
            continue;
        if (last && last->last.low + 1 == flags)
            last->last.low = flags;
        else
            asked.at[asked.count++] = (struct image_range){{0, flags}, {0, flags}};
    }
    return restrict_field(c, IMAGE_FLAGS, 0, &asked, false);
}

static bool read_tcp(struct image_condition *c, const struct rules_match *match,
                     const struct rules_rule *rule, uint8_t family)
{
    const struct rules_match_tcp *m = &match->tcp;
    bool is_tcp = match->type == RULES_MATCH_TCP, whole = true;

    (void)family;
    if (rule->protocol != (is_tcp ? PACKET_TCP : PACKET_UDP) || rule->protocol_inverted)
        return false;
    whole &= restrict_ports(c, IMAGE_SOURCE_PORT, m->source, m->source_inverted);
    whole &= restrict_ports(c, IMAGE_DESTINATION_PORT, m->destination, m->destination_inverted);
    if (is_tcp) {
        whole &= read_tcp_flags(c, m);
        whole &= !m->option;
    }
    return whole;
}

static bool read_icmp(struct image_condition *c, const struct rules_match *match,
                      const struct rules_rule *rule, uint8_t family)
{
    const struct rules_match_icmp *m = &match->icmp;
    struct rules_range16 asked = {(uint16_t)(m->type << 8 | m->code.first),
                                  (uint16_t)(m->type << 8 | m->code.last)};

    if (rule->protocol != (family == PACKET_IPV6 ? PACKET_ICMPV6 : PACKET_ICMP) || rule->protocol_inverted)
        return false;
    if (match->type == RULES_MATCH_ICMP && m->type == 255)
        asked = (struct rules_range16){0, 65535};
    return restrict_ports(c, IMAGE_DESTINATION_PORT, asked, m->inverted);
}

static bool read_multiport(struct image_condition *c, const struct rules_match *match,
                           const struct rules_rule *rule, uint8_t family)
{
    const struct rules_match_multiport *m = match->multiport;
    struct image_ranges asked;

    (void)family;
    if (m->side == RULES_PORTS_EITHER || !packet_has_ports(rule->protocol) || rule->protocol_inverted)
        return false;
    asked.count = 0;
    for (unsigned i = 0; i < m->count; i++)
        asked.at[asked.count++] = (struct image_range){{0, m->ports[i].first}, {0, m->ports[i].last}};
    return restrict_field(c, m->side == RULES_PORTS_SOURCE ? IMAGE_SOURCE_PORT : IMAGE_DESTINATION_PORT, 0,
                          &asked, m->inverted);
}

static bool read_iprange(struct image_condition *c, const struct rules_match *match,
                         const struct rules_rule *rule, uint8_t family)
{
    const struct rules_match_iprange *m = match->iprange;
    bool whole = true;

    (void)rule;
    if (m->has_source)
        whole &= restrict_to_range(c, IMAGE_SOURCE, family, image_value_address(&m->source_first, family),
                                   image_value_address(&m->source_last, family), m->source_inverted);
    if (m->has_destination)
        whole &= restrict_to_range(
            c, IMAGE_DESTINATION, family, image_value_address(&m->destination_first, family),
            image_value_address(&m->destination_last, family), m->destination_inverted);
    return whole;
}

static bool read_conntrack(struct image_condition *c, const struct rules_match *match,
                           const struct rules_rule *rule, uint8_t family)
{
    /* A packet that conntrack did not look at is INVALID to both matches (net/netfilter/xt_conntrack.c). */
    static const uint8_t bits[] = {
        [TRACK_NONE] = RULES_STATE_INVALID,    [TRACK_INVALID] = RULES_STATE_INVALID,
        [TRACK_NEW] = RULES_STATE_NEW,         [TRACK_ESTABLISHED] = RULES_STATE_ESTABLISHED,
        [TRACK_RELATED] = RULES_STATE_RELATED, [TRACK_UNTRACKED] = RULES_STATE_UNTRACKED,
    };
    const struct rules_match_conntrack *m = match->conntrack;
    struct image_ranges asked;

    (void)rule;
    (void)family;
    if (!(m->given & RULES_CT_STATE))
        return false;
    asked.count = 0;
    for (unsigned state = 0; state < sizeof(bits); state++)
        if (m->states & bits[state])
            asked.at[asked.count++] = (struct image_range){{0, state}, {0, state}};
    return restrict_field(c, IMAGE_STATE, 0, &asked, m->inverted & RULES_CT_STATE) &&
           m->given == RULES_CT_STATE;
}

typedef bool read_match(struct image_condition *c, const struct rules_match *match,
                        const struct rules_rule *rule, uint8_t family);

/* What can be compiled of each match; and what else is asked of the transport header. */
static const struct {
    read_match *read;
    bool transport;  /* reads the transport header, and drops a packet that has none */
    uint32_t fields; /* of the network header or of conntrack that it asks for */
} matches[RULES_MATCH_TYPES] = {
    [RULES_MATCH_TCP] = {read_tcp, true, 0},
    [RULES_MATCH_UDP] = {read_tcp, true, 0},
    [RULES_MATCH_ICMP] = {read_icmp, true, 0},
    [RULES_MATCH_ICMP6] = {read_icmp, true, 0},
    [RULES_MATCH_MULTIPORT] = {read_multiport, true, 0},
    [RULES_MATCH_TCPMSS] = {NULL, true, 0},
    [RULES_MATCH_U32] = {NULL, true, 0},
    [RULES_MATCH_STATE] = {read_conntrack, false, 1 << IMAGE_STATE},
    [RULES_MATCH_CONNTRACK] = {read_conntrack, false, 1 << IMAGE_STATE},
    [RULES_MATCH_IPRANGE] = {read_iprange, false, 1 << IMAGE_SOURCE | 1 << IMAGE_DESTINATION},
};

static void read_header(struct image_condition *c, const struct rules_rule *rule, uint8_t family)
{
    struct image_value protocol = {0, rule->protocol};

    c->header = rule->fragment;
    c->header |= !read_network(c, IMAGE_SOURCE, family, &rule->source);
    c->header |= !read_network(c, IMAGE_DESTINATION, family, &rule->destination);
    c->header |= !read_interface(c, IMAGE_IN, &rule->in);
    c->header |= !read_interface(c, IMAGE_OUT, &rule->out);
    if (rule->protocol)
        c->header |=
            !restrict_to_range(c, IMAGE_PROTOCOL, family, protocol, protocol, rule->protocol_inverted);
}

void image_condition_read(const struct rules_rule *rule, uint8_t family, struct image_condition *ret)
{
    /* IPv6: the protocol is looked for behind extension headers, which may be cut off. */
    bool ordered = false, after_transport = family == PACKET_IPV6 && rule->protocol;

    ret->asked = ret->late = 0;
    ret->residual = 0;
    read_header(ret, rule, family);
    for (unsigned i = 0; i < rule->match_count && i < IMAGE_CONDITIONS; i++) {
        const struct rules_match *match = &rule->matches[i];
        uint8_t type = match->type;
        bool whole = type == RULES_MATCH_COMMENT;

        ordered |= !match_is_stateless(match);
        if (!ordered && matches[type].read) {
            whole = matches[type].read(ret, match, rule, family);
            ret->late |= after_transport ? matches[type].fields : 0;
        }
        if (!whole)
            ret->residual |= 1ULL << i;
        ordered |= !whole && matches[type].transport;
        after_transport |= matches[type].transport;
    }
}
