/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_STANDING_H
#define SALLY_KERNEL_STANDING_H

/* What the files of the wall share. */
#include "kernel/maps.h"
#include "kernel/texts.h"
#include "kernel/wall.h"

/* A policy or rule as kernel_wall_rules gave it. */
struct known {
    bool is_known;
    uint32_t number; /* of its counter */
    struct rules_counters counters;
};

struct kernel_wall {
    int root, folder;
    struct maps maps;
    struct bpf_state *state;
    struct rule_count *counts;
    struct known *known[WALL_FAMILIES]; /* by key (struct texts_place); NULL: not asked for yet */
    uint32_t known_count[WALL_FAMILIES];
};

static inline unsigned wall_family(uint8_t family)
{
    return family == PACKET_IPV6 ? WALL_IPV6 : WALL_IPV4;
}

/* Notes in the wall's state what the program that judges, or will judge, knows of this kernel. */
void standing_note(struct kernel_wall *wall, const struct kernel_program *program);
/* Opens the maps of the program that judges, and slots, which calls it; and what of them is in memory. */
MUST_USE int standing_open_maps(struct kernel_wall *wall, int program, int slots, struct kernel_error *error);
/* An element of "image"; NULL and errno if it can't be mapped. */
uint8_t *standing_element(struct kernel_wall *wall, uint32_t element, size_t *ret_size);
/* The text behind the image of an element, or NULL: it was never written. */
const struct kernel_text *standing_text(struct kernel_wall *wall, uint32_t element, size_t *ret_size);
/* The element of the rules that count. */
uint32_t standing_current(const struct kernel_wall *wall, unsigned family);
/* How large maps have to be for so many bytes and counters, with room to spare. */
void standing_sizes(size_t image, uint32_t counters, struct kernel_sizes *ret);
/* Gives a wall whose maps are open its first rules, or others. As kernel_wall_replace; with seconds, as
 * kernel_wall_try. */
MUST_USE int standing_replace(struct kernel_wall *wall, const struct rules *rules,
                              enum wall_counters counters, const struct wall_terms *terms, unsigned seconds,
                              struct kernel_error *error);
/* May rules of before return? */
bool trial_goes_on(const struct kernel_wall *wall, unsigned family);
/* The rules that count in a family will return in so many seconds. 0, or -errno with *error. */
MUST_USE int trial_begin(const struct kernel_wall *wall, unsigned family, unsigned seconds,
                         struct kernel_error *error);

#endif
