/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_RANDOM_H
#define SALLY_TESTS_ORACLE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers that the same seed gives again on every machine: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
struct dice {
    uint64_t state;
};

static inline uint64_t dice_roll(struct dice *d)
{
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A stream of its own for one thing (a rule set, a sequence) of one seed. */
static inline struct dice dice_for(uint64_t seed, uint64_t set, uint64_t number)
{
    struct dice d = {seed * UINT64_C(0x100000001b3) ^ set << 32 ^ number};
    d.state = dice_roll(&d);
    return d;
}

static inline uint32_t dice_below(struct dice *d, uint32_t limit)
{
    return (uint32_t)((dice_roll(d) >> 32) * limit >> 32);
}

/* True so many times in a hundred. */
static inline bool dice_chance(struct dice *d, unsigned percent)
{
    return dice_below(d, 100) < percent;
}

#define dice_pick(d, array) ((array)[dice_below((d), sizeof(array) / sizeof((array)[0]))])

#endif
