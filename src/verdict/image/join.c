/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/image/index.h"

void join_init(struct join *j, uint32_t words, uint32_t middles)
{
    *j = (struct join){.combinations = 1, .words = words, .middles = middles};
}

void join_fini(struct join *j)
{
    for (unsigned i = 0; i < j->count; i++) {
        image_block_fini(&j->fields[i].block);
        free(j->fields[i].wild);
    }
    *j = (struct join){0};
}

/* Bytes of one vector. */
static size_t vector_size(const struct join *j)
{
    return (((size_t)j->words + j->middles) * sizeof(uint64_t) + IMAGE_LINE - 1) & ~(size_t)(IMAGE_LINE - 1);
}

/* The sets that an index leads to, one for each of its values or intervals. */
static uint32_t *index_sets(const struct image_index *index, const struct image_block *block,
                            uint32_t *ret_count)
{
    *ret_count = index->kind == IMAGE_KEY8 ? 256 : index->count;
    return image_block_at(block, index->kind == IMAGE_KEY8 ? index->keys : index->sets);
}

/* The class of a set, which is a new one if it has not come up before; JOIN_CLASSES: too many. */
static uint32_t class_of(struct join_field *f, uint32_t set)
{
    uint32_t class = 0;

    while (class < f->classes && f->sets[class] != set)
        class ++;
    if (class == f->classes && class < JOIN_CLASSES)
        f->sets[f->classes++] = set;
    return class;
}

bool join_add(struct join *j, const struct image_index *index, struct image_block *block, uint64_t **wild)
{
    struct join_field *f = &j->fields[j->count];
    uint32_t count, *sets = index_sets(index, block, &count);

    f->classes = 0;
    for (uint32_t i = 0; i < count; i++)
        if (class_of(f, sets[i]) == JOIN_CLASSES)
            return false;
    if ((size_t)j->combinations * f->classes * vector_size(j) > IMAGE_JOINED)
        return false;
    f->index = *index;
    f->block = *block;
    *block = (struct image_block){0};
    f->wild = *wild;
    *wild = NULL;
    j->combinations *= f->classes;
    j->count++;
    return true;
}

/* Copies the index of field i; a class becomes the distance between vectors that differ in it by one. */
static bool write_index(const struct join *j, unsigned i, uint32_t step, struct image_block *block,
                        struct image_index *ret)
{
    struct join_field *f = (struct join_field *)&j->fields[i];
    uint32_t count, *from = index_sets(&f->index, &f->block, &count);
    uint32_t sets = image_block_add(block, count * sizeof(uint32_t), IMAGE_LINE), keys = sets;
    size_t keys_size = image_sorted_size(count);

    if (f->index.kind != IMAGE_KEY8)
        keys = image_block_add(block, keys_size, IMAGE_LINE);
    if (block->failed)
        return false;
    if (f->index.kind != IMAGE_KEY8)
        memcpy(image_block_at(block, keys), image_block_at(&f->block, f->index.keys), keys_size);
    for (uint32_t n = 0; n < count; n++)
        ((uint32_t *)image_block_at(block, sets))[n] = class_of(f, from[n]) * step;
    *ret = f->index;
    ret->keys = keys;
    ret->sets = sets;
    return true;
}

/* Takes from words the rules that ask for the field and don't want the class. */
static void restrict_words(const struct join *j, const struct join_field *f, uint32_t class, uint64_t *words,
                           uint64_t *scratch)
{
    const struct image_set *set = image_block_at(&f->block, f->sets[class]);
    const struct image_middle *middle = set->middle;

    memcpy(scratch, f->wild, j->words * sizeof(*scratch));
    for (uint64_t top = set->top; top; top &= top - 1, middle++) {
        const uint64_t *leaf = image_block_at(&f->block, (uint32_t)middle->leaves);

        for (uint64_t m = middle->words; m; m &= m - 1)
            scratch[(unsigned)__builtin_ctzll(top) * IMAGE_WORD + (unsigned)__builtin_ctzll(m)] |= *leaf++;
    }
    for (uint32_t w = 0; w < j->words; w++)
        words[w] &= scratch[w];
}

static void write_vector(const struct join *j, uint32_t combination, uint64_t *vector, uint64_t *scratch)
{
    uint64_t *words = vector + j->middles;

    memset(words, 0xff, j->words * sizeof(*words));
    for (unsigned i = 0; i < j->count; i++) {
        restrict_words(j, &j->fields[i], combination % j->fields[i].classes, words, scratch);
        combination /= j->fields[i].classes;
    }
    for (uint32_t w = 0; w < j->words; w++)
        if (words[w])
            vector[w / IMAGE_WORD] |= 1ULL << w % IMAGE_WORD;
}

int join_write(const struct join *j, struct image_block *block, struct image_table *table)
{
    uint64_t *scratch = malloc((j->words + 1) * sizeof(*scratch));
    size_t size = vector_size(j);
    uint32_t step = (uint32_t)size;
    bool done = scratch != NULL;

    for (unsigned i = 0; done && i < j->count; i++) {
        done = write_index(j, i, step, block, &table->join[i]);
        step *= j->fields[i].classes;
    }
    table->joins = (uint8_t)j->count;
    table->joined = image_block_add(block, j->combinations * size, IMAGE_LINE);
    done = done && !block->failed;
    for (uint32_t n = 0; done && n < j->combinations; n++)
        write_vector(j, n, image_block_at(block, table->joined + (uint32_t)(n * size)), scratch);
    free(scratch);
    return done ? 0 : -ENOMEM;
}
