/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/reach.h"

#include "rules/nft/nft.h"
#include "verdict/condition/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct finder {
    const struct rules *old, *new;
    struct fix_reach *reach;
};

/* ---- which chains changed ---- */

/* Rules that commands add have new serials; one that is replaced is a new one, too. */
static bool is_changed(const struct finder *f, enum rules_table_type table, const struct rules_chain *chain)
{
    const struct rules_chain *before = rules_chain_find(f->old, table, chain->name);
    if (!before || before->count != chain->count)
        return true;
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->rules[i].serial >= f->old->next_serial)
            return true;
    }
    return false;
}

static size_t index_of(const struct rules_table *table, const struct rules_chain *chain)
{
    size_t i = 0;
    while (i < table->count && table->chains[i] != chain)
        i++;
    return i;
}

/* Does a packet that enters chain come to one that changed, if the conditions of all jumps hold? */
static bool leads_to_change(const struct finder *f, enum rules_table_type type,
                            const struct rules_chain *chain, bool *seen)
{
    const struct rules_table *table = &f->new->tables[type];
    size_t index = index_of(table, chain);
    if (index == table->count || seen[index])
        return false;
    seen[index] = true;
    if (is_changed(f, type, chain))
        return true;
    for (size_t i = 0; i < chain->count; i++) {
        const struct rules_target *target = &chain->rules[i].target;
        if (target->type == RULES_TARGET_CHAIN && leads_to_change(f, type, target->chain, seen))
            return true;
    }
    return false;
}

/* ---- which ways lead there ---- */

static void mark_paths(struct fix_reach *reach, enum rules_hook hook)
{
    static const bool meets[RULES_HOOKS][WALL_PATHS] = {
        [RULES_PREROUTING] = {[WALL_IN] = true, [WALL_THROUGH] = true},
        [RULES_INPUT] = {[WALL_IN] = true},
        [RULES_FORWARD] = {[WALL_THROUGH] = true},
        [RULES_OUTPUT] = {[WALL_OUT] = true},
        [RULES_POSTROUTING] = {[WALL_OUT] = true, [WALL_THROUGH] = true},
    };
    for (int path = 0; path < WALL_PATHS; path++)
        reach->path[path] |= meets[hook][path];
}

static int find_in_table(const struct finder *f, enum rules_table_type type)
{
    const struct rules_table *table = &f->new->tables[type];
    bool *seen = calloc(table->count + 1, sizeof(*seen));
    if (!seen)
        return -ENOMEM;
    for (int hook = 0; hook < RULES_HOOKS; hook++) {
        const struct rules_chain *chain = rules_chain_at(f->new, type, (enum rules_hook)hook);
        memset(seen, 0, table->count * sizeof(*seen));
        if (chain && leads_to_change(f, type, chain, seen))
            mark_paths(f->reach, (enum rules_hook)hook);
    }
    free(seen);
    return 0;
}

/* ---- source ports ---- */

static void add_port(struct fix_reach *reach, uint16_t port)
{
    for (size_t i = 0; i < reach->source_port_count; i++) {
        if (reach->source_ports[i] == port)
            return;
    }
    if (reach->source_port_count < FIX_SOURCE_PORTS)
        reach->source_ports[reach->source_port_count++] = port;
}

/* A condition_visit. Whoever sends may pick such a port. */
static bool note_source_port(void *arg, const struct condition *c)
{
    if (c->field != CONDITION_SOURCE_PORT && c->field != CONDITION_PORTS)
        return true;
    if (c->kind == CONDITION_RANGE)
        add_port(arg, (uint16_t)c->range.first.low);
    else if (c->kind == CONDITION_LIST && c->count)
        add_port(arg, c->list[0].first);
    return true;
}

static void find_source_ports(const struct finder *f, const struct rules_table *table)
{
    for (size_t c = 0; c < table->count; c++) {
        for (size_t i = 0; i < table->chains[c]->count; i++) {
            const struct rules_rule *rule = &table->chains[c]->rules[i];
            if (rule->serial >= f->old->next_serial)
                condition_read(rule, f->new->family, note_source_port, f->reach);
        }
    }
}

static void note_nft_ports(void *arg, uint16_t first, uint16_t last)
{
    (void)last;
    add_port(arg, first);
}

int fix_reach_find(const struct rules *old, const struct rules *new, struct fix_reach *ret)
{
    struct finder f = {.old = old, .new = new, .reach = ret};
    int error = 0;
    *ret = (struct fix_reach){0};
    add_port(ret, 40000); /* an ephemeral one */
    add_port(ret, 20);    /* the classic that rules trust; anybody can send from it */
    if (old->nft != new->nft) {
        (void)!nft_ports(new->nft, note_nft_ports, ret); /* some of those that rules name */
        for (int path = 0; path < WALL_PATHS; path++)
            ret->path[path] = true;
    }
    for (int table = 0; table < RULES_TABLES && !error; table++) {
        find_source_ports(&f, &new->tables[table]);
        error = find_in_table(&f, (enum rules_table_type)table);
    }
    return error;
}
