/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/order.h"

#include <stddef.h>
#include <stdlib.h>

#include "rules/nft/nft.h"

enum {
    PREROUTING = 1 << RULES_PREROUTING,
    INPUT = 1 << RULES_INPUT,
    FORWARD = 1 << RULES_FORWARD,
    OUTPUT = 1 << RULES_OUTPUT,
    POSTROUTING = 1 << RULES_POSTROUTING,
};

/* nf_ip_hook_priorities in include/uapi/linux/netfilter_ipv4.h; IPv6 has the same. Sorted by priority. The
 * helper, which had a priority of its own (300) until nf_confirm called it, stands with the confirmation:
 * nothing is between them. */
static const struct order_stop plain[] = {
    {-300, PREROUTING | OUTPUT, ORDER_RULES, RULES_RAW},
    {ORDER_PRIORITY_CONNTRACK, PREROUTING | OUTPUT, ORDER_CONNTRACK, 0},
    {-150, PREROUTING | INPUT | FORWARD | OUTPUT | POSTROUTING, ORDER_RULES, RULES_MANGLE},
    {-100, PREROUTING | OUTPUT, ORDER_NAT, RULES_NAT}, /* destinations */
    {0, INPUT | FORWARD | OUTPUT, ORDER_RULES, RULES_FILTER},
    {50, INPUT | FORWARD | OUTPUT, ORDER_RULES, RULES_SECURITY},
    {100, INPUT | POSTROUTING, ORDER_NAT, RULES_NAT}, /* sources */
    {INT32_MAX, INPUT | POSTROUTING, ORDER_CONFIRM, 0},
};
enum { STOPS = sizeof(plain) / sizeof(plain[0]), PATH_HOOKS = 4 };

/* ip_rcv and ip_local_deliver; __ip_local_out and ip_output; ip_rcv, ip_forward and ip_output; loopback_xmit, which
 * leaves the packet its connection. */
static const struct {
    uint8_t count;
    uint8_t hook[PATH_HOOKS]; /* enum rules_hook */
} paths[WALL_PATHS] = {
    [WALL_IN] = {2, {RULES_PREROUTING, RULES_INPUT}},
    [WALL_OUT] = {2, {RULES_OUTPUT, RULES_POSTROUTING}},
    [WALL_THROUGH] = {3, {RULES_PREROUTING, RULES_FORWARD, RULES_POSTROUTING}},
    [WALL_LOOP] = {4, {RULES_OUTPUT, RULES_POSTROUTING, RULES_PREROUTING, RULES_INPUT}},
};

/* ---- nft's base chains among them ---- */

/* The hook of NAT stands at a priority of its own, whatever its chains say: theirs only tells who is first in it
 * (nf_nat_register_fn). */
static struct order_stop stop_of(const struct nft_chain *chain)
{
    struct order_stop stop = {.hooks = (uint8_t)(1 << chain->hook),
                              .chain = chain,
                              .writes = chain->writes,
                              .priority = chain->priority};
    bool at_source = chain->hook == RULES_INPUT || chain->hook == RULES_POSTROUTING;

    stop.deed = ORDER_NFT;
    if (chain->type == NFT_CHAIN_NAT) {
        stop.deed = ORDER_NFT_NAT;
        stop.rank = chain->priority;
        stop.priority = at_source ? 100 : -100;
    }
    return stop;
}

static uint32_t writes_of_target(const struct rules_target *t)
{
    switch (t->type) {
    case RULES_TARGET_MARK:
        return NFT_WRITES_MARK;
    case RULES_TARGET_CONNMARK:
        return NFT_WRITES_MARK | NFT_WRITES_CONNMARK;
    case RULES_TARGET_CT:
    case RULES_TARGET_NOTRACK:
        return NFT_WRITES_TRACKING;
    case RULES_TARGET_TTL:
    case RULES_TARGET_HL:
        return NFT_WRITES_TTL;
    case RULES_TARGET_TOS:
    case RULES_TARGET_DSCP:
        return NFT_WRITES_TOS;
    case RULES_TARGET_TCPMSS:
        return NFT_WRITES_TCP;
    case RULES_TARGET_SET:
        return NFT_WRITES_MARK;
    case RULES_TARGET_OPAQUE:
        return NFT_WRITES_MARK | NFT_WRITES_CONNMARK | NFT_WRITES_TTL | NFT_WRITES_TOS | NFT_WRITES_TCP;
    default:
        return 0;
    }
}

static uint32_t writes_of_table(const struct rules_table *table)
{
    uint32_t writes = 0;

    for (size_t c = 0; c < table->count; c++) {
        for (size_t i = 0; i < table->chains[c]->count; i++)
            writes |= writes_of_target(&table->chains[c]->rules[i].target);
    }
    return writes;
}

static int compare(const void *a, const void *b)
{
    const struct order_stop *x = a, *y = b;

    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : 0;
}

/* Those that stand at one place of a hook stand beside one another. */
static void find_rivals(struct order *o)
{
    size_t end;

    for (size_t first = 0; first < o->count; first = end) {
        uint32_t writes[RULES_HOOKS] = {0};

        for (end = first; end < o->count && compare(&o->stops[first], &o->stops[end]) == 0; end++) {
            for (int hook = 0; hook < RULES_HOOKS; hook++) {
                if (!(o->stops[end].hooks >> hook & 1))
                    continue;
                o->stops[end].rivals |= writes[hook];
                writes[hook] |= o->stops[end].writes;
            }
        }
        uint32_t later[RULES_HOOKS] = {0};
        for (size_t i = end; i-- > first;) {
            for (int hook = 0; hook < RULES_HOOKS; hook++) {
                if (!(o->stops[i].hooks >> hook & 1))
                    continue;
                o->stops[i].rivals |= later[hook];
                later[hook] |= o->stops[i].writes;
            }
        }
    }
}

/* Those of iptables' tables, and conntrack's, which are there once. */
/* Nobody stands where a table is absent; filter is asked all the same, and NAT is done if there is any at all. */
static bool is_absent(const struct order_stop *stop, const struct rules *rules, bool other)
{
    bool is_kept = !other && (stop->deed != ORDER_RULES || stop->table == RULES_FILTER);

    return !is_kept && !rules->tables[stop->table].present;
}

static void add_tables(struct order *o, const struct rules *rules, bool other)
{
    for (size_t i = 0; i < STOPS; i++) {
        bool is_table = plain[i].deed <= ORDER_NAT;

        if ((other && !is_table) || is_absent(&plain[i], rules, other))
            continue;
        struct order_stop *stop = &o->stops[o->count++];
        *stop = plain[i];
        stop->other = other;
        stop->rank = stop->deed == ORDER_NAT ? stop->priority : 0;
        if (is_table)
            stop->writes = writes_of_table(&rules->tables[stop->table]);
    }
}

bool order_init(struct order *o, const struct rules *rules)
{
    const struct nft_ruleset *n = rules->nft;
    size_t chains = n ? n->chain_count : 0;

    *o = (struct order){.stops = calloc(2 * STOPS + chains, sizeof(*o->stops))};
    if (!o->stops)
        return false;
    add_tables(o, rules, false);
    if (rules->other)
        add_tables(o, rules->other, true);
    for (size_t i = 0; i < chains; i++) {
        if (nft_chain_is_met(n->chains[i], rules->family) && !(n->skips >> n->chains[i]->iptables_table & 1))
            o->stops[o->count++] = stop_of(n->chains[i]);
    }
    if (chains || rules->other)
        qsort(o->stops, o->count, sizeof(*o->stops), compare);
    find_rivals(o);
    return true;
}

void order_fini(struct order *o)
{
    free(o->stops);
    *o = (struct order){0};
}

/* ---- along the path ---- */

/* What has been done to a packet before it came in by lo: nf_conntrack_in ("previously seen (loopback or
 * untracked)"), nf_nat_inet_fn and nf_confirm leave it alone then. */
static bool is_done(enum wall_path path, const struct order_place *place, const struct order_stop *stop)
{
    return path == WALL_LOOP && place->hooks >= 2 && stop->deed != ORDER_RULES && stop->deed != ORDER_NFT;
}

static bool next_of(const struct order_stop *stops, size_t count, enum wall_path path,
                    struct order_place *place)
{
    const struct order_stop *stop = place->stop ? place->stop + 1 : stops;

    for (; place->hooks < paths[path].count; place->hooks++, stop = stops) {
        place->hook = (enum rules_hook)paths[path].hook[place->hooks];
        for (; stop < stops + count; stop++) {
            if (!(stop->hooks >> place->hook & 1) || is_done(path, place, stop))
                continue;
            place->stop = stop;
            return true;
        }
    }
    return false;
}

bool order_next(enum wall_path path, struct order_place *place)
{
    return next_of(plain, STOPS, path, place);
}

bool order_next_of(const struct order *o, enum wall_path path, struct order_place *place)
{
    return next_of(o->stops, o->count, path, place);
}

enum rules_hook order_hook(enum wall_path path, enum rules_table_type table)
{
    struct order_place place = {0};

    while (order_next(path, &place) && (place.stop->deed > ORDER_NAT || place.stop->table != table))
        ;
    return place.hook;
}
