/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of an element of a set, as ipset writes them. */
#include <stdlib.h>
#include <string.h>

#include "packet/decode.h"
#include "rules/language/names.h"
#include "verdict/sets/private.h"

bool sets_number_read(const char *word, size_t size, uint32_t most, uint32_t *ret)
{
    char digits[16], *end;

    if (size == 0 || size >= sizeof digits || word[0] < '0' || word[0] > '9')
        return false;
    memcpy(digits, word, size);
    digits[size] = '\0';
    unsigned long value = strtoul(digits, &end, 0);
    if (*end || value > most)
        return false;
    *ret = (uint32_t)value;
    return true;
}

bool sets_address_read(const struct sets_set *set, const char *word, size_t size, struct packet_address *ret)
{
    char text[64];
    uint8_t family;
    struct packet_address address;

    if (size == 0 || size >= sizeof text)
        return false;
    memcpy(text, word, size);
    text[size] = '\0';
    if (packet_address_parse(text, &address, &family) < 0 || (set->family && family != set->family))
        return false;
    *ret = address;
    return true;
}

void sets_block_make(struct sets_part *part, unsigned prefix, unsigned bits)
{
    uint8_t *low = (uint8_t *)part->address.first.word, *high = (uint8_t *)part->address.last.word;

    for (unsigned bit = prefix; bit < bits; bit++) {
        low[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
        high[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    }
}

/* What does not count by the set's mask: in both ends all of it, so that whole blocks are members. */
static void mask_part(const struct sets_set *set, struct sets_part *part)
{
    for (unsigned i = 0; i < 4; i++) {
        part->address.first.word[i] &= set->mask.word[i];
        part->address.last.word[i] &= set->mask.word[i];
    }
}

/* "192.0.2.1", "192.0.2.0/24" or "192.0.2.1-192.0.2.9". */
static bool read_addresses(const struct sets_set *set, const char *word, size_t size, struct sets_part *part)
{
    const char *slash = memchr(word, '/', size), *dash = memchr(word, '-', size);
    size_t first = slash ? (size_t)(slash - word) : dash ? (size_t)(dash - word) : size;
    unsigned bits = set->family == PACKET_IPV6 ? 128 : 32;
    uint32_t prefix;

    if (!sets_address_read(set, word, first, &part->address.first))
        return false;
    part->address.last = part->address.first;
    if (slash) {
        if (!sets_number_read(slash + 1, size - first - 1, bits, &prefix))
            return false;
        sets_block_make(part, prefix, bits);
    } else if (dash) {
        if (!sets_address_read(set, dash + 1, size - first - 1, &part->address.last) ||
            memcmp(part->address.first.word, part->address.last.word, sizeof part->address.first.word) > 0)
            return false;
    }
    mask_part(set, part);
    return true;
}

static bool read_protocol(const char *word, size_t size, uint8_t *ret)
{
    char name[32];
    uint32_t number;

    if (sets_number_read(word, size, 255, &number)) {
        *ret = (uint8_t)number;
        return true;
    }
    if (size == 0 || size >= sizeof name)
        return false;
    memcpy(name, word, size);
    name[size] = '\0';
    if (strcmp(name, "icmpv6") == 0) {
        *ret = PACKET_ICMPV6;
        return true;
    }
    return rules_protocol_number(name, ret);
}

static bool read_port(const char *word, size_t size, uint8_t protocol, uint16_t *ret)
{
    char name[32];
    uint32_t number;

    if (sets_number_read(word, size, 65535, &number)) {
        *ret = (uint16_t)number;
        return true;
    }
    if (size == 0 || size >= sizeof name)
        return false;
    memcpy(name, word, size);
    name[size] = '\0';
    return rules_service_port(name, protocol, ret);
}

/* The names that ipset prints for ICMP types and codes instead of numbers. */
static const struct {
    const char *name;
    uint8_t protocol, type, code;
} icmp_names[] = {
    {"echo-reply", PACKET_ICMP, 0, 0},
    {"pong", PACKET_ICMP, 0, 0},
    {"network-unreachable", PACKET_ICMP, 3, 0},
    {"host-unreachable", PACKET_ICMP, 3, 1},
    {"protocol-unreachable", PACKET_ICMP, 3, 2},
    {"port-unreachable", PACKET_ICMP, 3, 3},
    {"fragmentation-needed", PACKET_ICMP, 3, 4},
    {"source-route-failed", PACKET_ICMP, 3, 5},
    {"network-unknown", PACKET_ICMP, 3, 6},
    {"host-unknown", PACKET_ICMP, 3, 7},
    {"network-prohibited", PACKET_ICMP, 3, 9},
    {"host-prohibited", PACKET_ICMP, 3, 10},
    {"TOS-network-unreachable", PACKET_ICMP, 3, 11},
    {"TOS-host-unreachable", PACKET_ICMP, 3, 12},
    {"communication-prohibited", PACKET_ICMP, 3, 13},
    {"host-precedence-violation", PACKET_ICMP, 3, 14},
    {"precedence-cutoff", PACKET_ICMP, 3, 15},
    {"source-quench", PACKET_ICMP, 4, 0},
    {"network-redirect", PACKET_ICMP, 5, 0},
    {"host-redirect", PACKET_ICMP, 5, 1},
    {"TOS-network-redirect", PACKET_ICMP, 5, 2},
    {"TOS-host-redirect", PACKET_ICMP, 5, 3},
    {"echo-request", PACKET_ICMP, 8, 0},
    {"ping", PACKET_ICMP, 8, 0},
    {"router-advertisement", PACKET_ICMP, 9, 0},
    {"router-solicitation", PACKET_ICMP, 10, 0},
    {"ttl-zero-during-transit", PACKET_ICMP, 11, 0},
    {"ttl-zero-during-reassembly", PACKET_ICMP, 11, 1},
    {"ip-header-bad", PACKET_ICMP, 12, 0},
    {"required-option-missing", PACKET_ICMP, 12, 1},
    {"timestamp-request", PACKET_ICMP, 13, 0},
    {"timestamp-reply", PACKET_ICMP, 14, 0},
    {"address-mask-request", PACKET_ICMP, 17, 0},
    {"address-mask-reply", PACKET_ICMP, 18, 0},
    {"no-route", PACKET_ICMPV6, 1, 0},
    {"communication-prohibited", PACKET_ICMPV6, 1, 1},
    {"address-unreachable", PACKET_ICMPV6, 1, 3},
    {"port-unreachable", PACKET_ICMPV6, 1, 4},
    {"packet-too-big", PACKET_ICMPV6, 2, 0},
    {"ttl-zero-during-transit", PACKET_ICMPV6, 3, 0},
    {"ttl-zero-during-reassembly", PACKET_ICMPV6, 3, 1},
    {"bad-header", PACKET_ICMPV6, 4, 0},
    {"unknown-header-type", PACKET_ICMPV6, 4, 1},
    {"unknown-option", PACKET_ICMPV6, 4, 2},
    {"echo-request", PACKET_ICMPV6, 128, 0},
    {"ping", PACKET_ICMPV6, 128, 0},
    {"echo-reply", PACKET_ICMPV6, 129, 0},
    {"pong", PACKET_ICMPV6, 129, 0},
    {"router-solicitation", PACKET_ICMPV6, 133, 0},
    {"router-advertisement", PACKET_ICMPV6, 134, 0},
    {"neighbour-solicitation", PACKET_ICMPV6, 135, 0},
    {"neighbor-solicitation", PACKET_ICMPV6, 135, 0},
    {"neighbour-advertisement", PACKET_ICMPV6, 136, 0},
    {"neighbor-advertisement", PACKET_ICMPV6, 136, 0},
    {"redirect", PACKET_ICMPV6, 137, 0},
};

/* TYPE/CODE or a name. */
static bool read_icmp(const char *word, size_t size, uint8_t protocol, struct sets_part *part)
{
    const char *slash = memchr(word, '/', size);
    uint32_t type, code;

    if (slash) {
        size_t first = (size_t)(slash - word);
        if (!sets_number_read(word, first, 255, &type) ||
            !sets_number_read(slash + 1, size - first - 1, 255, &code))
            return false;
        part->port.first = part->port.last = (uint16_t)(type << 8 | code);
        return true;
    }
    for (size_t i = 0; i < sizeof icmp_names / sizeof *icmp_names; i++) {
        if (icmp_names[i].protocol == protocol && strlen(icmp_names[i].name) == size &&
            memcmp(icmp_names[i].name, word, size) == 0) {
            part->port.first = part->port.last = (uint16_t)(icmp_names[i].type << 8 | icmp_names[i].code);
            return true;
        }
    }
    return false;
}

/* "tcp:80", "80-90", "icmp:8/0", "vrrp:0". */
static bool read_ports(const char *word, size_t size, struct sets_part *part)
{
    const char *colon = memchr(word, ':', size);

    part->port.protocol = PACKET_TCP;
    if (colon) {
        size_t before = (size_t)(colon - word);
        if (!read_protocol(word, before, &part->port.protocol))
            return false;
        word += before + 1;
        size -= before + 1;
    }
    if ((part->port.protocol == PACKET_ICMP || part->port.protocol == PACKET_ICMPV6) &&
        read_icmp(word, size, part->port.protocol, part))
        return true;
    if (read_port(word, size, part->port.protocol, &part->port.first)) {
        part->port.last = part->port.first;
        return true;
    }
    const char *dash = memchr(word, '-', size);
    size_t first = dash ? (size_t)(dash - word) : 0;
    return dash && read_port(word, first, part->port.protocol, &part->port.first) &&
           read_port(dash + 1, size - first - 1, part->port.protocol, &part->port.last) &&
           part->port.first <= part->port.last;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_mac(const char *word, size_t size, struct sets_part *part)
{
    if (size != 17)
        return false;
    for (unsigned i = 0; i < 6; i++) {
        int high = hex_digit(word[i * 3]), low = hex_digit(word[i * 3 + 1]);
        if (high < 0 || low < 0 || (i < 5 && word[i * 3 + 2] != ':'))
            return false;
        part->mac.address[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_interface(const char *word, size_t size, struct sets_part *part)
{
    static const char physical[] = "physdev:";

    if (size > sizeof physical - 1 && memcmp(word, physical, sizeof physical - 1) == 0) {
        part->interface.physical = true;
        word += sizeof physical - 1;
        size -= sizeof physical - 1;
    }
    if (size == 0 || size >= sizeof part->interface.name)
        return false;
    memcpy(part->interface.name, word, size);
    part->interface.name[size] = '\0';
    return true;
}

const char *sets_part_expected(char kind)
{
    switch (kind) {
    case SETS_ADDRESS:
    case SETS_NETWORK:
        return "an address, ADDRESS/PREFIX or FIRST-LAST of the set's family";
    case SETS_PORT:
        return "PROTOCOL:PORT such as tcp:80, a range of ports, or icmp:TYPE/CODE";
    case SETS_BARE_PORT:
        return "a port or FIRST-LAST";
    case SETS_INTERFACE:
        return "the name of an interface";
    case SETS_MAC:
        return "a hardware address such as 02:00:00:00:00:01";
    case SETS_MARK:
        return "a mark, 0 to 0xffffffff";
    default:
        return "the name of a set that is created above and is no list";
    }
}

bool sets_part_read(const struct sets_set *set, char kind, const char *word, size_t size,
                    struct sets_part *part)
{
    switch (kind) {
    case SETS_ADDRESS:
    case SETS_NETWORK:
        return read_addresses(set, word, size, part);
    case SETS_PORT:
    case SETS_BARE_PORT:
        return read_ports(word, size, part);
    case SETS_INTERFACE:
        return read_interface(word, size, part);
    case SETS_MAC:
        return read_mac(word, size, part);
    case SETS_MARK:
        if (!sets_number_read(word, size, UINT32_MAX, &part->mark))
            return false;
        part->mark &= set->mark_mask;
        return true;
    default:
        return false;
    }
}

int sets_compare(const struct packet_address *a, const struct packet_address *b)
{
    return memcmp(a->word, b->word, sizeof a->word);
}

unsigned sets_block_prefix(const struct sets_part *part, const struct packet_address *address, unsigned bits)
{
    unsigned prefix = bits;

    while (prefix > 0) {
        struct packet_address first = *address, last = *address;
        uint8_t *low = (uint8_t *)first.word, *high = (uint8_t *)last.word;
        for (unsigned bit = prefix - 1; bit < bits; bit++) {
            low[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
            high[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        }
        if (sets_compare(&first, &part->address.first) < 0 || sets_compare(&last, &part->address.last) > 0)
            break;
        prefix--;
    }
    return prefix;
}
