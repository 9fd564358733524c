/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/places.h"

#include <stddef.h>

#include "verdict/condition/condition.h"

/* One table of the image. */
struct table_view {
    const struct image_table *table;
    const struct image_rule *rules;
    const struct image_chain *chains;
    uint32_t *counters;
};

static bool open_table(uint8_t *image, unsigned type, struct table_view *ret)
{
    uint32_t offset = ((const struct image_header *)image)->tables[type];

    if (!offset)
        return false;
    ret->table = (const struct image_table *)(image + offset);
    ret->rules = (const struct image_rule *)(image + ret->table->rules);
    ret->chains = (const struct image_chain *)(image + ret->table->chains);
    ret->counters = (uint32_t *)(image + ret->table->counters);
    return true;
}

void image_places_each(uint8_t *image, const struct rules *rules,
                       void (*visit)(void *arg, const struct image_place *place), void *arg)
{
    struct table_view t;

    for (unsigned type = 0; type < RULES_TABLES; type++) {
        if (!open_table(image, type, &t))
            continue;
        for (uint32_t c = 0; c < t.table->chain_count; c++) {
            struct rules_chain *chain = rules->tables[type].chains[c];
            struct image_place policy = {chain, 0, &t.counters[t.table->words * IMAGE_WORD + c], NULL};

            if (t.chains[c].policy != RULES_POLICY_NONE)
                visit(arg, &policy);
            for (uint32_t bit = t.chains[c].first; bit < t.chains[c].end; bit++) {
                struct image_place place = {chain, t.rules[bit].number, &t.counters[bit], &t.rules[bit]};
                if (place.number) /* else room between rules */
                    visit(arg, &place);
            }
        }
    }
}

static void give_number(void *arg, const struct image_place *place)
{
    *place->counter = (*(uint32_t *)arg)++;
}

uint32_t image_places_number(uint8_t *image, const struct rules *rules)
{
    uint32_t count = 0;

    image_places_each(image, rules, give_number, &count);
    return count;
}

bool image_rule_is_beyond(const uint8_t *image, const struct image_rule *rule)
{
    for (uint32_t i = 0; i < rule->count; i++) {
        const struct condition *c = image_rule_condition(image, rule, i);
        if (c->kind == CONDITION_CALL && !c->payload)
            return true;
    }
    return false;
}
