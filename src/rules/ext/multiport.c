/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "rules/ext/extension.h"

/* multiport (xt_multiport, revision 1): up to 15 places; a range takes two. */

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

static int parse_multiport(struct rules_parse *p, const struct rules_option *o, const char *word,
                           bool inverted, void *data)
{
    struct rules_match_multiport *m = data;
    const char *at = word;
    char element[140];
    unsigned places = 0;
    int rc;

    if (p->rule->protocol_inverted || !packet_has_ports(p->rule->protocol))
        return rules_fail(p, "expected -p tcp, udp, udplite, sctp or dccp before it");
    m->side = o->id; /* enum rules_multiport_side */
    m->inverted = inverted;
    while ((rc = rules_parse_element(p, &at, element, sizeof(element))) > 0) {
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

static int finish_multiport(struct rules_parse *p, void *data)
{
    (void)data;
    if (!p->given)
        return rules_fail(p, "multiport needs one of --source-ports, --destination-ports, --ports");
    return 0;
}

static void print_ports(FILE *out, const struct rules_match_multiport *m, const struct rules_print *how,
                        bool numeric)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (i)
            fputc(',', out);
        rules_print_port(out, m->ports[i].first, how->rule->protocol, numeric);
        if (m->is_range[i]) {
            fputc(':', out);
            rules_print_port(out, m->ports[i].last, how->rule->protocol, numeric);
        }
    }
}

static const char *const side_names[] = {
    [RULES_PORTS_SOURCE] = "sports", [RULES_PORTS_DESTINATION] = "dports", [RULES_PORTS_EITHER] = "ports"};

static void save_multiport(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_multiport *m = data;

    fprintf(out, "%s --%s ", m->inverted ? " !" : "", side_names[m->side]);
    print_ports(out, m, how, true);
}

static void list_multiport(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_multiport *m = data;

    fprintf(out, " multiport %s %s", side_names[m->side], m->inverted ? " !" : "");
    print_ports(out, m, how, how->numeric);
}

#define EITHER_OF (1U << RULES_PORTS_SOURCE | 1U << RULES_PORTS_DESTINATION | 1U << RULES_PORTS_EITHER)
#define SIDE(option, side)                                                                                   \
    {.name = (option),                                                                                       \
     .id = (side),                                                                                           \
     .flags = RULES_ARGUMENT | RULES_INVERTS,                                                                \
     .excludes = EITHER_OF & ~(1U << (side))}
static const struct rules_option multiport_options[] = {
    SIDE("source-ports", RULES_PORTS_SOURCE),
    SIDE("sports", RULES_PORTS_SOURCE),
    SIDE("destination-ports", RULES_PORTS_DESTINATION),
    SIDE("dports", RULES_PORTS_DESTINATION),
    SIDE("ports", RULES_PORTS_EITHER),
};

const struct rules_extension rules_match_multiport = {
    .name = "multiport",
    .options = multiport_options,
    .option_count = sizeof(multiport_options) / sizeof(multiport_options[0]),
    .type = RULES_MATCH_MULTIPORT,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_match_multiport),
    .option = parse_multiport,
    .finish = finish_multiport,
    .save = save_multiport,
    .list = list_multiport,
};
