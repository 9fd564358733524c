/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules_made.h"

#include "kernel.h"
#include "rules/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A rule set in the making. */
struct maker {
    FILE *out;
    struct dice *dice;
    bool v4, nft;
    bool more;   /* what netfilter is not asked here, too */
    bool has_no; /* the rule has a '!' */
    bool raw;    /* which table */
    unsigned
        chain; /* user chains of the table: u0, u1...; one jumps only to later ones, so there is no loop */
    unsigned chains;  /* how many there are */
    unsigned hook;    /* of the built-in chain: enum rules_hook; user chains: RULES_HOOKS */
    unsigned lists;   /* names given to recent and hashlimit */
    uint8_t protocol; /* the rule's; 0: any */
    bool inverted;    /* the rule's protocol */
};

static void say(struct maker *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct maker *m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(m->out, format, arguments);
    va_end(arguments);
}

/* iptables-nft 1.8.9 makes one comparison of two neighbours that are inverted ("! --sport 21 ! --dport 21"),
 * which then asks for something else: there a rule has one '!' at most. */
static const char *no(struct maker *m)
{
    bool is_no = dice_chance(m->dice, 15) && !(m->nft && m->has_no);
    m->has_no |= is_no;
    return is_no ? "! " : "";
}

static const char *client_network(struct maker *m)
{
    static const char *const V4[] = {"10.1.0.0/16",  "10.1.1.0/24",          "10.1.1.0/25",     "10.1.2.0/24",
                                     "10.1.1.64/26", "10.1.0.0/255.255.0.3", "10.1.255.254/32", "10.0.0.0/8"},
                             *const V6[] = {"fd01::/64",     "fd01::100/120",  "fd01::180/121",
                                            "fd01::200/120", "fd01::/ffff::3", "fd01::fffe/128",
                                            "fd00::/8"};
    return m->v4 ? dice_pick(m->dice, V4) : dice_pick(m->dice, V6);
}

static const char *server_network(struct maker *m)
{
    static const char *const V4[] = {"10.2.0.0/16",     "10.2.0.1/32", "10.2.0.2/32", "10.2.0.0/30",
                                     "10.2.255.254/32", "10.2.1.0/24", "0.0.0.0/1"},
                             *const V6[] = {"fd02::/64",      "fd02::1/128",   "fd02::2/128", "fd02::/126",
                                            "fd02::fffe/128", "fd02::100/120", "8000::/1"};
    return m->v4 ? dice_pick(m->dice, V4) : dice_pick(m->dice, V6);
}

static const char *any_network(struct maker *m)
{
    return dice_chance(m->dice, 50) ? client_network(m) : server_network(m);
}

/* iptables 1.8.9 makes a full mask of one that is no prefix, where conntrack asks for an address; 1.8.11 takes it as it is. */
static const char *tracked_network(struct maker *m)
{
    const char *network = any_network(m);
    bool is_prefix = !strchr(network, '/') || !strpbrk(strchr(network, '/'), ".:");
    return is_prefix ? network : server_network(m);
}

static void put_ports(struct maker *m, const char *option)
{
    static const char *const SERVER[] = {"21",    "22",         "53",     "80",    "443",
                                         "2121",  "1024:65535", "0:1023", "20:21", "40100:40119",
                                         "40000", "53:123",     "8080"},
                             *const CLIENT[] = {"40000",      "40001", "40000:40003", "40004:40007",
                                                "1024:65535", "20",    "40100:40110"};
    say(m, " %s%s %s", no(m), option,
        dice_chance(m->dice, 75) ? dice_pick(m->dice, SERVER) : dice_pick(m->dice, CLIENT));
}

static void match_tcp(struct maker *m)
{
    static const char *const FLAGS[] = {
        "FIN,SYN,RST,ACK SYN", "SYN,ACK SYN,ACK", "RST RST", "FIN FIN",        "ALL NONE",
        "ALL FIN,PSH,URG",     "SYN,FIN SYN,FIN", "ACK ACK", "PSH,ACK PSH,ACK"};
    say(m, " -m tcp");
    if (dice_chance(m->dice, 60))
        put_ports(m, "--dport");
    if (dice_chance(m->dice, 20))
        put_ports(m, "--sport");
    if (dice_chance(m->dice, 35))
        say(m, " %s--tcp-flags %s", no(m), dice_pick(m->dice, FLAGS));
    if (dice_chance(m->dice, 8))
        say(m, " %s--tcp-option %u", no(m), 2 + dice_below(m->dice, 4));
}

static void match_udp(struct maker *m)
{
    say(m, " -m udp");
    put_ports(m, "--dport");
    if (dice_chance(m->dice, 20))
        put_ports(m, "--sport");
}

static void match_icmp(struct maker *m)
{
    static const char *const V4[] = {"any",          "8",   "0",  "3", "3/1", "3/3", "11", "13",
                                     "echo-request", "5/0", "255"},
                             *const V6[] = {"128", "129",        "1",   "1/3", "2",
                                            "3",   "echo-reply", "4/1", "130", "139"};
    if (m->v4)
        say(m, " -m icmp %s--icmp-type %s", no(m), dice_pick(m->dice, V4));
    else
        say(m, " -m icmp6 %s--icmpv6-type %s", no(m), dice_pick(m->dice, V6));
}

static void put_states(struct maker *m, const char *option)
{
    static const char *const STATES[] = {"NEW",         "ESTABLISHED",         "RELATED",
                                         "INVALID",     "RELATED,ESTABLISHED", "RELATED,ESTABLISHED",
                                         "NEW,INVALID", "UNTRACKED",           "NEW,RELATED"};
    say(m, " %s%s %s", no(m), option, dice_pick(m->dice, STATES));
}

static void match_state(struct maker *m)
{
    say(m, " -m state");
    put_states(m, "--state");
}

static void match_conntrack(struct maker *m)
{
    static const char *const STATUSES[] = {"NONE",    "EXPECTED",  "SEEN_REPLY",
                                           "ASSURED", "CONFIRMED", "ASSURED,EXPECTED"},
                             *const EXPIRES[] = {"0:50",          "90:150",  "0:1000",
                                                 "400000:500000", "290:310", "5:20"},
                             *const PROTOCOLS[] = {"tcp", "udp", "icmp", "253", "58"};
    struct dice *d = m->dice;
    unsigned parts = 1 + dice_below(d, 2);
    unsigned given = 0;

    say(m, " -m conntrack");
    while (parts--) {
        unsigned part = dice_below(d, 9);
        if (given & 1u << part)
            continue;
        given |= 1u << part;
        switch (part) {
        case 0:
            say(m, " %s--ctstatus %s", no(m), dice_pick(d, STATUSES));
            break;
        case 1:
            say(m, " %s--ctexpire %s", no(m), dice_pick(d, EXPIRES));
            break;
        case 2:
            say(m, " --ctdir %s", dice_chance(d, 50) ? "ORIGINAL" : "REPLY");
            break;
        case 3:
            say(m, " %s--ctorigsrc %s", no(m), tracked_network(m));
            break;
        case 4:
            say(m, " %s--ctrepldst %s", no(m), tracked_network(m));
            break;
        case 5:
            put_ports(m, "--ctorigdstport");
            break;
        case 6:
            put_ports(m, dice_chance(d, 50) ? "--ctreplsrcport" : "--ctorigsrcport");
            break;
        case 7:
            say(m, " %s--ctproto %s", no(m), dice_pick(d, PROTOCOLS));
            break;
        default:
            put_states(m, "--ctstate");
            break;
        }
    }
}

static void match_multiport(struct maker *m)
{
    static const char *const SIDES[] = {"--dports", "--dports", "--sports", "--ports"},
                             *const PORTS[] = {"21,22,80", "20:21,53", "40000:40003,443", "53,123,514,69",
                                               "1:1023,40100:40119"};
    say(m, " -m multiport %s%s %s", no(m), dice_pick(m->dice, SIDES), dice_pick(m->dice, PORTS));
}

static void match_iprange(struct maker *m)
{
    say(m, " -m iprange");
    if (dice_chance(m->dice, 70))
        say(m, m->v4 ? " %s--src-range 10.1.1.%u-10.1.2.%u" : " %s--src-range fd01::1%02x-fd01::2%02x", no(m),
            dice_below(m->dice, 256), dice_below(m->dice, 256));
    else
        say(m, m->v4 ? " %s--dst-range 10.2.0.1-10.2.0.%u" : " %s--dst-range fd02::1-fd02::%x", no(m),
            1 + dice_below(m->dice, 4));
}

static void match_limit(struct maker *m)
{
    say(m, " -m limit --limit 1/%s --limit-burst %u", dice_chance(m->dice, 50) ? "hour" : "minute",
        1 + dice_below(m->dice, 20));
}

static void match_hashlimit(struct maker *m)
{
    static const char *const MODES[] = {"srcip", "dstip", "srcip,dstip", "dstip,dstport", "srcip,srcport"};
    const char *mode = dice_pick(m->dice, MODES);
    say(m,
        " -m hashlimit --hashlimit-%s 1/hour --hashlimit-burst %u --hashlimit-mode %s --hashlimit-name h%u",
        dice_chance(m->dice, 60) ? "upto" : "above", 1 + dice_below(m->dice, 6), mode, m->lists++);
    if (dice_chance(m->dice, 20) && strncmp(mode, "srcip", 5) == 0)
        say(m, " --hashlimit-srcmask %u", (m->v4 ? 0 : 96) + 22 + dice_below(m->dice, 10));
}

static void match_recent(struct maker *m)
{
    static const char *const COMMANDS[] = {"--set", "--set", "--rcheck", "--update", "--remove"};
    const char *command = dice_pick(m->dice, COMMANDS);
    say(m, " -m recent %s%s --name r%u", no(m), command, dice_below(m->dice, 3));
    if (command[2] == 'r' && command[3] == 'c' ? dice_chance(m->dice, 50) : command[2] == 'u')
        say(m, " --seconds 3600%s", dice_chance(m->dice, 50) ? " --hitcount 3" : "");
    say(m, " --r%s", dice_chance(m->dice, 80) ? "source" : "dest");
}

static void match_mark(struct maker *m)
{
    bool connmark = !m->raw && dice_chance(m->dice, 50);
    say(m, " -m %s %s--mark 0x%x/0x%x", connmark ? "connmark" : "mark", no(m), dice_below(m->dice, 8),
        dice_chance(m->dice, 50) ? 0xffffffffu : 6);
}

static void match_addrtype(struct maker *m)
{
    static const char *const TYPES[] = {"UNICAST", "LOCAL", "LOCAL", "UNICAST,LOCAL", "MULTICAST"};
    say(m, " -m addrtype %s--%s-type %s", no(m), dice_chance(m->dice, 50) ? "src" : "dst",
        dice_pick(m->dice, TYPES));
}

static void match_helper(struct maker *m)
{
    say(m, " -m helper %s--helper %s", no(m), dice_chance(m->dice, 80) ? "ftp" : "ftp-2121");
}

static void match_length(struct maker *m)
{
    static const char *const LENGTHS[] = {"0:60",    "40",     "44:52",     "100:1500",
                                          "60:2000", "28:100", "1501:65535"};
    say(m, " -m length %s--length %s", no(m), dice_pick(m->dice, LENGTHS));
}

static void match_ttl(struct maker *m)
{
    static const char *const COMPARES[] = {"eq", "lt", "gt"};
    static const unsigned TTLS[] = {63, 64, 127, 128, 1, 2, 254};
    say(m, m->v4 ? " -m ttl --ttl-%s %u" : " -m hl --hl-%s %u", dice_pick(m->dice, COMPARES),
        dice_pick(m->dice, TTLS));
}

static void match_tos(struct maker *m)
{
    static const char *const TOSES[] = {"0x10/0x3f", "0x08/0xff", "0x00/0x3f", "0xb8/0xfc"};
    if (dice_chance(m->dice, 50))
        say(m, " -m tos %s--tos %s", no(m), dice_pick(m->dice, TOSES));
    else
        say(m, " -m dscp %s--dscp 0x%02x", no(m), dice_chance(m->dice, 50) ? 0x2e : 0x04);
}

static void match_statistic(struct maker *m)
{
    unsigned every = 1 + dice_below(m->dice, 7);
    say(m, " -m statistic --mode nth %s--every %u --packet %u", no(m), every, dice_below(m->dice, every));
}

static void match_u32(struct maker *m)
{
    static const char *const V4[] = {"0&0xFF=0x28:0x3C",           "6&0xFF=6",
                                     "0>>22&0x3C@0>>16=21,80",     "0>>22&0x3C@12>>26&0x3C@0=0:0xFFFFFFFF",
                                     "16=0x0A020001:0x0A020003",   "6&0xFF=17&&0>>22&0x3C@0&0xFFFF=53",
                                     "0>>24=0x45&&60=0:0xFFFFFFFF"},
                             *const V6[] = {"4>>16=20:40",
                                            "3&0xFF=6",
                                            "40&0xFFFF=21,80",
                                            "36=1:3",
                                            "3&0xFF=17&&40&0xFFFF=53",
                                            "100=0:0xFFFFFFFF"};
    say(m, " -m u32 %s--u32 \"%s\"", no(m), m->v4 ? dice_pick(m->dice, V4) : dice_pick(m->dice, V6));
}

static void match_tcpmss(struct maker *m)
{
    say(m, " -m tcpmss %s--mss %u:%u", no(m), 500 + dice_below(m->dice, 500),
        1000 + dice_below(m->dice, 500));
}

static void match_others(struct maker *m)
{
    static const char *const OTHERS[] = {" -m comment --comment \"two words\"",
                                         " -m pkttype --pkt-type unicast", " -m pkttype --pkt-type multicast",
                                         " -m time --timestart 00:00:00 --timestop 23:59:59",
                                         " -m time --weekdays Mon,Tue,Wed,Thu"};
    say(m, "%s", dice_pick(m->dice, OTHERS));
}

/* ---- what only the program is asked: netfilter would need sets of its own, or counts by other clocks ---- */

static void match_set(struct maker *m)
{
    static const struct {
        const char *name;
        unsigned parts;
    } SETS[] = {{"ip", 1},        {"net", 1},    {"ipport", 2},     {"netport", 2},  {"ipportip", 3},
                {"ipportnet", 3}, {"netnet", 2}, {"netportnet", 3}, {"netiface", 2}, {"ports", 1},
                {"ipmark", 2},    {"list", 2},   {"masked", 1}};
    unsigned set = dice_below(m->dice, sizeof(SETS) / sizeof(SETS[0]));
    unsigned parts = SETS[set].parts + (dice_chance(m->dice, 10) ? 1 : 0);

    say(m, " -m set %s--match-set %s ", no(m), SETS[set].name);
    for (unsigned i = 0; i < parts; i++)
        say(m, "%s%s", i ? "," : "", dice_chance(m->dice, 50) ? "src" : "dst");
    if (dice_chance(m->dice, 20))
        say(m, " --return-nomatch");
}

static void match_connlimit(struct maker *m)
{
    say(m, " -m connlimit --connlimit-%s %u --connlimit-mask %u", dice_chance(m->dice, 60) ? "above" : "upto",
        dice_below(m->dice, 6), m->v4 ? dice_below(m->dice, 33) : dice_below(m->dice, 129));
    if (dice_chance(m->dice, 30))
        say(m, " --connlimit-daddr");
}

static void match_recent_ttl(struct maker *m)
{
    static const char *const COMMANDS[] = {"--set", "--rcheck --rttl", "--update --rttl"};

    say(m, " -m recent %s%s --name t%u", no(m), dice_pick(m->dice, COMMANDS), dice_below(m->dice, 2));
}

static void match_headers(struct maker *m)
{
    static const char *const HEADERS[] = {"prot", "hop,prot", "frag", "route", "none,prot", "dst"};

    if (m->v4)
        say(m, " -m addrtype --src-type LOCAL --dst-type UNICAST");
    else if (dice_chance(m->dice, 50))
        say(m, " -m rt %s--rt-type %u", no(m), dice_below(m->dice, 5));
    else
        say(m, " -m ipv6header %s--header %s%s", no(m), dice_pick(m->dice, HEADERS),
            dice_chance(m->dice, 50) ? " --soft" : "");
}

enum { OF_ANY, OF_TCP, OF_PORTS };

static const struct {
    void (*put)(struct maker *m);
    uint8_t needs; /* of the rule's protocol */
    uint8_t weight;
    bool not_in_raw;
    bool more;
} MATCHES[] = {
    {match_state, OF_ANY, 22, false, false},       {match_conntrack, OF_ANY, 20, true, false},
    {match_multiport, OF_PORTS, 10, false, false}, {match_iprange, OF_ANY, 4, false, false},
    {match_limit, OF_ANY, 4, false, false},        {match_hashlimit, OF_ANY, 3, false, false},
    {match_recent, OF_ANY, 4, false, false},       {match_mark, OF_ANY, 8, false, false},
    {match_addrtype, OF_ANY, 3, false, false},     {match_helper, OF_ANY, 5, true, false},
    {match_length, OF_ANY, 5, false, false},       {match_ttl, OF_ANY, 4, false, false},
    {match_tos, OF_ANY, 4, false, false},          {match_statistic, OF_ANY, 4, false, false},
    {match_u32, OF_ANY, 3, false, false},          {match_tcpmss, OF_TCP, 4, false, false},
    {match_others, OF_ANY, 3, false, false},       {match_set, OF_ANY, 12, false, true},
    {match_connlimit, OF_ANY, 8, true, true},      {match_recent_ttl, OF_ANY, 4, false, true},
    {match_headers, OF_ANY, 4, false, true},
};

enum { MATCH_KINDS = sizeof(MATCHES) / sizeof(MATCHES[0]) };

static bool fits(const struct maker *m, unsigned kind)
{
    bool tcp = m->protocol == PACKET_TCP && !m->inverted, udp = m->protocol == PACKET_UDP && !m->inverted;
    /* State rules before conntrack has looked are few, but they are. */
    if (m->raw && (MATCHES[kind].not_in_raw || (kind == 0 && !dice_chance(m->dice, 10))))
        return false;
    return MATCHES[kind].needs == OF_ANY || tcp || (udp && MATCHES[kind].needs == OF_PORTS);
}

static void put_matches(struct maker *m)
{
    unsigned used = 0;

    if (!m->inverted && dice_chance(m->dice, 60)) {
        if (m->protocol == PACKET_TCP)
            match_tcp(m);
        else if (m->protocol == PACKET_UDP)
            match_udp(m);
        else if (m->protocol == PACKET_ICMP || m->protocol == PACKET_ICMPV6)
            match_icmp(m);
    }
    unsigned roll = dice_below(m->dice, 10);
    for (unsigned n = roll < 3 ? 0 : roll < 8 ? 1 : 2; n; n--) {
        unsigned all = 0, kind = 0;
        for (unsigned i = 0; i < MATCH_KINDS; i++)
            all += MATCHES[i].more && !m->more ? 0 : MATCHES[i].weight;
        for (unsigned at = dice_below(m->dice, all); at >= MATCHES[kind].weight; kind++)
            at -= MATCHES[kind].weight;
        if (!(used & 1u << kind) && fits(m, kind)) {
            used |= 1u << kind;
            MATCHES[kind].put(m);
        }
    }
}

static void put_header(struct maker *m)
{
    struct dice *d = m->dice;

    if (dice_chance(d, 14))
        say(m, " %s-s %s", no(m), any_network(m));
    if (dice_chance(d, 14))
        say(m, " %s-d %s", no(m), any_network(m));
    if (m->hook != RULES_OUTPUT && dice_chance(d, 12))
        say(m, " %s-i %s", no(m), dice_chance(d, 70) ? "tun0" : dice_chance(d, 50) ? "tun1" : "tun+");
    if (m->hook != RULES_INPUT && m->hook != RULES_PREROUTING && dice_chance(d, 12))
        say(m, " %s-o %s", no(m), dice_chance(d, 70) ? "tun1" : dice_chance(d, 50) ? "tun0" : "tun+");
    if (m->protocol)
        say(m, " %s-p %u", m->inverted ? "! " : "", m->protocol);
    if (m->v4 && dice_chance(d, 3))
        say(m, " %s-f", no(m));
}

/* Of both tables. False: none of these; the caller puts one of its own table's. */
static bool put_common_target(struct maker *m, unsigned roll)
{
    unsigned left = m->chains - m->chain;

    if (roll < 32) {
        return true;
    } else if (roll < 44) {
        say(m, " -j ACCEPT");
    } else if (roll < 52) {
        say(m, " -j DROP");
    } else if (roll < 58) {
        say(m, " -j RETURN");
    } else if (roll < 74 && left > 0) {
        say(m, " -%s u%u", roll < 70 ? "j" : "g", m->chain + dice_below(m->dice, left));
    } else if (roll < 82) {
        say(m, " -j MARK --set-xmark 0x%x/0x%x", dice_below(m->dice, 16) << 1,
            dice_chance(m->dice, 50) ? 0xeu : 0xfffffffe);
    } else if (roll < 84) {
        say(m, " -j LOG --log-prefix \"oracle \"");
    } else if (roll < 86) {
        say(m, " -j NFLOG --nflog-group 7");
    } else {
        return false;
    }
    return true;
}

static void put_filter_target(struct maker *m)
{
    static const char *const MASKS[] = {"", " --nfmask 0xfe --ctmask 0xfe"};
    unsigned roll = dice_below(m->dice, 10);

    if (roll < 3) {
        bool tcp = m->protocol == PACKET_TCP && !m->inverted;
        say(m, " -j REJECT%s", tcp && dice_chance(m->dice, 50) ? " --reject-with tcp-reset" : "");
    } else if (roll < 6)
        say(m, " -j CONNMARK --set-xmark 0x%x/0x%x", dice_below(m->dice, 16), dice_below(m->dice, 16));
    else if (roll < 8)
        say(m, " -j CONNMARK --save-mark%s", dice_pick(m->dice, MASKS));
    else
        say(m, " -j CONNMARK --restore-mark --nfmask 0xfe --ctmask 0xfe");
}

static void put_raw_target(struct maker *m)
{
    unsigned roll = dice_below(m->dice, 10);

    if (roll < 4 && m->protocol == PACKET_TCP && !m->inverted)
        say(m, " -j CT --helper ftp");
    else if (roll < 7)
        say(m, roll < 5 ? " -j NOTRACK" : " -j CT --notrack");
    else if (roll < 9)
        say(m, " -j CT --zone %u", 1 + dice_below(m->dice, 2));
    else
        say(m, " -j ACCEPT");
}

static void put_rule(struct maker *m, const char *chain)
{
    static const uint8_t PROTOCOLS[] = {0,          0,          PACKET_TCP, PACKET_TCP, PACKET_TCP,
                                        PACKET_UDP, PACKET_UDP, 1,          253};
    struct dice *d = m->dice;

    m->has_no = false;
    m->protocol = dice_pick(d, PROTOCOLS);
    if (m->protocol == PACKET_ICMP && !m->v4)
        m->protocol = PACKET_ICMPV6;
    m->inverted = m->protocol && dice_chance(d, 8);
    say(m, "-A %s", chain);
    put_header(m);
    put_matches(m);
    unsigned roll = dice_below(d, 100);
    if (!put_common_target(m, roll)) {
        if (m->raw)
            put_raw_target(m);
        else
            put_filter_target(m);
    }
    say(m, "\n");
}

/* hook RULES_HOOKS: a user chain. A built-in one calls most of the user chains at least once. */
static void put_rules(struct maker *m, const char *chain, unsigned hook, unsigned most)
{
    m->hook = hook;
    for (unsigned i = 0; i < m->chains && hook != RULES_HOOKS; i++)
        if (dice_chance(m->dice, 50))
            say(m, "-A %s %s-j u%u\n", chain, dice_chance(m->dice, 50) ? "-p 6 " : "", i);
    for (unsigned n = dice_below(m->dice, most + 1); n; n--)
        put_rule(m, chain);
}

static const char *policy(struct maker *m, unsigned drops)
{
    return dice_chance(m->dice, drops) ? "DROP" : "ACCEPT";
}

static void put_user_chains(struct maker *m)
{
    m->chains = dice_below(m->dice, m->raw ? 3 : 6);
    m->chain = 0;
    for (unsigned i = 0; i < m->chains; i++)
        say(m, ":u%u - [0:0]\n", i);
}

static void fill_user_chains(struct maker *m)
{
    char name[16];

    for (unsigned i = 0; i < m->chains; i++) {
        snprintf(name, sizeof(name), "u%u", i);
        m->chain = i + 1;
        put_rules(m, name, RULES_HOOKS, 7);
    }
}

static void put_raw(struct maker *m)
{
    m->raw = true;
    say(m, "*raw\n:PREROUTING %s [0:0]\n:OUTPUT ACCEPT [0:0]\n", policy(m, 3));
    put_user_chains(m);
    say(m, "-A OUTPUT -m mark ! --mark 0x%x/0x%x -j DROP\n", KERNEL_MARK, KERNEL_MARK);
    if (dice_chance(m->dice, 80))
        say(m, "-A PREROUTING -p tcp -m tcp --dport %s -j CT --helper ftp\n",
            dice_chance(m->dice, 80) ? "21" : "1024:65535");
    put_rules(m, "PREROUTING", RULES_PREROUTING, 6);
    put_rules(m, "OUTPUT", RULES_OUTPUT, 4);
    fill_user_chains(m);
    say(m, "COMMIT\n");
}

static void put_filter(struct maker *m)
{
    m->raw = false;
    say(m, "*filter\n:INPUT %s [0:0]\n:FORWARD %s [0:0]\n:OUTPUT %s [0:0]\n", policy(m, 25), policy(m, 25),
        policy(m, 15));
    put_user_chains(m);
    put_rules(m, "INPUT", RULES_INPUT, 8);
    put_rules(m, "FORWARD", RULES_FORWARD, 16);
    put_rules(m, "OUTPUT", RULES_OUTPUT, 8);
    fill_user_chains(m);
    say(m, "COMMIT\n");
}

char *rules_made(uint8_t family, bool nft, bool more, struct dice *d)
{
    char *text;
    size_t size;
    struct maker m = {.dice = d,
                      .nft = nft,
                      .more = more,
                      .v4 = family == PACKET_IPV4,
                      .out = open_memstream(&text, &size)};

    if (!m.out)
        die("out of memory");
    put_raw(&m);
    put_filter(&m);
    if (fclose(m.out) != 0)
        die("out of memory");
    return text;
}

const char *rules_sets(uint8_t family)
{
    return family == PACKET_IPV4
               ? "create ip hash:ip\nadd ip 10.1.1.64/26\nadd ip 10.2.0.1\n"
                 "create net hash:net\nadd net 10.1.1.0/24\nadd net 10.1.1.64/26 nomatch\n"
                 "add net 10.1.2.0/23\nadd net 10.2.0.2\n"
                 "create ipport hash:ip,port\nadd ipport 10.2.0.1,tcp:20-22\n"
                 "add ipport 10.2.0.1,udp:53\nadd ipport 10.2.0.2,icmp:8/0\n"
                 "add ipport 10.2.0.2,253:0\nadd ipport 10.2.0.2,tcp:40000-40003\n"
                 "create netport hash:net,port\nadd netport 10.1.0.0/16,tcp:21\n"
                 "add netport 10.2.0.0/30,tcp:80 nomatch\nadd netport 10.2.0.0/16,tcp:80\n"
                 "create ipportip hash:ip,port,ip\nadd ipportip 10.2.0.1,tcp:21,10.2.0.1\n"
                 "add ipportip 10.2.0.0/31,tcp:21,10.1.1.0/25\n"
                 "create ipportnet hash:ip,port,net\n"
                 "add ipportnet 10.2.0.1,tcp:21,10.1.0.0/16\n"
                 "add ipportnet 10.2.0.1,tcp:21,10.1.1.0/24 nomatch\n"
                 "create netnet hash:net,net\nadd netnet 10.1.0.0/16,10.2.0.0/16\n"
                 "add netnet 10.1.1.0/24,10.2.0.1 nomatch\nadd netnet 10.2.0.0/30,10.1.0.0/17\n"
                 "create netportnet hash:net,port,net\n"
                 "add netportnet 10.2.0.0/30,tcp:21,10.1.0.0/16\n"
                 "add netportnet 10.2.0.1,tcp:21,10.1.1.0/24 nomatch\n"
                 "create netiface hash:net,iface\nadd netiface 10.1.0.0/16,tun0\n"
                 "add netiface 10.2.0.0/16,tun wildcard\n"
                 "create ports bitmap:port range 0-65535\nadd ports 20-22\nadd ports 53\n"
                 "create ipmark hash:ip,mark markmask 0xff\nadd ipmark 10.2.0.1,0x0\n"
                 "add ipmark 10.2.255.254,0x2\n"
                 "create list list:set\nadd list ip\nadd list netport\n"
                 "create masked hash:ip netmask 24\nadd masked 10.1.1.0\n"
               : "create ip hash:ip family inet6\nadd ip fd01::180/122\nadd ip fd02::1\n"
                 "create net hash:net family inet6\nadd net fd01::/64\n"
                 "add net fd01::100/120 nomatch\nadd net fd02::2\n"
                 "create ipport hash:ip,port family inet6\nadd ipport fd02::1,tcp:20-22\n"
                 "add ipport fd02::1,udp:53\nadd ipport fd02::2,icmpv6:128/0\n"
                 "create netport hash:net,port family inet6\nadd netport fd01::/64,tcp:21\n"
                 "add netport fd02::/126,tcp:80 nomatch\nadd netport fd02::/64,tcp:80\n"
                 "create ipportip hash:ip,port,ip family inet6\n"
                 "add ipportip fd02::1,tcp:21,fd02::1\n"
                 "create ipportnet hash:ip,port,net family inet6\n"
                 "add ipportnet fd02::1,tcp:21,fd01::/64\n"
                 "add ipportnet fd02::1,tcp:21,fd01::100/120 nomatch\n"
                 "create netnet hash:net,net family inet6\nadd netnet fd01::/64,fd02::/64\n"
                 "add netnet fd01::100/120,fd02::1 nomatch\n"
                 "create netportnet hash:net,port,net family inet6\n"
                 "add netportnet fd02::/126,tcp:21,fd01::/64\n"
                 "create netiface hash:net,iface family inet6\nadd netiface fd01::/64,tun0\n"
                 "add netiface fd02::/64,tun wildcard\n"
                 "create ports bitmap:port range 0-65535\nadd ports 20-22\nadd ports 53\n"
                 "create ipmark hash:ip,mark\nadd ipmark 10.2.0.1,0x0\n"
                 "create list list:set\nadd list ip\nadd list netport\n"
                 "create masked hash:ip family inet6 netmask 120\nadd masked fd01::100\n";
}

char *rules_left(char *text, uint8_t family, void (*leave_out)(struct rules *rules))
{
    struct rules *rules;
    struct rules_error error;

    if (rules_read(text, strlen(text), "rules", family, &rules, &error) < 0)
        return text; /* the trial will say so */
    leave_out(rules);
    free(text);
    text = rules_save(rules, NULL, 0);
    if (!text)
        die("out of memory");
    rules_free(&rules);
    return text;
}

char *rules_none(void)
{
    char *text =
        strdup("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
               "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n");
    if (!text)
        die("out of memory");
    return text;
}
