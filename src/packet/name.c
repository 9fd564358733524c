/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/decode.h"

#include <arpa/inet.h>
#include <errno.h>

/* The names of Debian 12's /etc/protocols, from which iptables-save takes them; measured with iptables 1.8.9.
 */
static const char *const PROTOCOLS[256] = {
    [1] = "icmp",        [2] = "igmp",
    [3] = "ggp",         [4] = "ipencap",
    [5] = "st",          [6] = "tcp",
    [8] = "egp",         [9] = "igp",
    [12] = "pup",        [17] = "udp",
    [20] = "hmp",        [22] = "xns-idp",
    [27] = "rdp",        [29] = "iso-tp4",
    [33] = "dccp",       [36] = "xtp",
    [37] = "ddp",        [38] = "idpr-cmtp",
    [41] = "ipv6",       [43] = "ipv6-route",
    [44] = "ipv6-frag",  [45] = "idrp",
    [46] = "rsvp",       [47] = "gre",
    [50] = "esp",        [51] = "ah",
    [57] = "skip",       [58] = "ipv6-icmp",
    [59] = "ipv6-nonxt", [60] = "ipv6-opts",
    [73] = "rspf",       [81] = "vmtp",
    [88] = "eigrp",      [89] = "ospf",
    [93] = "ax.25",      [94] = "ipip",
    [97] = "etherip",    [98] = "encap",
    [103] = "pim",       [108] = "ipcomp",
    [112] = "vrrp",      [115] = "l2tp",
    [124] = "isis",      [132] = "sctp",
    [133] = "fc",        [135] = "mobility-header",
    [136] = "udplite",   [137] = "mpls-in-ip",
    [138] = "manet",     [139] = "hip",
    [140] = "shim6",     [141] = "wesp",
    [142] = "rohc",      [143] = "ethernet",
};

const char *packet_protocol_name(uint8_t protocol)
{
    return PROTOCOLS[protocol];
}

static char *put_octet(char *at, unsigned octet)
{
    if (octet >= 100)
        *at++ = (char)('0' + octet / 100);
    if (octet >= 10)
        *at++ = (char)('0' + octet / 10 % 10);
    *at++ = (char)('0' + octet % 10);
    return at;
}

/* By hand, as a capture has very many of them, and inet_ntop takes its time. */
static char *format_ipv4(const struct packet_address *a, char *text)
{
    const uint8_t *octet = (const uint8_t *)a->word;
    char *at = text;

    for (int i = 0; i < 4; i++) {
        at = put_octet(at, octet[i]);
        *at++ = i < 3 ? '.' : '\0';
    }
    return text;
}

char *packet_address_format(const struct packet_address *a, uint8_t family, char *text)
{
    if (family != PACKET_IPV6)
        return format_ipv4(a, text);
    inet_ntop(AF_INET6, a->word, text, INET6_ADDRSTRLEN);
    return text;
}

int packet_address_parse(const char *text, struct packet_address *ret, uint8_t *ret_family)
{
    struct packet_address a = {0};
    uint8_t family;

    if (inet_pton(AF_INET, text, a.word) == 1)
        family = PACKET_IPV4;
    else if (inet_pton(AF_INET6, text, a.word) == 1)
        family = PACKET_IPV6;
    else
        return -EINVAL;
    *ret = a;
    *ret_family = family;
    return 0;
}
