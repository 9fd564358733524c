/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_CONDITION_H
#define SALLY_VERDICT_IMAGE_CONDITION_H

#include <arpa/inet.h>

#include "rules/model.h"
#include "verdict/image/format.h"
#include "verdict/image/range.h"
#include "verdict/verdict.h"

/*
 * What a rule asks of each field, as sets of values, and what is left to be evaluated packet by packet.
 *
 * Matches after the first one that remembers something are always left: the walk must reach them in the
 * rule's order, so that a bucket is emptied and a list is written exactly when the linear walk would. Those
 * after one that is left and may drop a packet at once (hotdrop) likewise.
 */
struct image_condition {
    struct image_ranges field[IMAGE_FIELDS]; /* only those in asked are set */
    uint32_t asked;                          /* bit f: enum image_field f is asked for */
    uint64_t residual;                       /* bit i: match i is left, also all from IMAGE_CONDITIONS on */
    bool header;                             /* the rule's own conditions are left */
    uint32_t late;                           /* bit f: it is asked for by a match behind one that reads the
                                                transport header, and which may drop a packet that has none */
};

/* Length of a field's values, bits. */
unsigned image_field_bits(enum image_field field, uint8_t family);
/* Reads rule, of a rule set of family, into *ret. */
void image_condition_read(const struct rules_rule *rule, uint8_t family, struct image_condition *ret);

/* ---- a packet's value of a field, as the ranges have it ---- */

static inline struct image_value image_value_address(const struct packet_address *address, uint8_t family)
{
    if (family != PACKET_IPV6)
        return (struct image_value){0, ntohl(address->word[0])};
    return (struct image_value){(uint64_t)ntohl(address->word[0]) << 32 | ntohl(address->word[1]),
                                (uint64_t)ntohl(address->word[2]) << 32 | ntohl(address->word[3])};
}

/* The bytes of the name, zeros after them, as one number: then a prefix of names is a range of numbers. */
static inline struct image_value image_value_interface(const char *name)
{
    uint64_t half[2] = {0, 0};

    for (unsigned i = 0; i < RULES_INTERFACE && name[i]; i++)
        half[i / 8] |= (uint64_t)(uint8_t)name[i] << (56 - i % 8 * 8);
    return (struct image_value){half[0], half[1]};
}

#endif
