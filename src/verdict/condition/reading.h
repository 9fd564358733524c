/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_CONDITION_READING_H
#define SALLY_VERDICT_CONDITION_READING_H

/*
 * condition_read (read.h), inline: who asks each rule of each packet (match/match.c) compiles it together with
 * its visitor, and what is left of a condition that is told and asked at once is the comparison. Whoever
 * includes it defines CONDITION_VISIT(arg, c), a condition_visit.
 *
 * What each match asks: net/netfilter/xt_*.c, net/ipv4/netfilter/ip_tables.c, net/ipv6/netfilter/ip6_tables.c.
 */

#include <string.h>

#include "rules/model.h"
#include "verdict/condition/field.h"

#define READ static inline __attribute__((always_inline))

enum { CONDITION_TCP = 20, CONDITION_UDP = 8, CONDITION_ICMP_HEADER = 8, CONDITION_PORT_PAIR = 4 };

struct reader {
    void *arg;
    uint8_t family;
    uint16_t match;
    bool ended;
};

READ void tell_condition(struct reader *r, const struct condition *c)
{
    if (!r->ended)
        r->ended = !CONDITION_VISIT(r->arg, c);
}

READ void tell_range(struct reader *r, enum condition_field field, struct condition_value first,
                     struct condition_value last, bool inverted, bool absent)
{
    bool down = condition_value_less(last, first); /* nothing is in it: the same as all, inverted */
    static const struct condition_value none = {0, 0}, most = {UINT64_MAX, UINT64_MAX};

    tell_condition(r, &(struct condition){.field = (uint8_t)field,
                                          .match = r->match,
                                          .kind = CONDITION_RANGE,
                                          .inverted = inverted != down,
                                          .absent = absent,
                                          .range = {down ? none : first, down ? most : last}});
}

READ void tell_numbers(struct reader *r, enum condition_field field, uint64_t first, uint64_t last,
                       bool inverted)
{
    tell_range(r, field, (struct condition_value){0, first}, (struct condition_value){0, last}, inverted,
               false);
}

READ void tell_masked(struct reader *r, enum condition_field field, uint64_t mask, uint64_t wanted,
                      bool inverted)
{
    tell_condition(r, &(struct condition){.field = (uint8_t)field,
                                          .match = r->match,
                                          .kind = CONDITION_MASKED,
                                          .inverted = inverted,
                                          .masked = {{0, mask}, {0, wanted}}});
}

READ void tell_any_bit(struct reader *r, enum condition_field field, uint64_t mask, bool inverted,
                       bool absent)
{
    tell_condition(r, &(struct condition){.field = (uint8_t)field,
                                          .match = r->match,
                                          .kind = CONDITION_ANY_BIT,
                                          .inverted = inverted,
                                          .absent = absent,
                                          .masked = {{0, mask}, {0, 0}}});
}

READ void tell_network(struct reader *r, enum condition_field field, const struct rules_network *n,
                       bool inverted, bool absent)
{
    struct condition_value mask = condition_value_address(&n->mask, r->family),
                           address = condition_value_address(&n->address, r->family);

    tell_condition(r,
                   &(struct condition){.field = (uint8_t)field,
                                       .match = r->match,
                                       .kind = CONDITION_MASKED,
                                       .inverted = inverted,
                                       .absent = absent,
                                       .masked = {mask, {address.high & mask.high, address.low & mask.low}}});
}

READ void tell_transport(struct reader *r, uint8_t size)
{
    tell_condition(r, &(struct condition){.field = CONDITION_TRANSPORT,
                                          .match = r->match,
                                          .kind = CONDITION_RANGE,
                                          .argument = size,
                                          .range = {{0, 1}, {0, 1}}});
}

READ void tell_call(struct reader *r, const struct rules_match *match)
{
    tell_condition(r, &(struct condition){.field = CONDITION_NOTHING,
                                          .match = r->match,
                                          .kind = CONDITION_CALL,
                                          .argument = match->type});
}

/* ---- the header ---- */

READ void read_network(struct reader *r, enum condition_field field, const struct rules_network *n)
{
    if (!rules_network_is_any(n))
        tell_network(r, field, n, n->inverted, false);
}

/* ifname_compare of x_tables: the name with its NUL, or only the letters before '+'. "! -i +" never holds, whatever the
 * interface. */
READ void read_interface(struct reader *r, enum condition_field field, const struct rules_interface *i)
{

    if (!i->name[0]) {
        if (i->wildcard && i->inverted)
            tell_numbers(r, CONDITION_LENGTH, 0, UINT32_MAX, true);
        return;
    }
    size_t length = strnlen(i->name, sizeof(i->name));
    struct condition_value first = condition_value_name(i->name), last = first;
    if (i->wildcard) {
        last.high |= length < 8 ? UINT64_MAX >> 8 * length : 0;
        last.low |= length < 8 ? UINT64_MAX : length < 16 ? UINT64_MAX >> 8 * (length - 8) : 0;
    }
    tell_range(r, field, first, last, i->inverted, false);
}

READ void read_header(struct reader *r, const struct rules_rule *rule)
{
    r->match = CONDITION_OF_HEADER;
    read_network(r, CONDITION_SOURCE, &rule->source);
    read_network(r, CONDITION_DESTINATION, &rule->destination);
    read_interface(r, CONDITION_IN, &rule->in);
    read_interface(r, CONDITION_OUT, &rule->out);
    if (rule->fragment) /* -f: second and further fragments */
        tell_numbers(r, CONDITION_FRAGMENT, 1, 1, rule->fragment_inverted);
    if (rule->protocol)
        tell_numbers(r, CONDITION_PROTOCOL, rule->protocol, rule->protocol, rule->protocol_inverted);
}

/* ---- matches ---- */

READ void read_ports(struct reader *r, enum condition_field field, struct rules_range16 ports, bool inverted)
{
    if (ports.first != 0 || ports.last != 65535 || inverted)
        tell_numbers(r, field, ports.first, ports.last, inverted);
}

READ void read_udp(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_tcp *m = &match->tcp;

    tell_transport(r, match->type == RULES_MATCH_TCP ? CONDITION_TCP : CONDITION_UDP);
    read_ports(r, CONDITION_SOURCE_PORT, m->source, m->source_inverted);
    read_ports(r, CONDITION_DESTINATION_PORT, m->destination, m->destination_inverted);
}

READ void read_tcp(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_tcp *m = &match->tcp;

    read_udp(r, match);
    if (m->flags_mask || m->flags_compare || m->flags_inverted)
        tell_masked(r, CONDITION_FLAGS, m->flags_mask, m->flags_compare, m->flags_inverted);
    if (m->option)
        tell_call(r, match);
}

READ void read_icmp(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_icmp *m = &match->icmp;
    bool any = match->type == RULES_MATCH_ICMP && m->type == 255;

    tell_transport(r, CONDITION_ICMP_HEADER);
    if (!any)
        tell_numbers(r, CONDITION_ICMP, (unsigned)m->type << 8 | m->code.first,
                     (unsigned)m->type << 8 | m->code.last, m->inverted);
    else if (m->inverted)
        tell_numbers(r, CONDITION_ICMP, 0, UINT16_MAX, true);
}

/* Without a connection the state alone decides, whatever else is asked; if it is not, nothing holds. */
READ void read_connection(struct reader *r, const struct rules_match_conntrack *m)
{
    static const struct {
        uint8_t asked;
        uint32_t status;
    } statuses[] = {
        {RULES_STATUS_EXPECTED, TRACK_EXPECTED},
        {RULES_STATUS_SEEN_REPLY, TRACK_SEEN_REPLY},
        {RULES_STATUS_ASSURED, TRACK_ASSURED},
        {RULES_STATUS_CONFIRMED, TRACK_CONFIRMED},
    };
    const struct {
        uint16_t part;
        uint8_t field;
        const struct rules_network *network;
        struct rules_range32 range;
    } parts[] = {
        {RULES_CT_DIRECTION, CONDITION_CT_DIRECTION, NULL, {m->reply, m->reply}},
        {RULES_CT_ORIGSRC, CONDITION_CT_SOURCE, &m->origsrc, {0, 0}},
        {RULES_CT_ORIGDST, CONDITION_CT_DESTINATION, &m->origdst, {0, 0}},
        {RULES_CT_REPLSRC, CONDITION_CT_REPLY_SOURCE, &m->replsrc, {0, 0}},
        {RULES_CT_REPLDST, CONDITION_CT_REPLY_DESTINATION, &m->repldst, {0, 0}},
        {RULES_CT_PROTO, CONDITION_CT_PROTOCOL, NULL, {m->protocol, m->protocol}},
        {RULES_CT_ORIGSRCPORT, CONDITION_CT_SOURCE_PORT, NULL, {m->origsrc_port.first, m->origsrc_port.last}},
        {RULES_CT_ORIGDSTPORT,
         CONDITION_CT_DESTINATION_PORT,
         NULL,
         {m->origdst_port.first, m->origdst_port.last}},
        {RULES_CT_REPLSRCPORT,
         CONDITION_CT_REPLY_SOURCE_PORT,
         NULL,
         {m->replsrc_port.first, m->replsrc_port.last}},
        {RULES_CT_REPLDSTPORT,
         CONDITION_CT_REPLY_DESTINATION_PORT,
         NULL,
         {m->repldst_port.first, m->repldst_port.last}},
        {RULES_CT_EXPIRE, CONDITION_CT_EXPIRES, NULL, m->expire},
    };
    bool absent = m->given & RULES_CT_STATE;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        bool inverted = m->inverted & parts[i].part;
        if (!(m->given & parts[i].part))
            continue;
        if (parts[i].network)
            tell_network(r, (enum condition_field)parts[i].field, parts[i].network, inverted, absent);
        else
            tell_range(r, (enum condition_field)parts[i].field,
                       (struct condition_value){0, parts[i].range.first},
                       (struct condition_value){0, parts[i].range.last}, inverted, absent);
    }
    if (!(m->given & RULES_CT_STATUS))
        return;
    /* NONE adds nothing to the mask that iptables passes on: alone it never holds. */
    uint32_t mask = 0;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        mask |= m->statuses & statuses[i].asked ? statuses[i].status : 0;
    tell_any_bit(r, CONDITION_CT_STATUS, mask, m->inverted & RULES_CT_STATUS, absent);
}

READ void read_conntrack(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_conntrack *m = match->conntrack;

    if (m->given & RULES_CT_STATE)
        tell_any_bit(r, CONDITION_STATE, m->states, m->inverted & RULES_CT_STATE, false);
    if (m->given & ~RULES_CT_STATE)
        read_connection(r, m);
}

READ void read_multiport(struct reader *r, const struct rules_match *match)
{
    static const uint8_t fields[] = {[RULES_PORTS_SOURCE] = CONDITION_SOURCE_PORT,
                                     [RULES_PORTS_DESTINATION] = CONDITION_DESTINATION_PORT,
                                     [RULES_PORTS_EITHER] = CONDITION_PORTS};
    const struct rules_match_multiport *m = match->multiport;
    struct condition c = {.field = fields[m->side],
                          .kind = CONDITION_LIST,
                          .inverted = m->inverted,
                          .match = r->match,
                          .count = m->count};

    _Static_assert((int)RULES_PORTS <= (int)CONDITION_LISTED, "a multiport is one condition");
    tell_transport(r, CONDITION_PORT_PAIR);
    for (unsigned i = 0; i < m->count; i++) {
        c.list[i].first = m->ports[i].first;
        c.list[i].last = m->ports[i].last;
    }
    tell_condition(r, &c);
}

READ void read_iprange(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_iprange *m = match->iprange;

    if (m->has_source)
        tell_range(r, CONDITION_SOURCE, condition_value_address(&m->source_first, r->family),
                   condition_value_address(&m->source_last, r->family), m->source_inverted, false);
    if (m->has_destination)
        tell_range(r, CONDITION_DESTINATION, condition_value_address(&m->destination_first, r->family),
                   condition_value_address(&m->destination_last, r->family), m->destination_inverted, false);
}

READ void read_mac(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_mac *m = &match->mac;
    uint64_t address = (uint64_t)wire_read16(m->address) << 32 | wire_read32(m->address + 2);

    tell_numbers(r, CONDITION_MAC, address, address, m->inverted);
}

READ void read_mark(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_mark *m = &match->mark;

    tell_masked(r, match->type == RULES_MATCH_MARK ? CONDITION_MARK : CONDITION_CONNMARK, m->mark.mask,
                m->mark.value, m->inverted);
}

/* The kernel compares over the length of its helper's name: "ftp-21" means ftp too. "": any helper. */
READ void read_helper(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_helper *m = match->helper;
    uint64_t wanted = strncmp("ftp", m->name, 3) == 0 ? TRACK_HELPER_FTP : TRACK_HELPER_NONE;
    bool named = m->name[0] != '\0';

    tell_condition(r,
                   &(struct condition){.field = CONDITION_HELPER,
                                       .match = r->match,
                                       .kind = CONDITION_RANGE,
                                       .inverted = m->inverted,
                                       .absent = m->inverted,
                                       .argument = named,
                                       .range = {{0, named ? wanted : 0}, {0, named ? wanted : UINT8_MAX}}});
}

READ void read_length(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_length *m = &match->length;

    tell_numbers(r, CONDITION_LENGTH, m->bytes.first, m->bytes.last, m->inverted);
}

/* "less than 0" is all but 0 to 255, and never holds. */
READ void read_ttl(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_ttl *m = &match->ttl;

    if (m->compare == RULES_TTL_LT)
        tell_numbers(r, CONDITION_TTL, m->ttl, UINT8_MAX, true);
    else if (m->compare == RULES_TTL_GT)
        tell_numbers(r, CONDITION_TTL, 0, m->ttl, true);
    else
        tell_numbers(r, CONDITION_TTL, m->ttl, m->ttl, m->compare == RULES_TTL_NE);
}

READ void read_tos(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_tos *m = &match->tos;

    tell_masked(r, CONDITION_TOS, m->mask, m->value, m->inverted);
}

READ void read_dscp(struct reader *r, const struct rules_match *match)
{
    tell_masked(r, CONDITION_TOS, 0xfc, (uint64_t)match->dscp.dscp << 2, match->dscp.inverted);
}

READ void read_pkttype(struct reader *r, const struct rules_match *match)
{
    tell_numbers(r, CONDITION_PKTTYPE, match->pkttype.type, match->pkttype.type, match->pkttype.inverted);
}

READ void read_match(struct reader *r, const struct rules_match *match)
{
    switch (match->type) {
    case RULES_MATCH_TCP:
        read_tcp(r, match);
        break;
    case RULES_MATCH_UDP:
        read_udp(r, match);
        break;
    case RULES_MATCH_ICMP:
    case RULES_MATCH_ICMP6:
        read_icmp(r, match);
        break;
    case RULES_MATCH_STATE:
    case RULES_MATCH_CONNTRACK:
        read_conntrack(r, match);
        break;
    case RULES_MATCH_MULTIPORT:
        read_multiport(r, match);
        break;
    case RULES_MATCH_IPRANGE:
        read_iprange(r, match);
        break;
    case RULES_MATCH_MAC:
        read_mac(r, match);
        break;
    case RULES_MATCH_MARK:
    case RULES_MATCH_CONNMARK:
        read_mark(r, match);
        break;
    case RULES_MATCH_HELPER:
        read_helper(r, match);
        break;
    case RULES_MATCH_LENGTH:
        read_length(r, match);
        break;
    case RULES_MATCH_TTL:
    case RULES_MATCH_HL:
        read_ttl(r, match);
        break;
    case RULES_MATCH_TOS:
        read_tos(r, match);
        break;
    case RULES_MATCH_DSCP:
        read_dscp(r, match);
        break;
    case RULES_MATCH_PKTTYPE:
        read_pkttype(r, match);
        break;
    case RULES_MATCH_COMMENT:
        break;
    default: /* what is no number */
        tell_call(r, match);
        break;
    }
}

READ bool condition_read_inline(const struct rules_rule *rule, uint8_t family, void *arg)
{
    struct reader r = {.arg = arg, .family = family};

    read_header(&r, rule);
    for (uint16_t i = 0; i < rule->match_count && !r.ended; i++) {
        r.match = i;
        read_match(&r, &rule->matches[i]);
    }
    return !r.ended;
}

#endif
