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

static const char *zone_before(bool is_nft)
{
    return is_nft ? "filter_IN_" : "IN_";
}

/* The zone whose chain that is: its name, of *ret_length. NULL: it is none's. */
static const char *zone_named(const char *chain, bool is_nft, size_t *ret_length)
{
    const char *before = zone_before(is_nft);

    if (!chain || strncmp(chain, before, strlen(before)) != 0)
        return NULL;
    chain += strlen(before);
    *ret_length = strlen(chain);
    return strncmp(chain, "policy_", strlen("policy_")) != 0 ? chain : NULL;
}

/* The chain of what a zone lets in, or NULL. */
static const struct nft_chain *nft_allow(const struct nft_ruleset *n, const char *zone_chain)
{
    const size_t length = strlen(zone_chain);

    for (size_t i = 0; n && i < n->chain_count; i++) {
        const struct nft_chain *chain = n->chains[i];
        if (strcmp(chain->table->name, "firewalld") == 0 && strncmp(chain->name, zone_chain, length) == 0 &&
            strcmp(chain->name + length, ZONE_AFTER) == 0)
            return chain;
    }
    return NULL;
}

/* Of firewalld's one zone; NULL: it has more. */
static const struct nft_chain *only_nft_allow(const struct nft_ruleset *n)
{
    const struct nft_chain *found = NULL;
    size_t length;

    for (size_t i = 0; n && i < n->chain_count; i++) {
        const char *name = n->chains[i]->name;
        if (!zone_named(name, true, &length) || strcmp(n->chains[i]->table->name, "firewalld") != 0 ||
            strlen(name) < strlen(ZONE_AFTER) ||
            strcmp(name + strlen(name) - strlen(ZONE_AFTER), ZONE_AFTER) != 0)
            continue;
        if (found)
            return NULL;
        found = n->chains[i];
    }
    return found;
}

static bool is_firewalld(const struct rules *r)
{
    for (size_t i = 0; r->nft && i < r->nft->table_count; i++) {
        if (strcmp(r->nft->tables[i]->name, "firewalld") == 0)
            return true;
    }
    return rules_chain_find(r, RULES_FILTER, "INPUT_ZONES") != NULL;
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
static int tell_firewalld(struct fix_attempt *a, const char *zone, size_t length, const char *protocol,
                          struct rules_range16 ports)
{
    static const char *const scopes[] = {"", "--permanent "};
    char range[16];
    int r = 0;

    print_ports(ports, '-', range);
    for (size_t i = 0; i < 2 && !r; i++)
        r = fix_remember(a, story_format("firewall-cmd %s--zone=%.*s --add-port=%s/%s", scopes[i],
                                         (int)length, zone, range, protocol));
    return r;
}

/* The zone is the one whose chain stopped the packet, when it had found nothing there that lets it in. */
static int firewalld_accept_nft(struct fix_attempt *a, const struct story_step *step, const char *protocol,
                                struct rules_range16 ports)
{
    const char *chain = step->rule.chain;
    const struct nft_chain *allow = NULL;
    size_t length;

    if (strcmp(step->rule.table, "inet firewalld") != 0)
        return -ENOENT;
    if (strcmp(chain, "filter_INPUT") == 0)
        allow = only_nft_allow(a->rules->nft);
    else if (zone_named(chain, true, &length))
        allow = nft_allow(a->rules->nft, chain);
    if (!allow)
        return -ENOENT;
    const char *zone = zone_named(allow->name, true, &length);
    int r = tell_firewalld(a, zone, length - strlen(ZONE_AFTER), protocol, ports);
    return r ? r : fix_nft_append_ports(a, allow, protocol, ports);
}

static int firewalld_accept(struct fix_attempt *a, const struct story_step *step, const char *protocol,
                            struct rules_range16 ports)
{
    char allow[RULES_NAME], range[16];
    size_t length;
    const char *zone = zone_named(step->rule.chain, false, &length);

    if (!zone || strcmp(step->rule.table, "filter") != 0 ||
        snprintf(allow, sizeof(allow), "%s" ZONE_AFTER, step->rule.chain) >= (int)sizeof(allow) ||
        !rules_chain_find(a->rules, RULES_FILTER, allow))
        return -ENOENT;
    print_ports(ports, ':', range);
    int r = fix_carry_out(a, "-A %s -p %s --dport %s -j ACCEPT", allow, protocol, range);
    return r ? r : tell_firewalld(a, zone, length, protocol, ports);
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
    if (!is_firewalld(a->rules))
        return -ENOENT;
    return fix_nft_decides(step) ? firewalld_accept_nft(a, step, protocol, ports)
                                 : firewalld_accept(a, step, protocol, ports);
}
