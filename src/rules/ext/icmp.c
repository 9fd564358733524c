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

static const struct icmp_name names4[] = {{"any", 255, 0, 255},
                                          {"echo-reply", 0, 0, 255},
                                          {"pong", 0, 0, 255},
                                          {"destination-unreachable", 3, 0, 255},
                                          {"network-unreachable", 3, 0, 0},
                                          {"host-unreachable", 3, 1, 1},
                                          {"protocol-unreachable", 3, 2, 2},
                                          {"port-unreachable", 3, 3, 3},
                                          {"fragmentation-needed", 3, 4, 4},
                                          {"source-route-failed", 3, 5, 5},
                                          {"network-unknown", 3, 6, 6},
                                          {"host-unknown", 3, 7, 7},
                                          {"network-prohibited", 3, 9, 9},
                                          {"host-prohibited", 3, 10, 10},
                                          {"TOS-network-unreachable", 3, 11, 11},
                                          {"TOS-host-unreachable", 3, 12, 12},
                                          {"communication-prohibited", 3, 13, 13},
                                          {"host-precedence-violation", 3, 14, 14},
                                          {"precedence-cutoff", 3, 15, 15},
                                          {"source-quench", 4, 0, 255},
                                          {"redirect", 5, 0, 255},
                                          {"network-redirect", 5, 0, 0},
                                          {"host-redirect", 5, 1, 1},
                                          {"TOS-network-redirect", 5, 2, 2},
                                          {"TOS-host-redirect", 5, 3, 3},
                                          {"echo-request", 8, 0, 255},
                                          {"ping", 8, 0, 255},
                                          {"router-advertisement", 9, 0, 255},
                                          {"router-solicitation", 10, 0, 255},
                                          {"time-exceeded", 11, 0, 255},
                                          {"ttl-exceeded", 11, 0, 255},
                                          {"ttl-zero-during-transit", 11, 0, 0},
                                          {"ttl-zero-during-reassembly", 11, 1, 1},
                                          {"parameter-problem", 12, 0, 255},
                                          {"ip-header-bad", 12, 0, 0},
                                          {"required-option-missing", 12, 1, 1},
                                          {"timestamp-request", 13, 0, 255},
                                          {"timestamp-reply", 14, 0, 255},
                                          {"address-mask-request", 17, 0, 255},
                                          {"address-mask-reply", 18, 0, 255}};

static const struct icmp_name names6[] = {{"destination-unreachable", 1, 0, 255},
                                          {"no-route", 1, 0, 0},
                                          {"communication-prohibited", 1, 1, 1},
                                          {"beyond-scope", 1, 2, 2},
                                          {"address-unreachable", 1, 3, 3},
                                          {"port-unreachable", 1, 4, 4},
                                          {"failed-policy", 1, 5, 5},
                                          {"reject-route", 1, 6, 6},
                                          {"packet-too-big", 2, 0, 255},
                                          {"time-exceeded", 3, 0, 255},
                                          {"ttl-exceeded", 3, 0, 255},
                                          {"ttl-zero-during-transit", 3, 0, 0},
                                          {"ttl-zero-during-reassembly", 3, 1, 1},
                                          {"parameter-problem", 4, 0, 255},
                                          {"bad-header", 4, 0, 0},
                                          {"unknown-header-type", 4, 1, 1},
                                          {"unknown-option", 4, 2, 2},
                                          {"echo-request", 128, 0, 255},
                                          {"ping", 128, 0, 255},
                                          {"echo-reply", 129, 0, 255},
                                          {"pong", 129, 0, 255},
                                          {"router-solicitation", 133, 0, 255},
                                          {"router-advertisement", 134, 0, 255},
                                          {"neighbour-solicitation", 135, 0, 255},
                                          {"neighbor-solicitation", 135, 0, 255},
                                          {"neighbour-advertisement", 136, 0, 255},
                                          {"neighbor-advertisement", 136, 0, 255},
                                          {"redirect", 137, 0, 255}};

enum {
    NAMES4 = sizeof(names4) / sizeof(names4[0]),
    NAMES6 = sizeof(names6) / sizeof(names6[0]),
    ANY = 255,
};

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
        if (!read_u8(slash + 1, end, &m->code.first))
            return rules_fail(p, "found the code \"%s\", expected a number from 0 to 255", slash + 1);
        m->code.last = m->code.first;
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

static int read_icmp(struct rules_parse *p, const struct rules_option *o, const char *word, void *at)
{
    struct rules_match_icmp *m = at;
    const struct icmp_name *found = NULL;
    size_t size = strlen(word);
    unsigned count;
    const struct icmp_name *names = names_of(p->family, &count);

    (void)o;
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
