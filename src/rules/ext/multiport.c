/* SPDX-License-Identifier: BSD-2-Clause */
/* multiport (xt_multiport, revision 1): up to 15 places; a range takes two. */
#include <string.h>

#include "rules/ext/field.h"

static int parse_port_or_range(struct rules_parse *p, char *element, struct rules_match_multiport *m)
{
    char *colon = strchr(element, ':');
    struct rules_range16 range;

    if (colon)
        *colon = '\0';
    int rc = rules_parse_port(p, element, p->rule->protocol, &range.first);
    if (rc == 0 && colon)
        rc = rules_parse_port(p, colon + 1, p->rule->protocol, &range.last);
    if (rc)
        return rc;
    if (!colon)
        range.last = range.first;
    else if (range.first >= range.last)
        return rules_fail(p, "the range %u:%u does not go up", range.first, range.last);
    m->ports[m->count] = range;
    m->is_range[m->count++] = colon;
    return 0;
}

static int read_ports(struct rules_parse *p, const char *word, void *at)
{
    struct rules_match_multiport *m = at;
    char element[140];
    unsigned places = 0;
    int rc;

    if (p->rule->protocol_inverted || !packet_has_ports(p->rule->protocol))
        return rules_fail(p, "expected -p tcp, udp, udplite, sctp or dccp before it");
    while ((rc = rules_parse_element(p, &word, element, sizeof(element))) > 0) {
        places += strchr(element, ':') ? 2 : 1;
        if (places > RULES_PORTS)
            return rules_fail(p, "more than %d ports (a range counts as two); split them over several rules",
                              RULES_PORTS);
        rc = parse_port_or_range(p, element, m);
        if (rc)
            return rc;
    }
    if (rc == 0 && places == 0)
        return rules_fail(p, "found an empty word, expected ports like 21,22,10090:10100");
    return rc;
}

static void print_ports(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_match_multiport *m = at;

    for (unsigned i = 0; i < m->count; i++) {
        if (i)
            fputc(',', out);
        rules_print_port(out, m->ports[i].first, how->rule->protocol, how->numeric);
        if (m->is_range[i]) {
            fputc(':', out);
            rules_print_port(out, m->ports[i].last, how->rule->protocol, how->numeric);
        }
    }
}

static const struct rules_value ports = {.read = read_ports, .print = print_ports};

enum {
    EITHER_OF =
        RULES_BIT(RULES_PORTS_SOURCE) | RULES_BIT(RULES_PORTS_DESTINATION) | RULES_BIT(RULES_PORTS_EITHER)
};

#define SIDE(option, side_id, ...)                                                                           \
    RULES_OPTION(option, side_id, RULES_ARGUMENT | RULES_INVERTS, .excludes = EITHER_OF, __VA_ARGS__)
#define PRINTED_SIDE(option, side_id)                                                                        \
    SIDE(option, side_id, .value = &ports, .given = RULES_IS(match_multiport, side, side_id),                \
         .inverted = RULES_BOOL(match_multiport, inverted), .listed = " multiport " option " ( !)")

static const struct rules_option options[] = {
    SIDE("source-ports", RULES_PORTS_SOURCE, .value = NULL),
    PRINTED_SIDE("sports", RULES_PORTS_SOURCE),
    SIDE("destination-ports", RULES_PORTS_DESTINATION, .value = NULL),
    PRINTED_SIDE("dports", RULES_PORTS_DESTINATION),
    PRINTED_SIDE("ports", RULES_PORTS_EITHER),
};

const struct rules_extension rules_match_multiport = {
    .name = "multiport",
    .type = RULES_MATCH_MULTIPORT,
    .heap = sizeof(struct rules_match_multiport),
    RULES_OPTIONS(options),
    .lacking = "multiport needs one of --source-ports, --destination-ports, --ports",
};
