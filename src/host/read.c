/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What iproute2 prints: a line each, of words in a fixed first place and then of keys with their values, in any order. With
 * -o the lines that belong together are one, with a backslash where they met.
 */
#include "host/private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/decode.h"

enum { LONGEST_WORD = 256 };

struct reader {
    struct host *h;
    struct host_error *error;
    const char *at, *end; /* of the line */
    const char *start;
    const char *word_at;
    uint32_t line;
    uint8_t text_family, family; /* family: of the line; 0: not known yet */
    bool indented;
    bool has_route; /* of this text, which may have more ways in the next line */
    char word[LONGEST_WORD];
    char interface[HOST_INTERFACE]; /* whose lines follow */
};

__attribute__((format(printf, 2, 3))) static int fail(const struct reader *r, const char *format, ...)
{
    va_list arguments;

    r->error->line = r->line;
    r->error->column = (uint32_t)(r->word_at - r->start) + 1;
    va_start(arguments, format);
    (void)vsnprintf(r->error->text, sizeof r->error->text, format, arguments); /* cut: it is for people */
    va_end(arguments);
    return -EINVAL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\\';
}

/* The next word into r->word, "" at the end of the line. */
static int next(struct reader *r)
{
    size_t size = 0;

    while (r->at < r->end && is_blank(*r->at))
        r->at++;
    r->word_at = r->at;
    for (; r->at < r->end && !is_blank(*r->at); r->at++) {
        if (size + 1 == sizeof r->word) {
            r->word[0] = '\0';
            return fail(r, "a word of more than %d bytes", LONGEST_WORD - 1);
        }
        r->word[size++] = *r->at > ' ' && *r->at < 127 ? *r->at : '?';
    }
    r->word[size] = '\0';
    return 0;
}

static bool is(const struct reader *r, const char *word)
{
    return strcmp(r->word, word) == 0;
}

/* ---- values: the word that is there ---- */

static int read_number(const struct reader *r, uint32_t most, uint32_t *ret)
{
    char *end;
    unsigned long long value = strtoull(r->word, &end, 0);

    if (r->word[0] < '0' || r->word[0] > '9' || *end || value > most)
        return fail(r, "found \"%s\", expected a number, at most %u", r->word, most);
    *ret = (uint32_t)value;
    return 0;
}

static int read_name(const struct reader *r, char ret[static HOST_INTERFACE])
{
    size_t size = strlen(r->word);

    if (size == 0 || size >= HOST_INTERFACE)
        return fail(r, "found \"%s\", expected the name of an interface, at most 15 bytes", r->word);
    memcpy(ret, r->word, size + 1);
    return 0;
}

/* An address, with /BITS or without, of r's family; that may be 0: of either, and is then what was found. */
static int read_prefix(struct reader *r, struct host_prefix *ret)
{
    char text[LONGEST_WORD], *slash, *end;
    struct host_prefix prefix = {0};
    uint8_t family;

    if (is(r, "default") || is(r, "all") || is(r, "any")) {
        *ret = prefix;
        return 0;
    }
    memcpy(text, r->word, sizeof text);
    slash = strchr(text, '/');
    if (slash)
        *slash = '\0';
    if (packet_address_parse(text, &prefix.address, &family) < 0 || (r->family && r->family != family))
        return fail(r, "found \"%s\", expected an IPv%s address", r->word,
                    r->family == PACKET_IPV6   ? "6"
                    : r->family == PACKET_IPV4 ? "4"
                                               : "4 or IPv6");
    unsigned long bits = host_bits(family);
    if (slash) {
        bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || bits > host_bits(family))
            return fail(r, "found \"%s\", expected at most %u bits behind the slash", r->word,
                        host_bits(family));
    }
    prefix.length = (uint8_t)bits;
    r->family = family;
    *ret = prefix;
    return 0;
}

static host_table table_of(const char *word)
{
    static const struct {
        const char *name;
        host_table table;
    } own[] = {{"local", HOST_TABLE_LOCAL}, {"main", HOST_TABLE_MAIN}, {"default", HOST_TABLE_DEFAULT}};
    uint64_t hash = 0xcbf29ce484222325;
    char *end;
    unsigned long long value = strtoull(word, &end, 0);

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(word, own[i].name) == 0)
            return own[i].table;
    }
    if (word[0] >= '0' && word[0] <= '9' && !*end)
        return value & UINT32_MAX;
    for (; *word; word++)
        hash = (hash ^ (uint8_t)*word) * 0x100000001b3;
    return hash | (uint64_t)1 << 63;
}

/* ---- addresses and links ---- */

static int add_interface(struct reader *r)
{
    struct host *h = r->h;

    if (h->interface_count && strcmp(h->interfaces[h->interface_count - 1].name, r->interface) == 0)
        return 0; /* -o has a line for each address */
    if (HOST_GROW(h->interfaces, h->interface_capacity, h->interface_count) < 0)
        return -ENOMEM;
    struct host_interface *i = &h->interfaces[h->interface_count++];
    *i = (struct host_interface){0};
    memcpy(i->name, r->interface, HOST_INTERFACE);
    return 0;
}

/* "2: eth0@if3:" or, with -o, "2: eth0    inet"; the word is "2:". */
static int read_interface(struct reader *r)
{
    int error = next(r);

    if (error < 0)
        return error;
    char *colon = strchr(r->word, ':'), *at_sign = strchr(r->word, '@');
    if (at_sign)
        *at_sign = '\0';
    else if (colon && !colon[1])
        *colon = '\0';
    error = read_name(r, r->interface);
    return error < 0 ? error : add_interface(r);
}

static int add_address(struct reader *r, const struct host_address *a)
{
    struct host *h = r->h;
    unsigned i = a->family == PACKET_IPV6;

    if (HOST_GROW(h->addresses, h->address_capacity, h->address_count) < 0 ||
        HOST_GROW(h->locals[i], h->local_capacity[i], h->local_count[i]) < 0)
        return -ENOMEM;
    h->addresses[h->address_count++] = *a;
    h->locals[i][h->local_count[i]++] = a->address;
    return host_make_lines(h, a);
}

static void read_flag(const struct reader *r, struct host_address *a)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"secondary", &a->secondary},    {"temporary", &a->secondary}, {"deprecated", &a->deprecated},
        {"tentative", &a->tentative},    {"dadfailed", &a->tentative}, {"optimistic", &a->tentative},
        {"noprefixroute", &a->no_route},
    };

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (is(r, flags[i].name))
            *flags[i].flag = true;
    }
}

static uint8_t scope_of(const char *word)
{
    char *end;
    unsigned long value = strtoul(word, &end, 0);

    if (strcmp(word, "link") == 0)
        return HOST_LINK;
    if (strcmp(word, "host") == 0)
        return HOST_HOST;
    if (strcmp(word, "site") == 0)
        return HOST_SITE;
    return *word && !*end && value <= UINT8_MAX ? (uint8_t)value : HOST_GLOBAL;
}

/* Behind "inet" or "inet6". */
static int read_address(struct reader *r)
{
    struct host_address a = {.family = is(r, "inet6") ? PACKET_IPV6 : PACKET_IPV4};
    struct host_prefix prefix, peer;
    int error;

    r->family = a.family;
    if ((error = next(r)) < 0 || (error = read_prefix(r, &prefix)) < 0)
        return error;
    peer = prefix;
    while ((error = next(r)) == 0 && r->word[0] && !is(r, "valid_lft")) {
        if (is(r, "peer")) {
            if ((error = next(r)) < 0 || (error = read_prefix(r, &peer)) < 0)
                return error;
        } else if (is(r, "scope")) {
            if ((error = next(r)) < 0)
                return error;
            a.scope = scope_of(r->word);
        } else {
            read_flag(r, &a);
        }
    }
    if (error < 0)
        return error;
    memcpy(a.interface, r->interface, sizeof a.interface);
    a.address = prefix.address;
    a.peer = peer.address;
    a.prefix = peer.length;
    return add_address(r, &a);
}

/* "<BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP" */
static int read_link_words(struct reader *r, struct host_interface *i)
{
    int error = 0;

    i->no_arp |= strstr(r->word, "NOARP") != NULL;
    while (error == 0 && r->word[0] && !is(r, "master"))
        error = next(r);
    if (error < 0 || !r->word[0])
        return error;
    error = next(r);
    return error < 0 ? error : read_name(r, i->master);
}

static int read_address_line(struct reader *r)
{
    int error;

    if (!r->indented) {
        if (r->word[0] < '0' || r->word[0] > '9' || !strchr(r->word, ':'))
            return fail(r, "found \"%s\", expected the number of an interface, as ip prints it", r->word);
        if ((error = read_interface(r)) < 0 || (error = next(r)) < 0)
            return error;
        if (r->word[0] == '<')
            return read_link_words(r, &r->h->interfaces[r->h->interface_count - 1]);
    }
    if (!is(r, "inet") && !is(r, "inet6"))
        return 0;
    if (!r->interface[0])
        return fail(r, "an address before the line of its interface");
    return read_address(r);
}

/* ---- rules ---- */

/* A selector or an effect of a rule; the word is its value. */
static int rule_from(struct reader *r, struct host_rule *rule)
{
    return read_prefix(r, &rule->from);
}

static int rule_to(struct reader *r, struct host_rule *rule)
{
    return read_prefix(r, &rule->to);
}

static int rule_in(struct reader *r, struct host_rule *rule)
{
    return read_name(r, rule->in);
}

static int rule_out(struct reader *r, struct host_rule *rule)
{
    return read_name(r, rule->out);
}

/* By number; names are a matter of files of that machine. */
static int rule_tos(struct reader *r, struct host_rule *rule)
{
    uint32_t value = 0;

    if (read_number(r, UINT8_MAX, &value) < 0)
        rule->odd = true;
    else
        rule->tos = (uint8_t)value;
    return 0;
}

static int rule_dscp(struct reader *r, struct host_rule *rule)
{
    uint32_t value = 0;

    if (read_number(r, 63, &value) < 0)
        rule->odd = true;
    else
        rule->dscp = (uint8_t)value;
    rule->has_dscp = !rule->odd;
    return 0;
}

static int rule_mark(struct reader *r, struct host_rule *rule)
{
    char *slash = strchr(r->word, '/');
    int error;

    rule->mask = UINT32_MAX;
    if (slash)
        *slash = '\0';
    if ((error = read_number(r, UINT32_MAX, &rule->mark)) < 0 || !slash)
        return error;
    memmove(r->word, slash + 1, strlen(slash + 1) + 1);
    return read_number(r, UINT32_MAX, &rule->mask);
}

static int rule_uid(struct reader *r, struct host_rule *rule)
{
    r->word[strcspn(r->word, "-")] = '\0';
    rule->has_uid = true;
    return read_number(r, UINT32_MAX, &rule->uid_first);
}

static int rule_ports(struct reader *r, struct host_rule *rule)
{
    (void)r;
    rule->any_port = true;
    return 0;
}

static int rule_lookup(struct reader *r, struct host_rule *rule)
{
    rule->action = HOST_LOOKUP;
    rule->table = table_of(r->word);
    rule->hidden =
        r->word[0] == '['; /* [l3mdev-table]: which one it is, and whether it is asked, tell the links */
    return 0;
}

static int rule_goto(struct reader *r, struct host_rule *rule)
{
    rule->action = HOST_GOTO;
    return read_number(r, UINT32_MAX, &rule->target);
}

static int rule_suppress(struct reader *r, struct host_rule *rule)
{
    uint32_t value = 0;
    int error = read_number(r, 128, &value);

    if (error == 0)
        rule->suppress = (int)value;
    return error;
}

static int rule_odd(struct reader *r, struct host_rule *rule)
{
    (void)r;
    rule->odd = true;
    return 0;
}

static int rule_odd_effect(struct reader *r, struct host_rule *rule)
{
    (void)r;
    rule->odd_effect = true;
    return 0;
}

static int rule_nothing(struct reader *r, struct host_rule *rule)
{
    (void)r;
    (void)rule;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct reader *r, struct host_rule *rule);
} rule_keys[] = {
    {"from", rule_from},
    {"to", rule_to},
    {"iif", rule_in},
    {"oif", rule_out},
    {"tos", rule_tos},
    {"dsfield", rule_tos},
    {"dscp", rule_dscp},
    {"fwmark", rule_mark},
    {"uidrange", rule_uid},
    {"ipproto", rule_ports},
    {"sport", rule_ports},
    {"dport", rule_ports},
    {"tun_id", rule_odd},
    {"flowlabel", rule_odd},
    {"lookup", rule_lookup},
    {"table", rule_lookup},
    {"goto", rule_goto},
    {"suppress_prefixlength", rule_suppress},
    {"suppress_ifgroup", rule_odd_effect},
    {"proto", rule_nothing},
    {"protocol", rule_nothing},
    {"realms", rule_nothing},
};

static const struct {
    const char *name;
    enum host_action action;
    const char *why;
} rule_words[] = {
    {"nop", HOST_NOP, NULL},
    {"blackhole", HOST_REFUSE, "a routing rule that says blackhole"},
    {"unreachable", HOST_REFUSE, "a routing rule that says unreachable"},
    {"prohibit", HOST_REFUSE, "a routing rule that says prohibit"},
};

static int read_rule_word(struct reader *r, struct host_rule *rule)
{
    for (size_t i = 0; i < sizeof rule_keys / sizeof *rule_keys; i++) {
        if (is(r, rule_keys[i].name)) {
            int error = next(r);
            return error < 0 ? error : rule_keys[i].read(r, rule);
        }
    }
    for (size_t i = 0; i < sizeof rule_words / sizeof *rule_words; i++) {
        if (is(r, rule_words[i].name)) {
            rule->action = (uint8_t)rule_words[i].action;
            rule->why = rule_words[i].why;
            return 0;
        }
    }
    if (is(r, "not"))
        rule->invert = true;
    else if (!is(r, "[detached]") &&
             !is(r, "[unresolved]")) /* what is not there: names and numbers say so anyway */
        rule->odd = true;
    return 0;
}

static int read_rule_line(struct reader *r)
{
    struct host *h = r->h;
    struct host_rule rule = {.family = r->family, .action = HOST_NOP, .suppress = -1};
    char *colon = strchr(r->word, ':');
    int error;

    if (!colon || colon[1])
        return fail(r, "found \"%s\", expected the priority of a rule and a colon, as ip rule prints it",
                    r->word);
    *colon = '\0';
    if ((error = read_number(r, UINT32_MAX, &rule.priority)) < 0)
        return error;
    while ((error = next(r)) == 0 && r->word[0]) {
        if ((error = read_rule_word(r, &rule)) < 0)
            return error;
    }
    if (error < 0)
        return error;
    rule.serial = (uint32_t)h->rule_count;
    if (HOST_GROW(h->rules, h->rule_capacity, h->rule_count) < 0)
        return -ENOMEM;
    h->rules[h->rule_count++] = rule;
    return 0;
}

/* ---- routes ---- */

static const struct {
    const char *name;
    enum host_kind kind;
} kinds[] = {
    {"unicast", HOST_UNICAST},     {"local", HOST_TO_LOCAL},      {"broadcast", HOST_BROADCAST},
    {"multicast", HOST_MULTICAST}, {"anycast", HOST_ANYCAST},     {"unreachable", HOST_UNREACHABLE},
    {"prohibit", HOST_PROHIBIT},   {"blackhole", HOST_BLACKHOLE}, {"throw", HOST_THROW},
};

/* Keys that have a value and change nothing about the way. */
static const char *const route_values[] = {
    "scope",
    "mtu",
    "advmss",
    "rtt",
    "rttvar",
    "window",
    "cwnd",
    "initcwnd",
    "initrwnd",
    "ssthresh",
    "realm",
    "realms",
    "rto_min",
    "hoplimit",
    "features",
    "quickack",
    "congctl",
    "reordering",
    "expires",
    "error",
    "nhid",
    "weight",
    "fastopen_no_cookie",
    "age",
    "users",
    "ttl-propagate",
};

static const char *const route_flags[] = {
    "onlink",  "pervasive", "offload", "offload_failed", "rt_offload", "rt_offload_failed",
    "rt_trap", "trap",      "notify",
};

static bool is_among(const struct reader *r, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is(r, names[i]))
            return true;
    }
    return false;
}

/* The hop that words are about; "nexthop" begins another one. */
static int hop_of(struct reader *r, struct host_line *l, bool another, struct host_hop **ret)
{
    struct host *h = r->h;

    if (another || l->hop_count == 0) {
        if (HOST_GROW(h->hops, h->hop_capacity, h->hop_count) < 0)
            return -ENOMEM;
        h->hops[h->hop_count++] = (struct host_hop){0};
        l->hop_count++;
    }
    *ret = &h->hops[h->hop_count - 1];
    return 0;
}

/* An IPv4 route may lead to a router by its IPv6 address ("via inet6"): then the next hop on IPv4 is the destination. */
static int read_via(struct reader *r, struct host_hop *hop)
{
    uint8_t own = r->family, spoken = own;
    struct host_prefix prefix;
    int error = next(r);

    if (error == 0 && (is(r, "inet") || is(r, "inet6"))) {
        own = own ? own : PACKET_IPV4;
        spoken = is(r, "inet6") ? PACKET_IPV6 : PACKET_IPV4;
        error = next(r);
    }
    if (error < 0)
        return error;
    r->family = spoken;
    if ((error = read_prefix(r, &prefix)) < 0)
        return error;
    hop->has_via = !own || own == r->family;
    hop->via = prefix.address;
    if (own)
        r->family = own;
    return 0;
}

/* A word about the way: by what interface, to whom. 1: it is none. */
static int read_hop_word(struct reader *r, struct host_line *l)
{
    static const char *const words[] = {"nexthop", "via", "dev"}, *const states[] = {"dead", "linkdown"};
    struct host_hop *hop;
    int error;

    if (is_among(r, states, sizeof states / sizeof *states)) {
        if (l->hop_count) { /* before the first nexthop they say what the nexthops say themselves */
            hop = &r->h->hops[r->h->hop_count - 1];
            hop->dead |= is(r, "dead");
            hop->linkdown |= is(r, "linkdown");
        }
        return 0;
    }
    if (!is_among(r, words, sizeof words / sizeof *words))
        return 1;
    if ((error = hop_of(r, l, is(r, "nexthop"), &hop)) < 0)
        return error;
    if (is(r, "via"))
        return read_via(r, hop);
    if (is(r, "dev"))
        return (error = next(r)) < 0 ? error : read_name(r, hop->out);
    return 0; /* nexthop */
}

static int route_table(struct reader *r, struct host_line *l)
{
    l->table = table_of(r->word);
    return 0;
}

static int route_source(struct reader *r, struct host_line *l)
{
    struct host_prefix prefix;
    int error = read_prefix(r, &prefix);

    l->has_source = true;
    l->source = prefix.address;
    return error;
}

static int route_from(struct reader *r, struct host_line *l)
{
    return read_prefix(r, &l->from);
}

static int route_metric(struct reader *r, struct host_line *l)
{
    return read_number(r, UINT32_MAX, &l->metric);
}

static int route_tos(struct reader *r, struct host_line *l)
{
    uint32_t value = 0;

    if (read_number(r, UINT8_MAX, &value) < 0)
        l->odd = true;
    else
        l->tos = (uint8_t)value;
    return 0;
}

static int route_preference(struct reader *r, struct host_line *l)
{
    l->preference = is(r, "high") ? 1 : is(r, "low") ? -1 : 0;
    return 0;
}

static int route_proto(struct reader *r, struct host_line *l)
{
    l->by_kernel = is(r, "kernel") || is(r, "2");
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct reader *r, struct host_line *l);
} route_keys[] = {
    {"table", route_table},   {"src", route_source},      {"from", route_from},
    {"metric", route_metric}, {"priority", route_metric}, {"preference", route_metric},
    {"tos", route_tos},       {"dsfield", route_tos},     {"pref", route_preference},
    {"proto", route_proto},   {"protocol", route_proto},
};

static int read_route_word(struct reader *r, struct host_line *l)
{
    int error = read_hop_word(r, l);

    if (error <= 0)
        return error;
    for (size_t i = 0; i < sizeof route_keys / sizeof *route_keys; i++) {
        if (is(r, route_keys[i].name))
            return (error = next(r)) < 0 ? error : route_keys[i].read(r, l);
    }
    if (is_among(r, route_values, sizeof route_values / sizeof *route_values)) {
        error = next(r);
        return error == 0 && is(r, "lock") ? next(r) : error;
    }
    if (!is_among(r, route_flags, sizeof route_flags / sizeof *route_flags))
        l->odd = true; /* encap, and what newer ones may say */
    return 0;
}

static int read_route_words(struct reader *r, struct host_line *l)
{
    int error;

    while (r->word[0]) {
        if ((error = read_route_word(r, l)) < 0 || (error = next(r)) < 0)
            return error;
    }
    return 0;
}

/* The word is a type or the destination. */
static int read_route(struct reader *r, struct host_line *l)
{
    int error;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!is(r, kinds[i].name))
            continue;
        l->kind = (uint8_t)kinds[i].kind;
        if ((error = next(r)) < 0)
            return error;
        break;
    }
    if ((error = read_prefix(r, &l->to)) < 0 || (error = next(r)) < 0)
        return error;
    error = read_route_words(r, l);
    l->family = r->family ? r->family : PACKET_IPV4;
    return error;
}

static int read_route_line(struct reader *r)
{
    struct host *h = r->h;
    struct host_line *l;

    if (r->indented) { /* a nexthop more */
        if (!r->has_route)
            return fail(r, "found \"%s\", expected a route at the start of the line", r->word);
        return read_route_words(r, &h->lines[h->line_count - 1]);
    }
    if (HOST_GROW(h->lines, h->line_capacity, h->line_count) < 0)
        return -ENOMEM;
    l = &h->lines[h->line_count];
    *l = (struct host_line){.table = HOST_TABLE_MAIN, .serial = (uint32_t)h->line_count, .hop = h->hop_count};
    h->line_count++;
    r->has_route = true;
    int error = read_route(r, l);
    if (error == 0 && l->table == HOST_TABLE_LOCAL)
        host_known(h, l->family)->local = true;
    return error;
}

/* "fd00::9 dev eth0 lladdr 02:00:00:00:00:09 PERMANENT" */
static int read_neighbour_line(struct reader *r)
{
    struct host *h = r->h;
    struct host_prefix a = {0};
    int error = read_prefix(r, &a);

    while (error == 0 && r->word[0] && !is(r, "PERMANENT"))
        error = next(r);
    if (error < 0 || !r->word[0])
        return error;
    if (HOST_GROW(h->neighbours6, h->neighbour6_capacity, h->neighbour6_count) < 0)
        return -ENOMEM;
    h->neighbours6[h->neighbour6_count++] = a.address;
    return 0;
}

/* ---- texts ---- */

static const struct {
    int (*read)(struct reader *r);
    uint8_t family;
} texts[] = {
    [HOST_ADDRESSES] = {read_address_line, 0},
    [HOST_LINKS] = {read_address_line, 0},
    [HOST_RULES4] = {read_rule_line, PACKET_IPV4},
    [HOST_RULES6] = {read_rule_line, PACKET_IPV6},
    [HOST_ROUTES4] = {read_route_line, PACKET_IPV4},
    [HOST_ROUTES6] = {read_route_line, PACKET_IPV6},
    [HOST_NEIGHBOURS6] = {read_neighbour_line, PACKET_IPV6},
};

static int read_lines(struct reader *r, int (*read)(struct reader *r), const char *text, size_t size)
{
    const char *end = text + size;
    int error = 0;

    while (text < end && error == 0) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        r->line++;
        r->start = r->at = text;
        r->end = stop ? stop : end;
        r->indented = text < r->end && is_blank(*text);
        r->family = r->text_family;
        error = next(r);
        if (error == 0 && r->word[0] && r->word[0] != '#')
            error = read(r);
        text = stop ? stop + 1 : end;
    }
    return error;
}

static void set_known(struct host *h, enum host_text what)
{
    h->interfaces_read |= what == HOST_ADDRESSES || what == HOST_LINKS;
    h->neighbours6_read |= what == HOST_NEIGHBOURS6;
    for (unsigned i = 0; i < 2; i++) {
        bool own = texts[what].family == (i ? PACKET_IPV6 : PACKET_IPV4);
        h->known[i].addresses |= what == HOST_ADDRESSES;
        h->known[i].rules |= own && (what == HOST_RULES4 || what == HOST_RULES6);
        h->known[i].routes |= own && (what == HOST_ROUTES4 || what == HOST_ROUTES6);
    }
}

/* Of what could not be read to its end nothing stays. */
static void take_back(struct host *h, const struct host *before)
{
    h->address_count = before->address_count;
    memcpy(h->local_count, before->local_count, sizeof h->local_count);
    h->line_count = before->line_count;
    h->hop_count = before->hop_count;
    h->rule_count = before->rule_count;
    h->interface_count = before->interface_count;
    h->neighbour6_count = before->neighbour6_count;
    memcpy(h->known, before->known, sizeof h->known);
}

static int read_whole(struct reader *r, int (*read)(struct reader *r), const char *text, size_t size)
{
    struct host before = *r->h;
    int error;

    *r->error = (struct host_error){0};
    error = read_lines(r, read, text, size);
    if (error < 0)
        take_back(r->h, &before);
    else
        host_sort(r->h);
    return error;
}

int host_read(struct host *h, enum host_text what, const char *text, size_t size,
              struct host_error *ret_error)
{
    struct reader r = {.h = h, .error = ret_error, .text_family = texts[what].family};
    int error = read_whole(&r, texts[what].read, text, size);

    if (error == 0)
        set_known(h, what);
    return error;
}

/* What is said on a command line: one line of a text of its own. */
static int read_one(struct host *h, const char *line, const char *interface, int (*read)(struct reader *r),
                    struct host_error *ret_error)
{
    struct reader r = {.h = h, .error = ret_error};

    *ret_error = (struct host_error){0};
    if (strchr(line, '\n') || !line[strspn(line, " \t\r\\")] || is_blank(line[0])) {
        *ret_error = (struct host_error){1, 1, "expected one line that begins with a word"};
        return -EINVAL;
    }
    if (interface && (!*interface || strlen(interface) >= sizeof r.interface)) {
        *ret_error = (struct host_error){1, 1, "the name of an interface has 1 to 15 bytes"};
        return -EINVAL;
    }
    if (interface)
        memcpy(r.interface, interface, strlen(interface));
    return read_whole(&r, read, line, strlen(line));
}

static int read_said_address(struct reader *r)
{
    struct host_prefix prefix;
    int error = read_prefix(r, &prefix);

    if (error < 0 || !r->family)
        return error < 0 ? error : fail(r, "found \"%s\", expected an address", r->word);
    struct host_address a = {
        .family = r->family, .prefix = prefix.length, .address = prefix.address, .peer = prefix.address};
    memcpy(a.interface, r->interface, sizeof a.interface);
    if ((error = next(r)) < 0 || r->word[0])
        return error < 0 ? error : fail(r, "found \"%s\" behind the address", r->word);
    return add_address(r, &a);
}

int host_add_address(struct host *h, const char *interface, const char *address, struct host_error *ret_error)
{
    return read_one(h, address, interface, read_said_address, ret_error);
}

int host_add_route(struct host *h, const char *route, struct host_error *ret_error)
{
    return read_one(h, route, NULL, read_route_line, ret_error);
}
