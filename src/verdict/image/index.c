/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/image/find.h"
#include "verdict/image/known.h"

/* ---- the set while it changes ---- */

struct interval {
    struct condition_value first;
    uint32_t set;
};

struct sweep {
    struct image_block *block;
    uint64_t *words;     /* leaf words */
    uint64_t *middles;   /* which leaf words are not zero */
    uint64_t top;        /* which middle words are not zero */
    uint32_t words_set;  /* how many leaf words are not zero */
    uint64_t hash;       /* of the bits that are set: the sum, without carry, of a number for each */
    uint32_t size, none; /* of the set as it would be written; the set without rules */
    uint64_t always;     /* middle words that are written in any case */
    struct image_known known;
    struct interval *intervals;
    size_t count;
};

static void sweep_toggle(struct sweep *s, uint32_t bit)
{
    uint32_t word = bit / IMAGE_WORD, middle = word / IMAGE_WORD;
    uint64_t before = s->words[word], middle_before = s->middles[middle];

    s->words[word] ^= 1ULL << bit % IMAGE_WORD;
    s->hash ^= image_known_mix(bit);
    if (!before == !s->words[word])
        return;
    s->middles[middle] ^= 1ULL << word % IMAGE_WORD;
    s->size += before ? -(uint32_t)sizeof(uint64_t) : (uint32_t)sizeof(uint64_t);
    s->words_set += before ? -1U : 1U;
    if (!middle_before == !s->middles[middle] || s->always >> middle & 1)
        return;
    s->top ^= 1ULL << middle;
    s->size += middle_before ? -(uint32_t)sizeof(struct image_middle) : (uint32_t)sizeof(struct image_middle);
}

/* Is the set at offset the one that the sweep holds now? An image_known_is. */
static bool sweep_equals(const void *arg, uint32_t offset)
{
    const struct sweep *s = arg;
    const struct image_set *set = image_block_at(s->block, offset);
    const struct image_middle *middle = set->middle;

    if (set->top != s->top)
        return false;
    for (uint64_t top = s->top; top; top &= top - 1, middle++) {
        unsigned m = (unsigned)__builtin_ctzll(top);
        const uint64_t *leaf = image_block_at(s->block, (uint32_t)middle->leaves);

        if (middle->words != s->middles[m])
            return false;
        for (uint64_t words = s->middles[m]; words; words &= words - 1)
            if (*leaf++ != s->words[m * IMAGE_WORD + (unsigned)__builtin_ctzll(words)])
                return false;
    }
    return true;
}

/* A small set lies in one line of the cache, so that one look at memory gets all of it. */
static uint32_t add_set(struct image_block *block, size_t size)
{
    size_t left = IMAGE_LINE - block->size % IMAGE_LINE;

    return image_block_add(block, size,
                           size > left && (size <= IMAGE_LINE || left < IMAGE_LINE / 2) ? IMAGE_LINE : 8);
}

static uint32_t sweep_write(struct sweep *s)
{
    uint32_t offset = add_set(s->block, sizeof(struct image_set) + s->size);
    uint32_t leaves = offset + (uint32_t)(sizeof(struct image_set) + (unsigned)__builtin_popcountll(s->top) *
                                                                         sizeof(struct image_middle));

    if (s->block->failed)
        return 0;
    struct image_set *set = image_block_at(s->block, offset);
    struct image_middle *middle = set->middle;
    uint64_t *leaf = image_block_at(s->block, leaves);
    const uint64_t *first = leaf;

    set->top = s->top;
    for (uint64_t top = s->top; top; top &= top - 1) {
        unsigned m = (unsigned)__builtin_ctzll(top);

        *middle++ = (struct image_middle){s->middles[m], leaves + (uint64_t)(leaf - first) * sizeof(*leaf)};
        for (uint64_t words = s->middles[m]; words; words &= words - 1)
            *leaf++ = s->words[m * IMAGE_WORD + (unsigned)__builtin_ctzll(words)];
    }
    return offset;
}

/* The set as it is now, in the block; 0: out of memory. */
static uint32_t sweep_set(struct sweep *s)
{
    if (!s->words_set)
        return s->none;
    struct image_known_place *place = image_known_find(&s->known, s->hash, sweep_equals, s);
    if (place && !place->offset)
        place->offset = sweep_write(s);
    return place ? place->offset : 0;
}

static int sweep_emit(struct sweep *s, struct condition_value first)
{
    uint32_t set = sweep_set(s);

    if (!set)
        return -ENOMEM;
    if (!s->count || s->intervals[s->count - 1].set != set)
        s->intervals[s->count++] = (struct interval){first, set};
    return 0;
}

static uint8_t change_digit(const struct image_change *change, unsigned digit)
{
    uint64_t half = digit < 8 ? change->at.low : change->at.high;

    return (uint8_t)(half >> digit % 8 * 8);
}

/* Into to, by one byte of the value, and else as they are. */
static void sort_digit(const struct image_change *from, size_t count, unsigned digit, struct image_change *to)
{
    size_t begin[256] = {0}, before = 0;

    for (size_t i = 0; i < count; i++)
        begin[change_digit(&from[i], digit)]++;
    for (unsigned value = 0; value < 256; value++) {
        size_t here = begin[value];

        begin[value] = before;
        before += here;
    }
    for (size_t i = 0; i < count; i++)
        to[begin[change_digit(&from[i], digit)]++] = from[i];
}

/* What not all of their values have in common. */
static struct image_change difference(const struct image_change *changes, size_t count)
{
    struct image_change ret = {0};

    for (size_t i = 1; i < count; i++) {
        ret.at.low |= changes[i].at.low ^ changes[0].at.low;
        ret.at.high |= changes[i].at.high ^ changes[0].at.high;
    }
    return ret;
}

/* By value; the last byte first (radix sort): they are many, and in most bytes the same. */
static int sort_changes(struct image_change *changes, size_t count)
{
    struct image_change differs = difference(changes, count), *from = changes, *other, *to;

    to = other = malloc((count + 1) * sizeof(*other));
    if (!other)
        return -ENOMEM;
    for (unsigned digit = 0; digit < sizeof(struct condition_value); digit++) {
        struct image_change *sorted = to;

        if (!change_digit(&differs, digit))
            continue;
        sort_digit(from, count, digit, sorted);
        to = from;
        from = sorted;
    }
    if (from != changes)
        memcpy(changes, from, count * sizeof(*changes));
    free(other);
    return 0;
}

static int sweep_run(struct sweep *s, struct image_change *changes, size_t count)
{
    struct condition_value at = {0, 0};

    if (sort_changes(changes, count) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (!condition_value_equal(changes[i].at, at)) {
            if (sweep_emit(s, at) < 0)
                return -ENOMEM;
            at = changes[i].at;
        }
        sweep_toggle(s, changes[i].bit);
    }
    return sweep_emit(s, at);
}

static int sweep_init(struct sweep *s, struct image_block *block, uint32_t none, uint32_t bit_count,
                      size_t changes)
{
    size_t words = (bit_count + IMAGE_WORD - 1) / IMAGE_WORD, middles = (words + IMAGE_WORD - 1) / IMAGE_WORD;

    *s = (struct sweep){.block = block, .none = none};
    s->words = calloc(words + middles, sizeof(*s->words));
    s->middles = s->words ? s->words + words : NULL;
    if (middles <= IMAGE_DENSE)
        s->always = s->top = (1ULL << middles) - 1;
    s->size = (uint32_t)(__builtin_popcountll(s->top) * sizeof(struct image_middle));
    s->intervals = malloc((changes + 1) * sizeof(*s->intervals));
    return s->words && s->intervals ? 0 : -ENOMEM;
}

static void sweep_fini(struct sweep *s)
{
    free(s->words);
    image_known_fini(&s->known);
    free(s->intervals);
}

/* ---- intervals into an index ---- */

static void write_table8(struct sweep *s, struct image_index *ret)
{
    ret->kind = IMAGE_KEY8;
    ret->keys = image_block_add(s->block, 256 * sizeof(uint32_t), IMAGE_LINE);
    if (s->block->failed)
        return;
    uint32_t *sets = image_block_at(s->block, ret->keys);

    for (size_t i = 0; i < s->count; i++)
        for (size_t value = s->intervals[i].first.low;
             value < (i + 1 < s->count ? s->intervals[i + 1].first.low : 256); value++)
            sets[value] = s->intervals[i].set;
}

/* Pages that are all one set, which most are, are shared. */
static void write_table16(struct sweep *s, struct image_index *ret)
{
    uint32_t page[IMAGE_PAGE], uniform = 0, last_uniform = 0;
    size_t i = 0;

    ret->kind = IMAGE_KEY16;
    ret->keys = image_block_add(s->block, IMAGE_PAGE * sizeof(uint32_t), IMAGE_LINE);
    for (uint32_t high = 0; high < IMAGE_PAGE && !s->block->failed; high++) {
        bool same = true;
        uint32_t offset;

        for (uint32_t low = 0; low < IMAGE_PAGE; low++) {
            while (i + 1 < s->count && s->intervals[i + 1].first.low <= (high << 8 | low))
                i++;
            page[low] = s->intervals[i].set;
            same &= page[low] == page[0];
        }
        if (same && uniform && last_uniform == page[0]) {
            offset = uniform;
        } else {
            offset = image_block_add(s->block, sizeof(page), IMAGE_LINE);
            if (s->block->failed)
                return;
            memcpy(image_block_at(s->block, offset), page, sizeof(page));
        }
        if (same) {
            uniform = offset;
            last_uniform = page[0];
        }
        ((uint32_t *)image_block_at(s->block, ret->keys))[high] = offset;
    }
}

static void write_sets(struct sweep *s, struct image_index *ret)
{
    ret->count = (uint32_t)s->count;
    ret->sets = image_block_add(s->block, s->count * sizeof(uint32_t), IMAGE_LINE);
    if (s->block->failed)
        return;
    uint32_t *sets = image_block_at(s->block, ret->sets);

    for (size_t i = 0; i < s->count; i++)
        sets[i] = s->intervals[i].set;
}

/* Numbers without a sign, such that comparison with one sorts them. */
static int32_t tree_key(const struct sweep *s, size_t i)
{
    return i < s->count ? (int32_t)((uint32_t)s->intervals[i].first.low ^ 0x80000000U) : INT32_MAX;
}

static size_t node_count(size_t keys)
{
    return (keys + IMAGE_NODE - 1) / IMAGE_NODE;
}

static void write_leaves(struct sweep *s, struct image_index *ret)
{
    size_t nodes = node_count(s->count);

    ret->keys = image_block_add(s->block, nodes * sizeof(struct image_leaf), IMAGE_LINE);
    if (s->block->failed)
        return;
    struct image_leaf *leaf = image_block_at(s->block, ret->keys);

    for (size_t i = 0; i < nodes * IMAGE_NODE; i++) {
        leaf[i / IMAGE_NODE].keys[i % IMAGE_NODE] = tree_key(s, i);
        leaf[i / IMAGE_NODE].sets[i % IMAGE_NODE] = s->intervals[i < s->count ? i : s->count - 1].set;
    }
}

/* Each level has every 16th key of the one below it; the root is a single node. */
static void write_tree(struct sweep *s, struct image_index *ret)
{
    size_t step = 1;

    ret->kind = IMAGE_KEY32;
    ret->count = (uint32_t)s->count;
    ret->levels = 1;
    for (; (s->count + step * IMAGE_NODE - 1) / (step * IMAGE_NODE) > 1; step *= IMAGE_NODE)
        ret->levels++;
    for (unsigned l = 0; l + 1U < ret->levels; l++, step /= IMAGE_NODE) {
        size_t count = (s->count + step - 1) / step, nodes = node_count(count);
        uint32_t offset = image_block_add(s->block, nodes * IMAGE_NODE * sizeof(int32_t), IMAGE_LINE);

        if (s->block->failed)
            return;
        int32_t *keys = image_block_at(s->block, offset);

        for (size_t i = 0; i < nodes * IMAGE_NODE; i++)
            keys[i] = tree_key(s, i * step);
        ret->level[l].keys = offset;
        ret->level[l].count = (uint32_t)count;
    }
    write_leaves(s, ret);
}

static void write_sorted(struct sweep *s, struct image_index *ret)
{
    ret->kind = IMAGE_KEY128;
    ret->keys = image_block_add(s->block, image_sorted_size((uint32_t)s->count), IMAGE_LINE);
    if (s->block->failed)
        return;
    uint64_t *keys = image_block_at(s->block, ret->keys);
    uint32_t *slots = (uint32_t *)(keys + 2 * s->count);

    for (size_t i = 0; i < s->count; i++) {
        keys[2 * i] = s->intervals[i].first.high;
        keys[2 * i + 1] = s->intervals[i].first.low;
        slots[image_slot(keys[2 * i], keys[2 * i + 1])] = (uint32_t)i;
    }
    write_sets(s, ret);
}

int image_index_build(struct image_block *block, uint32_t none, unsigned key_bits,
                      struct image_change *changes, size_t count, uint32_t bit_count, struct image_index *ret)
{
    struct image_index index = {0};
    struct sweep s;
    int r = sweep_init(&s, block, none, bit_count, count);

    if (r == 0)
        r = sweep_run(&s, changes, count);
    if (r == 0) {
        if (key_bits == 8)
            write_table8(&s, &index);
        else if (key_bits == 16)
            write_table16(&s, &index);
        else if (key_bits == 32)
            write_tree(&s, &index);
        else
            write_sorted(&s, &index);
        r = block->failed ? -ENOMEM : 0;
    }
    sweep_fini(&s);
    if (r == 0)
        *ret = index;
    return r;
}
