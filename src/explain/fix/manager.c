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

#define ZONE_BEFORE "filter_IN_"
#define ZONE_AFTER  "_allow"

/* The length of the zone's name in a chain's, after ZONE_BEFORE; 0: it is not what a zone lets in. */
static size_t zone_length(const struct nft_chain *chain)
{
    const size_t before = strlen(ZONE_BEFORE), after = strlen(ZONE_AFTER), length = strlen(chain->name);

    if (strcmp(chain->table->name, "firewalld") != 0 || length <= before + after ||
        strncmp(chain->name, ZONE_BEFORE, before) != 0 ||
        strcmp(chain->name + length - after, ZONE_AFTER) != 0 ||
        strncmp(chain->name + before, "policy_", strlen("policy_")) == 0)
        return 0;
    return length - before - after;
}

/* Of firewalld's one zone. Where there are more, which one a packet belongs to is not asked: NULL. */
static const struct nft_chain *zone_chain(const struct nft_ruleset *n)
{
    const struct nft_chain *found = NULL;

    for (size_t i = 0; n && i < n->chain_count; i++) {
        if (zone_length(n->chains[i]) == 0)
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
    return false;
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

/* Has what the zone lets in? */
static bool is_behind_zone(const struct story_step *step, const struct nft_chain *allow)
{
    const char *chain = step->rule.chain;
    return strcmp(step->rule.table, "inet firewalld") == 0 &&
           (strcmp(chain, "filter_INPUT") == 0 ||
            (strlen(chain) + strlen(ZONE_AFTER) == strlen(allow->name) &&
             strncmp(chain, allow->name, strlen(chain)) == 0));
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
static int firewalld_accept(struct fix_attempt *a, const struct story_step *step, const char *protocol,
                            struct rules_range16 ports)
{
    static const char *const scopes[] = {"", "--permanent "};
    const struct nft_chain *chain = zone_chain(a->rules->nft);
    char range[16];
    int r = 0;

    if (!chain || !is_behind_zone(step, chain))
        return -ENOENT;
    print_ports(ports, '-', range);
    for (size_t i = 0; i < 2 && !r; i++)
        r = fix_remember(a, story_format("firewall-cmd %s--zone=%.*s --add-port=%s/%s", scopes[i],
                                         (int)zone_length(chain), chain->name + strlen(ZONE_BEFORE), range,
                                         protocol));
    return r ? r : fix_nft_append_ports(a, chain, protocol, ports);
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
    if (is_firewalld(a->rules) && fix_nft_decides(step))
        return firewalld_accept(a, step, protocol, ports);
    return -ENOENT;
}
