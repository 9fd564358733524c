/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_IMAGE_RULES_H
#define SALLY_TESTS_ORACLE_IMAGE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/model.h"
#include "verdict/image/format.h"

/* Which rule of the model a rule of the image is. */

struct image_place {
    struct rules_chain *chain;
    uint32_t number; /* in it, 1... */
    uint32_t count;  /* its element of what the kernel program counts: filter's bits come first, then raw's */
    const struct image_rule *rule;
};

/* Calls visit with each rule of image, which was compiled from rules. */
void image_rules_each(const uint8_t *image, struct rules *rules,
                      void (*visit)(void *arg, const struct image_place *place), void *arg);
/* How many elements there are to count in; at least one, for a map has that. */
uint32_t image_rules_counts(const uint8_t *image);
/* Has the kernel program no answer to one of its conditions? */
bool image_rule_is_beyond(const uint8_t *image, const struct image_rule *rule);

#endif
