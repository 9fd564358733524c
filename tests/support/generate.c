/* SPDX-License-Identifier: BSD-2-Clause */
#include "generate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/decode.h"

struct generate {
    struct generate_options options;
    uint64_t state;
    char *text;
    size_t size, capacity;
    bool failed;
};

/* ---- numbers ---- */

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t next_random(struct generate *g)
{
    uint64_t z = g->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint32_t generate_number(struct generate *g, uint32_t limit)
{
    return (uint32_t)(next_random(g) % limit);
}

static bool chance(struct generate *g, uint32_t percent)
{
    return generate_number(g, 100) < percent;
}

#define PICK(g, array) ((array)[generate_number((g), sizeof(array) / sizeof((array)[0]))])

/* ---- pools ---- */

static const char *const hosts4[] = {"192.0.2.1",    "192.0.2.2",     "192.0.2.255", "198.51.100.7",
                                     "198.51.100.8", "203.0.113.127", "10.0.0.1",    "10.255.255.255",
                                     "127.0.0.1",    "224.0.0.5"};
static const char *const nets4[] = {"192.0.2.0/24",         "192.0.2.0/31",    "198.51.100.0/25",
                                    "198.51.100.8/29",      "203.0.113.64/26", "10.0.0.0/8",
                                    "10.0.0.1/255.0.0.255", "224.0.0.0/4"};
static const char *const hosts6[] = {
    "2001:db8::1", "2001:db8::2", "2001:db8::ff", "2001:db8:1::7",
    "fe80::1",     "ff02::1",     "::1",          "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"};
static const char *const nets6[] = {"2001:db8::/64", "2001:db8::/127",  "2001:db8::/32",   "fe80::/10",
                                    "ff00::/8",      "2001:db8:1::/48", "2001:db8::fe/127"};
static const uint16_t ports[] = {0, 1, 20, 21, 22, 80, 443, 1023, 1024, 10090, 10100, 40000, 65534, 65535};
static const uint16_t lengths[] = {20, 28, 40, 44, 60, 64, 100, 576, 1400};
static const uint8_t hops[] = {1, 2, 63, 64, 128, 254, 255};
static const uint8_t traffic[] = {0, 4, 8, 16, 40, 46 << 2, 0xff};
static const char *const interfaces[] = {"eth0", "eth1", "eth10", "lo", "wlan0", "e"};
static const char *const asked_interfaces[] = {"eth0", "eth1", "eth+", "lo", "wlan0", "e+", "+"};
static const uint32_t marks[] = {0, 1, 2, 0x10, 0xff, 0xffffffff};
static const uint16_t sizes_of_segment[] = {0, 536, 1200, 1460, 65535};

static bool is_ipv6(const struct generate *g)
{
    return g->options.family == PACKET_IPV6;
}

const char *generate_interface(struct generate *g)
{
    return PICK(g, interfaces);
}

static const char *pick_host(struct generate *g)
{
    return is_ipv6(g) ? PICK(g, hosts6) : PICK(g, hosts4);
}

/* A value of a pool, or the one before or after it. */
static uint16_t near_value(struct generate *g, uint16_t value)
{
    return (uint16_t)(value + generate_number(g, 3) - 1);
}

/* ---- rules ---- */

static void put(struct generate *g, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct generate *g, const char *format, ...)
{
    char piece[512];
    va_list args;

    va_start(args, format);
    int size = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    char *text = g->text;
    if (g->size + sizeof piece > g->capacity) {
        g->capacity = 2 * (g->size + sizeof piece);
        text = realloc(g->text, g->capacity);
    }
    if (!text || size >= (int)sizeof piece) {
        g->failed = true;
        free(text ? text : g->text);
        g->text = NULL;
        g->size = g->capacity = 0;
        return;
    }
    memcpy(text + g->size, piece, (size_t)size + 1);
    g->text = text;
    g->size += (size_t)size;
}

static const char *negation(struct generate *g)
{
    return chance(g, 20) ? " !" : "";
}

static void put_range(struct generate *g, const char *separator)
{
    uint16_t first = PICK(g, ports), last = PICK(g, ports);

    if (chance(g, 60) || first == last)
        put(g, "%u", first);
    else
        put(g, "%u%s%u", first < last ? first : last, separator, first < last ? last : first);
}

static void put_ports(struct generate *g)
{
    if (chance(g, 20)) {
        static const char *const sides[] = {"--sports", "--dports", "--ports"};
        put(g, " -m multiport%s %s ", negation(g), PICK(g, sides));
        for (unsigned i = 0, count = 1 + generate_number(g, 4); i < count; i++) {
            put(g, "%s", i ? "," : "");
            put_range(g, ":");
        }
        return;
    }
    if (chance(g, 35)) {
        put(g, "%s --sport ", negation(g));
        put_range(g, ":");
    }
    if (chance(g, 75)) {
        put(g, "%s --dport ", negation(g));
        put_range(g, ":");
    }
}

static void put_tcp(struct generate *g)
{
    static const char *const flags[] = {"SYN,RST,ACK,FIN SYN",
                                        "SYN,ACK SYN,ACK",
                                        "ACK ACK",
                                        "RST RST",
                                        "ALL NONE",
                                        "FIN,SYN,RST,PSH,ACK,URG FIN,PSH,URG",
                                        "PSH,ACK PSH"};
    static const uint8_t options[] = {2, 3, 4, 8, 30};

    put(g, " -p tcp -m tcp");
    put_ports(g);
    if (chance(g, 30))
        put(g, " -m tcp%s --tcp-flags %s", negation(g), PICK(g, flags));
    else if (chance(g, 10))
        put(g, " -m tcp%s --tcp-option %u", negation(g), PICK(g, options));
    else if (chance(g, 10))
        put(g, " -m tcpmss%s --mss %u:%u", negation(g), 536 + generate_number(g, 2),
            1459 + generate_number(g, 3));
}

static void put_icmp(struct generate *g)
{
    static const char *const types4[] = {"8", "0", "3", "3/1", "11/0", "any", "255"};
    static const char *const types6[] = {"128", "129", "1", "1/4", "135", "255"};

    if (is_ipv6(g))
        put(g, " -p ipv6-icmp -m icmp6%s --icmpv6-type %s", negation(g), PICK(g, types6));
    else
        put(g, " -p icmp -m icmp%s --icmp-type %s", negation(g), PICK(g, types4));
}

static void put_protocol(struct generate *g)
{
    switch (generate_number(g, 8)) {
    case 0:
    case 1:
    case 2:
        put_tcp(g);
        break;
    case 3:
    case 4:
        put(g, " -p udp -m udp");
        put_ports(g);
        break;
    case 5:
        put_icmp(g);
        break;
    case 6:
        put(g, "%s -p %u", negation(g), chance(g, 50) ? 47 : 6);
        break;
    default:
        break;
    }
}

static void put_addresses(struct generate *g)
{
    if (chance(g, 35))
        put(g, "%s -s %s", negation(g),
            chance(g, 50) ? pick_host(g)
            : is_ipv6(g)  ? PICK(g, nets6)
                          : PICK(g, nets4));
    if (chance(g, 35))
        put(g, "%s -d %s", negation(g),
            chance(g, 50) ? pick_host(g)
            : is_ipv6(g)  ? PICK(g, nets6)
                          : PICK(g, nets4));
}

static void put_interfaces(struct generate *g, const char *chain)
{
    bool user = chain[0] == 'U';

    if (chance(g, 12) && strcmp(chain, "OUTPUT") != 0)
        put(g, "%s -i %s", negation(g), PICK(g, asked_interfaces));
    if (chance(g, 12) && (user || strcmp(chain, "OUTPUT") == 0 || strcmp(chain, "FORWARD") == 0))
        put(g, "%s -o %s", negation(g), PICK(g, asked_interfaces));
}

static void put_packet_match(struct generate *g)
{
    static const char *const compares4[] = {"eq", "gt", "lt"};
    static const char *const types[] = {"LOCAL", "UNICAST", "MULTICAST"};
    uint16_t first = PICK(g, lengths), last = PICK(g, lengths);

    switch (generate_number(g, 8)) {
    case 0:
        put(g, " -m length%s --length %u:%u", negation(g), first < last ? first : last,
            first < last ? last : first);
        break;
    case 1:
        put(g, " -m %s --%s-%s %u", is_ipv6(g) ? "hl" : "ttl", is_ipv6(g) ? "hl" : "ttl", PICK(g, compares4),
            PICK(g, hops));
        break;
    case 2:
        put(g, " -m tos%s --tos 0x%02x/0x%02x", negation(g), PICK(g, traffic) & 0xfc, 0xfc);
        break;
    case 3:
        put(g, " -m dscp%s --dscp 0x%02x", negation(g), PICK(g, traffic) >> 2);
        break;
    case 4:
        put(g, " -m mark%s --mark 0x%x/0x%x", negation(g), PICK(g, marks) & 0xff, 0xff);
        break;
    case 5:
        put(g, " -m addrtype%s --dst-type %s", negation(g), PICK(g, types));
        break;
    case 6:
        put(g, " -m iprange%s --src-range %s", negation(g),
            is_ipv6(g) ? "2001:db8::1-2001:db8::80" : "192.0.2.1-198.51.100.7");
        break;
    default:
        put(g, " -m u32 --u32 \"0x0&0xffff=0x%x:0x%x&&0x6&0xff=0x1,0x6:0x11\"", first & 0xff0, 0x100 + last);
        break;
    }
}

static void put_state_match(struct generate *g)
{
    static const char *const states[] = {"NEW",     "ESTABLISHED", "RELATED,ESTABLISHED",
                                         "INVALID", "UNTRACKED",   "NEW,RELATED"};

    switch (generate_number(g, 5)) {
    case 0:
        put(g, " -m state%s --state %s", negation(g), PICK(g, states));
        break;
    case 1:
        put(g, " -m connmark%s --mark 0x%x/0xff", negation(g), PICK(g, marks) & 0xff);
        break;
    case 2:
        put(g, " -m conntrack%s --ctproto 6", negation(g));
        break;
    default:
        put(g, " -m conntrack%s --ctstate %s", negation(g), PICK(g, states));
        if (chance(g, 20))
            put(g, " --ctdir %s", chance(g, 50) ? "ORIGINAL" : "REPLY");
        break;
    }
}

static void put_memory_match(struct generate *g)
{
    static const char *const commands[] = {"--set", "--rcheck --seconds 60",
                                           "--update --seconds 10 --hitcount 2", "--remove"};
    unsigned prefix = is_ipv6(g) ? 128 : 32;

    switch (generate_number(g, 5)) {
    case 0:
        put(g, " -m limit --limit %u/%s --limit-burst %u", 1 + generate_number(g, 5),
            chance(g, 50) ? "sec" : "min", 1 + generate_number(g, 4));
        break;
    case 1:
        put(g,
            " -m hashlimit --hashlimit-%s %u/sec --hashlimit-burst %u --hashlimit-mode srcip "
            "--hashlimit-name h%u",
            chance(g, 50) ? "upto" : "above", 1 + generate_number(g, 3), 1 + generate_number(g, 3),
            generate_number(g, 100000));
        break;
    case 2:
        put(g, " -m recent%s %s --name r%u --%s", negation(g), PICK(g, commands), generate_number(g, 2),
            chance(g, 70) ? "rsource" : "rdest");
        break;
    case 3:
        put(g, " -m connlimit --connlimit-%s %u --connlimit-mask %u --connlimit-saddr",
            chance(g, 50) ? "above" : "upto", generate_number(g, 4), chance(g, 50) ? prefix : prefix - 8);
        break;
    default:
        put(g, " -m statistic --mode nth%s --every %u --packet %u", "", 2 + generate_number(g, 3),
            generate_number(g, 2));
        break;
    }
}

static void put_unknown_match(struct generate *g, const char *chain)
{
    switch (generate_number(g, 3)) {
    case 0:
        if (strcmp(chain, "OUTPUT") == 0)
            put(g, " -m owner%s --uid-owner 0", negation(g));
        break;
    case 1:
        put(g, " -m physdev%s --physdev-in eth0", negation(g));
        break;
    default:
        put(g, " -m statistic --mode random --probability 0.5");
        break;
    }
}

static void put_matches(struct generate *g, const char *chain)
{
    if (chance(g, 25))
        put_packet_match(g);
    if (g->options.states && chance(g, 25))
        put_state_match(g);
    if (g->options.memory && chance(g, 15))
        put_memory_match(g);
    if (g->options.unknown && chance(g, 10))
        put_unknown_match(g, chain);
    if (chance(g, 5))
        put(g, " -m comment --comment \"a comment\"");
}

/* later: number of the first user chain that may be entered. */
static void put_target(struct generate *g, unsigned later)
{
    unsigned chains = g->options.chains;
    uint32_t roll = generate_number(g, 100);

    if (roll < 25)
        put(g, " -j ACCEPT");
    else if (roll < 45)
        put(g, " -j DROP");
    else if (roll < 55)
        put(g, " -j REJECT");
    else if (roll < 62)
        put(g, " -j RETURN");
    else if (roll < 66)
        put(g, " -j LOG --log-prefix \"p \"");
    else if (roll < 72)
        put(g, " -j MARK --set-xmark 0x%x/0x%x", PICK(g, marks) & 0xff, chance(g, 50) ? 0xffffffffu : 0xffu);
    else if (roll < 76 && g->options.states)
        put(g, " -j CONNMARK --set-xmark 0x%x/0xff", PICK(g, marks) & 0xff);
    else if (roll < 95 && later < chains)
        put(g, " -%c U%u", chance(g, 25) ? 'g' : 'j', later + generate_number(g, chains - later));
}

static void put_rule(struct generate *g, const char *chain, unsigned later)
{
    put(g, "-A %s", chain);
    put_addresses(g);
    put_interfaces(g, chain);
    if (!is_ipv6(g) && chance(g, 4))
        put(g, "%s -f", negation(g));
    put_protocol(g);
    put_matches(g, chain);
    put_target(g, later);
    put(g, "\n");
}

static void put_raw(struct generate *g)
{
    static const char *const chains[] = {"PREROUTING", "OUTPUT"};

    put(g, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
    for (unsigned i = 0, count = generate_number(g, 6); i < count; i++) {
        const char *chain = PICK(g, chains);
        put(g, "-A %s", chain);
        put_addresses(g);
        put_interfaces(g, strcmp(chain, "OUTPUT") == 0 ? chain : "INPUT");
        switch (generate_number(g, 4)) {
        case 0:
            put(g, " -p tcp -m tcp --dport 21 -j CT --helper ftp\n");
            break;
        case 1:
            put_protocol(g);
            put(g, " -j CT --notrack\n");
            break;
        case 2:
            put_protocol(g);
            put(g, " -j MARK --set-xmark 0x1/0xffffffff\n");
            break;
        default:
            put_protocol(g);
            put(g, " -j DROP\n");
            break;
        }
    }
    put(g, "COMMIT\n");
}

static void put_filter(struct generate *g)
{
    static const char *const builtins[] = {"INPUT", "FORWARD", "OUTPUT"};
    unsigned chains = g->options.chains;

    put(g, "*filter\n");
    for (unsigned i = 0; i < 3; i++)
        put(g, ":%s %s [0:0]\n", builtins[i], chance(g, 60) ? "ACCEPT" : "DROP");
    for (unsigned i = 0; i < chains; i++)
        put(g, ":U%u - [0:0]\n", i);
    for (unsigned i = 0; i < g->options.rules; i++) {
        char user[16];
        unsigned chain = generate_number(g, 3 + chains);
        snprintf(user, sizeof user, "U%u", chain - 3);
        put_rule(g, chain < 3 ? builtins[chain] : user, chain < 3 ? 0 : chain - 2);
    }
    put(g, "COMMIT\n");
}

struct generate *generate_new(uint64_t seed, const struct generate_options *options)
{
    struct generate *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    g->options = *options;
    g->state = seed;
    if (options->raw)
        put_raw(g);
    put_filter(g);
    if (g->failed)
        generate_free(&g);
    return g;
}

void generate_free(struct generate **g)
{
    if (!*g)
        return;
    free((*g)->text);
    free(*g);
    *g = NULL;
}

const char *generate_rules(const struct generate *g)
{
    return g->text;
}

/* ---- packets ---- */

static void put_pool_address(struct generate *g, uint8_t *at)
{
    struct packet_address address;
    uint8_t family;
    size_t size = is_ipv6(g) ? 16 : 4;

    if (packet_address_parse(pick_host(g), &address, &family) < 0)
        abort();
    memcpy(at, address.word, size);
    if (chance(g, 25))
        at[size - 1] = (uint8_t)(at[size - 1] + generate_number(g, 3) - 1);
    if (chance(g, 5))
        at[generate_number(g, (uint32_t)size)] ^= (uint8_t)(1u << generate_number(g, 8));
}

static uint16_t pick_port(struct generate *g)
{
    uint16_t port = PICK(g, ports);

    return chance(g, 30) ? near_value(g, port) : port;
}

/* Options that fill the header, sound, with a wrong length somewhere, or anything. */
static size_t put_tcp_options(struct generate *g, uint8_t *at)
{
    static const uint8_t sound[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
    size_t words = generate_number(g, 11);

    switch (generate_number(g, 4)) {
    case 0:
        return 0;
    case 1:
        memcpy(at, sound, sizeof sound);
        wire_write16(at + 2, near_value(g, PICK(g, sizes_of_segment)));
        return sizeof sound;
    case 2:
        memcpy(at, sound, sizeof sound);
        at[generate_number(g, sizeof sound)] = (uint8_t)generate_number(g, 256);
        return sizeof sound;
    default:
        for (size_t i = 0; i < words * 4; i++)
            at[i] = (uint8_t)generate_number(g, chance(g, 50) ? 5 : 256);
        return words * 4;
    }
}

static size_t put_tcp_segment(struct generate *g, uint8_t *at)
{
    static const uint8_t flags[] = {0x02, 0x12, 0x10, 0x18, 0x11, 0x14, 0x04, 0x00, 0x29, 0x03, 0xc2};

    memset(at, 0, 20);
    wire_write16(at, pick_port(g));
    wire_write16(at + 2, pick_port(g));
    wire_write32(at + 4, generate_number(g, 1000));
    wire_write32(at + 8, generate_number(g, 1000));
    at[13] = chance(g, 85) ? PICK(g, flags) : (uint8_t)generate_number(g, 256);
    wire_write16(at + 14, 65535);
    size_t options = put_tcp_options(g, at + 20);
    at[12] = (uint8_t)((5 + options / 4) << 4);
    if (chance(g, 3))
        at[12] = (uint8_t)(generate_number(g, 16) << 4);
    return 20 + options;
}

/* The transport header; its size, and where its checksum lies (0: nowhere). */
static size_t put_transport(struct generate *g, uint8_t protocol, uint8_t *at, size_t *ret_sum)
{
    static const uint8_t types4[] = {0, 3, 8, 8, 11, 13, 17};
    static const uint8_t types6[] = {128, 128, 129, 1, 2, 135, 136};

    *ret_sum = 0;
    if (protocol == PACKET_TCP) {
        *ret_sum = 16;
        return put_tcp_segment(g, at);
    }
    memset(at, 0, 8);
    if (protocol == PACKET_UDP) {
        wire_write16(at, pick_port(g));
        wire_write16(at + 2, pick_port(g));
        *ret_sum = 6;
    } else if (protocol == PACKET_ICMP || protocol == PACKET_ICMPV6) {
        at[0] = protocol == PACKET_ICMP ? PICK(g, types4) : PICK(g, types6);
        at[1] = (uint8_t)(chance(g, 70) ? 0 : generate_number(g, 6));
        wire_write16(at + 4, (uint16_t)generate_number(g, 4));
        *ret_sum = 2;
    }
    return 8;
}

static size_t put_ipv4(struct generate *g, uint8_t *at, uint8_t protocol, size_t *ret_transport)
{
    size_t options = chance(g, 5) ? 4 * (1 + generate_number(g, 3)) : 0;

    memset(at, 0, 20);
    memset(at + 20, 1, options); /* no operation */
    at[0] = (uint8_t)(0x45 + options / 4);
    at[1] = PICK(g, traffic);
    wire_write16(at + 4, (uint16_t)generate_number(g, 65536));
    if (chance(g, 6))
        wire_write16(at + 6, (uint16_t)(chance(g, 30) ? 1 : generate_number(g, 0x4000)));
    at[8] = (uint8_t)near_value(g, PICK(g, hops));
    at[9] = protocol;
    put_pool_address(g, at + 12);
    put_pool_address(g, at + 16);
    *ret_transport = 20 + options;
    return 20 + options;
}

static size_t put_ipv6(struct generate *g, uint8_t *at, uint8_t protocol, size_t *ret_transport)
{
    uint32_t kind = generate_number(g, 20);
    size_t size = 40;

    memset(at, 0, 56);
    wire_write32(at, 6u << 28 | (uint32_t)PICK(g, traffic) << 20);
    at[6] = protocol;
    at[7] = (uint8_t)near_value(g, PICK(g, hops));
    put_pool_address(g, at + 8);
    put_pool_address(g, at + 24);
    if (kind == 0 || kind == 1) { /* destination options, or a fragment */
        at[6] = kind == 0 ? 60 : 44;
        at[40] = protocol;
        if (kind == 0)
            at[42] = 1, at[43] = 4; /* PadN */
        else
            wire_write16(at + 42, (uint16_t)(generate_number(g, 3) << 3 | generate_number(g, 2)));
        size += 8;
    }
    *ret_transport = size;
    return size;
}

static void put_sums(struct generate *g, uint8_t *at, size_t transport, size_t size, uint8_t protocol,
                     size_t sum)
{
    struct packet_address source = {0}, destination = {0};
    uint64_t total = 0;

    if (!is_ipv6(g)) {
        wire_write16(at + 10, 0);
        wire_write16(at + 10, packet_sum_finish(packet_sum_add(0, at, transport)));
    }
    if (sum == 0 || transport + sum + 2 > size)
        return;
    memcpy(source.word, at + (is_ipv6(g) ? 8 : 12), is_ipv6(g) ? 16 : 4);
    memcpy(destination.word, at + (is_ipv6(g) ? 24 : 16), is_ipv6(g) ? 16 : 4);
    if (protocol != PACKET_ICMP)
        total = packet_sum_pseudo(g->options.family, &source, &destination, protocol,
                                  (uint32_t)(size - transport));
    wire_write16(at + transport + sum,
                 packet_sum_finish(packet_sum_add(total, at + transport, size - transport)));
}

size_t generate_packet(struct generate *g, uint8_t *buffer, size_t capacity)
{
    static const uint8_t protocols4[] = {6, 6, 6, 6, 17, 17, 1, 47};
    static const uint8_t protocols6[] = {6, 6, 6, 6, 17, 17, 58, 47};
    uint8_t protocol = is_ipv6(g) ? PICK(g, protocols6) : PICK(g, protocols4);
    size_t transport, sum;
    size_t size =
        is_ipv6(g) ? put_ipv6(g, buffer, protocol, &transport) : put_ipv4(g, buffer, protocol, &transport);

    size += put_transport(g, protocol, buffer + transport, &sum);
    size_t wanted = near_value(g, PICK(g, lengths));
    while (size < wanted && size < capacity)
        buffer[size++] = (uint8_t)generate_number(g, 256);
    if (chance(g, 3)) /* cut off somewhere in the transport header */
        size = transport + generate_number(g, (uint32_t)(size - transport));
    if (protocol == PACKET_UDP && size >= transport + 8)
        wire_write16(buffer + transport + 4, (uint16_t)(size - transport));
    if (is_ipv6(g))
        wire_write16(buffer + 4, (uint16_t)(size - 40));
    else
        wire_write16(buffer + 2, (uint16_t)size);
    put_sums(g, buffer, transport, size, protocol, sum);
    return size;
}
