/* SPDX-License-Identifier: BSD-2-Clause */
#include "ruleset.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
    uint16_t first, last;
};

struct network {
    uint32_t address; /* host byte order */
    uint8_t length;   /* of the prefix */
};

struct rule {
    struct network source, destination;
    struct range source_port, destination_port;
    uint8_t protocol;  /* 0: any */
    uint8_t interface; /* 0: any; else eth0... */
    bool accept;
};

struct ruleset {
    struct rule *rules;
    size_t count;
    uint64_t random;
};

enum { INTERFACES = 4, ATTEMPTS = 200 };

enum port_kind { PORT_ANY, PORT_HIGH, PORT_LOW, PORT_RANGE, PORT_ONE, PORT_KINDS };

/* In per cent; of prefix lengths and port kinds the rest is the last one. */
struct shape {
    const char *name;
    unsigned source_any, destination_any, interface;
    struct {
        uint8_t length, percent;
    } source[4], destination[4];
    uint8_t source_port[PORT_KINDS], destination_port[PORT_KINDS];
    uint8_t tcp, udp, icmp; /* the rest: any protocol */
};

static const struct shape shapes[RULESET_SHAPES] = {
    [RULESET_ACL] = {"acl",
                     10,
                     3,
                     0,
                     {{16, 15}, {24, 35}, {28, 10}, {32, 40}},
                     {{24, 20}, {27, 10}, {30, 10}, {32, 60}},
                     {100, 0, 0, 0, 0},
                     {15, 5, 0, 15, 65},
                     75,
                     15,
                     5},
    [RULESET_FW] = {"fw",
                    45,
                    20,
                    30,
                    {{16, 15}, {24, 45}, {30, 10}, {32, 30}},
                    {{16, 10}, {24, 30}, {30, 5}, {32, 55}},
                    {80, 12, 0, 3, 5},
                    {20, 10, 2, 13, 55},
                    65,
                    25,
                    4},
    [RULESET_IPC] = {"ipc",
                     15,
                     10,
                     10,
                     {{16, 10}, {24, 40}, {29, 10}, {32, 40}},
                     {{16, 10}, {24, 30}, {29, 10}, {32, 50}},
                     {70, 10, 1, 4, 15},
                     {35, 10, 1, 9, 45},
                     60,
                     28,
                     5},
};

static const uint16_t well_known[] = {80,  443, 22,   53,   25,   110,  143,  993, 21,  123,  161, 389,  636,
                                      445, 139, 3306, 5432, 1433, 3389, 8080, 587, 995, 1521, 514, 5060, 873};

const char *ruleset_shape_name(enum ruleset_shape shape)
{
    return shapes[shape].name;
}

/* splitmix64 */
static uint64_t draw(struct ruleset *set)
{
    uint64_t x = set->random += 0x9e3779b97f4a7c15ULL;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

static uint32_t below(struct ruleset *set, uint32_t limit)
{
    return (uint32_t)((draw(set) >> 32) * limit >> 32);
}

static bool chance(struct ruleset *set, unsigned percent)
{
    return below(set, 100) < percent;
}

static bool is_part(struct range ports)
{
    return ports.first != 0 || ports.last != 65535;
}

static uint32_t mask_of(uint8_t length)
{
    return length ? ~0U << (32 - length) : 0;
}

/* Prefixes nest because addresses are drawn from few sites, of these few subnets, of these few hosts. */
static uint32_t draw_address(struct ruleset *set, uint32_t base)
{
    uint32_t sites = 8 + (uint32_t)set->count / 200, subnets = 8 + (uint32_t)set->count / 400;

    return base + (below(set, sites) * 7919 % 4096 << 16) + (below(set, subnets) << 8) + below(set, 254) + 1;
}

static struct network draw_network(struct ruleset *set, const struct shape *s, bool is_source)
{
    struct network n = {0};
    uint32_t dice = below(set, 100);
    unsigned i = 0;

    if (chance(set, is_source ? s->source_any : s->destination_any))
        return n;
    for (; i < 3; i++) {
        unsigned percent = is_source ? s->source[i].percent : s->destination[i].percent;

        if (dice < percent)
            break;
        dice -= percent;
    }
    n.length = is_source ? s->source[i].length : s->destination[i].length;
    n.address = draw_address(set, is_source ? 0x0a000000 : 0xac100000) & mask_of(n.length);
    return n;
}

static struct range draw_ports(struct ruleset *set, const uint8_t percent[PORT_KINDS])
{
    uint32_t dice = below(set, 100), kind = 0, first, one;

    while (kind < PORT_ONE && dice >= percent[kind])
        dice -= percent[kind++];
    switch (kind) {
    case PORT_ANY:
        return (struct range){0, 65535};
    case PORT_HIGH:
        return (struct range){1024, 65535};
    case PORT_LOW:
        return (struct range){0, 1023};
    case PORT_RANGE:
        first = 1024 + 100 * below(set, 600);
        return (struct range){(uint16_t)first, (uint16_t)(first + 1 + below(set, 200))};
    default: /* the square of a number below 1 is rather small: few ports are in many rules */
        one = below(set, 1000) * below(set, 1000) / 1000;
        one = one < 800 ? one * (uint32_t)(sizeof(well_known) / sizeof(well_known[0])) / 800 : 0;
        one = chance(set, 15) ? 1024 + below(set, 20000) : well_known[one];
        return (struct range){(uint16_t)one, (uint16_t)one};
    }
}

static void draw_rule(struct ruleset *set, const struct shape *s, struct rule *ret)
{
    uint32_t dice = below(set, 100);

    *ret = (struct rule){.source_port = {0, 65535}, .destination_port = {0, 65535}};
    ret->source = draw_network(set, s, true);
    ret->destination = draw_network(set, s, false);
    if (dice < s->tcp)
        ret->protocol = PACKET_TCP;
    else if ((dice -= s->tcp) < s->udp)
        ret->protocol = PACKET_UDP;
    else if (dice - s->udp < s->icmp)
        ret->protocol = PACKET_ICMP;
    if (packet_has_ports(ret->protocol)) {
        ret->source_port = draw_ports(set, s->source_port);
        ret->destination_port = draw_ports(set, s->destination_port);
    }
    if (chance(set, s->interface))
        ret->interface = (uint8_t)(1 + below(set, INTERFACES));
    ret->accept = chance(set, 75);
}

/* How general it is: the logarithm of the number of headers that it matches, more or less. */
static int scope(const struct rule *r)
{
    int bits = 64 - r->source.length - r->destination.length;

    bits += r->source_port.first == r->source_port.last ? 0 : 12;
    bits += r->destination_port.first == r->destination_port.last ? 0 : 12;
    return bits + (r->protocol ? 0 : 4) + (r->interface ? 0 : 2);
}

static int compare_rules(const void *a, const void *b)
{
    const struct rule *left = a, *right = b;
    int by_scope = scope(left) - scope(right);

    return by_scope ? by_scope : memcmp(left, right, offsetof(struct rule, accept));
}

/* Nobody writes a firewall that admits everything in its middle. */
static bool is_too_general(const struct rule *r)
{
    return scope(r) > 64 || (!r->source.length && !r->destination.length && !r->protocol);
}

static void draw_sound_rule(struct ruleset *set, const struct shape *s, struct rule *ret)
{
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        draw_rule(set, s, ret);
        if (!is_too_general(ret))
            return;
    }
}

/* Nor the same rule twice: such are drawn again, until there are none or hardly any. */
static void draw_rules(struct ruleset *set, const struct shape *s)
{
    bool again = true;

    for (size_t i = 0; i < set->count; i++)
        draw_sound_rule(set, s, &set->rules[i]);
    for (unsigned attempt = 0; attempt < ATTEMPTS && again; attempt++) {
        again = false;
        qsort(set->rules, set->count, sizeof(*set->rules), compare_rules);
        for (size_t i = 1; i < set->count; i++)
            if (memcmp(&set->rules[i - 1], &set->rules[i], offsetof(struct rule, accept)) == 0) {
                draw_sound_rule(set, s, &set->rules[i - 1]);
                again = true;
            }
    }
}

struct ruleset *ruleset_new(enum ruleset_shape shape, size_t rules, uint64_t seed)
{
    struct ruleset *set = calloc(1, sizeof(*set));

    if (set)
        set->rules = calloc(rules, sizeof(*set->rules));
    if (!set || !set->rules) {
        free(set);
        return NULL;
    }
    set->random = seed;
    set->count = rules;
    draw_rules(set, &shapes[shape]);
    return set;
}

void ruleset_free(struct ruleset **set)
{
    if (!*set)
        return;
    free((*set)->rules);
    free(*set);
    *set = NULL;
}

/* ---- as text ---- */

static void print_network(FILE *out, const char *option, struct network n)
{
    if (n.length)
        fprintf(out, " %s %u.%u.%u.%u/%u", option, n.address >> 24, n.address >> 16 & 255,
                n.address >> 8 & 255, n.address & 255, n.length);
}

static void print_ports(FILE *out, const char *option, struct range ports)
{
    if (!is_part(ports))
        return;
    fprintf(out, " %s %u", option, ports.first);
    if (ports.first != ports.last)
        fprintf(out, ":%u", ports.last);
}

static void print_rule(FILE *out, const struct rule *r)
{
    const char *protocol = r->protocol == PACKET_TCP ? "tcp" : r->protocol == PACKET_UDP ? "udp" : "icmp";

    fputs("-A FORWARD", out);
    print_network(out, "-s", r->source);
    print_network(out, "-d", r->destination);
    if (r->interface)
        fprintf(out, " -i eth%u", r->interface - 1U);
    if (r->protocol)
        fprintf(out, " -p %s", protocol);
    if (is_part(r->source_port) || is_part(r->destination_port)) {
        fprintf(out, " -m %s", protocol);
        print_ports(out, "--sport", r->source_port);
        print_ports(out, "--dport", r->destination_port);
    }
    fprintf(out, " -j %s\n", r->accept ? "ACCEPT" : "DROP");
}

char *ruleset_text(const struct ruleset *set)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fputs("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
          "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
          "-A FORWARD -m conntrack --ctstate INVALID -j DROP\n",
          out);
    for (size_t i = 0; i < set->count; i++)
        print_rule(out, &set->rules[i]);
    fputs("COMMIT\n", out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- packets ---- */

static uint32_t address_in(struct ruleset *set, struct network n)
{
    return n.length ? n.address | ((uint32_t)draw(set) & ~mask_of(n.length))
                    : 0x14000000 + below(set, 1U << 28);
}

static uint16_t port_in(struct ruleset *set, struct range ports)
{
    return (uint16_t)(ports.first + below(set, (uint32_t)(ports.last - ports.first) + 1));
}

void ruleset_packet(struct ruleset *set, struct packet_recipe *ret, const char **ret_in)
{
    static const char *const names[INTERFACES] = {"eth0", "eth1", "eth2", "eth3"};
    const struct rule *r = &set->rules[below(set, (uint32_t)set->count)];
    uint32_t interface = r->interface ? r->interface - 1U : below(set, INTERFACES);

    *ret = (struct packet_recipe){
        .family = PACKET_IPV4, .protocol = r->protocol ? r->protocol : PACKET_TCP, .window_scale = -1};
    ret->source.word[0] = htonl(address_in(set, r->source));
    ret->destination.word[0] = htonl(address_in(set, r->destination));
    ret->source_port = port_in(set, is_part(r->source_port) ? r->source_port : (struct range){1024, 65535});
    ret->destination_port = port_in(set, r->destination_port);
    if (ret->protocol == PACKET_TCP)
        ret->tcp = (struct packet_tcp){.sequence = (uint32_t)draw(set), .flags = PACKET_SYN, .window = 64240};
    else if (ret->protocol == PACKET_ICMP) {
        ret->icmp = (struct packet_icmp){.type = 8, .id = (uint16_t)draw(set)};
    }
    *ret_in = names[interface];
}
