/* SPDX-License-Identifier: BSD-2-Clause */
/* state and conntrack (xt_state, xt_conntrack revision 3). An option's id is the number of its bit in enum
 * rules_conntrack_part. */
#include <arpa/inet.h>
#include <string.h>

#include "rules/ext/field.h"

static const struct rules_name states[] = {
    {"INVALID", RULES_STATE_INVALID},     {"NEW", RULES_STATE_NEW},
    {"RELATED", RULES_STATE_RELATED},     {"ESTABLISHED", RULES_STATE_ESTABLISHED},
    {"UNTRACKED", RULES_STATE_UNTRACKED}, {"SNAT", RULES_STATE_SNAT},
    {"DNAT", RULES_STATE_DNAT},
};
static const struct rules_name statuses[] = {
    {"EXPECTED", RULES_STATUS_EXPECTED}, {"SEEN_REPLY", RULES_STATUS_SEEN_REPLY},
    {"ASSURED", RULES_STATUS_ASSURED},   {"CONFIRMED", RULES_STATUS_CONFIRMED},
    {"NONE", RULES_STATUS_NONE},
};
static const struct rules_name directions[] = {{"ORIGINAL", false}, {"REPLY", true}};

static const struct rules_names state_names = {RULES_NAMES(states), .kind = "a state",
                                               .empty = "a list like ESTABLISHED,RELATED"},
                                /* -m state knows no SNAT and DNAT */
    old_state_names = {states, 5, .kind = "a state", .empty = "a list like ESTABLISHED,RELATED"},
                                status_names = {RULES_NAMES(statuses), .kind = "a status of connections",
                                                .empty = "a list like ASSURED,CONFIRMED"},
                                direction_names = {RULES_NAMES(directions),
                                                   .kind = "a direction (ORIGINAL or REPLY)"};

static int read_protocol(struct rules_parse *p, const char *word, void *at)
{
    return rules_parse_protocol(p, word, at);
}

static const struct rules_value protocol = {.read = read_protocol, .print = rules_print_number};

/* Unlike with -s and -d, an address is kept unmasked, and short forms are inet_aton's (10.1 is 10.0.0.1). */
static int read_network(struct rules_parse *p, const char *word, void *at)
{
    const char *slash = strchr(word, '/');
    struct rules_network network = {0}, *ret = at;
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

static void print_network(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_network *n = at;

    if (!how->numeric &&
        !(n->address.word[0] | n->address.word[1] | n->address.word[2] | n->address.word[3])) {
        fputs("anywhere", out);
        return;
    }
    rules_print_address(out, how->family, &n->address);
    rules_print_mask(out, how->family, &n->mask);
}

static const struct rules_value network = {.read = read_network, .print = print_network};

static int read_ports(struct rules_parse *p, const char *word, void *at)
{
    return rules_parse_ports(p, word, 0, at);
}

static const struct rules_value ports = {.read = read_ports, .print = rules_print_range};

#define PART(word, number, others, kind, member, ...)                                                        \
    RULES_OPTION(word, number, RULES_ARGUMENT | (others), RULES_TAKES(kind, match_conntrack, member),        \
                 .given = RULES_BITS(match_conntrack, given, RULES_BIT(number)),                             \
                 .inverted = RULES_BITS(match_conntrack, inverted, RULES_BIT(number)), __VA_ARGS__)

static const struct rules_option state_options[] = {
    PART("state", 0, RULES_INVERTS | RULES_NEEDED, rules_set_of, states, .names = &old_state_names),
};

static const struct rules_option conntrack_options[] = {
    PART("ctstate", 0, RULES_INVERTS, rules_set_of, states, .names = &state_names),
    PART("ctproto", 1, RULES_INVERTS, protocol, protocol),
    PART("ctorigsrc", 2, RULES_INVERTS, network, origsrc),
    PART("ctorigdst", 3, RULES_INVERTS, network, origdst),
    PART("ctreplsrc", 4, RULES_INVERTS, network, replsrc),
    PART("ctrepldst", 5, RULES_INVERTS, network, repldst),
    PART("ctstatus", 6, RULES_INVERTS, rules_set_of, statuses, .names = &status_names),
    PART("ctexpire", 7, RULES_INVERTS, rules_range, expire),
    PART("ctorigsrcport", 8, RULES_INVERTS, ports, origsrc_port),
    PART("ctorigdstport", 9, RULES_INVERTS, ports, origdst_port),
    PART("ctreplsrcport", 10, RULES_INVERTS, ports, replsrc_port),
    PART("ctrepldstport", 11, RULES_INVERTS, ports, repldst_port),
    PART("ctdir", 12, 0, rules_choice, reply, .names = &direction_names),
};

/* As libxt_conntrack prints: ports before status and expiry. */
static const uint8_t conntrack_order[] = {0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 6, 7, 12};

static int finish_conntrack(struct rules_parse *p, void *data)
{
    struct rules_match_conntrack *m = data;

    (void)p;
    if (m->statuses != RULES_STATUS_NONE)
        m->statuses &= (uint8_t)~RULES_STATUS_NONE; /* it adds nothing to others */
    return 0;
}

const struct rules_extension rules_match_state = {
    .name = "state",
    .type = RULES_MATCH_STATE,
    .heap = sizeof(struct rules_match_conntrack),
    RULES_OPTIONS(state_options),
};

const struct rules_extension rules_match_conntrack = {
    .name = "conntrack",
    .type = RULES_MATCH_CONNTRACK,
    .heap = sizeof(struct rules_match_conntrack),
    RULES_OPTIONS(conntrack_options),
    RULES_ORDER(conntrack_order),
    .lacking = "conntrack needs at least one option, like --ctstate ESTABLISHED,RELATED",
    .finish = finish_conntrack,
};
