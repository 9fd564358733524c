/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <strings.h>

#include "rules/ext/extension.h"

/* tcp and udp (xt_tcpudp). */

enum { SPORT, DPORT, FLAGS, OPTION };

static const struct {
    const char *name;
    uint8_t bits;
} flag_names[] = {
    {"FIN", PACKET_FIN}, {"SYN", PACKET_SYN}, {"RST", PACKET_RST}, {"PSH", PACKET_PSH},
    {"ACK", PACKET_ACK}, {"URG", PACKET_URG}, {"ALL", 0x3f},       {"NONE", 0},
};

enum {
    SINGLE_FLAGS = 6,
    FLAG_NAMES = sizeof(flag_names) / sizeof(flag_names[0]),
    SYN_MASK = PACKET_FIN | PACKET_SYN | PACKET_RST | PACKET_ACK,
};

static void start_ports(const struct rules_parse *p, void *data)
{
    struct rules_match_tcp *t = data;

    (void)p;
    t->source.last = t->destination.last = UINT16_MAX;
}

static int parse_flags(struct rules_parse *p, const char *word, uint8_t *ret)
{
    const char *names[FLAG_NAMES];
    const char *at = word;
    char element[64];
    size_t found;
    uint8_t bits = 0;
    int rc;

    for (unsigned i = 0; i < FLAG_NAMES; i++)
        names[i] = flag_names[i].name;
    while ((rc = rules_parse_element(p, &at, element, sizeof(element))) > 0) {
        rc = rules_parse_choice(p, element, names, FLAG_NAMES, true, "a TCP flag", &found);
        if (rc)
            return rc;
        bits |= flag_names[found].bits;
    }
    if (rc == 0)
        *ret = bits;
    return rc;
}

static int option_flags(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                        struct rules_match_tcp *t)
{
    t->flags_inverted = inverted;
    if (!(o->flags & RULES_ARGUMENT)) { /* --syn */
        t->flags_mask = SYN_MASK;
        t->flags_compare = PACKET_SYN;
        return 0;
    }
    const char *compare = rules_next_word(p);
    if (!compare)
        return rules_fail(p, "found one word, expected two: the flags to look at and those that are set, "
                             "like SYN,ACK,FIN,RST SYN");
    int rc = parse_flags(p, word, &t->flags_mask);
    return rc ? rc : parse_flags(p, compare, &t->flags_compare);
}

static int parse_tcp(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                     void *data)
{
    struct rules_match_tcp *t = data;
    /* For udp iptables takes the services of every protocol: `-p udp --dport http` is 80. */
    uint8_t protocol = p->rule->protocol == PACKET_TCP ? PACKET_TCP : 0;

    switch (o->id) {
    case SPORT:
        t->source_inverted = inverted;
        return rules_parse_ports(p, word, protocol, &t->source);
    case DPORT:
        t->destination_inverted = inverted;
        return rules_parse_ports(p, word, protocol, &t->destination);
    case OPTION:
        t->option_inverted = inverted;
        return rules_parse_u8(p, word, 1, UINT8_MAX, &t->option);
    default:
        return option_flags(p, o, word, inverted, t);
    }
}

static void print_flags(FILE *out, uint8_t bits)
{
    const char *comma = "";

    for (unsigned i = 0; i < SINGLE_FLAGS; i++) {
        if (bits & flag_names[i].bits) {
            fprintf(out, "%s%s", comma, flag_names[i].name);
            comma = ",";
        }
    }
    if (!bits)
        fputs("NONE", out);
}

static bool is_any(const struct rules_range16 *ports, bool inverted)
{
    return ports->first == 0 && ports->last == UINT16_MAX && !inverted;
}

/* iptables-save forgets "! --dport 0:65535", which matches nothing, and so makes it match all; we keep it. */
static void save_ports(FILE *out, const char *option, const struct rules_range16 *ports, bool inverted)
{
    if (is_any(ports, inverted))
        return;
    fprintf(out, "%s --%s %u", inverted ? " !" : "", option, ports->first);
    if (ports->last != ports->first)
        fprintf(out, ":%u", ports->last);
}

static void save_udp(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tcp *t = data;

    (void)how;
    save_ports(out, "sport", &t->source, t->source_inverted);
    save_ports(out, "dport", &t->destination, t->destination_inverted);
}

static void save_tcp(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tcp *t = data;

    save_udp(out, data, how);
    if (t->option)
        fprintf(out, "%s --tcp-option %u", t->option_inverted ? " !" : "", t->option);
    if (!t->flags_mask && !t->flags_compare && !t->flags_inverted)
        return;
    fprintf(out, "%s --tcp-flags ", t->flags_inverted ? " !" : "");
    print_flags(out, t->flags_mask);
    fputc(' ', out);
    print_flags(out, t->flags_compare);
}

static void list_ports(FILE *out, const char *name, const struct rules_range16 *ports, bool inverted,
                       const struct rules_print *how)
{
    uint8_t protocol = how->rule->protocol;

    if (is_any(ports, inverted))
        return;
    fprintf(out, " %s%s:%s", name, ports->first == ports->last ? "" : "s", inverted ? "!" : "");
    rules_print_port(out, ports->first, protocol, how->numeric);
    if (ports->first == ports->last)
        return;
    fputc(':', out);
    rules_print_port(out, ports->last, protocol, how->numeric);
}

static void list_udp(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tcp *t = data;

    fprintf(out, " %s", how->rule->protocol == PACKET_UDP ? "udp" : "tcp");
    list_ports(out, "spt", &t->source, t->source_inverted, how);
    list_ports(out, "dpt", &t->destination, t->destination_inverted, how);
}

static void list_tcp(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tcp *t = data;

    list_udp(out, data, how);
    if (t->option)
        fprintf(out, " option=%s%u", t->option_inverted ? "!" : "", t->option);
    if (!t->flags_mask && !t->flags_inverted)
        return;
    fprintf(out, " flags:%s", t->flags_inverted ? "!" : "");
    if (how->numeric) {
        fprintf(out, "0x%02X/0x%02X", t->flags_mask, t->flags_compare);
        return;
    }
    print_flags(out, t->flags_mask);
    fputc('/', out);
    print_flags(out, t->flags_compare);
}

static const struct rules_option tcp_options[] = {
    {.name = "source-port", .id = SPORT, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "sport", .id = SPORT, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "destination-port", .id = DPORT, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "dport", .id = DPORT, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "tcp-flags", .id = FLAGS, .flags = RULES_ARGUMENT | RULES_INVERTS},
    {.name = "syn", .id = FLAGS, .flags = RULES_INVERTS},
    {.name = "tcp-option", .id = OPTION, .flags = RULES_ARGUMENT | RULES_INVERTS},
};

enum {
    TCP_OPTIONS = sizeof(tcp_options) / sizeof(tcp_options[0]),
    UDP_OPTIONS = 4, /* the ports */
};

const struct rules_extension rules_match_tcp = {
    .name = "tcp",
    .options = tcp_options,
    .option_count = TCP_OPTIONS,
    .type = RULES_MATCH_TCP,
    .families = RULES_BOTH,
    .protocol = PACKET_TCP,
    .start = start_ports,
    .option = parse_tcp,
    .save = save_tcp,
    .list = list_tcp,
};

const struct rules_extension rules_match_udp = {
    .name = "udp",
    .options = tcp_options,
    .option_count = UDP_OPTIONS,
    .type = RULES_MATCH_UDP,
    .families = RULES_BOTH,
    .protocol = PACKET_UDP,
    .start = start_ports,
    .option = parse_tcp,
    .save = save_udp,
    .list = list_udp,
};
