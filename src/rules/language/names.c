/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/names.h"

#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "packet/decode.h"
#include "rules/ext/extension.h"

/* As they are read. */
static const struct protocol {
    const char *name;
    uint8_t number;
} protocols[] = {
    /* /etc/protocols */
    {"ip", 0},
    {"hopopt", 0},
    {"icmp", 1},
    {"igmp", 2},
    {"ggp", 3},
    {"ipencap", 4},
    {"st", 5},
    {"tcp", 6},
    {"egp", 8},
    {"igp", 9},
    {"pup", 12},
    {"udp", 17},
    {"hmp", 20},
    {"xns-idp", 22},
    {"rdp", 27},
    {"iso-tp4", 29},
    {"dccp", 33},
    {"xtp", 36},
    {"ddp", 37},
    {"idpr-cmtp", 38},
    {"ipv6", 41},
    {"ipv6-route", 43},
    {"ipv6-frag", 44},
    {"idrp", 45},
    {"rsvp", 46},
    {"gre", 47},
    {"esp", 50},
    {"ah", 51},
    {"skip", 57},
    {"ipv6-icmp", 58},
    {"ipv6-nonxt", 59},
    {"ipv6-opts", 60},
    {"rspf", 73},
    {"vmtp", 81},
    {"eigrp", 88},
    {"ospf", 89},
    {"ax.25", 93},
    {"ipip", 94},
    {"etherip", 97},
    {"encap", 98},
    {"pim", 103},
    {"ipcomp", 108},
    {"vrrp", 112},
    {"l2tp", 115},
    {"isis", 124},
    {"sctp", 132},
    {"fc", 133},
    {"mobility-header", 135},
    {"udplite", 136},
    {"mpls-in-ip", 137},
    {"manet", 138},
    {"hip", 139},
    {"shim6", 140},
    {"wesp", 141},
    {"rohc", 142},
    {"ethernet", 143},
    /* iptables' own */
    {"all", 0},
    {"icmpv6", 58},
    {"ipv6-mh", 135},
    {"mh", 135},
};

enum {
    PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]),
    TCP = 1 << 0,
    UDP = 1 << 1,
    SCTP = 1 << 2,
};

#define SERVICE(name, port, on) {name, port, on},
static const struct service {
    const char *name;
    uint16_t port;
    uint8_t protocols; /* TCP, UDP, SCTP */
} services[] = {
#include "rules/language/services.h"
};
#undef SERVICE

enum {
    SERVICES = sizeof(services) / sizeof(services[0]),
};

const char *rules_protocol_name(uint8_t protocol)
{
    return protocol ? packet_protocol_name(protocol) : "ip";
}

bool rules_protocol_number(const char *name, uint8_t *ret)
{
    for (unsigned i = 0; i < PROTOCOLS; i++) {
        if ((protocols[i].name[0] & ~0x20) == (name[0] & ~0x20) && strcasecmp(protocols[i].name, name) == 0) {
            *ret = protocols[i].number;
            return true;
        }
    }
    return false;
}

/* The order in which equally near names are taken: what people use first. */
const char *rules_protocol_near(const char *word)
{
    static const char *const common[] = {"tcp",  "udp", "icmp", "all",    "icmpv6",
                                         "sctp", "gre", "esp",  "udplite"};
    const char *names[PROTOCOLS];
    const char *near = nearest_name(word, common, sizeof(common) / sizeof(common[0]));

    if (near)
        return near;
    for (unsigned i = 0; i < PROTOCOLS; i++)
        names[i] = protocols[i].name;
    return nearest_name(word, names, PROTOCOLS);
}

static uint8_t service_bits(uint8_t protocol)
{
    switch (protocol) {
    case 0:
        return TCP | UDP | SCTP;
    case PACKET_TCP:
        return TCP;
    case PACKET_UDP:
        return UDP;
    case PACKET_SCTP:
        return SCTP;
    default:
        return 0;
    }
}

const char *rules_service_name(uint16_t port, uint8_t protocol)
{
    uint8_t bits = service_bits(protocol);

    for (unsigned i = 0; i < SERVICES; i++) {
        if (services[i].port == port && (services[i].protocols & bits))
            return services[i].name;
    }
    return NULL;
}

bool rules_service_port(const char *name, uint8_t protocol, uint16_t *ret)
{
    uint8_t bits = service_bits(protocol);

    for (unsigned i = 0; i < SERVICES; i++) {
        if ((services[i].protocols & bits) && strcmp(services[i].name, name) == 0) {
            *ret = services[i].port;
            return true;
        }
    }
    return false;
}

const char *rules_service_near(const char *word, uint8_t protocol)
{
    const char *names[SERVICES];
    uint8_t bits = service_bits(protocol);
    size_t count = 0;

    for (unsigned i = 0; i < SERVICES; i++) {
        if (services[i].protocols & bits)
            names[count++] = services[i].name;
    }
    return nearest_name(word, names, count);
}

static const char *const reject_names4[] = {
    "icmp-net-unreachable",
    "icmp-host-unreachable",
    "icmp-proto-unreachable",
    "icmp-port-unreachable",
    "icmp-net-prohibited",
    "icmp-host-prohibited",
    "tcp-reset",
    "icmp-admin-prohibited",
};
static const char *const reject_names6[] = {
    "icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable",
    "tcp-reset",      "icmp6-policy-fail",    "icmp6-reject-route",
};

const char *rules_reject_name(uint8_t family, uint8_t with)
{
    if (family == PACKET_IPV6)
        return with < sizeof(reject_names6) / sizeof(reject_names6[0]) ? reject_names6[with] : NULL;
    return with < sizeof(reject_names4) / sizeof(reject_names4[0]) ? reject_names4[with] : NULL;
}
