/* SPDX-License-Identifier: BSD-2-Clause */
/* What a snapshot is made of. Nothing else is written. */
#include "host/snapshot.h"

#include <stdio.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

const struct snapshot_row SNAPSHOT_ROWS[SNAPSHOT_SECTIONS] = {
    [SNAPSHOT_NFT_SAVE] = {"iptables-nft-save", {"-c"}, PACKET_IPV4, true, "rules of iptables, back end nft"},
    [SNAPSHOT_LEGACY_SAVE] =
        {"iptables-legacy-save", {"-c"}, PACKET_IPV4, true, "rules of iptables, back end legacy"},
    [SNAPSHOT_SAVE] = {"iptables-save", {"-c"}, PACKET_IPV4, true, "rules of iptables"},
    [SNAPSHOT_NFT_SAVE6] =
        {"ip6tables-nft-save", {"-c"}, PACKET_IPV6, true, "rules of ip6tables, back end nft"},
    [SNAPSHOT_LEGACY_SAVE6] =
        {"ip6tables-legacy-save", {"-c"}, PACKET_IPV6, true, "rules of ip6tables, back end legacy"},
    [SNAPSHOT_SAVE6] = {"ip6tables-save", {"-c"}, PACKET_IPV6, true, "rules of ip6tables"},
    [SNAPSHOT_NFT] = {"nft", {"-a", "list", "ruleset"}, 0, true, "tables of nftables"},
    [SNAPSHOT_NFT_JSON] = {"nft", {"-j", "list", "ruleset"}, 0, false, "tables of nftables as JSON"},
    [SNAPSHOT_IPSET] = {"ipset", {"save"}, 0, false, "sets and their members"},
    [SNAPSHOT_ADDRESSES] = {"ip", {"addr", "show"}, 0, false, "addresses"},
    [SNAPSHOT_LINKS] = {"ip", {"link", "show"}, 0, false, "interfaces"},
    [SNAPSHOT_RULES4] = {"ip", {"-4", "rule", "show"}, PACKET_IPV4, false, "routing rules of IPv4"},
    [SNAPSHOT_RULES6] = {"ip", {"-6", "rule", "show"}, PACKET_IPV6, false, "routing rules of IPv6"},
    [SNAPSHOT_ROUTES4] =
        {"ip", {"-4", "route", "show", "table", "all"}, PACKET_IPV4, false, "routes of IPv4"},
    [SNAPSHOT_ROUTES6] =
        {"ip", {"-6", "route", "show", "table", "all"}, PACKET_IPV6, false, "routes of IPv6"},
    [SNAPSHOT_NEIGHBOURS6] = {"ip",
                              {"-6", "neigh", "show", "nud", "permanent"},
                              PACKET_IPV6,
                              false,
                              "neighbours of IPv6 that are set by hand"},
    [SNAPSHOT_SWITCHES] = {NULL, {"/proc/sys"}, 0, false, "switches of the kernel"},
    [SNAPSHOT_MODULES] = {NULL, {"/sys/module"}, 0, false, "modules of the kernel"},
    [SNAPSHOT_WALL] = {NULL, {"sallywall"}, 0, false, "whether sallywall's own wall is up"},
};

#define CONF4(key) "net.ipv4.conf.%s." key
#define CONF6(key) "net.ipv6.conf.%s." key
#define TRACK(key) "net.netfilter.nf_conntrack_" key

const char *const SNAPSHOT_SWITCH_NAMES[] = {
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    CONF4("forwarding"),
    CONF4("rp_filter"),
    CONF4("accept_local"),
    CONF4("route_localnet"),
    CONF4("send_redirects"),
    CONF4("src_valid_mark"),
    CONF4("ignore_routes_with_linkdown"),
    CONF6("forwarding"),
    CONF6("force_forwarding"),
    CONF6("ignore_routes_with_linkdown"),
    CONF6("disable_ipv6"),
    TRACK("max"),
    TRACK("buckets"),
    TRACK("expect_max"),
    TRACK("helper"),
    TRACK("checksum"),
    TRACK("tcp_loose"),
    TRACK("tcp_be_liberal"),
    TRACK("tcp_ignore_invalid_rst"),
    TRACK("tcp_max_retrans"),
    TRACK("tcp_timeout_syn_sent"),
    TRACK("tcp_timeout_syn_recv"),
    TRACK("tcp_timeout_established"),
    TRACK("tcp_timeout_fin_wait"),
    TRACK("tcp_timeout_close_wait"),
    TRACK("tcp_timeout_last_ack"),
    TRACK("tcp_timeout_time_wait"),
    TRACK("tcp_timeout_close"),
    TRACK("tcp_timeout_max_retrans"),
    TRACK("tcp_timeout_unacknowledged"),
    TRACK("udp_timeout"),
    TRACK("udp_timeout_stream"),
    TRACK("icmp_timeout"),
    TRACK("icmpv6_timeout"),
    TRACK("gre_timeout"),
    TRACK("gre_timeout_stream"),
    TRACK("generic_timeout"),
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
};
const size_t SNAPSHOT_SWITCH_COUNT = LENGTH(SNAPSHOT_SWITCH_NAMES);

const struct snapshot_module SNAPSHOT_MODULE_NAMES[] = {
    {"nf_conntrack_ftp", {"ports", "loose"}},
    {"nf_nat_ftp", {0}},
    {"nf_conntrack", {0}},
    {"nf_tables", {0}},
    {"ip_tables", {0}},
    {"ip6_tables", {0}},
};
const size_t SNAPSHOT_MODULE_COUNT = LENGTH(SNAPSHOT_MODULE_NAMES);

const char *const SNAPSHOT_STATES[] = {
    [SNAPSHOT_UNKNOWN] = "not known",
    [SNAPSHOT_LOADED] = "loaded",
    [SNAPSHOT_BUILT_IN] = "built in",
    [SNAPSHOT_ABSENT] = "not loaded",
};

char *snapshot_name(enum snapshot_section section, char *text)
{
    const struct snapshot_row *row = &SNAPSHOT_ROWS[section];
    int size = snprintf(text, SNAPSHOT_NAME, "%s", row->program ? row->program : "");

    for (size_t i = 0; i < SNAPSHOT_WORDS && row->words[i] && size < SNAPSHOT_NAME; i++)
        size += snprintf(text + size, (size_t)(SNAPSHOT_NAME - size), "%s%s", size ? " " : "", row->words[i]);
    return text;
}
