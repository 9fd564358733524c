/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_CONDITION_H
#define SALLY_VERDICT_IMAGE_CONDITION_H

#include "rules/model.h"
#include "verdict/image/format.h"
#include "verdict/image/range.h"

/*
 * What a rule asks of each field, as sets of values, and what is left to be asked packet by packet.
 *
 * Conditions from the first match on that remembers something are always left: the walk must reach them in the
 * rule's order, so that a bucket is emptied and a list is written exactly when the linear walk would. Those
 * after one that is left and may drop a packet at once (hotdrop) likewise.
 */
enum { IMAGE_CONDITIONS_MOST = 1024 }; /* of a rule: its header's and those of RULES_MATCHES_MAX matches */

struct image_condition {
    struct image_ranges field[IMAGE_FIELDS]; /* only those in asked are set */
    uint32_t asked;                          /* bit f: enum image_field f is asked for */
    uint64_t residual; /* bit i: condition i is left, also all from IMAGE_CONDITIONS on */
    uint32_t late;     /* bit f: it is asked for by a match behind one that reads the
                                                transport header, and which may drop a packet that has none */
    uint16_t count;
    struct condition all[IMAGE_CONDITIONS_MOST];
};

/* Length of a field's values, bits. */
unsigned image_field_bits(enum image_field field, uint8_t family);
/* Reads rule, of a rule set of family, into *ret. */
void image_condition_read(const struct rules_rule *rule, uint8_t family, struct image_condition *ret);

/* The values that a MASKED condition of so many bits wants before it is inverted; false: its mask is no prefix,
 * and they are no range. */
bool image_condition_prefix(const struct condition *c, unsigned bits, struct image_range *ret);

#endif
