/* SPDX-License-Identifier: BSD-2-Clause */
#include "image_counts.h"

#include "verdict/image/format.h"

static const struct image_table *table_of(const uint8_t *image, unsigned type)
{
    uint32_t offset = ((const struct image_header *)image)->tables[type];

    return offset ? (const struct image_table *)(image + offset) : NULL;
}

static uint32_t bits_of(const struct image_table *table)
{
    return table ? table->words * IMAGE_WORD : 0;
}

uint32_t image_counts_size(const uint8_t *image)
{
    uint32_t size = bits_of(table_of(image, RULES_FILTER)) + bits_of(table_of(image, RULES_RAW));

    return size ? size : 1;
}

static void read_table(const uint8_t *image, const struct image_table *table,
                       const struct rules_counters *counts, struct rules_table *ret)
{
    const struct image_rule *rules = (const struct image_rule *)(image + table->rules);
    const struct image_chain *chains = (const struct image_chain *)(image + table->chains);

    for (uint32_t c = 0; c < table->chain_count; c++)
        for (uint32_t bit = chains[c].first; bit < chains[c].end; bit++)
            if (rules[bit].number) /* else a place between rules */
                ret->chains[c]->rules[rules[bit].number - 1].counters = counts[bit];
}

void image_counts_read(const uint8_t *image, const struct rules_counters *counts, struct rules *rules)
{
    const struct image_table *filter = table_of(image, RULES_FILTER), *raw = table_of(image, RULES_RAW);

    if (filter)
        read_table(image, filter, counts, &rules->tables[RULES_FILTER]);
    if (raw)
        read_table(image, raw, counts + bits_of(filter), &rules->tables[RULES_RAW]);
}
