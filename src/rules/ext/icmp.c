/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "rules/ext/field.h"

/* icmp and icmp6: types by number, or by any unambiguous beginning of their names, as iptables takes them. */

struct icmp_name {
    const char *name;
    uint8_t type, code_first, code_last;
};

#define ALL(name, type)       {name, type, 0, 255}
#define ONE(name, type, code) {name, type, code, code}

static const struct icmp_name names4[] = {ALL("any", 255),
                                          ALL("echo-reply", 0),
                                          ALL("pong", 0),
                                          ALL("destination-unreachable", 3),
                                          ONE("network-unreachable", 3, 0),
                                          ONE("host-unreachable", 3, 1),
                                          ONE("protocol-unreachable", 3, 2),
                                          ONE("port-unreachable", 3, 3),
                                          ONE("fragmentation-needed", 3, 4),
                                          ONE("source-route-failed", 3, 5),
                                          ONE("network-unknown", 3, 6),
                                          ONE("host-unknown", 3, 7),
                                          ONE("network-prohibited", 3, 9),
                                          ONE("host-prohibited", 3, 10),
                                          ONE("TOS-network-unreachable", 3, 11),
                                          ONE("TOS-host-unreachable", 3, 12),
                                          ONE("communication-prohibited", 3, 13),
                                          ONE("host-precedence-violation", 3, 14),
                                          ONE("precedence-cutoff", 3, 15),
                                          ALL("source-quench", 4),
                                          ALL("redirect", 5),
                                          ONE("network-redirect", 5, 0),
                                          ONE("host-redirect", 5, 1),
                                          ONE("TOS-network-redirect", 5, 2),
                                          ONE("TOS-host-redirect", 5, 3),
                                          ALL("echo-request", 8),
                                          ALL("ping", 8),
                                          ALL("router-advertisement", 9),
                                          ALL("router-solicitation", 10),
                                          ALL("time-exceeded", 11),
                                          ALL("ttl-exceeded", 11),
                                          ONE("ttl-zero-during-transit", 11, 0),
                                          ONE("ttl-zero-during-reassembly", 11, 1),
                                          ALL("parameter-problem", 12),
                                          ONE("ip-header-bad", 12, 0),
                                          ONE("required-option-missing", 12, 1),
                                          ALL("timestamp-request", 13),
                                          ALL("timestamp-reply", 14),
                                          ALL("address-mask-request", 17),
                                          ALL("address-mask-reply", 18)};

static const struct icmp_name names6[] = {ALL("destination-unreachable", 1),
                                          ONE("no-route", 1, 0),
                                          ONE("communication-prohibited", 1, 1),
                                          ONE("beyond-scope", 1, 2),
                                          ONE("address-unreachable", 1, 3),
                                          ONE("port-unreachable", 1, 4),
                                          ONE("failed-policy", 1, 5),
                                          ONE("reject-route", 1, 6),
                                          ALL("packet-too-big", 2),
                                          ALL("time-exceeded", 3),
                                          ALL("ttl-exceeded", 3),
                                          ONE("ttl-zero-during-transit", 3, 0),
                                          ONE("ttl-zero-during-reassembly", 3, 1),
                                          ALL("parameter-problem", 4),
                                          ONE("bad-header", 4, 0),
                                          ONE("unknown-header-type", 4, 1),
                                          ONE("unknown-option", 4, 2),
                                          ALL("echo-request", 128),
                                          ALL("ping", 128),
                                          ALL("echo-reply", 129),
                                          ALL("pong", 129),
                                          ALL("router-solicitation", 133),
                                          ALL("router-advertisement", 134),
                                          ALL("neighbour-solicitation", 135),
                                          ALL("neighbor-solicitation", 135),
                                          ALL("neighbour-advertisement", 136),
                                          ALL("neighbor-advertisement", 136),
                                          ALL("redirect", 137)};

enum { NAMES4 = sizeof(names4) / sizeof(names4[0]), NAMES6 = sizeof(names6) / sizeof(names6[0]), ANY = 255 };

static const struct icmp_name *names_of(uint8_t family, unsigned *ret_count)
{
    *ret_count = family == PACKET_IPV6 ? NAMES6 : NAMES4;
    return family == PACKET_IPV6 ? names6 : names4;
}

static bool read_u8(const char *word, const char *end, uint8_t *ret)
{
    char *stop;
    unsigned long value = strtoul(word, &stop, 0);

    if (word[0] < '0' || word[0] > '9' || stop != end || value > UINT8_MAX)
        return false;
    *ret = (uint8_t)value;
    return true;
}

/* "4", and "0:255" as some versions print it. */
static bool read_codes(const char *word, const char *end, struct rules_icmp_codes *ret)
{
    const char *colon = strchr(word, ':');

    if (!read_u8(word, colon ? colon : end, &ret->first))
        return false;
    ret->last = ret->first;
    return !colon || (read_u8(colon + 1, end, &ret->last) && ret->first <= ret->last);
}

static int parse_numbers(struct rules_parse *p, const char *word, struct rules_match_icmp *m)
{
    const char *slash = strchr(word, '/');
    const char *end = word + strlen(word);
    const char *near_names[NAMES4 + NAMES6];
    unsigned count;
    const struct icmp_name *names = names_of(p->family, &count);

    m->code.first = 0;
    m->code.last = 255;
    if (read_u8(word, slash ? slash : end, &m->type)) {
        if (!slash)
            return 0;
        if (!read_codes(slash + 1, end, &m->code))
            return rules_fail(p, "found the code \"%s\", expected a number from 0 to 255", slash + 1);
        if (m->type == ANY &&
            p->family != PACKET_IPV6) /* the kernel takes it for any type, whatever the code */
            m->code = (struct rules_icmp_codes){0, 255};
        return 0;
    }
    for (unsigned i = 0; i < count; i++)
        near_names[i] = names[i].name;
    const char *near = nearest_name(word, near_names, count);
    return rules_fail(p, "\"%s\" is not an ICMP type%s%s%s", word,
                      near ? "; did you mean " : ", expected a name, a number or TYPE/CODE", near ? near : "",
                      near ? "?" : "");
}

static int read_icmp(struct rules_parse *p, const char *word, void *at)
{
    struct rules_match_icmp *m = at;
    const struct icmp_name *found = NULL;
    size_t size = strlen(word);
    unsigned count;
    const struct icmp_name *names = names_of(p->family, &count);

    for (unsigned i = 0; size && i < count; i++) {
        if (strncasecmp(names[i].name, word, size) != 0)
            continue;
        if (found)
            return rules_fail(p, "\"%s\" is the beginning of %s and of %s; write it out", word, found->name,
                              names[i].name);
        found = &names[i];
    }
    if (!found)
        return parse_numbers(p, word, m);
    m->type = found->type;
    m->code.first = found->code_first;
    m->code.last = found->code_last;
    return 0;
}

static void print_icmp(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_match_icmp *m = at;
    bool is_coded = m->code.first != 0 || m->code.last != 255;

    if (m->type == ANY && how->family != PACKET_IPV6 && !is_coded) {
        fputs("any", out);
        return;
    }
    fprintf(out, "%u", m->type);
    if (is_coded)
        fprintf(out, "/%u", m->code.first);
    if (is_coded && m->code.last != m->code.first)
        fprintf(out, ":%u", m->code.last);
}

static void list_icmp(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_icmp *m = data;
    unsigned count;
    const struct icmp_name *names = names_of(how->family, &count);

    fputs(how->family == PACKET_IPV6 ? " ipv6-icmp" : " icmp", out);
    for (unsigned i = 0; !how->numeric && i < count; i++) {
        if (names[i].type == m->type && names[i].code_first == m->code.first &&
            names[i].code_last == m->code.last) {
            fprintf(out, " %s%s", m->inverted ? "!" : "", names[i].name);
            return;
        }
    }
    fprintf(out, "%stype %u", m->inverted ? " !" : "", m->type);
    if (m->code.first == m->code.last)
        fprintf(out, " code %u", m->code.first);
}

static const struct rules_value icmp = {.read = read_icmp, .print = print_icmp};

#define TYPE(word)                                                                                           \
    {RULES_OPTION(word, 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, .value = &icmp,                    \
                  .inverted = RULES_BOOL(match_icmp, inverted))}

static const struct rules_option icmp_options[] = TYPE("icmp-type"), icmp6_options[] = TYPE("icmpv6-type");

const struct rules_extension rules_match_icmp = {
    .name = "icmp",
    .type = RULES_MATCH_ICMP,
    .families = RULES_IPV4_ONLY,
    .protocol = PACKET_ICMP,
    RULES_OPTIONS(icmp_options),
    .list = list_icmp,
};

const struct rules_extension rules_match_icmp6 = {
    .name = "icmp6",
    .alias = "ipv6-icmp",
    .type = RULES_MATCH_ICMP6,
    .families = RULES_IPV6_ONLY,
    .protocol = PACKET_ICMPV6,
    RULES_OPTIONS(icmp6_options),
    .list = list_icmp,
};
