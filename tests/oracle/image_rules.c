/* SPDX-License-Identifier: BSD-2-Clause */
#include "image_rules.h"

#include "verdict/condition/condition.h"

static const struct image_table *table_of(const uint8_t *image, unsigned type)
{
    uint32_t offset = ((const struct image_header *)image)->tables[type];

    return offset ? (const struct image_table *)(image + offset) : NULL;
}

static uint32_t bits_of(const struct image_table *table)
{
    return table ? table->words * IMAGE_WORD : 0;
}

uint32_t image_rules_counts(const uint8_t *image)
{
    uint32_t size = bits_of(table_of(image, RULES_FILTER)) + bits_of(table_of(image, RULES_RAW));

    return size ? size : 1;
}

void image_rules_each(const uint8_t *image, struct rules *rules,
                      void (*visit)(void *arg, const struct image_place *place), void *arg)
{
    uint32_t first = 0;

    for (unsigned type = 0; type < RULES_TABLES; type++) {
        const struct image_table *table = table_of(image, type);
        const struct image_rule *all = table ? (const struct image_rule *)(image + table->rules) : NULL;
        const struct image_chain *chains = table ? (const struct image_chain *)(image + table->chains) : NULL;

        for (uint32_t c = 0; table && c < table->chain_count; c++)
            for (uint32_t bit = chains[c].first; bit < chains[c].end; bit++) {
                struct image_place place = {rules->tables[type].chains[c], all[bit].number, first + bit,
                                            &all[bit]};
                if (place.number) /* else room between rules */
                    visit(arg, &place);
            }
        first += bits_of(table);
    }
}

bool image_rule_is_beyond(const uint8_t *image, const struct image_rule *rule)
{
    const struct condition *c = (const struct condition *)(image + rule->conditions);

    for (uint32_t i = 0; i < rule->count; i++)
        if (c[i].kind == CONDITION_CALL && !c[i].payload)
            return true;
    return false;
}
