/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_TEXTS_H
#define SALLY_KERNEL_TEXTS_H

/*
 * The rules of a wall as they lie in the kernel behind their image: as text, with the numbers of their counters. That
 * is a struct kernel_text, then a number for each policy and rule in the order of texts_each, then the text. No I/O.
 *
 * A rule keeps its counter's number from one set of rules to the next, so that nothing that it counts meanwhile is
 * lost. Numbers of policies are kept likewise.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "rules/rules.h"

enum { KERNEL_TEXT_MAGIC = 0x54505357 };

struct kernel_text {
    uint32_t magic;
    uint32_t serial; /* of the image */
    uint32_t count;  /* numbers of counters */
    uint32_t size;   /* bytes of the text, without a NUL */
};

/* Where it begins behind an image of so many bytes. */
static inline size_t texts_begin(size_t image)
{
    return (image + 7) / 8 * 8;
}

/* A policy or a rule of a rule set. */
struct texts_place {
    struct rules_chain *chain;
    struct rules_rule *rule; /* NULL: the policy */
    uint32_t index;          /* 0... in the order in which they are visited */
    uint32_t key; /* the same for the same rule or policy of a rule set that was changed by commands */
};

static inline struct rules_counters *texts_counters(const struct texts_place *place)
{
    return place->rule ? &place->rule->counters : &place->chain->counters;
}

/* Tables in the order of enum rules_table_type, chains in the model's, of each its policy if it has one, then its
 * rules. Returns how many they are; visit may be NULL. */
uint32_t texts_each(const struct rules *r, void (*visit)(void *arg, const struct texts_place *place),
                    void *arg);

/* Keys are below that. */
uint32_t texts_keys(const struct rules *r);

/* Writes r with its numbers (as many as texts_each says) into a new block, the caller's. 0 or -ENOMEM. */
MUST_USE int texts_write(const struct rules *r, const uint32_t *numbers, uint32_t serial, uint8_t **ret,
                         size_t *ret_size);
/* Reads what stands at element, size bytes, with all rules but those of some tables (rules_read_but). 0, and *ret (the caller's), *ret_numbers (inside of element) and
 * *ret_serial; -ENODATA: it was never written; -EINVAL: it holds something else, and *error says what; -ENOMEM. */
MUST_USE int texts_read(const uint8_t *element, size_t size, uint8_t family, uint32_t but, struct rules **ret,
                        const uint32_t **ret_numbers, uint32_t *ret_serial, struct rules_error *error);

/*
 * Which rules of next are rules of before, chain by chain: the n-th of a text is the n-th of the same text. ret has
 * room for an element for each place of next; it gets the index of the place in before, or TEXTS_NEW.
 * 0 or -ENOMEM.
 */
enum { TEXTS_NEW = -1 };
MUST_USE int texts_match(const struct rules *before, const struct rules *next, uint32_t *ret);

#endif
