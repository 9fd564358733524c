/* SPDX-License-Identifier: BSD-2-Clause */
/* What chains may do, found once by looking at all their rules. */
#include <string.h>

#include "rules/nft/look.h"
#include "rules/nft/nft.h"

enum { ALL_WRITES = 0xff, NESTED = 16 /* NFT_JUMP_STACK_SIZE: nf_tables takes no deeper nesting */ };

static uint32_t writes_of_field(const struct nft_expr *key)
{
    if (key->kind == NFT_EXPR_UNKNOWN)
        return nft_field_is_harmless(key->text) ? 0 : ALL_WRITES;
    if (key->kind != NFT_EXPR_FIELD)
        return ALL_WRITES;
    switch (key->field.row->what) {
    case NFT_WHAT_MARK:
        return NFT_WRITES_MARK;
    case NFT_WHAT_CT_MARK:
        return NFT_WRITES_CONNMARK;
    case NFT_WHAT_CT_ZONE:
        return NFT_WRITES_TRACKING;
    case NFT_WHAT_TTL:
        return NFT_WRITES_TTL;
    case NFT_WHAT_DSCP:
    case NFT_WHAT_ECN:
        return NFT_WRITES_TOS;
    case NFT_WHAT_TCP_OPTION:
        return NFT_WRITES_TCP;
    default:
        return ALL_WRITES;
    }
}

static uint32_t writes_of(const struct nft_statement *s)
{
    switch (s->kind) {
    case NFT_DO_SET_FIELD:
        return writes_of_field(s->field.key);
    case NFT_DO_NOTRACK:
    case NFT_DO_HELPER:
        return NFT_WRITES_TRACKING;
    case NFT_DO_SET:
        return NFT_WRITES_SETS;
    case NFT_DO_NAT:
        return NFT_WRITES_ADDRESSES;
    case NFT_DO_UNKNOWN:
        return s->unknown.rewrites ? ALL_WRITES : 0;
    default:
        return 0;
    }
}

static bool stops(const struct nft_statement *s)
{
    return (s->kind == NFT_DO_VERDICT && s->verdict.code == NFT_DROP) || s->kind == NFT_DO_REJECT ||
           s->kind == NFT_DO_UNKNOWN || s->kind == NFT_DO_COUNT;
}

/* Takes over what the chain that is entered does. Was there anything new? */
static bool take(struct nft_chain *chain, const struct nft_verdict *v)
{
    uint32_t writes = chain->writes;
    bool stopped = chain->stops;

    if (v->code == NFT_DROP)
        chain->stops = true;
    if (v->code >= NFT_JUMP) {
        chain->writes |= v->chain ? v->chain->writes : (uint32_t)ALL_WRITES;
        chain->stops |= !v->chain || v->chain->stops;
    }
    return writes != chain->writes || stopped != chain->stops;
}

static bool take_all(struct nft_chain *chain, const struct nft_statement *s)
{
    bool news = false;

    if (s->kind == NFT_DO_VERDICT)
        return take(chain, &s->verdict);
    for (size_t i = 0; s->kind == NFT_DO_VMAP && i < s->vmap.set->count; i++) {
        if (s->vmap.set->elements[i].verdict)
            news |= take(chain, s->vmap.set->elements[i].verdict);
    }
    return news;
}

/* Once over all rules. */
static bool pass_on(const struct nft_ruleset *n)
{
    bool news = false;

    for (size_t c = 0; c < n->chain_count; c++) {
        struct nft_chain *chain =
            (struct nft_chain *)(uintptr_t)n->chains[c]; /* its reader has not let it out yet */

        for (size_t i = 0; i < chain->count; i++) {
            for (const struct nft_statement *s = chain->rules[i]->statements; s; s = s->next)
                news |= take_all(chain, s);
        }
    }
    return news;
}

static void look_at_own(struct nft_chain *chain)
{
    chain->stops = chain->drops;
    for (size_t i = 0; i < chain->count; i++) {
        for (const struct nft_statement *s = chain->rules[i]->statements; s; s = s->next) {
            chain->writes |= writes_of(s);
            chain->stops |= stops(s);
        }
    }
}

/* iptables-nft gives base chains the names of its hooks, in capitals. */
static uint8_t iptables_table(const struct nft_chain *chain)
{
    const struct nft_table *table = chain->table;
    uint8_t t = 0;

    if ((table->family != NFT_IP && table->family != NFT_IP6) || chain->hook == RULES_HOOKS ||
        strcmp(chain->name, rules_hook_name((enum rules_hook)chain->hook)) != 0)
        return RULES_TABLES;
    while (t < RULES_TABLES && strcmp(table->name, rules_table_name((enum rules_table_type)t)) != 0)
        t++;
    return t;
}

void nft_look_at_chains(const struct nft_ruleset *n)
{
    bool news = true;

    for (size_t c = 0; c < n->chain_count; c++) {
        struct nft_chain *chain = (struct nft_chain *)(uintptr_t)n->chains[c]; /* as above */

        look_at_own(chain);
        chain->iptables_table = iptables_table(chain);
    }
    for (int i = 0; news && i <= NESTED; i++)
        news = pass_on(n);
    for (size_t c = 0; news && c < n->chain_count; c++) {
        struct nft_chain *chain = (struct nft_chain *)(uintptr_t)n->chains[c]; /* as above */

        chain->writes = ALL_WRITES;
        chain->stops = true;
    }
}

/* The table by which sallyd gives its control connections the helper "sane" (kernel/pinhole_conntrack.c): it stops nothing, and
 * changes nothing that a rule can ask for. */
static bool is_of_sallyd(const struct nft_chain *chain)
{
    return chain->table->family == NFT_INET && strncmp(chain->table->name, "sallyd-", 7) == 0 &&
           !chain->stops && !(chain->writes & ~(uint32_t)NFT_WRITES_TRACKING);
}

static bool is_on_the_way(const struct nft_chain *chain, uint8_t family)
{
    uint8_t of = chain->table->family;

    return !is_of_sallyd(chain) && chain->type != NFT_CHAIN_REGULAR && chain->hook < RULES_HOOKS &&
           !chain->table->dormant && (of == NFT_INET || of == (family == PACKET_IPV6 ? NFT_IP6 : NFT_IP));
}

bool nft_chain_is_met(const struct nft_chain *chain, uint8_t family)
{
    return !chain->table->unsure && is_on_the_way(chain, family);
}

bool nft_chain_is_maybe_met(const struct nft_chain *chain, uint8_t family)
{
    return chain->table->unsure && is_on_the_way(chain, family);
}

/* table NULL: of any. */
static bool has_met_chain(const struct nft_ruleset *n, const struct nft_table *table, uint8_t family)
{
    for (size_t i = 0; n && i < n->chain_count; i++) {
        const struct nft_chain *chain = n->chains[i];

        if ((!table || chain->table == table) && nft_chain_is_met(chain, family) &&
            !(n->skips >> chain->iptables_table & 1))
            return true;
    }
    return false;
}

bool nft_is_met(const struct nft_ruleset *n, uint8_t family)
{
    return has_met_chain(n, NULL, family);
}

bool nft_table_is_met(const struct nft_ruleset *n, const struct nft_table *table, uint8_t family)
{
    return has_met_chain(n, table, family);
}

/* ---- ports ---- */

struct ports {
    nft_on_ports *told;
    void *arg;
    bool odd;
};

static void look_at_expr(struct ports *p, const struct nft_expr *e);

/* Expressions that are not evaluated, but whose field is no port in any version of nft. */
static bool asks_no_port(const char *text)
{
    static const char *const groups[] = {"meta ", "rt ",      "ct ",      "numgen ",     "socket ", "ipsec ",
                                         "osf",   "iifgroup", "oifgroup", "tcp option ", "exthdr "};

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (strncmp(text, groups[i], strlen(groups[i])) == 0)
            return true;
    }
    return false;
}

static void look_at_set(struct ports *p, const struct nft_set *set)
{
    for (size_t i = 0; set && !set->name && i < set->count; i++)
        look_at_expr(p, set->elements[i].key);
}

/* Sets that have names are looked at once, by themselves. */
static void look_at_expr(struct ports *p, const struct nft_expr *e)
{
    if (!e)
        return;
    switch (e->kind) {
    case NFT_EXPR_VALUE:
        if (e->type == NFT_TYPE_SERVICE && e->value.last <= UINT16_MAX && e->value.first <= e->value.last)
            p->told(p->arg, (uint16_t)e->value.first, (uint16_t)e->value.last);
        break;
    case NFT_EXPR_LIST:
    case NFT_EXPR_CONCAT:
        for (const struct nft_expr *part = e->parts.first; part; part = part->next)
            look_at_expr(p, part);
        break;
    case NFT_EXPR_SET:
        look_at_set(p, e->set);
        break;
    case NFT_EXPR_MAP:
        look_at_expr(p, e->map.key);
        look_at_set(p, e->map.set);
        break;
    case NFT_EXPR_BINARY:
        p->odd |= e->binary.left->type == NFT_TYPE_SERVICE;
        look_at_expr(p, e->binary.left);
        break;
    case NFT_EXPR_RAW:
        p->odd |= e->raw.base == NFT_BASE_TRANSPORT && e->raw.offset < 32;
        break;
    case NFT_EXPR_UNKNOWN:
        p->odd |= !asks_no_port(e->text);
        break;
    default:
        break;
    }
}

static void look_at_statement(struct ports *p, const struct nft_statement *s)
{
    switch (s->kind) {
    case NFT_DO_MATCH:
        look_at_expr(p, s->match.left);
        look_at_expr(p, s->match.right);
        break;
    case NFT_DO_VMAP:
        look_at_expr(p, s->vmap.key);
        look_at_set(p, s->vmap.set);
        break;
    case NFT_DO_SET_FIELD:
        look_at_expr(p, s->field.value);
        break;
    case NFT_DO_HELPER:
        look_at_expr(p, s->name ? NULL : s->helper.by);
        break;
    default:
        break;
    }
}

bool nft_ports(const struct nft_ruleset *n, nft_on_ports *told, void *arg)
{
    struct ports p = {.told = told, .arg = arg};

    for (size_t c = 0; n && c < n->chain_count; c++) {
        for (size_t i = 0; i < n->chains[c]->count; i++) {
            for (const struct nft_statement *s = n->chains[c]->rules[i]->statements; s; s = s->next)
                look_at_statement(&p, s);
        }
    }
    for (size_t i = 0; n && i < n->set_count; i++) {
        for (size_t e = 0; n->sets[i]->name && e < n->sets[i]->count; e++)
            look_at_expr(&p, n->sets[i]->elements[e].key);
    }
    return !p.odd;
}
