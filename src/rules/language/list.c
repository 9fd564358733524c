/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/list.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "rules/build.h"
#include "rules/language/names.h"
#include "rules/language/print.h"

struct listing {
    const struct rules *rules;
    const struct rules_table *table;
    unsigned flags; /* enum rules_list_flag */
    FILE *out;
};

/* ---- numbers ---- */

/* Rounded to thousands as often as it takes, unless -x. width: of the column, 0 for none. */
static void print_count(const struct listing *l, uint64_t count, bool column)
{
    static const char units[] = "KMGT";
    size_t unit = 0;

    if (l->flags & RULES_LIST_EXACT) {
        fprintf(l->out, "%*" PRIu64 " ", column ? 8 : 0, count);
        return;
    }
    if (count <= 99999) {
        fprintf(l->out, "%*" PRIu64 " ", column ? 5 : 0, count);
        return;
    }
    count = (count + 500) / 1000;
    while (count > 9999 && unit < sizeof units - 2) {
        count = (count + 500) / 1000;
        unit++;
    }
    fprintf(l->out, "%*" PRIu64 "%c ", column ? 4 : 0, count, units[unit]);
}

/* ---- heads ---- */

static void print_columns(const struct listing *l)
{
    bool verbose = l->flags & RULES_LIST_VERBOSE;

    if (l->flags & RULES_LIST_NUMBERS)
        fputs("num  ", l->out);
    if (verbose)
        fputs(l->flags & RULES_LIST_EXACT ? "    pkts      bytes " : " pkts bytes ", l->out);
    fputs("target     prot opt", l->out);
    if (verbose)
        fputs(" in     out    ", l->out);
    fputs(" source               destination         \n", l->out);
}

static void print_head(const struct listing *l, const struct rules_chain *chain)
{
    fprintf(l->out, "Chain %s (", chain->name);
    if (chain->policy == RULES_POLICY_NONE) {
        fprintf(l->out, "%u references", rules_chain_references(l->table, chain));
    } else {
        fprintf(l->out, "policy %s", chain->policy == RULES_POLICY_DROP ? "DROP" : "ACCEPT");
        if (l->flags & RULES_LIST_VERBOSE) {
            fputc(' ', l->out);
            print_count(l, chain->counters.packets, false);
            fputs("packets, ", l->out);
            print_count(l, chain->counters.bytes, false);
            fputs("bytes", l->out);
        }
    }
    fputs(")\n", l->out);
    print_columns(l);
}

/* ---- columns of a rule ---- */

static const char *target_name(const struct rules_target *target)
{
    switch (target->type) {
    case RULES_TARGET_NONE:
        return "";
    case RULES_TARGET_ACCEPT:
        return "ACCEPT";
    case RULES_TARGET_DROP:
        return "DROP";
    case RULES_TARGET_RETURN:
        return "RETURN";
    case RULES_TARGET_CHAIN:
        return target->chain->name;
    case RULES_TARGET_NOTRACK: /* what the kernel makes of it */
        return rules_target_row(RULES_TARGET_CT)->name;
    case RULES_TARGET_OPAQUE:
        return target->opaque.name;
    default:
        return rules_target_row(target->type)->name;
    }
}

/* With -n only the protocols that iptables itself knows have names: those of 1.8.11. */
static const char *numeric_protocol(uint8_t protocol)
{
    static const struct {
        uint8_t number;
        const char *name;
    } known[] = {{PACKET_TCP, "tcp"},         {PACKET_UDP, "udp"},
                 {PACKET_ICMP, "icmp"},       {PACKET_ICMPV6, "ipv6-icmp"},
                 {PACKET_DCCP, "dccp"},       {PACKET_SCTP, "sctp"},
                 {PACKET_UDPLITE, "udplite"}, {PACKET_ESP, "esp"},
                 {PACKET_AH, "ah"},           {108, "ipcomp"},
                 {135, "mobility-header"}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].number == protocol)
            return known[i].name;
    return NULL;
}

static void print_protocol(const struct listing *l, const struct rules_rule *rule)
{
    const char *name = rule->protocol == 0             ? "all"
                       : l->flags & RULES_LIST_NUMERIC ? numeric_protocol(rule->protocol)
                                                       : rules_protocol_name(rule->protocol);

    fputc(rule->protocol_inverted ? '!' : ' ', l->out);
    if (name != NULL)
        fprintf(l->out, "%-4s ", name);
    else
        fprintf(l->out, "%-4u ", rule->protocol);
}

static void print_interface(const struct listing *l, const struct rules_interface *i)
{
    char text[RULES_INTERFACE + 3];
    bool any = i->name[0] == '\0' && !i->wildcard;

    if (any)
        snprintf(text, sizeof text, "%s", l->flags & RULES_LIST_NUMERIC ? "*" : "any");
    else
        snprintf(text, sizeof text, "%s%s%s", i->inverted ? "!" : "", i->name, i->wildcard ? "+" : "");
    fprintf(l->out, "%-6s ", text);
}

/* No address is looked up, with or without -n; these of IPv4 are called so by every Debian. */
static const char *known_name(const struct packet_address *address)
{
    static const struct {
        uint32_t address;
        const char *name;
    } known[] = {{INADDR_LOOPBACK, "localhost"},
                 {INADDR_ANY, "default"},
                 {0x7f000000, "loopback"},
                 {0xa9fe0000, "link-local"}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].address == ntohl(address->word[0]))
            return known[i].name;
    return NULL;
}

static bool is_unspecified(const struct packet_address *address)
{
    return !(address->word[0] | address->word[1] | address->word[2] | address->word[3]);
}

static void address_text(uint8_t family, const struct packet_address *address, char text[INET6_ADDRSTRLEN])
{
    inet_ntop(family == PACKET_IPV6 ? AF_INET6 : AF_INET, address->word, text, INET6_ADDRSTRLEN);
}

static void print_network(const struct listing *l, const struct rules_network *n)
{
    uint8_t family = l->rules->family;
    int prefix = rules_mask_prefix(family, &n->mask), full = family == PACKET_IPV6 ? 128 : 32;
    char address[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN] = "", text[2 * INET6_ADDRSTRLEN];
    bool named = !(l->flags & RULES_LIST_NUMERIC);
    const char *name = named && family == PACKET_IPV4 ? known_name(&n->address) : NULL;

    address_text(family, &n->address, address);
    if (prefix < 0)
        address_text(family, &n->mask, mask);
    else if (prefix < full)
        snprintf(mask, sizeof mask, "%d", prefix);
    snprintf(text, sizeof text, "%s%s%s", name != NULL ? name : address, *mask ? "/" : "", mask);
    /* iptables asks the mask, ip6tables the address. */
    if (named && (prefix == 0 || (family == PACKET_IPV6 && is_unspecified(&n->address))))
        snprintf(text, sizeof text, "anywhere");
    fprintf(l->out, "%c%-19s ", n->inverted ? '!' : ' ', text);
}

static void print_conditions(const struct listing *l, const struct rules_rule *rule)
{
    struct rules_print how = {
        .family = l->rules->family, .numeric = l->flags & RULES_LIST_NUMERIC, .rule = rule};
    const struct rules_extension *row = rules_target_row(rule->target.type);

    if (rule->target.is_goto)
        fputs("[goto] ", l->out);
    for (size_t i = 0; i < rule->match_count; i++)
        rules_extension_list(l->out, rules_match_row(rule->matches[i].type),
                             rules_match_data(&rule->matches[i]), &how);
    if (row != NULL)
        rules_extension_list(l->out, row, rules_target_data(&rule->target), &how);
}

static void print_rule(const struct listing *l, const struct rules_rule *rule, size_t number)
{
    if (l->flags & RULES_LIST_NUMBERS)
        fprintf(l->out, "%-4zu ", number);
    if (l->flags & RULES_LIST_VERBOSE) {
        print_count(l, rule->counters.packets, true);
        print_count(l, rule->counters.bytes, true);
    }
    fprintf(l->out, "%-9s ", target_name(&rule->target));
    print_protocol(l, rule);
    fprintf(l->out, "%c%c ", rule->fragment && rule->fragment_inverted ? '!' : '-',
            rule->fragment ? 'f' : '-');
    if (l->flags & RULES_LIST_VERBOSE) {
        fputc(' ', l->out);
        print_interface(l, &rule->in);
        print_interface(l, &rule->out);
    }
    print_network(l, &rule->source);
    print_network(l, &rule->destination);
    print_conditions(l, rule);
    fputc('\n', l->out);
}

static void print_chain(const struct listing *l, const struct rules_chain *chain)
{
    print_head(l, chain);
    for (size_t i = 0; i < chain->count; i++)
        print_rule(l, &chain->rules[i], i + 1);
}

/* ---- a listing ---- */

static int list_table(const struct listing *l, const char *name, uint32_t number)
{
    const struct rules_chain *chain;

    if (name == NULL) {
        for (size_t i = 0; i < l->table->count; i++) {
            if (i > 0)
                fputc('\n', l->out);
            print_chain(l, l->table->chains[i]);
        }
        return 0;
    }
    chain = rules_table_chain(l->table, name);
    if (chain == NULL)
        return -ENOENT;
    if (number > chain->count)
        return -ERANGE;
    if (number > 0)
        print_rule(l, &chain->rules[number - 1], number);
    else
        print_chain(l, chain);
    return 0;
}

int rules_list(const struct rules *r, enum rules_table_type table, const char *chain, uint32_t number,
               unsigned flags, FILE *out)
{
    struct listing l = {r, &r->tables[table], flags, out};
    struct rules *made;
    int error;

    if (r->tables[table].present)
        return list_table(&l, chain, number);
    made = rules_new(r->family);
    if (made == NULL)
        return -ENOMEM;
    error = rules_table_make(made, table);
    l.table = &made->tables[table];
    if (error == 0)
        error = list_table(&l, chain, number);
    rules_free(&made);
    return error;
}
