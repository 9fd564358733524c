/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/wall_rules.h"

#include <stdlib.h>

#include "rules/nft/nft.h"
#include "verdict/image/image.h"
#include "verdict/linear.h"

/* How many rules are asked one by one before compiling, for each rule and at all: a quarter of those that
 * could be asked in the time that it takes (2.5 us a rule and 0.2 ms at all, against 10 ns). Whoever has
 * asked so much mostly goes on asking. */
enum { PRICE_OF_RULE = 64, PRICE_AT_ALL = 5000 };

static void look_at_rule(struct wall_rules *r, int table, const struct rules_chain *chain, size_t at)
{
    const struct rules_rule *rule = &chain->rules[at];
    const struct rules_target *target = &rule->target;
    uint16_t changes = rules_target_changes(target);

    r->rewrites[table] |= (changes & (RULES_CHANGES_ADDRESSES | RULES_CHANGES_PEER)) != 0;
    for (uint16_t m = 0; m < rule->match_count; m++)
        r->sockmark |= rule->matches[m].type == RULES_MATCH_OPAQUE && rule->matches[m].opaque.changes;
}

static void look_at_rules(struct wall_rules *r)
{
    uint64_t count = 0;

    for (int t = 0; t < 2 * RULES_TABLES; t++) {
        const struct rules *rules = t < RULES_TABLES ? r->model : r->model->other;
        if (!rules)
            break;
        const struct rules_table *table = &rules->tables[t % RULES_TABLES];

        for (size_t c = 0; c < table->count; c++) {
            const struct rules_chain *chain = table->chains[c];

            count += chain->count;
            for (size_t i = 0; i < chain->count; i++)
                look_at_rule(r, t % RULES_TABLES, chain, i);
        }
    }
    r->price = PRICE_AT_ALL + count * PRICE_OF_RULE;
}

static void look_at_nft(struct wall_rules *r)
{
    for (size_t i = 0; i < r->order.count; i++)
        r->rewrites[RULES_NAT] |= r->order.stops[i].deed == ORDER_NFT_NAT;
    r->has_nat = r->rewrites[RULES_NAT] || r->model->tables[RULES_NAT].present ||
                 (r->model->other && r->model->other->tables[RULES_NAT].present);
}

static void look_beside(struct wall_rules *r)
{
    for (size_t i = r->model->beside_count; i-- > 0;) {
        const struct rules_beside *b = &r->model->beside[i];

        if (b->rewrites)
            r->rewriter = b;
        r->dropper = b;
    }
}

struct wall_rules *wall_rules_new(const struct rules *r)
{
    struct wall_rules *rules = calloc(1, sizeof *rules);

    if (!rules)
        return NULL;
    rules->model = (struct rules *)(uintptr_t)r;
    if (!order_init(&rules->order, r)) {
        free(rules);
        return NULL;
    }
    look_at_rules(rules);
    look_at_nft(rules);
    look_beside(rules);
    return rules;
}

void wall_rules_free(struct wall_rules **r)
{
    if (!*r)
        return;
    image_free(&(*r)->image);
    order_fini(&(*r)->order);
    free(*r);
    *r = NULL;
}

uint32_t wall_rules_writes(const struct wall_rules *r)
{
    uint32_t writes = 0;

    for (size_t i = 0; i < r->order.count; i++)
        writes |= r->order.stops[i].writes;
    return writes;
}

const struct rules *wall_rules_model(const struct wall_rules *r)
{
    return r->model;
}

/* If it can't be compiled it stays as it is; the next try has its price again. */
static void spend(struct wall_rules *r, uint32_t work)
{
    r->spent += work;
    if (r->image || r->spent < r->price)
        return;
    r->image = image_compile(r->model);
    r->spent = 0;
}

void wall_rules_walk(struct wall_rules *r, enum rules_table_type table, const struct verdict_packet *p,
                     struct verdict_memory *memory, const struct verdict_trace *trace, struct verdict *ret)
{
    if (p->packet->family != r->model->family) {
        linear_conclude(p, VERDICT_ACCEPT, NULL, NULL, ret);
    } else if (trace || r->count) {
        linear_walk(r->model, table, p, memory, r->count, trace, ret);
    } else if (r->image) {
        image_walk(r->image, table, p, memory, ret);
    } else {
        linear_walk(r->model, table, p, memory, false, NULL, ret);
        spend(r, ret->work);
    }
}
