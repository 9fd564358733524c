/* SPDX-License-Identifier: BSD-2-Clause */
/* What each match asks: net/netfilter/xt_*.c, net/ipv4/netfilter/ip_tables.c, net/ipv6/netfilter/ip6_tables.c.
 */
#include "verdict/condition/read.h"

#include <string.h>

#include "verdict/condition/field.h"

enum { TCP_HEADER = 20, UDP_HEADER = 8, ICMP_HEADER = 8, PORTS = 4 };

struct reader {
    condition_visit *visit;
    void *arg;
    uint8_t family;
    uint16_t match;
    bool ended;
};

static void tell(struct reader *r, const struct condition *c)
{
    if (!r->ended)
        r->ended = !r->visit(r->arg, c);
}

static void tell_range(struct reader *r, enum condition_field field, struct condition_value first,
                       struct condition_value last, bool inverted, bool absent)
{
    tell(r, &(struct condition){.field = (uint8_t)field,
                                .match = r->match,
                                .kind = CONDITION_RANGE,
                                .inverted = inverted,
                                .absent = absent,
                                .range = {first, last}});
}

static void tell_numbers(struct reader *r, enum condition_field field, uint64_t first, uint64_t last,
                         bool inverted)
{
    tell_range(r, field, (struct condition_value){0, first}, (struct condition_value){0, last}, inverted,
               false);
}

static void tell_masked(struct reader *r, enum condition_field field, uint64_t mask, uint64_t wanted,
                        bool inverted)
{
    tell(r, &(struct condition){.field = (uint8_t)field,
                                .match = r->match,
                                .kind = CONDITION_MASKED,
                                .inverted = inverted,
                                .masked = {{0, mask}, {0, wanted}}});
}

static void tell_any_bit(struct reader *r, enum condition_field field, uint64_t mask, bool inverted,
                         bool absent)
{
    tell(r, &(struct condition){.field = (uint8_t)field,
                                .match = r->match,
                                .kind = CONDITION_ANY_BIT,
                                .inverted = inverted,
                                .absent = absent,
                                .masked = {{0, mask}, {0, 0}}});
}

static void tell_network(struct reader *r, enum condition_field field, const struct rules_network *n,
                         bool inverted, bool absent)
{
    struct condition_value mask = condition_value_address(&n->mask, r->family),
                           address = condition_value_address(&n->address, r->family);

    tell(r, &(struct condition){.field = (uint8_t)field,
                                .match = r->match,
                                .kind = CONDITION_MASKED,
                                .inverted = inverted,
                                .absent = absent,
                                .masked = {mask, {address.high & mask.high, address.low & mask.low}}});
}

static void tell_transport(struct reader *r, uint8_t size)
{
    tell(r, &(struct condition){.field = CONDITION_TRANSPORT,
                                .match = r->match,
                                .kind = CONDITION_RANGE,
                                .argument = size,
                                .range = {{0, 1}, {0, 1}}});
}

static void tell_call(struct reader *r, const struct rules_match *match)
{
    tell(r,
         &(struct condition){
             .field = CONDITION_NOTHING, .match = r->match, .kind = CONDITION_CALL, .argument = match->type});
}

/* ---- the header ---- */

static void read_network(struct reader *r, enum condition_field field, const struct rules_network *n)
{
    if (!rules_network_is_any(n))
        tell_network(r, field, n, n->inverted, false);
}

/* ifname_compare of x_tables: the name with its NUL, or only the letters before '+'. "! -i +" never holds, whatever the
 * interface. */
static void read_interface(struct reader *r, enum condition_field field, const struct rules_interface *i)
{
    struct condition_value first = condition_value_name(i->name), last = first;
    size_t length = strnlen(i->name, sizeof(i->name));

    if (length == 0) {
        if (i->wildcard && i->inverted)
            tell_numbers(r, CONDITION_LENGTH, 0, UINT32_MAX, true);
        return;
    }
    if (i->wildcard) {
        last.high |= length < 8 ? UINT64_MAX >> 8 * length : 0;
        last.low |= length < 8 ? UINT64_MAX : length < 16 ? UINT64_MAX >> 8 * (length - 8) : 0;
    }
    tell_range(r, field, first, last, i->inverted, false);
}

static void read_header(struct reader *r, const struct rules_rule *rule)
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

static void read_ports(struct reader *r, enum condition_field field, struct rules_range16 ports,
                       bool inverted)
{
    if (ports.first != 0 || ports.last != 65535 || inverted)
        tell_numbers(r, field, ports.first, ports.last, inverted);
}

static void read_udp(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_tcp *m = &match->tcp;

    tell_transport(r, match->type == RULES_MATCH_TCP ? TCP_HEADER : UDP_HEADER);
    read_ports(r, CONDITION_SOURCE_PORT, m->source, m->source_inverted);
    read_ports(r, CONDITION_DESTINATION_PORT, m->destination, m->destination_inverted);
}

static void read_tcp(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_tcp *m = &match->tcp;

    read_udp(r, match);
    if (m->flags_mask || m->flags_compare || m->flags_inverted)
        tell_masked(r, CONDITION_FLAGS, m->flags_mask, m->flags_compare, m->flags_inverted);
    if (m->option)
        tell_call(r, match);
}

static void read_icmp(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_icmp *m = &match->icmp;
    bool any = match->type == RULES_MATCH_ICMP && m->type == 255;

    tell_transport(r, ICMP_HEADER);
    if (!any)
        tell_numbers(r, CONDITION_ICMP, (unsigned)m->type << 8 | m->code.first,
                     (unsigned)m->type << 8 | m->code.last, m->inverted);
    else if (m->inverted)
        tell_numbers(r, CONDITION_ICMP, 0, UINT16_MAX, true);
}

/* Without a connection the state alone decides, whatever else is asked; if it is not, nothing holds. */
static void read_connection(struct reader *r, const struct rules_match_conntrack *m)
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

static void read_conntrack(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_conntrack *m = match->conntrack;

    if (m->given & RULES_CT_STATE)
        tell_any_bit(r, CONDITION_STATE, m->states, m->inverted & RULES_CT_STATE, false);
    if (m->given & ~RULES_CT_STATE)
        read_connection(r, m);
}

static void read_multiport(struct reader *r, const struct rules_match *match)
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
    tell_transport(r, PORTS);
    for (unsigned i = 0; i < m->count; i++) {
        c.list[i].first = m->ports[i].first;
        c.list[i].last = m->ports[i].last;
    }
    tell(r, &c);
}

static void read_iprange(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_iprange *m = match->iprange;

    if (m->has_source)
        tell_range(r, CONDITION_SOURCE, condition_value_address(&m->source_first, r->family),
                   condition_value_address(&m->source_last, r->family), m->source_inverted, false);
    if (m->has_destination)
        tell_range(r, CONDITION_DESTINATION, condition_value_address(&m->destination_first, r->family),
                   condition_value_address(&m->destination_last, r->family), m->destination_inverted, false);
}

static void read_mac(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_mac *m = &match->mac;
    uint64_t address = (uint64_t)wire_read16(m->address) << 32 | wire_read32(m->address + 2);

    tell_numbers(r, CONDITION_MAC, address, address, m->inverted);
}

static void read_mark(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_mark *m = &match->mark;

    tell_masked(r, match->type == RULES_MATCH_MARK ? CONDITION_MARK : CONDITION_CONNMARK, m->mark.mask,
                m->mark.value, m->inverted);
}

/* The kernel compares over the length of its helper's name: "ftp-21" means ftp too. "": any helper. */
static void read_helper(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_helper *m = match->helper;
    uint64_t wanted = strncmp("ftp", m->name, 3) == 0 ? TRACK_HELPER_FTP : TRACK_HELPER_NONE;
    bool named = m->name[0] != '\0';

    tell(r, &(struct condition){.field = CONDITION_HELPER,
                                .match = r->match,
                                .kind = CONDITION_RANGE,
                                .inverted = m->inverted,
                                .absent = m->inverted,
                                .argument = named,
                                .range = {{0, named ? wanted : 0}, {0, named ? wanted : UINT8_MAX}}});
}

static void read_length(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_length *m = &match->length;

    tell_numbers(r, CONDITION_LENGTH, m->bytes.first, m->bytes.last, m->inverted);
}

/* "less than 0" is all but 0 to 255, and never holds. */
static void read_ttl(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_ttl *m = &match->ttl;

    if (m->compare == RULES_TTL_LT)
        tell_numbers(r, CONDITION_TTL, m->ttl, UINT8_MAX, true);
    else if (m->compare == RULES_TTL_GT)
        tell_numbers(r, CONDITION_TTL, 0, m->ttl, true);
    else
        tell_numbers(r, CONDITION_TTL, m->ttl, m->ttl, m->compare == RULES_TTL_NE);
}

static void read_tos(struct reader *r, const struct rules_match *match)
{
    const struct rules_match_tos *m = &match->tos;

    tell_masked(r, CONDITION_TOS, m->mask, m->value, m->inverted);
}

static void read_dscp(struct reader *r, const struct rules_match *match)
{
    tell_masked(r, CONDITION_TOS, 0xfc, (uint64_t)match->dscp.dscp << 2, match->dscp.inverted);
}

static void read_pkttype(struct reader *r, const struct rules_match *match)
{
    tell_numbers(r, CONDITION_PKTTYPE, match->pkttype.type, match->pkttype.type, match->pkttype.inverted);
}

static void read_call(struct reader *r, const struct rules_match *match)
{
    tell_call(r, match);
}

static void read_nothing(struct reader *r, const struct rules_match *match)
{
    (void)r;
    (void)match;
}

static void (*const readers[RULES_MATCH_TYPES])(struct reader *r, const struct rules_match *match) = {
    [RULES_MATCH_TCP] = read_tcp,
    [RULES_MATCH_UDP] = read_udp,
    [RULES_MATCH_ICMP] = read_icmp,
    [RULES_MATCH_ICMP6] = read_icmp,
    [RULES_MATCH_STATE] = read_conntrack,
    [RULES_MATCH_CONNTRACK] = read_conntrack,
    [RULES_MATCH_MULTIPORT] = read_multiport,
    [RULES_MATCH_IPRANGE] = read_iprange,
    [RULES_MATCH_MAC] = read_mac,
    [RULES_MATCH_MARK] = read_mark,
    [RULES_MATCH_CONNMARK] = read_mark,
    [RULES_MATCH_COMMENT] = read_nothing,
    [RULES_MATCH_HELPER] = read_helper,
    [RULES_MATCH_LENGTH] = read_length,
    [RULES_MATCH_TTL] = read_ttl,
    [RULES_MATCH_HL] = read_ttl,
    [RULES_MATCH_TOS] = read_tos,
    [RULES_MATCH_DSCP] = read_dscp,
    [RULES_MATCH_PKTTYPE] = read_pkttype,
    [RULES_MATCH_ADDRTYPE] = read_call,
    [RULES_MATCH_LIMIT] = read_call,
    [RULES_MATCH_HASHLIMIT] = read_call,
    [RULES_MATCH_CONNLIMIT] = read_call,
    [RULES_MATCH_RECENT] = read_call,
    [RULES_MATCH_STATISTIC] = read_call,
    [RULES_MATCH_TIME] = read_call,
    [RULES_MATCH_TCPMSS] = read_call,
    [RULES_MATCH_U32] = read_call,
    [RULES_MATCH_SET] = read_call,
    [RULES_MATCH_PHYSDEV] = read_call,
    [RULES_MATCH_OWNER] = read_call,
    [RULES_MATCH_OPAQUE] = read_call,
};

bool condition_read(const struct rules_rule *rule, uint8_t family, condition_visit *visit, void *arg)
{
    struct reader r = {.visit = visit, .arg = arg, .family = family};

    read_header(&r, rule);
    for (uint16_t i = 0; i < rule->match_count && !r.ended; i++) {
        r.match = i;
        readers[rule->matches[i].type](&r, &rule->matches[i]);
    }
    return !r.ended;
}
