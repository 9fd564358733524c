/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/manager.h"
#include "explain/fix/nft.h"
#include "explain/make.h"
#include "explain/play/world.h"
#include "packet/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- who manages them ---- */

static const char *ufw_chain(const struct rules *r)
{
    return r->family == PACKET_IPV6 ? "ufw6-user-input" : "ufw-user-input";
}

static bool is_ufw(const struct rules *r)
{
    return rules_chain_find(r, RULES_FILTER, ufw_chain(r)) != NULL;
}

/* firewalld has a chain for each zone, and one behind it for what the zone lets in: "IN_public" and "IN_public_allow" of iptables,
 * the same with "filter_" before them of nft's. */
#define ZONE_AFTER "_allow"

static const struct back_end {
    const char *table, *before;
} by_iptables = {"filter", "IN_"}, by_nft = {"inet firewalld", "filter_IN_"};

static bool is_of_zone(const struct story_rule *rule, const struct back_end *b)
{
    return rule->chain && strcmp(rule->table, b->table) == 0 &&
           strncmp(rule->chain, b->before, strlen(b->before)) == 0;
}

static bool is_chain_of_firewalld(const struct nft_chain *chain, const char *name)
{
    return strcmp(chain->table->name, "firewalld") == 0 && strcmp(chain->name, name) == 0;
}

static const struct nft_chain *nft_chain_named(const struct nft_ruleset *n, const char *name)
{
    for (size_t i = 0; n && i < n->chain_count; i++) {
        if (is_chain_of_firewalld(n->chains[i], name))
            return n->chains[i];
    }
    return NULL;
}

/* What INPUT jumps to for the zones: INPUT_POLICIES of firewalld 2, INPUT_ZONES of 1. */
static bool is_firewalld(const struct rules *r)
{
    return nft_chain_named(r->nft, "filter_INPUT") || rules_chain_find(r, RULES_FILTER, "INPUT_POLICIES") ||
           rules_chain_find(r, RULES_FILTER, "INPUT_ZONES");
}

bool fix_manager_reads_looked(const struct rules *r)
{
    return !is_ufw(r) && is_firewalld(r);
}

const char *fix_manager(const struct rules *r)
{
    return is_ufw(r) ? "ufw" : is_firewalld(r) ? "firewalld" : NULL;
}

/* ---- what it is told ---- */

/* "10090" or "10090:10100". */
static void print_ports(struct rules_range16 ports, char between, char out[16])
{
    if (ports.first == ports.last)
        snprintf(out, 16, "%u", ports.first);
    else
        snprintf(out, 16, "%u%c%u", ports.first, between, ports.last);
}

/* Has the users' chain been asked before the packet was dropped? */
static bool is_behind_ufw(const struct story_step *step)
{
    const char *chain = step->rule.chain;
    return strcmp(step->rule.table, "filter") == 0 &&
           (step->rule.number == 0 || (strncmp(chain, "ufw", 3) == 0 && !strstr(chain, "-before-")));
}

/* Its own rules come where the packet did not find one that accepts, or, to go before one of them, first. */
static int ufw_accept(struct fix_attempt *a, const struct story_step *step, const char *protocol,
                      struct rules_range16 ports)
{
    const char *chain = ufw_chain(a->rules);
    bool is_own = step->rule.chain && strcmp(step->rule.chain, chain) == 0;
    char range[16];

    print_ports(ports, ':', range);
    int r = fix_carry_out(a, "-%s %s -p %s --dport %s -j ACCEPT", is_own ? "I" : "A", chain, protocol, range);
    return r ? r
             : fix_remember(a, story_format("ufw %sallow %s/%s", is_own ? "prepend " : "", range, protocol));
}

/* Now, and after the next start. */
static int tell_firewalld(struct fix_attempt *a, const char *zone, const char *protocol,
                          struct rules_range16 ports)
{
    static const char *const scopes[] = {"", "--permanent "};
    char range[16];
    int r = 0;

    print_ports(ports, '-', range);
    for (size_t i = 0; i < 2 && !r; i++)
        r = fix_remember(
            a, story_format("firewall-cmd %s--zone=%s --add-port=%s/%s", scopes[i], zone, range, protocol));
    return r;
}

/* The name of chain's companion for what its zone lets in. false: chain is none of a zone itself. Policies have such, too. */
static bool name_allow(const struct rules *r, const char *chain, const struct back_end *b,
                       char out[RULES_NAME])
{
    return strncmp(chain + strlen(b->before), "policy_", strlen("policy_")) != 0 &&
           snprintf(out, RULES_NAME, "%s" ZONE_AFTER, chain) < RULES_NAME &&
           (b == &by_nft ? nft_chain_named(r->nft, out) != NULL
                         : rules_chain_find(r, RULES_FILTER, out) != NULL);
}

/* The chain of the zone that the packet came through last, with its companion's name; NULL: it came through none. */
static const char *find_zone(const struct rules *r, const struct story_step *step, const struct back_end *b,
                             char allow[RULES_NAME])
{
    for (size_t i = step->looked_count; i-- > 0;) {
        const struct story_rule *rule = &step->looked[i].rule;
        if (is_of_zone(rule, b) && name_allow(r, rule->chain, b, allow))
            return rule->chain;
    }
    return NULL;
}

/* In the zone that the packet came through and that found nothing to let it in: what stopped it is the zone's last word, or stands
 * behind all zones. */
static int firewalld_accept(struct fix_attempt *a, const struct story_step *step, const char *protocol,
                            struct rules_range16 ports)
{
    const struct back_end *b = fix_nft_decides(step) ? &by_nft : &by_iptables;
    char allow[RULES_NAME], range[16];
    const char *zone = find_zone(a->rules, step, b, allow);

    if (!zone || strcmp(step->rule.table, b->table) != 0 ||
        (is_of_zone(&step->rule, b) && strcmp(step->rule.chain, zone) != 0))
        return -ENOENT;
    print_ports(ports, ':', range);
    int r = b == &by_nft ? fix_nft_append_ports(a, nft_chain_named(a->rules->nft, allow), protocol, ports)
                         : fix_carry_out(a, "-A %s -p %s --dport %s -j ACCEPT", allow, protocol, range);
    return r ? r : tell_firewalld(a, zone + strlen(b->before), protocol, ports);
}

int fix_manager_accept_ports(struct fix_attempt *a, const struct story_step *step, struct rules_range16 ports)
{
    const char *protocol = a->play.protocol ? packet_protocol_name(a->play.protocol) : "tcp";
    bool is_first = !(a->managed_ports.first == ports.first && a->managed_ports.last == ports.last);

    /* The same again: the packet does not come by the manager's rules. */
    if (!is_first || a->play.where != STORY_AT_SERVER || step->from != STORY_CLIENT ||
        play_is_local(&a->play))
        return -ENOENT;
    a->managed_ports = ports;
    if (is_ufw(a->rules) && is_behind_ufw(step))
        return ufw_accept(a, step, protocol, ports);
    return is_firewalld(a->rules) ? firewalld_accept(a, step, protocol, ports) : -ENOENT;
}
