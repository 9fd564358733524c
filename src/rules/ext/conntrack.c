/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <string.h>

#include "rules/ext/extension.h"

/* state and conntrack (xt_state, xt_conntrack revision 3). An option's id is the number of its bit in enum
 * rules_conntrack_part. */

static const struct {
    const char *name;
    uint8_t bit;
} states[] =
    {
        {"INVALID", RULES_STATE_INVALID},     {"NEW", RULES_STATE_NEW},
        {"RELATED", RULES_STATE_RELATED},     {"ESTABLISHED", RULES_STATE_ESTABLISHED},
        {"UNTRACKED", RULES_STATE_UNTRACKED}, {"SNAT", RULES_STATE_SNAT},
        {"DNAT", RULES_STATE_DNAT},
},
  statuses[] = {
      {"EXPECTED", RULES_STATUS_EXPECTED}, {"SEEN_REPLY", RULES_STATUS_SEEN_REPLY},
      {"ASSURED", RULES_STATUS_ASSURED},   {"CONFIRMED", RULES_STATUS_CONFIRMED},
      {"NONE", RULES_STATUS_NONE},
};

enum {
    STATES = sizeof(states) / sizeof(states[0]),
    STATES_OF_STATE = 5, /* -m state knows no SNAT and DNAT */
    STATUSES = sizeof(statuses) / sizeof(statuses[0]),
};

static const struct rules_option conntrack_options[] = {
    {.name = "ctstate", .id = 0, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctproto", .id = 1, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctorigsrc", .id = 2, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctorigdst", .id = 3, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctreplsrc", .id = 4, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctrepldst", .id = 5, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctstatus", .id = 6, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctexpire", .id = 7, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctorigsrcport", .id = 8, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctorigdstport", .id = 9, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctreplsrcport", .id = 10, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctrepldstport", .id = 11, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "ctdir", .id = 12, .flags = RULES_ARGUMENT},
};

static const struct rules_option state_options[] = {
    {.name = "state", .id = 0, .flags = RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED},
};

/* ---- reading ---- */

static int parse_bits(struct rules_parse *p, const char *word, bool is_status, size_t count, uint8_t *ret)
{
    const char *names[STATES], *at = word;
    char element[64];
    size_t found;
    uint8_t bits = 0;
    int rc;

    for (size_t i = 0; i < count; i++)
        names[i] = is_status ? statuses[i].name : states[i].name;
    while ((rc = rules_parse_element(p, &at, element, sizeof(element))) > 0) {
        rc = rules_parse_choice(p, element, names, count, true,
                                is_status ? "a status of connections" : "a state", &found);
        if (rc)
            return rc;
        bits |= is_status ? statuses[found].bit : states[found].bit;
    }
    if (rc == 0 && !bits)
        return rules_fail(p, "found an empty word, expected a list like %s",
                          is_status ? "ASSURED,CONFIRMED" : "ESTABLISHED,RELATED");
    *ret = bits;
    return rc;
}

/* Unlike with -s and -d, an address is kept unmasked, and short forms are inet_aton's (10.1 is 10.0.0.1). */
static int parse_address(struct rules_parse *p, const char *word, struct rules_network *ret)
{
    const char *slash = strchr(word, '/');
    struct rules_network network = {0};
    struct in_addr short_form;
    char host[64];

    int rc = rules_parse_network(p, word, &network);
    if (rc)
        return rc;
    size_t size = slash ? (size_t)(slash - word) : strlen(word); /* it fits: it is an address */
    memcpy(host, word, size);
    host[size] = '\0';
    if (p->family == PACKET_IPV6)
        rc = rules_parse_address(p, host, &network.address);
    else if (inet_aton(host, &short_form))
        network.address.word[0] = short_form.s_addr;
    else
        return rules_fail(p, "found \"%s\", expected an IPv4 address", host);
    *ret = network;
    return rc;
}

static int parse_statuses(struct rules_parse *p, const char *word, uint8_t *ret)
{
    uint8_t bits = 0;
    int rc = parse_bits(p, word, true, STATUSES, &bits);

    if (bits != RULES_STATUS_NONE)
        bits &= (uint8_t)~RULES_STATUS_NONE; /* it adds nothing to others */
    *ret = bits;
    return rc;
}

static int parse_direction(struct rules_parse *p, const char *word, bool *ret_reply)
{
    static const char *const names[] = {"ORIGINAL", "REPLY"};
    size_t found = 0;
    int rc = rules_parse_choice(p, word, names, 2, true, "a direction (ORIGINAL or REPLY)", &found);

    *ret_reply = found == 1;
    return rc;
}

static int parse_conntrack(struct rules_parse *p, const struct rules_option *o, const char *word,
                           bool inverted, void *data)
{
    struct rules_match_conntrack *m = data;
    unsigned part = 1U << o->id;

    m->given |= (uint16_t)part;
    if (inverted)
        m->inverted |= (uint16_t)part;
    switch (part) {
    case RULES_CT_STATE:
        return parse_bits(p, word, false, STATES, &m->states);
    case RULES_CT_PROTO:
        return rules_parse_protocol(p, word, &m->protocol);
    case RULES_CT_ORIGSRC:
        return parse_address(p, word, &m->origsrc);
    case RULES_CT_ORIGDST:
        return parse_address(p, word, &m->origdst);
    case RULES_CT_REPLSRC:
        return parse_address(p, word, &m->replsrc);
    case RULES_CT_REPLDST:
        return parse_address(p, word, &m->repldst);
    case RULES_CT_STATUS:
        return parse_statuses(p, word, &m->statuses);
    case RULES_CT_EXPIRE:
        return rules_parse_range32(p, word, UINT32_MAX, &m->expire);
    case RULES_CT_ORIGSRCPORT:
        return rules_parse_ports(p, word, 0, &m->origsrc_port);
    case RULES_CT_ORIGDSTPORT:
        return rules_parse_ports(p, word, 0, &m->origdst_port);
    case RULES_CT_REPLSRCPORT:
        return rules_parse_ports(p, word, 0, &m->replsrc_port);
    case RULES_CT_REPLDSTPORT:
        return rules_parse_ports(p, word, 0, &m->repldst_port);
    default:
        return parse_direction(p, word, &m->reply);
    }
}

static int parse_state(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                       void *data)
{
    struct rules_match_conntrack *m = data;

    (void)o;
    m->given = RULES_CT_STATE;
    m->inverted = inverted ? RULES_CT_STATE : 0;
    return parse_bits(p, word, false, STATES_OF_STATE, &m->states);
}

static int finish_conntrack(struct rules_parse *p, void *data)
{
    (void)data;
    if (!p->given)
        return rules_fail(p, "conntrack needs at least one option, like --ctstate ESTABLISHED,RELATED");
    return 0;
}

/* ---- printing ---- */

static void print_states(FILE *out, uint8_t bits)
{
    const char *comma = " ";

    for (unsigned i = 0; i < STATES; i++) {
        if (bits & states[i].bit) {
            fprintf(out, "%s%s", comma, states[i].name);
            comma = ",";
        }
    }
}

static void print_statuses(FILE *out, uint8_t bits)
{
    const char *comma = " ";

    for (unsigned i = 0; i < STATUSES; i++) {
        if (bits & statuses[i].bit) {
            fprintf(out, "%s%s", comma, statuses[i].name);
            comma = ",";
        }
    }
}

static void print_network(FILE *out, const struct rules_network *n, const struct rules_print *how)
{
    if (!how->numeric &&
        !(n->address.word[0] | n->address.word[1] | n->address.word[2] | n->address.word[3])) {
        fputs(" anywhere", out);
        return;
    }
    fputc(' ', out);
    rules_print_address(out, how->family, &n->address);
    rules_print_mask(out, how->family, &n->mask);
}

static void print_range(FILE *out, uint32_t first, uint32_t last)
{
    fprintf(out, " %u", first);
    if (last != first)
        fprintf(out, ":%u", last);
}

static void print_part(FILE *out, const struct rules_match_conntrack *m, unsigned part,
                       const struct rules_print *how)
{
    switch (part) {
    case RULES_CT_STATE:
        print_states(out, m->states);
        break;
    case RULES_CT_PROTO:
        fprintf(out, " %u", m->protocol);
        break;
    case RULES_CT_ORIGSRC:
        print_network(out, &m->origsrc, how);
        break;
    case RULES_CT_ORIGDST:
        print_network(out, &m->origdst, how);
        break;
    case RULES_CT_REPLSRC:
        print_network(out, &m->replsrc, how);
        break;
    case RULES_CT_REPLDST:
        print_network(out, &m->repldst, how);
        break;
    case RULES_CT_STATUS:
        print_statuses(out, m->statuses);
        break;
    case RULES_CT_EXPIRE:
        print_range(out, m->expire.first, m->expire.last);
        break;
    case RULES_CT_ORIGSRCPORT:
        print_range(out, m->origsrc_port.first, m->origsrc_port.last);
        break;
    case RULES_CT_ORIGDSTPORT:
        print_range(out, m->origdst_port.first, m->origdst_port.last);
        break;
    case RULES_CT_REPLSRCPORT:
        print_range(out, m->replsrc_port.first, m->replsrc_port.last);
        break;
    case RULES_CT_REPLDSTPORT:
        print_range(out, m->repldst_port.first, m->repldst_port.last);
        break;
    default:
        fputs(m->reply ? " REPLY" : " ORIGINAL", out);
        break;
    }
}

static void print_conntrack(FILE *out, const struct rules_match_conntrack *m, const char *dashes,
                            const struct rules_print *how)
{
    /* as libxt_conntrack prints: ids, ports before status and expiry */
    static const uint8_t order[] = {0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 6, 7, 12};

    for (unsigned i = 0; i < sizeof(order); i++) {
        unsigned part = 1U << order[i];
        if (!(m->given & part))
            continue;
        fprintf(out, "%s %s%s", m->inverted & part ? " !" : "", dashes, conntrack_options[order[i]].name);
        print_part(out, m, part, how);
    }
}

static void save_conntrack(FILE *out, const void *data, const struct rules_print *how)
{
    print_conntrack(out, data, "--", how);
}

static void list_conntrack(FILE *out, const void *data, const struct rules_print *how)
{
    print_conntrack(out, data, "", how);
}

static void save_state(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_conntrack *m = data;

    (void)how;
    fprintf(out, "%s --state", m->inverted ? " !" : "");
    print_states(out, m->states);
}

static void list_state(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_conntrack *m = data;

    (void)how;
    fprintf(out, "%s state", m->inverted ? " !" : "");
    print_states(out, m->states);
}

const struct rules_extension rules_match_state = {
    .name = "state",
    .options = state_options,
    .option_count = 1,
    .type = RULES_MATCH_STATE,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_match_conntrack),
    .option = parse_state,
    .save = save_state,
    .list = list_state,
};

const struct rules_extension rules_match_conntrack = {
    .name = "conntrack",
    .options = conntrack_options,
    .option_count = sizeof(conntrack_options) / sizeof(conntrack_options[0]),
    .type = RULES_MATCH_CONNTRACK,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_match_conntrack),
    .option = parse_conntrack,
    .finish = finish_conntrack,
    .save = save_conntrack,
    .list = list_conntrack,
};
