/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_PLACES_H
#define SALLY_VERDICT_IMAGE_PLACES_H

#include <stdbool.h>

#include "rules/model.h"
#include "verdict/condition/condition.h"
#include "verdict/image/format.h"

/* Which rule of the model a rule of the image is, and where it is counted. */

struct image_place {
    struct rules_chain *chain;
    uint32_t number;               /* of the rule in it, 1...; 0: the policy of a built-in chain */
    uint32_t *counter;             /* in the image: which of the kernel program's counters is its own */
    const struct image_rule *rule; /* NULL: the policy */
};

/* Calls visit with each rule and policy of image, a block that was compiled from rules: tables in the order of
 * enum rules_table_type, chains in the model's, their rules in any. */
void image_places_each(uint8_t *image, const struct rules *rules,
                       void (*visit)(void *arg, const struct image_place *place), void *arg);
/* Numbers all counters from 0 on, in that order; returns how many they are. A compiled image has zeros there. */
uint32_t image_places_number(uint8_t *image, const struct rules *rules);
/* The i-th of the rule's conditions. */
static inline const struct condition *image_rule_condition(const uint8_t *image,
                                                           const struct image_rule *rule, uint32_t i)
{
    const uint32_t *offsets = (const uint32_t *)(const void *)(image + rule->conditions);

    return (const struct condition *)(const void *)(image + offsets[i]);
}
/* Has the kernel program no answer to one of the rule's conditions? */
bool image_rule_is_beyond(const uint8_t *image, const struct image_rule *rule);

#endif
