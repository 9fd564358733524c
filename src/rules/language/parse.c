/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/language/names.h"
#include "rules/language/print.h"
#include "rules/language/words.h"

enum {
    NAMES_MAX = 32, /* of which an argument is chosen */
};

/* Digits as strtoull with base 0 reads them, the whole of word up to end. */
static bool read_number(const char *word, const char *end, uint64_t *ret)
{
    char *stop;

    if (word[0] < '0' || word[0] > '9')
        return false;
    errno = 0;
    unsigned long long value = strtoull(word, &stop, 0);
    if (errno || stop != end)
        return false;
    *ret = value;
    return true;
}

int rules_parse_number(struct rules_parse *p, const char *word, uint64_t first, uint64_t last, uint64_t *ret)
{
    uint64_t value;

    if (!read_number(word, word + strlen(word), &value) || value < first || value > last)
        return rules_fail(p, "found \"%s\", expected a number from %llu to %llu", word,
                          (unsigned long long)first, (unsigned long long)last);
    *ret = value;
    return 0;
}

int rules_parse_u32(struct rules_parse *p, const char *word, uint32_t first, uint32_t last, uint32_t *ret)
{
    uint64_t value;
    int rc = rules_parse_number(p, word, first, last, &value);

    if (rc == 0)
        *ret = (uint32_t)value;
    return rc;
}

int rules_parse_range32(struct rules_parse *p, const char *word, uint32_t most, struct rules_range32 *ret)
{
    const char *colon = strchr(word, ':');
    const char *end = word + strlen(word);
    uint64_t first = 0, last = most;
    bool sound;

    if (colon) {
        sound = (colon == word || read_number(word, colon, &first)) &&
                (colon[1] == '\0' || read_number(colon + 1, end, &last));
    } else {
        sound = read_number(word, end, &first);
        last = first;
    }
    if (!sound || first > most || last > most)
        return rules_fail(p, "found \"%s\", expected a number from 0 to %u or a range like 1:5", word, most);
    *ret = (struct rules_range32){(uint32_t)first, (uint32_t)last};
    return 0;
}

int rules_parse_range16(struct rules_parse *p, const char *word, uint16_t most, struct rules_range16 *ret)
{
    struct rules_range32 range;
    int rc = rules_parse_range32(p, word, most, &range);

    if (rc == 0)
        *ret = (struct rules_range16){(uint16_t)range.first, (uint16_t)range.last};
    return rc;
}

int rules_parse_value32(struct rules_parse *p, const char *word, struct rules_value32 *ret)
{
    const char *slash = strchr(word, '/');
    const char *end = word + strlen(word);
    uint64_t value, mask = UINT32_MAX;

    if (!read_number(word, slash ? slash : end, &value) || (slash && !read_number(slash + 1, end, &mask)) ||
        value > UINT32_MAX || mask > UINT32_MAX)
        return rules_fail(p, "found \"%s\", expected a value of 32 bits, or VALUE/MASK like 0x10/0xff", word);
    *ret = (struct rules_value32){(uint32_t)value, (uint32_t)mask};
    return 0;
}

/* ---- ports ---- */

static int fail_port(struct rules_parse *p, const char *word, uint8_t protocol)
{
    const char *near = rules_service_near(word, protocol);
    const char *name = protocol ? rules_protocol_name(protocol) : NULL;

    return rules_fail(p, "found \"%s\", expected a port from 0 to 65535 or the name of a service%s%s%s%s%s",
                      word, name ? " of " : "", name ? name : "", near ? "; did you mean " : "",
                      near ? near : "", near ? "?" : "");
}

/* Where no protocol is named iptables leaves numbers to getaddrinfo, which takes decimal ones only. */
static bool read_decimal(const char *word, uint64_t *ret)
{
    size_t digits = strspn(word, "0123456789");

    if (digits == 0 || digits > 18 || word[digits])
        return false;
    *ret = strtoull(word, NULL, 10);
    return true;
}

static int read_port(struct rules_parse *p, const char *word, size_t size, uint8_t protocol, uint16_t *ret)
{
    char name[64];
    uint64_t number;

    if (size < sizeof(name)) {
        memcpy(name, word, size);
        name[size] = '\0';
        if ((protocol ? read_number(name, name + size, &number) : read_decimal(name, &number)) &&
            number <= UINT16_MAX) {
            *ret = (uint16_t)number;
            return 0;
        }
        if (rules_service_port(name, protocol, ret))
            return 0;
        return fail_port(p, name, protocol);
    }
    return fail_port(p, word, protocol);
}

int rules_parse_port(struct rules_parse *p, const char *word, uint8_t protocol, uint16_t *ret)
{
    return read_port(p, word, strlen(word), protocol, ret);
}

int rules_parse_ports(struct rules_parse *p, const char *word, uint8_t protocol, struct rules_range16 *ret)
{
    const char *colon = strchr(word, ':');
    struct rules_range16 range = {0, UINT16_MAX};
    int rc = 0;

    if (!colon) {
        rc = read_port(p, word, strlen(word), protocol, &range.first);
        range.last = range.first;
    } else {
        if (colon != word)
            rc = read_port(p, word, (size_t)(colon - word), protocol, &range.first);
        if (rc == 0 && colon[1])
            rc = read_port(p, colon + 1, strlen(colon + 1), protocol, &range.last);
    }
    if (rc)
        return rc;
    *ret = range;
    return 0;
}

int rules_refuse_down(struct rules_parse *p, const char *word, const struct rules_range16 *range)
{
    if (range->first > range->last)
        return rules_fail(p, "the range \"%s\" goes down; write the smaller number first", word);
    return 0;
}

/* ---- addresses ---- */

/* inet_aton's short forms too ("10/8", "10.1", "0x0a000001"), as iptables takes them: a missing octet is
 * zero, and the last number does not fill the rest. */
static bool read_ipv4(const char *word, struct packet_address *ret)
{
    struct in_addr whole;
    uint8_t octets[4] = {0};
    unsigned count = 0;

    if (inet_pton(AF_INET, word, &whole) == 1) {
        ret->word[0] = whole.s_addr;
        return true;
    }
    for (const char *at = word;; at++) {
        const char *end = at + strcspn(at, ".");
        uint64_t number;
        if (count == 4 || !read_number(at, end, &number))
            return false;
        if (count == 0 && !*end && number > UINT8_MAX && number <= UINT32_MAX) {
            ret->word[0] = htonl((uint32_t)number);
            return true;
        }
        if (number > UINT8_MAX)
            return false;
        octets[count++] = (uint8_t)number;
        at = end;
        if (!*at)
            break;
    }
    memcpy(&ret->word[0], octets, sizeof(octets));
    return true;
}

static bool read_address(uint8_t family, const char *word, struct packet_address *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (family == PACKET_IPV6)
        return inet_pton(AF_INET6, word, ret->word) == 1;
    return read_ipv4(word, ret);
}

static bool is_other_family(uint8_t family, const char *word)
{
    struct packet_address address;

    return inet_pton(family == PACKET_IPV6 ? AF_INET : AF_INET6, word, address.word) == 1;
}

static int fail_address(struct rules_parse *p, const char *word)
{
    const char *kind = p->family == PACKET_IPV6 ? "IPv6" : "IPv4";

    if (is_other_family(p->family, word))
        return rules_fail(p, "\"%s\" is an address of the other family; these are %s rules", word, kind);
    return rules_fail(p,
                      "found \"%s\", expected an %s address (names of hosts are not looked up: write the "
                      "address, as getent ahosts prints it, or take what iptables-save prints)",
                      word, kind);
}

int rules_parse_address(struct rules_parse *p, const char *word, struct packet_address *ret)
{
    struct packet_address address;

    if (!read_address(p->family, word, &address))
        return fail_address(p, word);
    *ret = address;
    return 0;
}

int rules_parse_mask(struct rules_parse *p, const char *word, struct packet_address *ret)
{
    unsigned most = p->family == PACKET_IPV6 ? 128 : 32;
    struct packet_address mask;
    uint64_t prefix;

    if (read_number(word, word + strlen(word), &prefix)) {
        if (prefix > most)
            return rules_fail(p, "found the prefix length \"%s\", expected 0 to %u", word, most);
        *ret = rules_prefix_mask(p->family, (unsigned)prefix);
        return 0;
    }
    memset(&mask, 0, sizeof(mask));
    if (inet_pton(p->family == PACKET_IPV6 ? AF_INET6 : AF_INET, word, mask.word) != 1)
        return rules_fail(p, "found the mask \"%s\", expected a prefix length from 0 to %u or a mask like %s",
                          word, most, p->family == PACKET_IPV6 ? "ffff:ffff::" : "255.255.255.0");
    *ret = mask;
    return 0;
}

int rules_parse_network(struct rules_parse *p, const char *word, struct rules_network *ret)
{
    struct rules_network network = {.inverted = ret->inverted};
    const char *slash = strchr(word, '/');
    size_t size = slash ? (size_t)(slash - word) : strlen(word);
    char host[64];

    if (size >= sizeof(host))
        return fail_address(p, word);
    memcpy(host, word, size);
    host[size] = '\0';
    if (slash && strcmp(slash + 1, "0") == 0 && !is_other_family(p->family, host)) {
        *ret = network; /* "any/0": iptables does not look at what stands before "/0" */
        return 0;
    }
    int rc = rules_parse_address(p, host, &network.address);
    if (rc == 0 && slash)
        rc = rules_parse_mask(p, slash + 1, &network.mask);
    else if (rc == 0)
        network.mask = rules_prefix_mask(p->family, 128);
    if (rc)
        return rc;
    for (unsigned i = 0; i < 4; i++)
        network.address.word[i] &= network.mask.word[i];
    *ret = network;
    return 0;
}

/* ---- words ---- */

int rules_parse_name(struct rules_parse *p, const char *word, const struct rules_names *names, uint32_t *ret)
{
    const char *near_names[NAMES_MAX];
    size_t size = strlen(word);
    char near[64];

    for (unsigned i = 0; i < names->count; i++) {
        const char *name = names->list[i].name;
        if (names->exact ? strcmp(word, name) == 0
            : names->cut ? strncasecmp(word, name, size) == 0
                         : strcasecmp(word, name) == 0) {
            *ret = names->list[i].value;
            return 0;
        }
        near_names[i] = name;
    }
    return rules_fail(p, "\"%s\" is not %s%s", word, names->kind,
                      rules_suggest(word, near_names, names->count, near, sizeof(near)));
}

int rules_parse_names(struct rules_parse *p, const char *word, const struct rules_names *names, uint32_t *ret)
{
    uint32_t set = 0, value = 0;
    bool is_empty = !word[0];
    char element[64];
    int rc;

    while ((rc = rules_parse_element(p, &word, element, sizeof(element))) > 0) {
        rc = rules_parse_name(p, element, names, &value);
        if (rc)
            return rc;
        set |= value;
    }
    if (rc == 0 && is_empty && names->empty)
        return rules_fail(p, "found an empty word, expected %s", names->empty);
    if (rc == 0)
        *ret = set;
    return rc;
}

int rules_parse_protocol(struct rules_parse *p, const char *word, uint8_t *ret)
{
    uint64_t number;

    if (read_number(word, word + strlen(word), &number) && number <= UINT8_MAX) {
        *ret = (uint8_t)number;
        return 0;
    }
    if (rules_protocol_number(word, ret))
        return 0;
    const char *near = rules_protocol_near(word);
    return rules_fail(p, "\"%s\" is not a protocol that we know (a name or a number from 0 to 255)%s%s%s",
                      word, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

int rules_parse_interface(struct rules_parse *p, const char *word, struct rules_interface *ret)
{
    struct rules_interface interface = {.inverted = ret->inverted};
    size_t size = strlen(word);

    if (size >= RULES_INTERFACE)
        return rules_fail(p, "the interface name \"%s\" is longer than %d bytes", word, RULES_INTERFACE - 1);
    if (size == 0)
        return rules_fail(p, "found an empty word, expected the name of an interface");
    if (strpbrk(word, " \t\n\v\f\r\""))
        return rules_fail(p, "an interface cannot be called \"%s\": no blanks, no quotes", word);
    if (word[size - 1] == '+') {
        interface.wildcard = true;
        size--;
    }
    memcpy(interface.name, word, size);
    *ret = interface;
    return 0;
}

int rules_parse_text(struct rules_parse *p, const char *word, char *dst, size_t size)
{
    size_t length = strlen(word);

    if (length >= size)
        return rules_fail(p, "\"%.40s%s\" is %zu bytes long, at most %zu are allowed", word,
                          length > 40 ? "..." : "", length, size - 1);
    memcpy(dst, word, length + 1);
    return 0;
}

int rules_parse_element(struct rules_parse *p, const char **at, char *buffer, size_t size)
{
    const char *start = *at;
    size_t length = strcspn(start, ",");

    if (start[0] == '\0')
        return 0;
    if (length == 0 || (start[length] == ',' && start[length + 1] == '\0'))
        return rules_fail(p, "found an empty element in the list, expected elements with one comma between "
                             "them and no blanks");
    if (length >= size)
        return rules_fail(p, "an element of the list, \"%.40s...\", is too long", start);
    memcpy(buffer, start, length);
    buffer[length] = '\0';
    *at = start + length + (start[length] == ',');
    return 1;
}
