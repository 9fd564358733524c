/* SPDX-License-Identifier: BSD-2-Clause */
/* tcp and udp (xt_tcpudp). */
#include <string.h>

#include "rules/ext/field.h"

enum { SPORT, DPORT, FLAGS, OPTION };

static const struct rules_name flags[] = {
    {"FIN", PACKET_FIN}, {"SYN", PACKET_SYN}, {"RST", PACKET_RST}, {"PSH", PACKET_PSH},
    {"ACK", PACKET_ACK}, {"URG", PACKET_URG}, {"ALL", 0x3f},       {"NONE", 0},
};
static const struct rules_names flag_names = {RULES_NAMES(flags), .kind = "a TCP flag"};

static void start_ports(uint8_t family, void *at)
{
    struct rules_range16 *ports = at;

    (void)family;
    ports->last = UINT16_MAX;
}

static int read_ports(struct rules_parse *p, const char *word, void *at)
{
    bool is_tcp = p->rule->protocol == PACKET_TCP;
    /* For udp iptables takes the services of every protocol: `-p udp --dport http` is 80. */
    int rc = rules_parse_ports(p, word, is_tcp ? PACKET_TCP : 0, at);

    return rc || !is_tcp ? rc : rules_refuse_down(p, word, at); /* and ranges that go down */
}

static void list_ports(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_range16 *ports = at;
    uint8_t protocol = how->rule->protocol;

    fprintf(out, "%s%s:%s", how->option->id == SPORT ? "spt" : "dpt", ports->first == ports->last ? "" : "s",
            how->inverted ? "!" : "");
    rules_print_port(out, ports->first, protocol, how->numeric);
    if (ports->first == ports->last)
        return;
    fputc(':', out);
    rules_print_port(out, ports->last, protocol, how->numeric);
}

/* Two bytes: the flags to look at and those that are set. */
static int read_flags(struct rules_parse *p, const char *word, void *at)
{
    const char *compare = rules_next_word(p);
    uint32_t mask = 0, set = 0;
    uint8_t *bytes = at;
    int rc;

    if (!compare)
        return rules_fail(p, "found one word, expected two: the flags to look at and those that are set, "
                             "like SYN,ACK,FIN,RST SYN");
    rc = rules_parse_names(p, word, p->option->names, &mask);
    if (rc == 0)
        rc = rules_parse_names(p, compare, p->option->names, &set);
    bytes[0] = (uint8_t)mask;
    bytes[1] = (uint8_t)set;
    return rc;
}

static int read_syn(struct rules_parse *p, const char *word, void *at)
{
    uint8_t *bytes = at;

    (void)p;
    (void)word;
    bytes[0] = PACKET_FIN | PACKET_SYN | PACKET_RST | PACKET_ACK;
    bytes[1] = PACKET_SYN;
    return 0;
}

static void print_flags(FILE *out, const uint8_t *bytes, char separator)
{
    for (unsigned i = 0; i < 2; i++) {
        if (i)
            fputc(separator, out);
        rules_print_names(out, &flag_names, bytes[i], ",");
        if (!bytes[i])
            fputs("NONE", out);
    }
}

static void save_flags(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    print_flags(out, at, ' ');
}

/* iptables-save forgets "! --dport 0:65535", which matches nothing, and so makes it match all; we keep it. */
static const struct rules_value ports = {.start = start_ports,
                                         .read = read_ports,
                                         .print = rules_print_range,
                                         .list = list_ports},
                                flag_pair = {.read = read_flags, .print = save_flags},
                                syn = {.read = read_syn};

static const struct rules_option options[] = {
    RULES_OPTION("source-port", SPORT, RULES_ARGUMENT | RULES_INVERTS),
    RULES_OPTION("sport", SPORT, RULES_ARGUMENT | RULES_INVERTS, RULES_TAKES(ports, match_tcp, source),
                 .inverted = RULES_BOOL(match_tcp, source_inverted), .listed = " "),
    RULES_OPTION("destination-port", DPORT, RULES_ARGUMENT | RULES_INVERTS),
    RULES_OPTION("dport", DPORT, RULES_ARGUMENT | RULES_INVERTS, RULES_TAKES(ports, match_tcp, destination),
                 .inverted = RULES_BOOL(match_tcp, destination_inverted), .listed = " "),
    RULES_OPTION("tcp-flags", FLAGS, RULES_ARGUMENT | RULES_INVERTS, .value = &flag_pair,
                 .at = {offsetof(struct rules_match_tcp, flags_mask), 2},
                 .inverted = RULES_BOOL(match_tcp, flags_inverted), .names = &flag_names, .listed = ""),
    RULES_OPTION("syn", FLAGS, RULES_INVERTS, RULES_TAKES(syn, match_tcp, flags_mask),
                 .inverted = RULES_BOOL(match_tcp, flags_inverted)),
    RULES_OPTION("tcp-option", OPTION, RULES_ARGUMENT | RULES_INVERTS,
                 RULES_TAKES(rules_number, match_tcp, option), .least = 1,
                 .inverted = RULES_BOOL(match_tcp, option_inverted), .listed = " option=(!)"),
};

static const uint8_t tcp_order[] = {1, 3, 6, 4};

/* Flags that none are looked at for are saved, but not listed. */
static void list_tcp(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tcp *t = data;

    rules_list_options(out, &rules_match_tcp, data, how);
    if (!t->flags_mask && !t->flags_inverted)
        return;
    fprintf(out, " flags:%s", t->flags_inverted ? "!" : "");
    if (how->numeric)
        fprintf(out, "0x%02X/0x%02X", t->flags_mask, t->flags_compare);
    else
        print_flags(out, &t->flags_mask, '/');
}

const struct rules_extension rules_match_tcp = {
    .name = "tcp",
    .type = RULES_MATCH_TCP,
    .protocol = PACKET_TCP,
    RULES_OPTIONS(options),
    RULES_ORDER(tcp_order),
    .heading = " tcp",
    .list = list_tcp,
};

const struct rules_extension rules_match_udp = {
    .name = "udp",
    .type = RULES_MATCH_UDP,
    .protocol = PACKET_UDP,
    .options = options,
    .option_count = 4, /* the ports */
    .heading = " udp",
};
