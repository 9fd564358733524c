/* SPDX-License-Identifier: BSD-2-Clause */
/* Where connections are sent instead, and whom they seem to come from: -j DNAT, SNAT, REDIRECT, MASQUERADE, NETMAP.
 * net/netfilter/xt_nat.c, xt_REDIRECT.c, xt_MASQUERADE.c, xt_NETMAP.c */
#include <stdlib.h>
#include <string.h>

#include "rules/ext/field.h"

/* ---- words ---- */

/* A port stands only in rules of protocols that iptables knows to have some, or an id. */
static int need_ports(struct rules_parse *p)
{
    static const uint8_t with_ports[] = {PACKET_TCP, PACKET_UDP, PACKET_SCTP, PACKET_DCCP, PACKET_ICMP};

    for (size_t i = 0; i < sizeof(with_ports); i++) {
        if (p->rule->protocol == with_ports[i])
            return 0;
    }
    return rules_fail(p, "ports can be given only in a rule with -p tcp, udp, sctp or dccp");
}

/* "80", "http", "80-90", "80-90/1000". */
static int read_ports(struct rules_parse *p, const char *word, void *at)
{
    struct nat_order *nat = at;
    char first[64];
    size_t length = strcspn(word, "-");
    const char *end = word[length] ? word + length + 1 : NULL, *base = end ? strchr(end, '/') : NULL;
    char last[8];
    uint32_t number;
    int r = need_ports(p);

    nat->flags |= NAT_MAPS_PORTS;
    if (length >= sizeof(first))
        return rules_fail(p, "\"%s\" is not a port; expected 80, 80-90", word);
    memcpy(first, word, length);
    first[length] = '\0';
    if (r == 0 && !end) {
        r = rules_parse_port(p, first, p->rule->protocol, &nat->port_first);
        nat->port_last = nat->port_first;
        return r;
    }
    if (r == 0)
        r = rules_parse_u32(p, first, 0, UINT16_MAX, &number);
    if (r)
        return r;
    nat->port_first = (uint16_t)number;
    length = base ? (size_t)(base - end) : strlen(end);
    if (length >= sizeof(last))
        return rules_fail(p, "\"%s\" is not a range of ports; expected 80-90", word);
    memcpy(last, end, length);
    last[length] = '\0';
    r = rules_parse_u32(p, last, 0, UINT16_MAX, &number);
    nat->port_last = (uint16_t)number;
    if (r == 0 && nat->port_last < nat->port_first)
        return rules_fail(p, "the range %s does not go up", word);
    if (r || !base)
        return r;
    if (nat->kind == NAT_REDIRECT)
        return rules_fail(p, "REDIRECT can't count its ports from another one; expected 80-90");
    nat->flags |= NAT_OFFSET;
    r = rules_parse_u32(p, base + 1, 0, UINT16_MAX, &number);
    nat->port_base =
        nat->manip == NAT_DESTINATION ? (uint16_t)number : 0; /* of sources iptables forgets it */
    return r;
}

static void print_ports(FILE *out, const void *at, const struct rules_print *how)
{
    const struct nat_order *nat = at;

    (void)how;
    fprintf(out, "%u", nat->port_first);
    if (nat->port_last != nat->port_first || nat->flags & NAT_OFFSET)
        fprintf(out, "-%u", nat->port_last);
    if (nat->flags & NAT_OFFSET)
        fprintf(out, "/%u", nat->port_base);
}

/* "192.0.2.1", "192.0.2.1-192.0.2.9", either with ":" and ports behind, or those alone; of IPv6 addresses with ports
 * stand in brackets. Returns the ports, or NULL; the addresses are cut off before them. */
static const char *cut_ports(char *word, char **ret_addresses)
{
    char *bracket = strchr(word, '['), *end = bracket ? strchr(bracket, ']') : NULL,
         *colon = strchr(word, ':');

    *ret_addresses = word;
    if (end) {
        *end = '\0';
        *ret_addresses = bracket + 1;
        return end[1] == ':' ? end + 2 : NULL;
    }
    if (!colon || strchr(colon + 1, ':'))
        return NULL;
    *colon = '\0';
    return colon + 1;
}

static int read_addresses(struct rules_parse *p, char *word, struct nat_order *nat)
{
    char *dash = strchr(word, '-');
    int r;

    nat->flags |= NAT_MAPS_ADDRESSES;
    if (dash)
        *dash = '\0';
    r = rules_parse_address(p, word, &nat->first);
    nat->last = nat->first;
    return r == 0 && dash ? rules_parse_address(p, dash + 1, &nat->last) : r;
}

static int read_to(struct rules_parse *p, const char *word, void *at)
{
    enum { LONGEST = 160 };
    char text[LONGEST], *addresses;
    struct nat_order *nat = at;

    if (strlen(word) >= sizeof(text) || (p->family == PACKET_IPV4 && strchr(word, '[')))
        return rules_fail(p, "expected addresses and ports such as 192.0.2.1:21");
    strcpy(text, word);
    const char *ports = cut_ports(text, &addresses);
    int r = ports ? read_ports(p, ports, at) : 0;
    return r == 0 && (*addresses || !ports) ? read_addresses(p, addresses, nat) : r;
}

static void print_to(FILE *out, const void *at, const struct rules_print *how)
{
    const struct nat_order *nat = at;
    bool addresses = nat->flags & NAT_MAPS_ADDRESSES, ports = nat->flags & NAT_MAPS_PORTS,
         brackets = addresses && ports && how->family == PACKET_IPV6;

    fputs(brackets ? "[" : "", out);
    if (addresses)
        rules_print_address(out, how->family, &nat->first);
    if (addresses && !packet_address_equal(&nat->first, &nat->last)) {
        fputc('-', out);
        rules_print_address(out, how->family, &nat->last);
    }
    fputs(brackets ? "]" : "", out);
    if (!ports)
        return;
    fputc(':', out);
    print_ports(out, at, how);
}

/* NETMAP's network, kept as its first and last address. */
static int read_network(struct rules_parse *p, const char *word, void *at)
{
    struct nat_order *nat = at;
    struct rules_network network = {0};
    int r = rules_parse_network(p, word, &network);
    unsigned words = p->family == PACKET_IPV6 ? 4 : 1;

    nat->flags |= NAT_MAPS_ADDRESSES | NAT_NETMAP;
    nat->first = nat->last = network.address;
    for (unsigned w = 0; w < words; w++)
        nat->last.word[w] |= ~network.mask.word[w];
    return r;
}

static void print_network(FILE *out, const void *at, const struct rules_print *how)
{
    const struct nat_order *nat = at;
    struct packet_address mask = nat_netmask(nat);

    rules_print_address(out, how->family, &nat->first);
    if (rules_mask_prefix(how->family, &mask) == (how->family == PACKET_IPV6 ? 128 : 32))
        fprintf(out, "/%d", how->family == PACKET_IPV6 ? 128 : 32);
    else
        rules_print_mask(out, how->family, &mask);
}

/* ---- rows ---- */

enum { TO, RANDOM, RANDOM_FULLY, PERSISTENT };

static const struct rules_value to_value = {.read = read_to, .print = print_to},
                                ports_value = {.read = read_ports, .print = print_ports},
                                network_value = {.read = read_network, .print = print_network};

#define FLAG(word, number, flag)                                                                             \
    {                                                                                                        \
        .name = word, .id = number, .given = { {offsetof(struct nat_order, flags), 1}, flag, flag }          \
    }
#define TARGET(word, kind_of, takes, nat_hooks)                                                              \
    .name = word, .type = RULES_TARGET_##kind_of, .tables = RULES_BIT(RULES_NAT), .hooks = nat_hooks,        \
    .heap = sizeof(struct nat_order), RULES_OPTIONS(takes)
#define DESTINATIONS (RULES_BIT(RULES_PREROUTING) | RULES_BIT(RULES_OUTPUT))
#define SOURCES      (RULES_BIT(RULES_POSTROUTING) | RULES_BIT(RULES_INPUT))

static const struct rules_option dnat_options[] = {
    {.name = "to-destination",
     .id = TO,
     .flags = RULES_ARGUMENT | RULES_NEEDED,
     .value = &to_value,
     .listed = " to:"},
    FLAG("random", RANDOM, NAT_RANDOM),
    FLAG("persistent", PERSISTENT, NAT_PERSISTENT),
};

static const struct rules_option snat_options[] = {
    {.name = "to-source",
     .id = TO,
     .flags = RULES_ARGUMENT | RULES_NEEDED,
     .value = &to_value,
     .listed = " to:"},
    FLAG("random", RANDOM, NAT_RANDOM),
    FLAG("random-fully", RANDOM_FULLY, NAT_RANDOM_FULLY),
    FLAG("persistent", PERSISTENT, NAT_PERSISTENT),
};

#define TO_PORTS(label)                                                                                      \
    {.name = "to-ports",                                                                                     \
     .id = TO,                                                                                               \
     .flags = RULES_ARGUMENT,                                                                                \
     .value = &ports_value,                                                                                  \
     .given = {{offsetof(struct nat_order, flags), 1}, NAT_MAPS_PORTS, NAT_MAPS_PORTS},                      \
     .listed = label}

static const struct rules_option redirect_options[] = {
    TO_PORTS(" redir ports "),
    FLAG("random", RANDOM, NAT_RANDOM),
};

static const struct rules_option masquerade_options[] = {
    TO_PORTS(" masq ports: "),
    FLAG("random", RANDOM, NAT_RANDOM),
    FLAG("random-fully", RANDOM_FULLY, NAT_RANDOM_FULLY),
};

static const struct rules_option netmap_options[] = {
    {.name = "to",
     .id = TO,
     .flags = RULES_ARGUMENT | RULES_NEEDED,
     .value = &network_value,
     .listed = " to:"},
};

static void start_as(void *data, enum nat_kind kind, enum nat_manip manip)
{
    struct nat_order *nat = data;

    nat->kind = (uint8_t)kind;
    nat->manip = (uint8_t)manip;
}

static void start_dnat(void *data)
{
    start_as(data, NAT_MAP, NAT_DESTINATION);
}

static void start_snat(void *data)
{
    start_as(data, NAT_MAP, NAT_SOURCE);
}

static void start_redirect(void *data)
{
    start_as(data, NAT_REDIRECT, NAT_DESTINATION);
}

static void start_masquerade(void *data)
{
    start_as(data, NAT_MASQUERADE, NAT_SOURCE);
}

const struct rules_extension rules_target_dnat = {TARGET("DNAT", DNAT, dnat_options, DESTINATIONS),
                                                  .start = start_dnat};
const struct rules_extension rules_target_snat = {TARGET("SNAT", SNAT, snat_options, SOURCES),
                                                  .start = start_snat};
const struct rules_extension rules_target_redirect = {
    TARGET("REDIRECT", REDIRECT, redirect_options, DESTINATIONS), .start = start_redirect};
const struct rules_extension rules_target_masquerade = {
    TARGET("MASQUERADE", MASQUERADE, masquerade_options, RULES_BIT(RULES_POSTROUTING)),
    .start = start_masquerade};
/* Of which end depends on the hook. */
const struct rules_extension rules_target_netmap = {
    TARGET("NETMAP", NETMAP, netmap_options, DESTINATIONS | SOURCES), .start = start_dnat};
