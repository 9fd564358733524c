/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk that the packet took, and on behind the rule that decided: jumps that hold are followed, and those of
 * which one thing does not hold are followed with that in mind. Then what no walk has come to is looked at.
 */
#include "explain/near/search.h"

#include <errno.h>
#include <stdlib.h>

#include "rules/rules.h"

enum {
    SEARCH_DEPTH = 32,
    SEARCH_WORK = 1 << 18, /* rules asked; of more the rest is not looked at */
};

struct search {
    const struct rules *r;
    enum rules_table_type table;
    const struct verdict_packet *p;
    const struct verdict *v;
    struct verdict_memory *memory;
    struct near_finds *finds;
    uint32_t work;
    struct near_place behind; /* what the walk has passed that ended the packet's; chain NULL: nothing yet */
    const struct near_found *led; /* the jump that does not hold, inside of what it leads to */
};

static void add(struct search *s, enum story_near_kind kind, struct near_place at, struct near_place other,
                const struct near_asked *asked)
{
    struct near_finds *f = s->finds;
    if (f->count < NEAR_FOUND)
        f->found[f->count++] = (struct near_found){.kind = kind,
                                                   .table = s->table,
                                                   .at = at,
                                                   .other_table = s->table,
                                                   .other = other,
                                                   .asked = *asked};
}

/* ---- the walk ---- */

/* Before what decided all rules said no; one of which everything holds here was stopped by what it
 * remembered then. */
static void blame_stateful(struct near_asked *asked)
{
    if (asked->fails || !asked->is_stateful)
        return;
    asked->failing[asked->fails++] = asked->stateful;
}

/* A rule that was asked before the packet's way ended. */
static void meet_nearly(struct search *s, struct near_place at, struct near_asked *asked)
{
    blame_stateful(asked);
    bool is_near = near_is_near(asked), is_sure = !asked->is_unknown && !asked->is_interface_unknown;
    bool is_another_port = asked->fails == 1 && asked->fails_port && !asked->is_foreign && is_sure;
    if (!is_near && !is_another_port)
        return;
    size_t count = s->finds->count;
    add(s, STORY_NEAR_BUT, at, (struct near_place){0}, asked);
    if (s->finds->count > count)
        s->finds->found[count].is_another_port = !is_near;
}

static void meet_accept(struct search *s, struct near_place at, struct near_asked *asked)
{
    s->finds->port_rules += asked->asks_port;
    if (s->led && near_holds(asked)) {
        struct near_asked both = s->led->asked;
        both.specific += asked->specific;
        both.holds_port |= asked->holds_port;
        if (near_is_near(&both))
            add(s, STORY_NEAR_LED, at, s->led->at, &both);
    } else if (s->led) {
        return;
    } else if (s->behind.chain && near_holds(asked)) {
        add(s, STORY_NEAR_BEHIND, at, s->behind, asked);
    } else if (!s->behind.chain) {
        meet_nearly(s, at, asked);
    }
}

static bool walk(struct search *s, const struct rules_chain *chain, unsigned depth);

/* true: the packet would end there. */
static bool follow_unheld(struct search *s, struct near_place at, const struct near_asked *asked,
                          unsigned depth)
{
    bool may_be_near = asked->fails <= NEAR_FAILS && !asked->is_foreign && !asked->is_unknown;
    if (s->led || s->behind.chain || !may_be_near)
        return false;
    struct near_found jump = {.at = at, .asked = *asked};
    s->led = &jump;
    walk(s, at.rule->target.chain, depth + 1);
    s->led = NULL;
    return false;
}

/* The rest of a chain that the packet has returned from. */
static void walk_rest(struct search *s, struct near_place at)
{
    const struct rules_rule *end = at.chain->rules + at.chain->count;
    if (s->led || s->behind.chain)
        return;
    for (const struct rules_rule *rule = at.rule + 1; rule < end && s->work < SEARCH_WORK;
         rule++, s->work++) {
        struct near_asked asked;
        if (rule->target.type != RULES_TARGET_ACCEPT)
            continue;
        near_ask(rule, s->p, s->memory, &asked);
        if (near_holds(&asked))
            add(s, STORY_NEAR_BEHIND, (struct near_place){at.chain, rule}, at, &asked);
    }
}

/* One rule. *ret_leaves: the chain is left. true: the packet would end there. */
static bool meet(struct search *s, struct near_place at, unsigned depth, bool *ret_leaves)
{
    const struct rules_target *target = &at.rule->target;
    struct near_asked asked;
    near_ask(at.rule, s->p, s->memory, &asked);
    bool holds = near_holds(&asked);
    switch (target->type) {
    case RULES_TARGET_ACCEPT:
        meet_accept(s, at, &asked);
        return holds && s->led;
    case RULES_TARGET_DROP:
    case RULES_TARGET_REJECT:
        return holds && s->led;
    case RULES_TARGET_RETURN:
        *ret_leaves = holds;
        if (holds)
            walk_rest(s, at);
        return false;
    case RULES_TARGET_CHAIN:
        *ret_leaves = holds && target->is_goto;
        return holds ? walk(s, target->chain, depth + 1) : follow_unheld(s, at, &asked, depth);
    default:
        return false;
    }
}

static bool walk(struct search *s, const struct rules_chain *chain, unsigned depth)
{
    bool leaves = false;
    for (size_t i = 0; i < chain->count && !leaves; i++) {
        struct near_place at = {chain, &chain->rules[i]};
        if (depth > SEARCH_DEPTH || s->work++ >= SEARCH_WORK)
            return true;
        if (at.rule == s->v->rule && !s->led)
            s->behind = at;
        else if (meet(s, at, depth, &leaves))
            return true;
    }
    return false;
}

/* ---- what the walk does not come to ---- */

static bool ends_way(const struct rules_target *target)
{
    switch (target->type) {
    case RULES_TARGET_DROP:
    case RULES_TARGET_REJECT:
    case RULES_TARGET_RETURN:
    case RULES_TARGET_CHAIN: /* it may be dropped there */
        return true;
    default:
        return rules_target_is_nat(target) || (target->type == RULES_TARGET_OPAQUE && target->decides);
    }
}

/* Every rule of chain that would accept the packet, if it came there, up to one that would end its way. At another
 * hook rules are about other traffic, unless they name the packet's port. */
static void look_into(struct search *s, const struct rules_chain *chain, enum story_near_kind kind,
                      const struct verdict_packet *p)
{
    for (size_t i = 0; i < chain->count && s->work < SEARCH_WORK; i++, s->work++) {
        const struct rules_rule *rule = &chain->rules[i];
        bool ends = ends_way(&rule->target);
        struct near_asked asked;
        if (!ends && rule->target.type != RULES_TARGET_ACCEPT)
            continue;
        near_ask(rule, p, s->memory, &asked);
        if (asked.fails || asked.is_unknown || asked.is_foreign)
            continue;
        if (ends)
            return;
        if (asked.holds_port || (kind == STORY_NEAR_UNREACHED && asked.specific))
            add(s, kind, (struct near_place){chain, rule}, (struct near_place){0}, &asked);
    }
}

static size_t index_of(const struct rules_table *table, const struct rules_chain *chain)
{
    size_t i = 0;
    while (i < table->count && table->chains[i] != chain)
        i++;
    return i;
}

static void mark_reached(const struct rules_table *table, const struct rules_chain *chain, bool *reached)
{
    size_t index = index_of(table, chain);
    if (index == table->count || reached[index])
        return;
    reached[index] = true;
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->rules[i].target.type == RULES_TARGET_CHAIN)
            mark_reached(table, chain->rules[i].target.chain, reached);
    }
}

/* Chains that no rule leads to, from any hook. */
static int look_at_unreached(struct search *s)
{
    const struct rules_table *table = &s->r->tables[s->table];
    bool *reached = calloc(table->count + 1, sizeof(*reached));
    if (!reached)
        return -ENOMEM;
    for (size_t i = 0; i < table->count; i++) {
        if (table->chains[i]->policy != RULES_POLICY_NONE)
            mark_reached(table, table->chains[i], reached);
    }
    for (size_t i = 0; i < table->count; i++) {
        if (!reached[i])
            look_into(s, table->chains[i], STORY_NEAR_UNREACHED, s->p);
    }
    free(reached);
    return 0;
}

/* The packet as it would come to another hook: of interfaces it is known there what both have. */
static struct verdict_packet at_hook(const struct verdict_packet *p, enum rules_hook hook)
{
    struct verdict_packet other = *p;
    other.hook = hook;
    if (hook >= RULES_FORWARD && p->hook < RULES_FORWARD)
        other.unknown |= VERDICT_NO_OUT;
    if (hook <= RULES_FORWARD && p->hook > RULES_FORWARD)
        other.unknown |= VERDICT_NO_IN;
    return other;
}

static void look_at_hook(struct search *s, enum rules_table_type table, enum rules_hook hook,
                         enum story_near_kind kind)
{
    const struct rules_chain *chain = rules_chain_at(s->r, table, hook);
    enum rules_table_type own = s->table;
    struct verdict_packet p = at_hook(s->p, hook);
    s->table = table;
    if (chain)
        look_into(s, chain, kind, &p);
    s->table = own;
}

/* The chains of filter's other hooks. */
static void look_at_hooks(struct search *s)
{
    static const enum rules_hook hooks[] = {RULES_INPUT, RULES_FORWARD, RULES_OUTPUT};
    for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
        if (hooks[i] != s->p->hook)
            look_at_hook(s, RULES_FILTER, hooks[i], STORY_NEAR_HOOK);
    }
}

/* Other tables, which the packet has passed before it came to filter, or passes there. */
static void look_at_tables(struct search *s)
{
    for (int table = 0; table < RULES_TABLES; table++) {
        if (table == RULES_FILTER)
            continue;
        look_at_hook(s, (enum rules_table_type)table, s->p->hook, STORY_NEAR_TABLE);
        if (s->p->hook != RULES_OUTPUT)
            look_at_hook(s, (enum rules_table_type)table, RULES_PREROUTING, STORY_NEAR_TABLE);
    }
}

/* The packet is dropped before it comes to filter, where a rule would let it in. */
static void look_behind(struct search *s)
{
    static const enum rules_hook hooks[] = {RULES_INPUT, RULES_FORWARD, RULES_OUTPUT};
    const struct near_place decider = {s->v->chain, s->v->rule};
    for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
        bool comes_there = s->p->hook == RULES_PREROUTING ? hooks[i] != RULES_OUTPUT : hooks[i] == s->p->hook;
        size_t count = s->finds->count;
        if (comes_there)
            look_at_hook(s, RULES_FILTER, hooks[i], STORY_NEAR_BEHIND);
        for (; count < s->finds->count; count++) {
            s->finds->found[count].other = decider;
            s->finds->found[count].other_table = s->table;
        }
    }
}

static int search_all(struct search *s)
{
    const struct rules_chain *start = rules_chain_at(s->r, s->table, s->p->hook);
    if (start)
        walk(s, start, 1);
    int error = look_at_unreached(s);
    if (error)
        return error;
    if (s->table == RULES_FILTER) {
        look_at_hooks(s);
        look_at_tables(s);
    } else {
        look_behind(s);
    }
    return 0;
}

int near_search(const struct rules *r, enum rules_table_type table, const struct verdict_packet *p,
                const struct verdict *v, struct near_finds *ret)
{
    struct search s = {.r = r, .table = table, .p = p, .v = v, .finds = ret};
    ret->count = ret->port_rules = 0;
    s.memory = verdict_memory_new();
    if (!s.memory)
        return -ENOMEM;
    int error = search_all(&s);
    verdict_memory_free(&s.memory);
    return error;
}
