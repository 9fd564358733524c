/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/nft/table.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "packet/decode.h"
#include "packet/packet.h"
#include "rules/language/names.h"

/* ---- types ---- */

/* As `nft describe` lists them; of several words for a number the first is printed. */
static const struct nft_word booleans[] = {{"exists", 1}, {"missing", 0}, {NULL, 0}};
static const struct nft_word nfprotos[] = {{"ipv4", 2}, {"ipv6", 10}, {NULL, 0}};
static const struct nft_word ethertypes[] = {{"ip", 0x0800},    {"arp", 0x0806},    {"ip6", 0x86dd},
                                             {"8021q", 0x8100}, {"8021ad", 0x88a8}, {"vlan", 0x8100},
                                             {NULL, 0}};
static const struct nft_word icmp_types[] = {{"echo-reply", 0},           {"destination-unreachable", 3},
                                             {"source-quench", 4},        {"redirect", 5},
                                             {"echo-request", 8},         {"router-advertisement", 9},
                                             {"router-solicitation", 10}, {"time-exceeded", 11},
                                             {"parameter-problem", 12},   {"timestamp-request", 13},
                                             {"timestamp-reply", 14},     {"info-request", 15},
                                             {"info-reply", 16},          {"address-mask-request", 17},
                                             {"address-mask-reply", 18},  {NULL, 0}};
static const struct nft_word icmp_codes[] = {
    {"net-unreachable", 0},   {"host-unreachable", 1}, {"prot-unreachable", 2},
    {"port-unreachable", 3},  {"net-prohibited", 9},   {"host-prohibited", 10},
    {"admin-prohibited", 13}, {"frag-needed", 4},      {NULL, 0}};
static const struct nft_word icmpv6_types[] = {
    {"destination-unreachable", 1}, {"packet-too-big", 2},
    {"time-exceeded", 3},           {"parameter-problem", 4},
    {"echo-request", 128},          {"echo-reply", 129},
    {"mld-listener-query", 130},    {"mld-listener-report", 131},
    {"mld-listener-done", 132},     {"mld-listener-reduction", 132},
    {"nd-router-solicit", 133},     {"nd-router-advert", 134},
    {"nd-neighbor-solicit", 135},   {"nd-neighbor-advert", 136},
    {"nd-redirect", 137},           {"router-renumbering", 138},
    {"ind-neighbor-solicit", 141},  {"ind-neighbor-advert", 142},
    {"mld2-listener-report", 143},  {NULL, 0}};
static const struct nft_word icmpv6_codes[] = {{"no-route", 0},
                                               {"admin-prohibited", 1},
                                               {"addr-unreachable", 3},
                                               {"port-unreachable", 4},
                                               {"policy-fail", 5},
                                               {"reject-route", 6},
                                               {NULL, 0}};
static const struct nft_word icmpx_codes[] = {
    {"port-unreachable", 1}, {"admin-prohibited", 3}, {"no-route", 0}, {"host-unreachable", 2}, {NULL, 0}};
static const struct nft_word tcp_flags[] = {{"fin", 1},    {"syn", 2},    {"rst", 4},
                                            {"psh", 8},    {"ack", 0x10}, {"urg", 0x20},
                                            {"ecn", 0x40}, {"cwr", 0x80}, {NULL, 0}};
static const struct nft_word dscps[] = {
    {"cs0", 0x00},  {"cs1", 0x08},  {"cs2", 0x10},  {"cs3", 0x18},  {"cs4", 0x20},   {"cs5", 0x28},
    {"cs6", 0x30},  {"cs7", 0x38},  {"df", 0x00},   {"be", 0x00},   {"lephb", 0x01}, {"af11", 0x0a},
    {"af12", 0x0c}, {"af13", 0x0e}, {"af21", 0x12}, {"af22", 0x14}, {"af23", 0x16},  {"af31", 0x1a},
    {"af32", 0x1c}, {"af33", 0x1e}, {"af41", 0x22}, {"af42", 0x24}, {"af43", 0x26},  {"va", 0x2c},
    {"ef", 0x2e},   {NULL, 0}};
static const struct nft_word ecns[] = {{"not-ect", 0}, {"ect1", 1}, {"ect0", 2}, {"ce", 3}, {NULL, 0}};
static const struct nft_word pkttypes[] = {{"host", 0},      {"unicast", 0}, {"broadcast", 1},
                                           {"multicast", 2}, {"other", 3},   {NULL, 0}};
static const struct nft_word ct_states[] = {{"invalid", 1}, {"established", 2},  {"related", 4},
                                            {"new", 8},     {"untracked", 0x40}, {NULL, 0}};
static const struct nft_word ct_statuses[] = {{"expected", 1},  {"seen-reply", 2}, {"assured", 4},
                                              {"confirmed", 8}, {"snat", 0x10},    {"dnat", 0x20},
                                              {"dying", 0x200}, {NULL, 0}};
static const struct nft_word ct_directions[] = {{"original", 0}, {"reply", 1}, {NULL, 0}};
static const struct nft_word days[] = {{"Sunday", 0},   {"Monday", 1}, {"Tuesday", 2},  {"Wednesday", 3},
                                       {"Thursday", 4}, {"Friday", 5}, {"Saturday", 6}, {NULL, 0}};
static const struct nft_word fib_types[] = {
    {"unspec", 0},    {"unicast", 1},   {"local", 2},       {"broadcast", 3}, {"anycast", 4},
    {"multicast", 5}, {"blackhole", 6}, {"unreachable", 7}, {"prohibit", 8},  {NULL, 0}};

const struct nft_type_row nft_types[NFT_TYPES] = {
    [NFT_TYPE_INTEGER] = {"integer", 0, false, false, NULL},
    [NFT_TYPE_BOOLEAN] = {"boolean", 1, false, false, booleans},
    [NFT_TYPE_VERDICT] = {"verdict", 32, false, false, NULL},
    [NFT_TYPE_NFPROTO] = {"nf_proto", 8, false, false, nfprotos},
    [NFT_TYPE_IPADDR] = {"ipv4_addr", 32, false, false, NULL},
    [NFT_TYPE_IP6ADDR] = {"ipv6_addr", 128, false, false, NULL},
    [NFT_TYPE_ETHERADDR] = {"ether_addr", 48, false, false, NULL},
    [NFT_TYPE_ETHERTYPE] = {"ether_type", 16, false, true, ethertypes},
    [NFT_TYPE_PROTOCOL] = {"inet_proto", 8, false, false, NULL},
    [NFT_TYPE_SERVICE] = {"inet_service", 16, false, false, NULL},
    [NFT_TYPE_ICMP_TYPE] = {"icmp_type", 8, false, false, icmp_types},
    [NFT_TYPE_ICMP_CODE] = {"icmp_code", 8, false, false, icmp_codes},
    [NFT_TYPE_ICMPV6_TYPE] = {"icmpv6_type", 8, false, false, icmpv6_types},
    [NFT_TYPE_ICMPV6_CODE] = {"icmpv6_code", 8, false, false, icmpv6_codes},
    [NFT_TYPE_ICMPX_CODE] = {"icmpx_code", 8, false, false, icmpx_codes},
    [NFT_TYPE_FRAG_OFF] = {NULL, 0, false, true, NULL},
    [NFT_TYPE_TCP_FLAGS] = {"tcp_flag", 8, true, true, tcp_flags},
    [NFT_TYPE_DSCP] = {"dscp", 6, false, true, dscps},
    [NFT_TYPE_ECN] = {"ecn", 2, false, true, ecns},
    [NFT_TYPE_MARK] = {"mark", 32, false, true, NULL},
    [NFT_TYPE_IFINDEX] = {"iface_index", 128, false, false, NULL},
    [NFT_TYPE_IFNAME] = {"ifname", 128, false, false, NULL},
    [NFT_TYPE_PKTTYPE] = {"pkt_type", 8, false, false, pkttypes},
    [NFT_TYPE_CT_STATE] = {"ct_state", 32, true, true, ct_states},
    [NFT_TYPE_CT_STATUS] = {"ct_status", 32, true, true, ct_statuses},
    [NFT_TYPE_CT_DIRECTION] = {"ct_dir", 8, false, false, ct_directions},
    [NFT_TYPE_HELPER] = {"string", 128, false, false, NULL},
    [NFT_TYPE_HELPER_OBJECT] = {"ct helper", 0, false, false, NULL},
    [NFT_TYPE_SECONDS] = {"time", 64, false, false, NULL},
    [NFT_TYPE_TIME] = {NULL, 64, false, false, NULL},
    [NFT_TYPE_DAY] = {"day", 8, false, false, days},
    [NFT_TYPE_HOUR] = {"hour", 32, false, false, NULL},
    [NFT_TYPE_FIB_TYPE] = {"fib_addrtype", 32, false, false, fib_types},
};

enum nft_type nft_type_find(const char *name)
{
    for (int t = 0; t < NFT_TYPES; t++) {
        if (nft_types[t].name && strcmp(nft_types[t].name, name) == 0)
            return (enum nft_type)t;
    }
    return NFT_TYPE_NONE;
}

bool nft_word_number(enum nft_type type, const char *word, nft_number *ret)
{
    uint8_t protocol;
    uint16_t port;

    for (const struct nft_word *w = nft_types[type].words; w && w->word; w++) {
        if (strcasecmp(w->word, word) == 0) {
            *ret = w->number;
            return true;
        }
    }
    if (type == NFT_TYPE_PROTOCOL && rules_protocol_number(word, &protocol)) {
        *ret = protocol;
        return true;
    }
    if (type != NFT_TYPE_SERVICE ||
        (!rules_service_port(word, PACKET_TCP, &port) && !rules_service_port(word, PACKET_UDP, &port)))
        return false;
    *ret = port;
    return true;
}

const char *nft_number_word(enum nft_type type, nft_number number)
{
    for (const struct nft_word *w = nft_types[type].words; w && w->word; w++) {
        if (w->number == number)
            return w->word;
    }
    return type == NFT_TYPE_PROTOCOL && number <= UINT8_MAX ? packet_protocol_name((uint8_t)number) : NULL;
}

/* ---- fields ---- */

enum { IGMP = 2, COMP = 108 };

static const struct nft_header headers[] = {
    {"ether", NFT_BASE_LINK, 0, 0},
    {"ip", NFT_BASE_NETWORK, PACKET_IPV4, 0},
    {"ip6", NFT_BASE_NETWORK, PACKET_IPV6, 0},
    {"icmp", NFT_BASE_TRANSPORT, PACKET_IPV4, PACKET_ICMP},
    {"icmpv6", NFT_BASE_TRANSPORT, PACKET_IPV6, PACKET_ICMPV6},
    {"igmp", NFT_BASE_TRANSPORT, PACKET_IPV4, IGMP},
    {"tcp", NFT_BASE_TRANSPORT, 0, PACKET_TCP},
    {"udp", NFT_BASE_TRANSPORT, 0, PACKET_UDP},
    {"udplite", NFT_BASE_TRANSPORT, 0, PACKET_UDPLITE},
    {"sctp", NFT_BASE_TRANSPORT, 0, PACKET_SCTP},
    {"dccp", NFT_BASE_TRANSPORT, 0, PACKET_DCCP},
    {"ah", NFT_BASE_TRANSPORT, 0, PACKET_AH},
    {"esp", NFT_BASE_TRANSPORT, 0, PACKET_ESP},
    {"comp", NFT_BASE_TRANSPORT, 0, COMP},
    {"th", NFT_BASE_TRANSPORT, 0, 0},
};
enum header { ETHER, IP, IP6, ICMP, ICMPV6, IGMP_, TCP, UDP, UDPLITE, SCTP, DCCP, AH, ESP, COMP_, TH };

/* A field of a header: where its bits lie (network headers and such: RFC 791, 8200, 792, 4443, 9293, 768). */
#define OF(header, name, what, type, bits, offset)                                                           \
    {&headers[header], NULL, name, NFT_WHAT_##what, NFT_TYPE_##type, bits, 0, offset, 0}
#define OTHER(group, name, what, type, bits)                                                                 \
    {NULL, group, name, NFT_WHAT_##what, NFT_TYPE_##type, bits, 0, 0, 0}
#define META(name, what, type, bits) OTHER("meta", name, what, type, bits)
#define CT(name, what, type, bits)   OTHER("ct", name, what, type, bits)
#define ADDRESS(name, what, type, bits, family)                                                              \
    {NULL, "ct", name, NFT_WHAT_CT_##what, NFT_TYPE_##type, bits, 0, 0, family}
#define NEXT_HOP(name, type, bits, family)                                                                   \
    {NULL, "rt", name, NFT_WHAT_NEXT_HOP, NFT_TYPE_##type, bits, 0, 0, family}
#define EXTENSION(name, kind)                                                                                \
    {NULL, "exthdr", name, NFT_WHAT_HEADER, NFT_TYPE_BOOLEAN, 8, kind, 0, PACKET_IPV6}
#define OPTION(name, kind) {NULL, "tcp option", name, NFT_WHAT_TCP_OPTION, NFT_TYPE_BOOLEAN, 8, kind, 0, 0}
#define IN_OPTION(name, kind, bits, offset)                                                                  \
    {NULL, "tcp option", name, NFT_WHAT_TCP_OPTION, NFT_TYPE_INTEGER, bits, kind, offset, 0}
#define PORTS(header)                                                                                        \
    OF(header, "sport", SOURCE_PORT, SERVICE, 16, 0), OF(header, "dport", DESTINATION_PORT, SERVICE, 16, 16)

static const struct nft_field fields[] = {
    OF(ETHER, "saddr", MAC, ETHERADDR, 48, 48),
    OF(ETHER, "daddr", HIDDEN, ETHERADDR, 48, 0),
    OF(ETHER, "type", ETHERTYPE, ETHERTYPE, 16, 96),
    OF(IP, "version", VERSION, INTEGER, 4, 0),
    OF(IP, "hdrlength", BYTES, INTEGER, 4, 4),
    OF(IP, "dscp", DSCP, DSCP, 6, 8),
    OF(IP, "ecn", ECN, ECN, 2, 14),
    OF(IP, "length", LENGTH, INTEGER, 16, 16),
    OF(IP, "id", BYTES, INTEGER, 16, 32),
    OF(IP, "frag-off", BYTES, FRAG_OFF, 16, 48),
    OF(IP, "ttl", TTL, INTEGER, 8, 64),
    OF(IP, "protocol", PROTOCOL, PROTOCOL, 8, 72),
    OF(IP, "checksum", BYTES, INTEGER, 16, 80),
    OF(IP, "saddr", SOURCE, IPADDR, 32, 96),
    OF(IP, "daddr", DESTINATION, IPADDR, 32, 128),
    OF(IP6, "version", VERSION, INTEGER, 4, 0),
    OF(IP6, "dscp", DSCP, DSCP, 6, 4),
    OF(IP6, "ecn", ECN, ECN, 2, 10),
    OF(IP6, "flowlabel", BYTES, INTEGER, 20, 12),
    OF(IP6, "length", LENGTH6, INTEGER, 16, 32),
    OF(IP6, "nexthdr", BYTES, PROTOCOL, 8, 48),
    OF(IP6, "hoplimit", TTL, INTEGER, 8, 56),
    OF(IP6, "saddr", SOURCE, IP6ADDR, 128, 64),
    OF(IP6, "daddr", DESTINATION, IP6ADDR, 128, 192),
    OF(ICMP, "type", ICMP_TYPE, ICMP_TYPE, 8, 0),
    OF(ICMP, "code", ICMP_CODE, ICMP_CODE, 8, 8),
    OF(ICMP, "checksum", BYTES, INTEGER, 16, 16),
    OF(ICMP, "id", ICMP_ID, INTEGER, 16, 32),
    OF(ICMP, "sequence", BYTES, INTEGER, 16, 48),
    OF(ICMP, "mtu", BYTES, INTEGER, 16, 48),
    OF(ICMP, "gateway", BYTES, INTEGER, 32, 32),
    OF(ICMPV6, "type", ICMP_TYPE, ICMPV6_TYPE, 8, 0),
    OF(ICMPV6, "code", ICMP_CODE, ICMPV6_CODE, 8, 8),
    OF(ICMPV6, "checksum", BYTES, INTEGER, 16, 16),
    OF(ICMPV6, "id", ICMP_ID, INTEGER, 16, 32),
    OF(ICMPV6, "sequence", BYTES, INTEGER, 16, 48),
    OF(ICMPV6, "mtu", BYTES, INTEGER, 32, 32),
    OF(ICMPV6, "max-delay", BYTES, INTEGER, 16, 32),
    PORTS(TCP),
    OF(TCP, "sequence", BYTES, INTEGER, 32, 32),
    OF(TCP, "ackseq", BYTES, INTEGER, 32, 64),
    OF(TCP, "doff", BYTES, INTEGER, 4, 96),
    OF(TCP, "flags", TCP_FLAGS, TCP_FLAGS, 8, 104),
    OF(TCP, "window", BYTES, INTEGER, 16, 112),
    OF(TCP, "checksum", BYTES, INTEGER, 16, 128),
    OF(TCP, "urgptr", BYTES, INTEGER, 16, 144),
    PORTS(UDP),
    OF(UDP, "length", BYTES, INTEGER, 16, 32),
    OF(UDP, "checksum", BYTES, INTEGER, 16, 48),
    PORTS(UDPLITE),
    PORTS(SCTP),
    OF(SCTP, "vtag", BYTES, INTEGER, 32, 32),
    PORTS(DCCP),
    OF(AH, "spi", BYTES, INTEGER, 32, 32),
    OF(ESP, "spi", BYTES, INTEGER, 32, 0),
    PORTS(TH),
    META("length", META_LENGTH, INTEGER, 32),
    META("protocol", ETHERTYPE, ETHERTYPE, 16),
    META("nfproto", NFPROTO, NFPROTO, 8),
    META("l4proto", L4PROTO, PROTOCOL, 8),
    META("mark", MARK, MARK, 32),
    META("iif", IN, IFINDEX, 128),
    META("oif", OUT, IFINDEX, 128),
    META("iifname", IN, IFNAME, 128),
    META("oifname", OUT, IFNAME, 128),
    META("pkttype", PKTTYPE, PKTTYPE, 8),
    META("skuid", SOCKET, NONE, 32),
    META("skgid", SOCKET, NONE, 32),
    META("cgroup", SOCKET, NONE, 32),
    META("time", TIME, TIME, 64),
    META("day", DAY, DAY, 8),
    META("hour", HOUR, HOUR, 32),
    CT("state", CT_STATE, CT_STATE, 32),
    CT("status", CT_STATUS, CT_STATUS, 32),
    CT("mark", CT_MARK, MARK, 32),
    CT("direction", CT_DIRECTION, CT_DIRECTION, 8),
    CT("expiration", CT_EXPIRATION, SECONDS, 64),
    CT("helper", CT_HELPER, HELPER, 128),
    CT("l3proto", CT_FAMILY, NFPROTO, 8),
    CT("protocol", CT_PROTOCOL, PROTOCOL, 8),
    CT("proto-src", CT_SOURCE_PORT, SERVICE, 16),
    CT("proto-dst", CT_DESTINATION_PORT, SERVICE, 16),
    CT("zone", CT_ZONE, INTEGER, 16),
    ADDRESS("saddr", SOURCE, NONE, 0, 0),
    ADDRESS("daddr", DESTINATION, NONE, 0, 0),
    ADDRESS("ip saddr", SOURCE, IPADDR, 32, PACKET_IPV4),
    ADDRESS("ip daddr", DESTINATION, IPADDR, 32, PACKET_IPV4),
    ADDRESS("ip6 saddr", SOURCE, IP6ADDR, 128, PACKET_IPV6),
    ADDRESS("ip6 daddr", DESTINATION, IP6ADDR, 128, PACKET_IPV6),
    NEXT_HOP("ip nexthop", IPADDR, 32, PACKET_IPV4),
    NEXT_HOP("ip6 nexthop", IP6ADDR, 128, PACKET_IPV6),
    EXTENSION("hbh", 0),
    EXTENSION("rt", 43),
    EXTENSION("frag", 44),
    EXTENSION("dst", 60),
    EXTENSION("mh", 135),
    OPTION("maxseg", 2),
    OPTION("mss", 2),
    OPTION("window", 3),
    OPTION("sack-perm", 4),
    OPTION("sack-permitted", 4),
    OPTION("sack", 5),
    OPTION("timestamp", 8),
    OPTION("fastopen", 34),
    OPTION("md5sig", 19),
    OPTION("mptcp", 30),
    IN_OPTION("maxseg size", 2, 16, 16),
    IN_OPTION("mss size", 2, 16, 16),
    IN_OPTION("window count", 3, 8, 16),
    IN_OPTION("timestamp tsval", 8, 32, 16),
    IN_OPTION("timestamp tsecr", 8, 32, 48),
};

const struct nft_field *nft_field_find(const char *group, const char *name)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct nft_field *f = &fields[i];

        if (strcmp(f->header ? f->header->name : f->group, group) == 0 && strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

/* Of an extension header a field is written with the header's name alone. */
static bool is_bare(const char *group, const char *name)
{
    static const char *const bare[] = {"iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup"};

    if (strcmp(group, "exthdr") == 0)
        return strchr(name, ' ') != NULL;
    for (size_t i = 0; strcmp(group, "meta") == 0 && i < sizeof(bare) / sizeof(bare[0]); i++) {
        if (strcmp(bare[i], name) == 0)
            return true;
    }
    return false;
}

void nft_field_text(const char *group, const char *direction, const char *name, char *out, size_t size)
{
    bool bare = is_bare(group, name);

    snprintf(out, size, "%s%s%s%s%s", bare ? "" : group, bare || (!*direction && !*name) ? "" : " ",
             direction, *direction && *name ? " " : "", name);
}

const struct nft_field *nft_field_at(enum nft_base base, uint16_t offset, uint16_t bits, uint8_t family,
                                     uint8_t protocol)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct nft_field *f = &fields[i];

        if (!f->header || f->header->base != base || f->offset != offset || f->bits != bits)
            continue;
        if ((!f->header->family || f->header->family == family) &&
            (base == NFT_BASE_NETWORK || f->header->protocol == protocol))
            return f;
    }
    return NULL;
}

bool nft_field_is_harmless(const char *name)
{
    static const char *const names[] = {"meta nftrace", "meta priority", "meta secmark", "ct event",
                                        "ct label",     "ct secmark",    "ct timeout"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}
