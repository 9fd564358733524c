/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules ask, as sets of packets (see region.h). */
#include "explain/diff/conditions.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct collector {
    const struct rules *rules;
    const struct rules_chain *chain;
    const struct rules_rule *rule;
    bool either, forwarded;
    struct diff_names *names;
    struct diff_conditions *out;
};

/* ---- adding one ---- */

static int add(struct diff_conditions *c, const struct diff_condition *one)
{
    struct diff_condition *list = reallocarray(c->list, c->count + 1U, sizeof(*list));
    if (!list)
        return -ENOMEM;
    c->list = list;
    list[c->count] = *one;
    list[c->count].ranges = NULL;
    if (one->count) {
        list[c->count].ranges = calloc(one->count, sizeof(*one->ranges));
        if (!list[c->count].ranges)
            return -ENOMEM;
        memcpy(list[c->count].ranges, one->ranges, one->count * sizeof(*one->ranges));
    }
    c->count++;
    return 0;
}

static int add_interval(struct collector *c, enum diff_field field, diff_number first, diff_number last,
                        bool inverted)
{
    struct diff_interval range = {first, last};
    struct diff_condition one = {.field = (uint8_t)field, .inverted = inverted, .count = 1, .ranges = &range};
    return add(c->out, &one);
}

static int add_bits(struct collector *c, enum diff_field field, const struct diff_bits *bits, bool inverted)
{
    struct diff_condition one = {.field = (uint8_t)field, .inverted = inverted, .bits = *bits};
    return add(c->out, &one);
}

/* The match as iptables-save writes it is the atom's name. */
static int add_atom(struct collector *c, char *words)
{
    struct diff_names *names = c->names;
    size_t i = 0;
    if (!words)
        return -ENOMEM;
    while (i < names->atom_count && strcmp(names->atom[i], words) != 0)
        i++;
    if (i == DIFF_ATOMS) {
        names->overflow = true;
        i--;
        free(words);
    } else if (i == names->atom_count) {
        names->atom[names->atom_count++] = words;
    } else {
        free(words);
    }
    struct diff_condition one = {.field = DIFF_ATOM, .atom = (uint8_t)i};
    return add(c->out, &one);
}

/* What iptables-save would print for a rule with only this part. */
static char *words_of(const struct collector *c, const struct rules_rule *part)
{
    char *text = rules_rule_text(c->rules, c->chain, part);
    if (!text)
        return NULL;
    size_t skip = strlen("-A ") + strlen(c->chain->name) + 1;
    size_t length = strlen(text);
    memmove(text, text + (skip < length ? skip : length), length - (skip < length ? skip : length) + 1);
    return text;
}

static int add_match_atom(struct collector *c, const struct rules_match *m)
{
    struct rules_match copy = *m;
    struct rules_rule part = {.match_count = 1, .matches = &copy};
    return add_atom(c, words_of(c, &part));
}

/* ---- the header ---- */

static bool is_all(const struct rules_interface *i)
{
    return !i->name[0] && !i->inverted;
}

static bool interface_meets(const struct rules_interface *asked, const char *name)
{
    size_t length = strlen(asked->name);
    return asked->wildcard ? strncmp(asked->name, name, length) == 0 : strcmp(asked->name, name) == 0;
}

static int add_interface(struct collector *c, enum diff_field field, const struct rules_interface *asked)
{
    struct diff_bits bits = {0};
    if (is_all(asked))
        return 0;
    for (unsigned i = 0; i < c->names->interface_count; i++) {
        if (interface_meets(asked, c->names->interface[i]))
            diff_bits_set(&bits, i);
    }
    return add_bits(c, field, &bits, asked->inverted);
}

/* -1 unless the mask is ones, then zeros; else the number of zeros. */
static int zeros_of(const struct packet_address *mask, uint8_t family)
{
    diff_number m = diff_number_of(mask, family), hole = ~m;
    if (family != PACKET_IPV6)
        hole &= UINT32_MAX;
    if (hole & (hole + 1))
        return -1;
    int zeros = 0;
    for (; hole; hole >>= 1)
        zeros++;
    return zeros;
}

static int add_network(struct collector *c, enum diff_field field, const struct rules_network *n)
{
    if (rules_network_is_any(n))
        return 0;
    int zeros = zeros_of(&n->mask, c->rules->family);
    if (zeros < 0) { /* a mask with holes is no interval */
        struct rules_rule part = {0};
        *(field == DIFF_SOURCE ? &part.source : &part.destination) = *n;
        return add_atom(c, words_of(c, &part));
    }
    diff_number first = diff_number_of(&n->address, c->rules->family);
    diff_number rest = zeros >= 128 ? ~(diff_number)0 : ((diff_number)1 << zeros) - 1;
    first &= ~rest;
    return add_interval(c, field, first, first | rest, n->inverted);
}

static int add_header(struct collector *c)
{
    const struct rules_rule *rule = c->rule;
    struct diff_bits bits = {0};
    int error = 0;
    if (rule->protocol) {
        diff_bits_set(&bits, rule->protocol);
        error = add_bits(c, DIFF_PROTOCOL, &bits, rule->protocol_inverted);
    }
    if (!error)
        error = add_network(c, DIFF_DESTINATION, &rule->destination);
    if (!error)
        error = add_network(c, DIFF_SOURCE, &rule->source);
    if (!error)
        error = add_interface(c, DIFF_IN, &rule->in);
    if (!error)
        error = add_interface(c, DIFF_OUT, &rule->out);
    if (!error && rule->fragment) {
        struct diff_bits later = {0};
        diff_bits_set(&later, 1);
        error = add_bits(c, DIFF_FRAGMENT, &later, rule->fragment_inverted);
    }
    return error;
}

/* ---- matches that are fields ---- */

static int add_ports(struct collector *c, enum diff_field field, struct rules_range16 ports, bool inverted)
{
    if (ports.first == 0 && ports.last == 65535 && !inverted)
        return 0;
    return add_interval(c, field, ports.first, ports.last, inverted);
}

static int add_tcp(struct collector *c, const struct rules_match *m)
{
    const struct rules_match_tcp *t = &m->tcp;
    int error = add_ports(c, DIFF_DESTINATION_PORT, t->destination, t->destination_inverted);
    if (!error)
        error = add_ports(c, DIFF_SOURCE_PORT, t->source, t->source_inverted);
    if (!error && t->flags_mask) {
        struct diff_bits bits = {0};
        for (unsigned flags = 0; flags < 256; flags++) {
            if ((flags & t->flags_mask) == t->flags_compare)
                diff_bits_set(&bits, flags);
        }
        error = add_bits(c, DIFF_FLAGS, &bits, t->flags_inverted);
    }
    if (!error && t->option)
        error = add_match_atom(c, m);
    return error;
}

static int add_icmp(struct collector *c, const struct rules_match *m)
{
    const struct rules_match_icmp *i = &m->icmp;
    if (m->type == RULES_MATCH_ICMP && i->type == 255)
        return i->inverted ? add_interval(c, DIFF_ICMP, 0, 65535, true) : 0;
    return add_interval(c, DIFF_ICMP, (unsigned)i->type << 8 | i->code.first,
                        (unsigned)i->type << 8 | i->code.last, i->inverted);
}

static int add_state(struct collector *c, const struct rules_match *m)
{
    const struct rules_match_conntrack *ct = m->conntrack;
    struct diff_bits bits = {{(uint64_t)(ct->states & 31)}};
    int error = 0;
    if (ct->given & RULES_CT_STATE)
        error = add_bits(c, DIFF_STATE, &bits, ct->inverted & RULES_CT_STATE);
    if (!error && ct->given & ~RULES_CT_STATE)
        error = add_match_atom(c, m);
    return error;
}

static int add_multiport_side(struct collector *c, enum diff_field field,
                              const struct rules_match_multiport *m)
{
    struct diff_interval ranges[RULES_PORTS];
    for (uint8_t i = 0; i < m->count; i++)
        ranges[i] = (struct diff_interval){m->ports[i].first, m->ports[i].last};
    struct diff_condition one = {
        .field = (uint8_t)field, .inverted = m->inverted, .count = m->count, .ranges = ranges};
    return add(c->out, &one);
}

static int add_multiport(struct collector *c, const struct rules_match *match)
{
    const struct rules_match_multiport *m = match->multiport;
    bool neither = m->side == RULES_PORTS_EITHER && m->inverted;
    int error = 0;
    bool source = m->side == RULES_PORTS_SOURCE || neither || (m->side == RULES_PORTS_EITHER && !c->either);
    bool destination =
        m->side == RULES_PORTS_DESTINATION || neither || (m->side == RULES_PORTS_EITHER && c->either);
    if (source)
        error = add_multiport_side(c, DIFF_SOURCE_PORT, m);
    if (!error && destination)
        error = add_multiport_side(c, DIFF_DESTINATION_PORT, m);
    return error;
}

static int add_iprange(struct collector *c, const struct rules_match *match)
{
    const struct rules_match_iprange *m = match->iprange;
    uint8_t family = c->rules->family;
    int error = 0;
    if (m->has_source)
        error = add_interval(c, DIFF_SOURCE, diff_number_of(&m->source_first, family),
                             diff_number_of(&m->source_last, family), m->source_inverted);
    if (!error && m->has_destination)
        error = add_interval(c, DIFF_DESTINATION, diff_number_of(&m->destination_first, family),
                             diff_number_of(&m->destination_last, family), m->destination_inverted);
    return error;
}

static int add_length(struct collector *c, const struct rules_match *m)
{
    return add_interval(c, DIFF_LENGTH, m->length.bytes.first, m->length.bytes.last, m->length.inverted);
}

static int add_ttl(struct collector *c, const struct rules_match *m)
{
    struct diff_bits bits = {0};
    for (unsigned came = 0; came < 256; came++) {
        uint8_t ttl = (uint8_t)(came - c->forwarded);
        bool meets = m->ttl.compare == RULES_TTL_LT   ? ttl < m->ttl.ttl
                     : m->ttl.compare == RULES_TTL_GT ? ttl > m->ttl.ttl
                                                      : ttl == m->ttl.ttl;
        if (meets)
            diff_bits_set(&bits, came);
    }
    return add_bits(c, DIFF_TTL, &bits, m->ttl.compare == RULES_TTL_NE);
}

static int add_tos(struct collector *c, const struct rules_match *m)
{
    struct diff_bits bits = {0};
    bool dscp = m->type == RULES_MATCH_DSCP;
    for (unsigned tos = 0; tos < 256; tos++) {
        if (dscp ? tos >> 2 == m->dscp.dscp : (tos & m->tos.mask) == m->tos.value)
            diff_bits_set(&bits, tos);
    }
    return add_bits(c, DIFF_TOS, &bits, dscp ? m->dscp.inverted : m->tos.inverted);
}

static int add_nothing(struct collector *c, const struct rules_match *m)
{
    (void)c;
    (void)m;
    return 0;
}

static int (*const adders[RULES_MATCH_TYPES])(struct collector *c, const struct rules_match *m) = {
    [RULES_MATCH_TCP] = add_tcp,
    [RULES_MATCH_UDP] = add_tcp,
    [RULES_MATCH_ICMP] = add_icmp,
    [RULES_MATCH_ICMP6] = add_icmp,
    [RULES_MATCH_STATE] = add_state,
    [RULES_MATCH_CONNTRACK] = add_state,
    [RULES_MATCH_MULTIPORT] = add_multiport,
    [RULES_MATCH_IPRANGE] = add_iprange,
    [RULES_MATCH_LENGTH] = add_length,
    [RULES_MATCH_TTL] = add_ttl,
    [RULES_MATCH_HL] = add_ttl,
    [RULES_MATCH_TOS] = add_tos,
    [RULES_MATCH_DSCP] = add_tos,
    [RULES_MATCH_COMMENT] = add_nothing,
};

int diff_conditions_of(const struct rules *r, const struct rules_chain *chain, const struct rules_rule *rule,
                       bool either, bool forwarded, struct diff_names *names, struct diff_conditions *ret)
{
    struct collector c = {r, chain, rule, either, forwarded, names, ret};
    int error = add_header(&c);
    for (uint16_t m = 0; m < rule->match_count && !error; m++) {
        const struct rules_match *match = &rule->matches[m];
        error = adders[match->type] ? adders[match->type](&c, match) : add_match_atom(&c, match);
    }
    return error;
}

bool diff_conditions_are_two(const struct rules_rule *rule)
{
    for (uint16_t m = 0; m < rule->match_count; m++) {
        const struct rules_match *match = &rule->matches[m];
        if (match->type == RULES_MATCH_MULTIPORT && match->multiport->side == RULES_PORTS_EITHER &&
            !match->multiport->inverted)
            return true;
    }
    return false;
}

int diff_conditions_append(struct diff_conditions *to, const struct diff_conditions *from)
{
    int error = 0;
    for (uint16_t i = 0; i < from->count && !error; i++)
        error = add(to, &from->list[i]);
    return error;
}

void diff_conditions_clear(struct diff_conditions *c)
{
    for (uint16_t i = 0; i < c->count; i++)
        free(c->list[i].ranges);
    free(c->list);
    *c = (struct diff_conditions){0};
}
