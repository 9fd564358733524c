/* SPDX-License-Identifier: BSD-2-Clause */
/* Matches on where a packet comes from and goes to: iprange, mac, addrtype, pkttype. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/ext/extension.h"

/* ---- iprange ---- */

enum { RANGE_SOURCE, RANGE_DESTINATION };

static const struct rules_option iprange_options[] = {
    {"src-range", RANGE_SOURCE, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"dst-range", RANGE_DESTINATION, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
};

/* "A" or "A-B". The kernel keeps a reversed range, which never matches. */
static int parse_iprange(struct rules_parse *p, const char *word, struct packet_address *ret_first,
                         struct packet_address *ret_last)
{
    char first[64];
    const char *dash = strchr(word, '-');
    size_t length = dash ? (size_t)(dash - word) : strlen(word);
    int r;

    if (length >= sizeof first)
        return rules_fail(p, "\"%s\" is no range of addresses; expected ADDRESS or ADDRESS-ADDRESS", word);
    memcpy(first, word, length);
    first[length] = '\0';
    r = rules_parse_address(p, first, ret_first);
    if (r < 0)
        return r;
    return rules_parse_address(p, dash ? dash + 1 : first, ret_last);
}

static int iprange_option(struct rules_parse *p, const struct rules_option *o, const char *word,
                          bool inverted, void *data)
{
    struct rules_match_iprange *range = data;

    if (o->id == RANGE_SOURCE) {
        range->has_source = true;
        range->source_inverted = inverted;
        return parse_iprange(p, word, &range->source_first, &range->source_last);
    }
    range->has_destination = true;
    range->destination_inverted = inverted;
    return parse_iprange(p, word, &range->destination_first, &range->destination_last);
}

static int iprange_finish(struct rules_parse *p, void *data)
{
    (void)data;
    if (p->given == 0)
        return rules_fail(p, "iprange needs --src-range or --dst-range");
    return 0;
}

static void print_iprange(FILE *out, const struct rules_print *how, const struct packet_address *first,
                          const struct packet_address *last)
{
    fputc(' ', out);
    rules_print_address(out, how->family, first);
    fputc('-', out);
    rules_print_address(out, how->family, last);
}

static void iprange_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_iprange *range = data;

    if (range->has_source) {
        fputs(range->source_inverted ? " ! --src-range" : " --src-range", out);
        print_iprange(out, how, &range->source_first, &range->source_last);
    }
    if (range->has_destination) {
        fputs(range->destination_inverted ? " ! --dst-range" : " --dst-range", out);
        print_iprange(out, how, &range->destination_first, &range->destination_last);
    }
}

static void iprange_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_iprange *range = data;

    if (range->has_source) {
        fputs(range->source_inverted ? " source IP range !" : " source IP range", out);
        print_iprange(out, how, &range->source_first, &range->source_last);
    }
    if (range->has_destination) {
        fputs(range->destination_inverted ? " destination IP range !" : " destination IP range", out);
        print_iprange(out, how, &range->destination_first, &range->destination_last);
    }
}

const struct rules_extension rules_match_iprange = {
    .name = "iprange",
    .options = iprange_options,
    .option_count = sizeof iprange_options / sizeof *iprange_options,
    .type = RULES_MATCH_IPRANGE,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_match_iprange),
    .option = iprange_option,
    .finish = iprange_finish,
    .save = iprange_save,
    .list = iprange_list,
};

/* ---- mac ---- */

static const struct rules_option mac_options[] = {
    {"mac-source", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, 0, 0},
};

/* Six numbers of one or two hexadecimal digits. */
static int mac_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                      void *data)
{
    struct rules_match_mac *mac = data;
    const char *at = word;

    (void)o;
    mac->inverted = inverted;
    for (size_t i = 0; i < sizeof mac->address; i++) {
        size_t digits = strspn(at, "0123456789abcdefABCDEF");
        char last = i + 1 < sizeof mac->address ? ':' : '\0';

        if (digits == 0 || digits > 2 || at[digits] != last)
            return rules_fail(p, "\"%s\" is no MAC address; expected six bytes such as 00:16:3e:0a:0b:0c",
                              word);
        mac->address[i] = (uint8_t)strtoul(at, NULL, 16);
        at += digits + 1;
    }
    return 0;
}

static void print_mac(FILE *out, const struct rules_match_mac *mac)
{
    for (size_t i = 0; i < sizeof mac->address; i++)
        fprintf(out, "%s%02x", i ? ":" : "", mac->address[i]);
}

static void mac_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_mac *mac = data;

    (void)how;
    fputs(mac->inverted ? " ! --mac-source " : " --mac-source ", out);
    print_mac(out, mac);
}

static void mac_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_mac *mac = data;

    (void)how;
    fputs(mac->inverted ? " MAC ! " : " MAC ", out);
    print_mac(out, mac);
}

const struct rules_extension rules_match_mac = {
    .name = "mac",
    .options = mac_options,
    .option_count = sizeof mac_options / sizeof *mac_options,
    .type = RULES_MATCH_MAC,
    .families = RULES_BOTH,
    .hooks = 1u << RULES_PREROUTING | 1u << RULES_INPUT | 1u << RULES_FORWARD,
    .option = mac_option,
    .save = mac_save,
    .list = mac_list,
};

/* ---- addrtype ---- */

enum { TYPE_SOURCE, TYPE_DESTINATION, TYPE_IFACE_IN, TYPE_IFACE_OUT };

static const struct rules_option addrtype_options[] = {
    {"src-type", TYPE_SOURCE, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"dst-type", TYPE_DESTINATION, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"limit-iface-in", TYPE_IFACE_IN, 0, 1u << TYPE_IFACE_OUT, 0},
    {"limit-iface-out", TYPE_IFACE_OUT, 0, 1u << TYPE_IFACE_IN, 0},
};

/* In the order of linux/rtnetlink.h, which is that of the bits. */
static const char *const types[] = {"UNSPEC",   "UNICAST",   "LOCAL",     "BROADCAST",
                                    "ANYCAST",  "MULTICAST", "BLACKHOLE", "UNREACHABLE",
                                    "PROHIBIT", "THROW",     "NAT",       "XRESOLVE"};

enum {
    TYPES = sizeof types / sizeof *types,
    /* What the kernel looks up for IPv6: UNSPEC, UNICAST, LOCAL, ANYCAST, MULTICAST, UNREACHABLE. */
    IPV6_TYPES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 7,
};

/* Each may be cut short ("uni", "local"), as in iptables: the first type that begins so is meant. */
static int parse_types(struct rules_parse *p, const char *word, uint16_t *ret)
{
    const char *at = word;
    char element[32];
    size_t index;
    int r;

    *ret = 0;
    while ((r = rules_parse_element(p, &at, element, sizeof element)) > 0) {
        for (index = 0; index < TYPES; index++)
            if (strncasecmp(element, types[index], strlen(element)) == 0)
                break;
        if (index == TYPES) {
            r = rules_parse_choice(p, element, types, TYPES, true, "a type of address", &index);
            if (r < 0)
                return r;
        }
        *ret = (uint16_t)(*ret | 1u << index);
    }
    if (r == 0 && *ret == 0)
        return rules_fail(p, "found an empty word, expected types of addresses");
    return r;
}

static int addrtype_option(struct rules_parse *p, const struct rules_option *o, const char *word,
                           bool inverted, void *data)
{
    struct rules_match_addrtype *type = data;
    unsigned flag = o->id == TYPE_SOURCE        ? (inverted ? RULES_ADDRTYPE_SOURCE_INVERTED : 0)
                    : o->id == TYPE_DESTINATION ? (inverted ? RULES_ADDRTYPE_DESTINATION_INVERTED : 0)
                    : o->id == TYPE_IFACE_IN    ? RULES_ADDRTYPE_IFACE_IN
                                                : RULES_ADDRTYPE_IFACE_OUT;

    type->flags = (uint8_t)(type->flags | flag);
    if (o->id == TYPE_SOURCE)
        return parse_types(p, word, &type->source);
    if (o->id == TYPE_DESTINATION)
        return parse_types(p, word, &type->destination);
    return 0;
}

static int addrtype_finish(struct rules_parse *p, void *data)
{
    const struct rules_match_addrtype *type = data;
    unsigned set = type->source | type->destination;

    if (!(p->given & (1u << TYPE_SOURCE | 1u << TYPE_DESTINATION)))
        return rules_fail(p, "addrtype needs --src-type or --dst-type");
    /* xt_addrtype.c, addrtype_mt_checkentry_v1 */
    for (size_t i = 0; p->family == PACKET_IPV6 && i < TYPES; i++)
        if (set & 1u << i & ~(unsigned)IPV6_TYPES)
            return rules_fail(p, "IPv6 has no addresses of the type %s", types[i]);
    return 0;
}

/* A packet that comes in has no outgoing interface yet, one that goes out none that it came by. */
static uint8_t addrtype_reach(const void *data)
{
    const struct rules_match_addrtype *type = data;
    unsigned hooks = (1u << RULES_HOOKS) - 1;

    if (type->flags & RULES_ADDRTYPE_IFACE_IN)
        hooks &= ~(1u << RULES_OUTPUT | 1u << RULES_POSTROUTING);
    if (type->flags & RULES_ADDRTYPE_IFACE_OUT)
        hooks &= ~(1u << RULES_PREROUTING | 1u << RULES_INPUT);
    return (uint8_t)hooks;
}

static void print_types(FILE *out, uint16_t set)
{
    const char *separator = "";

    for (size_t i = 0; i < TYPES; i++)
        if (set & 1u << i) {
            fprintf(out, "%s%s", separator, types[i]);
            separator = ",";
        }
}

static void addrtype_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_addrtype *type = data;

    (void)how;
    if (type->source) {
        fputs(type->flags & RULES_ADDRTYPE_SOURCE_INVERTED ? " ! --src-type " : " --src-type ", out);
        print_types(out, type->source);
    }
    if (type->destination) {
        fputs(type->flags & RULES_ADDRTYPE_DESTINATION_INVERTED ? " ! --dst-type " : " --dst-type ", out);
        print_types(out, type->destination);
    }
    if (type->flags & RULES_ADDRTYPE_IFACE_IN)
        fputs(" --limit-iface-in", out);
    if (type->flags & RULES_ADDRTYPE_IFACE_OUT)
        fputs(" --limit-iface-out", out);
}

static void addrtype_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_addrtype *type = data;

    (void)how;
    fputs(" ADDRTYPE match", out);
    if (type->source) {
        fputs(type->flags & RULES_ADDRTYPE_SOURCE_INVERTED ? " src-type !" : " src-type ", out);
        print_types(out, type->source);
    }
    if (type->destination) {
        fputs(type->flags & RULES_ADDRTYPE_DESTINATION_INVERTED ? " dst-type !" : " dst-type ", out);
        print_types(out, type->destination);
    }
    if (type->flags & RULES_ADDRTYPE_IFACE_IN)
        fputs(" limit-in", out);
    if (type->flags & RULES_ADDRTYPE_IFACE_OUT)
        fputs(" limit-out", out);
}

const struct rules_extension rules_match_addrtype = {
    .name = "addrtype",
    .options = addrtype_options,
    .option_count = sizeof addrtype_options / sizeof *addrtype_options,
    .type = RULES_MATCH_ADDRTYPE,
    .families = RULES_BOTH,
    .hooks = (1u << RULES_HOOKS) - 1,
    .reach = addrtype_reach,
    .option = addrtype_option,
    .finish = addrtype_finish,
    .save = addrtype_save,
    .list = addrtype_list,
};

/* ---- pkttype ---- */

static const struct rules_option pkttype_options[] = {
    {"pkt-type", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, 0, 0},
};

/* In the order of linux/if_packet.h; then names for the same, in the same order. */
static const char *const packet_types[] = {"unicast", "broadcast", "multicast", "otherhost",
                                           "host",    "bcast",     "mcast"};

enum { PACKET_TYPES = 4 };

static int pkttype_option(struct rules_parse *p, const struct rules_option *o, const char *word,
                          bool inverted, void *data)
{
    struct rules_match_pkttype *type = data;
    size_t index;
    int r;

    (void)o;
    r = rules_parse_choice(p, word, packet_types, sizeof packet_types / sizeof *packet_types, true,
                           "a type of packet", &index);
    if (r < 0)
        return r;
    type->inverted = inverted;
    type->type = (uint8_t)(index % PACKET_TYPES);
    return 0;
}

static void pkttype_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_pkttype *type = data;

    (void)how;
    fprintf(out, "%s --pkt-type %s", type->inverted ? " !" : "", packet_types[type->type]);
}

static void pkttype_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_pkttype *type = data;

    (void)how;
    fprintf(out, " PKTTYPE %s= %s", type->inverted ? "!" : "", packet_types[type->type]);
}

const struct rules_extension rules_match_pkttype = {
    .name = "pkttype",
    .options = pkttype_options,
    .option_count = sizeof pkttype_options / sizeof *pkttype_options,
    .type = RULES_MATCH_PKTTYPE,
    .families = RULES_BOTH,
    .option = pkttype_option,
    .save = pkttype_save,
    .list = pkttype_list,
};
