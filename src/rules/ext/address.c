/* SPDX-License-Identifier: BSD-2-Clause */
/* Matches on where a packet comes from and goes to: iprange, mac, addrtype, pkttype, rpfilter. */
#include <stdlib.h>
#include <string.h>

#include "rules/ext/field.h"

/* ---- iprange ---- */

/* "A" or "A-B", two addresses in a row. The kernel keeps a reversed range, which never matches. */
static int read_iprange(struct rules_parse *p, const char *word, void *at)
{
    struct packet_address *range = at;
    char first[64];
    const char *dash = strchr(word, '-');
    size_t length = dash ? (size_t)(dash - word) : strlen(word);
    int r;

    if (length >= sizeof first)
        return rules_fail(p, "\"%s\" is no range of addresses; expected ADDRESS or ADDRESS-ADDRESS", word);
    memcpy(first, word, length);
    first[length] = '\0';
    r = rules_parse_address(p, first, &range[0]);
    return r < 0 ? r : rules_parse_address(p, dash ? dash + 1 : first, &range[1]);
}

static void print_iprange(FILE *out, const void *at, const struct rules_print *how)
{
    const struct packet_address *range = at;

    rules_print_address(out, how->family, &range[0]);
    fputc('-', out);
    rules_print_address(out, how->family, &range[1]);
}

static const struct rules_value iprange = {.read = read_iprange, .print = print_iprange};

static const struct rules_option iprange_options[] = {
    RULES_OPTION("src-range", 0, RULES_ARGUMENT | RULES_INVERTS,
                 RULES_TAKES(iprange, match_iprange, source_first),
                 .given = RULES_BOOL(match_iprange, has_source),
                 .inverted = RULES_BOOL(match_iprange, source_inverted), .listed = " source IP range (! )"),
    RULES_OPTION("dst-range", 1, RULES_ARGUMENT | RULES_INVERTS,
                 RULES_TAKES(iprange, match_iprange, destination_first),
                 .given = RULES_BOOL(match_iprange, has_destination),
                 .inverted = RULES_BOOL(match_iprange, destination_inverted),
                 .listed = " destination IP range (! )"),
};

const struct rules_extension rules_match_iprange = {
    .name = "iprange",
    .type = RULES_MATCH_IPRANGE,
    .heap = sizeof(struct rules_match_iprange),
    RULES_OPTIONS(iprange_options),
    .lacking = "iprange needs --src-range or --dst-range",
};

/* ---- mac ---- */

/* Six numbers of one or two hexadecimal digits. */
static int read_mac(struct rules_parse *p, const char *word, void *at)
{
    uint8_t *address = at;
    const char *next = word;

    for (size_t i = 0; i < p->option->at.size; i++) {
        size_t digits = strspn(next, "0123456789abcdefABCDEF");
        char last = i + 1 < p->option->at.size ? ':' : '\0';

        if (digits == 0 || digits > 2 || next[digits] != last)
            return rules_fail(p, "\"%s\" is no MAC address; expected six bytes such as 00:16:3e:0a:0b:0c",
                              word);
        address[i] = (uint8_t)strtoul(next, NULL, 16);
        next += digits + 1;
    }
    return 0;
}

static void print_mac(FILE *out, const void *at, const struct rules_print *how)
{
    const uint8_t *address = at;

    for (size_t i = 0; i < how->option->at.size; i++)
        fprintf(out, "%s%02x", i ? ":" : "", address[i]);
}

static const struct rules_value mac = {.read = read_mac, .print = print_mac};

static const struct rules_option mac_options[] = {
    RULES_OPTION("mac-source", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED,
                 RULES_TAKES(mac, match_mac, address), .inverted = RULES_BOOL(match_mac, inverted),
                 .listed = " MAC (! )"),
};

const struct rules_extension rules_match_mac = {
    .name = "mac",
    .type = RULES_MATCH_MAC,
    .hooks = RULES_BIT(RULES_PREROUTING) | RULES_BIT(RULES_INPUT) | RULES_BIT(RULES_FORWARD),
    RULES_OPTIONS(mac_options),
};

/* ---- addrtype ---- */

/* In the order of linux/rtnetlink.h, which is that of the bits. */
static const struct rules_name address_types[] = {
    {"UNSPEC", 1 << 0},   {"UNICAST", 1 << 1},   {"LOCAL", 1 << 2},     {"BROADCAST", 1 << 3},
    {"ANYCAST", 1 << 4},  {"MULTICAST", 1 << 5}, {"BLACKHOLE", 1 << 6}, {"UNREACHABLE", 1 << 7},
    {"PROHIBIT", 1 << 8}, {"THROW", 1 << 9},     {"NAT", 1 << 10},      {"XRESOLVE", 1 << 11}};

/* Each may be cut short ("uni", "local"), as in iptables. */
static const struct rules_names types = {RULES_NAMES(address_types), .cut = true, .kind = "a type of address",
                                         .empty = "types of addresses"};

enum {
    TYPE_SOURCE,
    TYPE_DESTINATION,
    TYPE_IFACE_IN,
    TYPE_IFACE_OUT,
    /* What the kernel looks up for IPv6: UNSPEC, UNICAST, LOCAL, ANYCAST, MULTICAST, UNREACHABLE. */
    IPV6_TYPES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 7,
};

static const struct rules_option addrtype_options[] = {
    RULES_OPTION("src-type", TYPE_SOURCE, RULES_ARGUMENT | RULES_INVERTS,
                 RULES_TAKES(rules_set_of, match_addrtype, source), .names = &types,
                 .listed = " src-type (!)",
                 .inverted = RULES_BITS(match_addrtype, flags, RULES_ADDRTYPE_SOURCE_INVERTED)),
    RULES_OPTION("dst-type", TYPE_DESTINATION, RULES_ARGUMENT | RULES_INVERTS,
                 RULES_TAKES(rules_set_of, match_addrtype, destination), .names = &types,
                 .listed = " dst-type (!)",
                 .inverted = RULES_BITS(match_addrtype, flags, RULES_ADDRTYPE_DESTINATION_INVERTED)),
    RULES_OPTION("limit-iface-in", TYPE_IFACE_IN, 0, .excludes = RULES_BIT(TYPE_IFACE_OUT),
                 .given = RULES_BITS(match_addrtype, flags, RULES_ADDRTYPE_IFACE_IN), .listed = " limit-in"),
    RULES_OPTION("limit-iface-out", TYPE_IFACE_OUT, 0, .excludes = RULES_BIT(TYPE_IFACE_IN),
                 .given = RULES_BITS(match_addrtype, flags, RULES_ADDRTYPE_IFACE_OUT),
                 .listed = " limit-out"),
};

static int addrtype_finish(struct rules_parse *p, void *data)
{
    const struct rules_match_addrtype *type = data;
    unsigned wrong = (type->source | type->destination) & ~(unsigned)IPV6_TYPES;

    /* xt_addrtype.c, addrtype_mt_checkentry_v1 */
    if (p->family == PACKET_IPV6 && wrong)
        return rules_fail(p, "IPv6 has no addresses of the type %s",
                          address_types[__builtin_ctz(wrong)].name);
    return 0;
}

/* A packet that comes in has no outgoing interface yet, one that goes out none that it came by. */
static uint8_t addrtype_reach(const void *data)
{
    const struct rules_match_addrtype *type = data;
    unsigned hooks = (1u << RULES_HOOKS) - 1;

    if (type->flags & RULES_ADDRTYPE_IFACE_IN)
        hooks &= ~(RULES_BIT(RULES_OUTPUT) | RULES_BIT(RULES_POSTROUTING));
    if (type->flags & RULES_ADDRTYPE_IFACE_OUT)
        hooks &= ~(RULES_BIT(RULES_PREROUTING) | RULES_BIT(RULES_INPUT));
    return (uint8_t)hooks;
}

const struct rules_extension rules_match_addrtype = {
    .name = "addrtype",
    .type = RULES_MATCH_ADDRTYPE,
    .hooks = (1u << RULES_HOOKS) - 1,
    .reach = addrtype_reach,
    RULES_OPTIONS(addrtype_options),
    .one_of = RULES_BIT(TYPE_SOURCE) | RULES_BIT(TYPE_DESTINATION),
    .lacking = "addrtype needs --src-type or --dst-type",
    .finish = addrtype_finish,
    .heading = " ADDRTYPE match",
};

/* ---- pkttype ---- */

/* linux/if_packet.h; each has two names. */
static const struct rules_name packet_types[] = {{"unicast", 0},   {"broadcast", 1}, {"multicast", 2},
                                                 {"otherhost", 3}, {"host", 0},      {"bcast", 1},
                                                 {"mcast", 2}};
static const struct rules_names packet_type_names = {RULES_NAMES(packet_types), .kind = "a type of packet"};

static const struct rules_option pkttype_options[] = {
    RULES_OPTION("pkt-type", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED,
                 RULES_TAKES(rules_choice, match_pkttype, type), .names = &packet_type_names,
                 .inverted = RULES_BOOL(match_pkttype, inverted), .listed = " PKTTYPE (!)= "),
};

const struct rules_extension rules_match_pkttype = {
    .name = "pkttype", .type = RULES_MATCH_PKTTYPE, RULES_OPTIONS(pkttype_options)};

/* ---- rpfilter: does the way back lead where it came from? net/ipv4/netfilter/ipt_rpfilter.c ---- */

#define RPFILTER(word, number, member)                                                                       \
    RULES_OPTION(word, number, 0, .given = RULES_BOOL(match_rpfilter, member), .listed = " " word)

static const struct rules_option rpfilter_options[] = {
    RPFILTER("loose", 0, loose),
    RPFILTER("validmark", 1, valid_mark),
    RPFILTER("accept-local", 2, accept_local),
    RPFILTER("invert", 3, inverted),
};

const struct rules_extension rules_match_rpfilter = {
    .name = "rpfilter",
    .type = RULES_MATCH_RPFILTER,
    .tables = RULES_BIT(RULES_RAW) | RULES_BIT(RULES_MANGLE),
    .hooks = RULES_BIT(RULES_PREROUTING),
    RULES_OPTIONS(rpfilter_options),
    .heading = " rpfilter",
};
