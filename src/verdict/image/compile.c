/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/private.h"

#include <stdlib.h>
#include <string.h>

#include "rules/language/names.h"
#include "rules/rules.h"
#include "verdict/image/condition.h"
#include "verdict/image/index.h"
#include "verdict/image/join.h"
#include "verdict/image/known.h"
#include "verdict/image/payload.h"
#include "verdict/linear.h"
#include "verdict/memory.h"

/*
 * Compiling a table takes two passes. The first reads each rule into a draft (what it will be in the image,
 * and what it is sorted by) and notes, field by field, where along the field's values it begins and ends to
 * want them. Then the drafts of each chain are put in order, which gives each rule its bit; the notes are turned
 * from rules to bits, and each field's index is built from them.
 */

enum { RULE_SIZE = 512 }; /* bytes of the block that a rule rarely needs, with its part of the sets */
static const uint32_t NOWHERE = UINT32_MAX; /* it wants none */

struct draft {
    const struct rules_rule *rule;
    uint32_t chain, bit;
    uint32_t asked; /* bit f: enum image_field f */
    struct image_rule image;
    uint32_t
        first[IMAGE_FIELDS]; /* of a field that it asks for: among changes, the first value that it wants */
};

struct changes {
    struct image_change *at;
    size_t count, capacity; /* while there are none: half of the room that they get, as most rules make two */
};

struct place { /* of a chain in the model */
    const struct rules_chain *chain;
    uint32_t index;
};

struct compiler {
    struct image_block *block;
    struct verdict_memory *shared; /* has the tables that rules share by name */
    const struct rules *rules;
    const struct rules_table *model;
    enum rules_table_type type;
    uint32_t none;
    struct place *places; /* sorted by address */
    struct draft *drafts; /* as the rules come, which is what changes call them by; sorted: by bit */
    struct draft **sorted;
    uint32_t count, bits; /* rules; places for them */
    struct changes changes[IMAGE_FIELDS];
    uint32_t asks, late;
    struct image_known conditions;
    struct image_table table; /* goes into the block at the end */
};

/* ---- first pass ---- */

static bool note_change(struct changes *c, struct condition_value at, uint32_t draft)
{
    if (!c->at || c->count == c->capacity) {
        size_t capacity = c->capacity * 2;
        struct image_change *grown = reallocarray(c->at, capacity, sizeof(*grown));

        if (!grown)
            return false;
        c->at = grown;
        c->capacity = capacity;
    }
    c->at[c->count++] = (struct image_change){at, draft};
    return true;
}

static bool note_ranges(struct changes *c, const struct image_ranges *ranges, struct condition_value most,
                        uint32_t draft)
{
    for (size_t i = 0; i < ranges->count; i++) {
        if (!note_change(c, ranges->at[i].first, draft))
            return false;
        if (condition_value_less(ranges->at[i].last, most) &&
            !note_change(c, image_value_next(ranges->at[i].last), draft))
            return false;
    }
    return true;
}

static enum image_action rule_action(const struct rules_target *target)
{
    static const uint8_t actions[RULES_TARGET_TYPES] = {
        [RULES_TARGET_NONE] = IMAGE_CONTINUE,   [RULES_TARGET_ACCEPT] = IMAGE_ACCEPT,
        [RULES_TARGET_DROP] = IMAGE_DROP,       [RULES_TARGET_RETURN] = IMAGE_RETURN,
        [RULES_TARGET_CHAIN] = IMAGE_JUMP,      [RULES_TARGET_REJECT] = IMAGE_REJECT,
        [RULES_TARGET_LOG] = IMAGE_CONTINUE,    [RULES_TARGET_NFLOG] = IMAGE_CONTINUE,
        [RULES_TARGET_MARK] = IMAGE_TARGET,     [RULES_TARGET_CONNMARK] = IMAGE_TARGET,
        [RULES_TARGET_CT] = IMAGE_TARGET,       [RULES_TARGET_NOTRACK] = IMAGE_TARGET,
        [RULES_TARGET_DNAT] = IMAGE_TARGET,     [RULES_TARGET_SNAT] = IMAGE_TARGET,
        [RULES_TARGET_REDIRECT] = IMAGE_TARGET, [RULES_TARGET_MASQUERADE] = IMAGE_TARGET,
        [RULES_TARGET_NETMAP] = IMAGE_TARGET,   [RULES_TARGET_TTL] = IMAGE_TARGET,
        [RULES_TARGET_HL] = IMAGE_TARGET,       [RULES_TARGET_TOS] = IMAGE_TARGET,
        [RULES_TARGET_DSCP] = IMAGE_TARGET,     [RULES_TARGET_TCPMSS] = IMAGE_TARGET,
        [RULES_TARGET_SET] = IMAGE_TARGET,      [RULES_TARGET_OPAQUE] = IMAGE_TARGET,
    };

    if (target->type == RULES_TARGET_CHAIN && target->is_goto)
        return IMAGE_GOTO;
    return actions[target->type];
}

static uint8_t rule_flags(const struct image_condition *condition, enum image_action action)
{
    if (condition->residual || condition->count > IMAGE_CONDITIONS)
        return IMAGE_RESIDUAL;
    if (action == IMAGE_CONTINUE)
        return IMAGE_IDLE;
    return action == IMAGE_JUMP || action == IMAGE_TARGET ? 0 : IMAGE_FINAL;
}

struct sought {
    const struct image_block *block;
    const struct condition *condition;
};

/* An image_known_is. */
static bool is_sought(const void *arg, uint32_t offset)
{
    const struct sought *s = arg;

    return memcmp(image_block_at(s->block, offset), s->condition, sizeof(*s->condition)) == 0;
}

static uint64_t condition_hash(const struct condition *condition)
{
    uint64_t words[sizeof(*condition) / sizeof(uint64_t)], hash = 0;

    memcpy(words, condition, sizeof(words));
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL;
    return image_known_mix(hash);
}

/* Its offset, where it may lie already; 0: out of memory. */
static uint32_t share_condition(struct compiler *c, const struct condition *condition)
{
    struct sought sought = {c->block, condition};
    struct image_known_place *place =
        image_known_find(&c->conditions, condition_hash(condition), is_sought, &sought);

    if (place && !place->offset)
        place->offset = image_block_put(c->block, condition, sizeof(*condition));
    c->block->failed |= !place;
    return place ? place->offset : 0;
}

static uint32_t add_conditions(struct compiler *c, const struct rules_rule *rule,
                               struct image_condition *condition)
{
    uint32_t offsets[IMAGE_CONDITIONS_MOST];

    for (unsigned i = 0; i < condition->count; i++) {
        struct condition *one = &condition->all[i];
        bool calls = one->kind == CONDITION_CALL;

        if (calls) /* what it has counted goes by its place: it is its rule's own */
            one->payload =
                image_payload_add(c->block, c->shared, c->rules->family, &rule->matches[one->match]);
        offsets[i] = calls ? image_block_put(c->block, one, sizeof(*one)) : share_condition(c, one);
    }
    return image_block_put(c->block, offsets, condition->count * sizeof(offsets[0]));
}

/* What the image says of the rule, but for the chain that it leads to. */
static struct image_rule describe_rule(struct compiler *c, const struct rules_rule *rule, uint32_t number,
                                       struct image_condition *condition)
{
    struct image_rule ret = {.number = number,
                             .chain = (uint32_t)IMAGE_NONE,
                             .count = condition->count,
                             .action = (uint8_t)rule_action(&rule->target),
                             .residual = condition->residual};

    ret.flags = rule_flags(condition, (enum image_action)ret.action);
    if (rule->target.type == RULES_TARGET_REJECT &&
        strcmp(rules_reject_name(c->rules->family, rule->target.reject.with), "tcp-reset") == 0)
        ret.flags |= IMAGE_RESET;
    if (rule->target.type == RULES_TARGET_REJECT)
        ret.with = rule->target.reject.with;
    if (rule->target.type == RULES_TARGET_LOG || rule->target.type == RULES_TARGET_NFLOG)
        ret.flags |= IMAGE_LOGS;
    ret.conditions = add_conditions(c, rule, condition);
    if (ret.action == IMAGE_TARGET) {
        struct effect effect;
        linear_effect_read(&rule->target, &effect);
        ret.effect = image_block_put(c->block, &effect, sizeof(effect));
    }
    return ret;
}

static bool read_rule(struct compiler *c, const struct rules_rule *rule, uint32_t chain, uint32_t number,
                      struct image_condition *scratch)
{
    struct draft *draft = &c->drafts[c->count];

    image_condition_read(rule, c->rules->family, scratch);
    *draft = (struct draft){.rule = rule,
                            .chain = chain,
                            .asked = scratch->asked,
                            .image = describe_rule(c, rule, number, scratch)};
    for (unsigned f = 0; f < IMAGE_FIELDS; f++) {
        const struct image_ranges *wanted = &scratch->field[f];

        if (!(scratch->asked & 1U << f))
            continue;
        draft->first[f] = wanted->count ? (uint32_t)c->changes[f].count : NOWHERE;
        if (!note_ranges(&c->changes[f], wanted,
                         image_value_most(image_field_bits((enum image_field)f, c->rules->family)), c->count))
            return false;
    }
    c->asks |= rule->in.name[0] ? VERDICT_NO_IN : 0;
    c->asks |= rule->out.name[0] ? VERDICT_NO_OUT : 0;
    c->late |= scratch->late;
    c->count++;
    return true;
}

static bool read_rules(struct compiler *c)
{
    struct image_condition *scratch = malloc(sizeof(*scratch));
    bool done = scratch != NULL;

    for (uint32_t i = 0; done && i < c->model->count; i++)
        for (uint32_t n = 0; done && n < c->model->chains[i]->count; n++)
            done = read_rule(c, &c->model->chains[i]->rules[n], i, n + 1, scratch);
    free(scratch);
    return done;
}

/* ---- bits ---- */

enum {
    MAIN_FIELDS = (1 << IMAGE_MAIN_FIELDS) - 1,
    LONG_CHAIN = 1024, /* rules */
};

/* The first that it wants; 0 if it does not ask. */
static struct condition_value first_value(const struct compiler *c, const struct draft *draft, unsigned field)
{
    if (!(draft->asked & 1U << field) || draft->first[field] == NOWHERE)
        return (struct condition_value){0, 0};
    return c->changes[field].at[draft->first[field]].at;
}

/* By chain; then by which main fields are asked for, those that ask for none, which the walk tries first,
 * before the others; then by values, those of fields with few of them first: then a word is of one protocol
 * and one port, if it can be. */
static int compare_drafts(const void *a, const void *b, void *compiler)
{
    static const uint8_t order[] = {IMAGE_PROTOCOL, IMAGE_STATE,       IMAGE_IN,
                                    IMAGE_OUT,      IMAGE_FLAGS,       IMAGE_DESTINATION_PORT,
                                    IMAGE_SOURCE,   IMAGE_DESTINATION, IMAGE_SOURCE_PORT};
    const struct draft *left = *(const struct draft *const *)a, *right = *(const struct draft *const *)b;
    uint32_t left_main = left->asked & MAIN_FIELDS, right_main = right->asked & MAIN_FIELDS;

    if (left->chain != right->chain)
        return left->chain < right->chain ? -1 : 1;
    if (left_main != right_main)
        return left_main < right_main ? -1 : 1;
    for (unsigned i = 0; i < sizeof(order); i++) {
        struct condition_value l = first_value(compiler, left, order[i]),
                               r = first_value(compiler, right, order[i]);

        if (!condition_value_equal(l, r))
            return condition_value_less(l, r) ? -1 : 1;
    }
    return left->image.number < right->image.number ? -1 : 1;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    return (left->chain > right->chain) - (left->chain < right->chain);
}

static uint32_t find_chain(const struct compiler *c, const struct rules_chain *chain)
{
    struct place wanted = {chain, 0}, *found;

    found = bsearch(&wanted, c->places, c->model->count, sizeof(wanted), compare_places);
    return found ? found->index : (uint32_t)IMAGE_NONE;
}

/*
 * In long chains rules that ask for other main fields begin a new word: in a word that has some that don't
 * ask for the source, and some that don't ask for the destination, every packet would have to look.
 */
static bool begins_word(const struct compiler *c, uint32_t i)
{
    const struct draft *draft = c->sorted[i], *before = i ? c->sorted[i - 1] : NULL;

    if (!before || draft->chain != before->chain ||
        (draft->asked & MAIN_FIELDS) == (before->asked & MAIN_FIELDS))
        return false;
    size_t count = c->model->chains[draft->chain]->count;

    /* At most 64 such chains with 15 changes: with IMAGE_RULES rules all bits fit under one top word. */
    return count >= LONG_CHAIN && count >= c->count / 64;
}

static void give_bits(struct compiler *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        c->sorted[i] = &c->drafts[i];
    qsort_r(c->sorted, c->count, sizeof(*c->sorted), compare_drafts, c);
    for (uint32_t i = 0; i < c->count; i++) {
        if (begins_word(c, i))
            c->bits = (c->bits + IMAGE_WORD - 1) / IMAGE_WORD * IMAGE_WORD;
        c->sorted[i]->bit = c->bits++;
    }
    c->table.words = (c->bits + IMAGE_WORD - 1) / IMAGE_WORD;
    c->table.middles = (c->table.words + IMAGE_WORD - 1) / IMAGE_WORD;
}

static void write_rules(struct compiler *c)
{
    struct image_rule *rules;

    c->table.rules = image_block_add(c->block, c->bits * sizeof(*rules), IMAGE_LINE);
    if (c->block->failed)
        return;
    rules = image_block_at(c->block, c->table.rules);
    for (uint32_t i = 0; i < c->count; i++) {
        const struct draft *draft = &c->drafts[i];

        rules[draft->bit] = draft->image;
        if (draft->rule->target.type == RULES_TARGET_CHAIN)
            rules[draft->bit].chain = find_chain(c, draft->rule->target.chain);
    }
}

/* sorted[from...end-1] are the chain's. A policy that is not known is one that drops to the kernel program; here
 * the model is asked (linear_policy). */
static struct image_chain describe_chain(const struct compiler *c, uint32_t from, uint32_t end,
                                         const struct rules_chain *model)
{
    struct image_chain chain = {.first_main = (uint32_t)IMAGE_NONE,
                                .policy = model->undeclared ? RULES_POLICY_DROP : model->policy};

    if (from < end) {
        chain.first = chain.plain_end = c->sorted[from]->bit;
        chain.end = c->sorted[end - 1]->bit + 1;
    }
    for (uint32_t i = from; i < end; i++) {
        const struct draft *draft = c->sorted[i];

        if (draft->asked & MAIN_FIELDS) {
            if (draft->image.number < chain.first_main)
                chain.first_main = draft->image.number;
            continue;
        }
        chain.plain_end = draft->bit + 1;
        if (draft->image.number > chain.last_plain)
            chain.last_plain = draft->image.number;
    }
    return chain;
}

static void write_chains(struct compiler *c)
{
    uint32_t end = 0;

    c->table.chain_count = (uint32_t)c->model->count;
    c->table.chains = image_block_add(c->block, c->model->count * sizeof(struct image_chain), IMAGE_LINE);
    if (c->block->failed)
        return;
    for (uint32_t i = 0; i < c->model->count; i++) {
        struct image_chain *chain = (struct image_chain *)image_block_at(c->block, c->table.chains) + i;
        uint32_t from = end;

        end += (uint32_t)c->model->chains[i]->count;
        *chain = describe_chain(c, from, end, c->model->chains[i]);
    }
    for (int hook = 0; hook < RULES_HOOKS; hook++)
        c->table.builtin[hook] = find_chain(c, rules_chain_at(c->rules, c->type, (enum rules_hook)hook));
}

static void write_counters(struct compiler *c)
{
    size_t count = (size_t)c->table.words * IMAGE_WORD + c->table.chain_count;

    c->table.counters = image_block_add(c->block, count * sizeof(uint32_t), IMAGE_LINE);
}

/* ---- second pass ---- */

static bool is_asked(const struct compiler *c, unsigned field)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->drafts[i].asked & 1U << field)
            return true;
    return false;
}

/* Leaf words of the rules that don't ask for a field; the caller's. NULL: out of memory. */
static uint64_t *wild_words(const struct compiler *c, unsigned field)
{
    uint64_t *words = calloc(c->table.words + 1, sizeof(*words));

    for (uint32_t i = 0; words && i < c->count; i++)
        if (!(c->drafts[i].asked & 1U << field))
            words[c->drafts[i].bit / IMAGE_WORD] |= 1ULL << c->drafts[i].bit % IMAGE_WORD;
    return words;
}

static bool build_index(struct compiler *c, unsigned field, struct image_block *block, uint32_t none,
                        struct image_index *ret)
{
    struct changes *changes = &c->changes[field];

    if (image_index_build(block, none, image_field_bits((enum image_field)field, c->rules->family),
                          changes->at, changes->count, c->bits, ret) < 0)
        return false;
    ret->field = (uint8_t)field;
    return true;
}

/* Joins a field that is no main one, or gives it sets of its own. */
static bool build_plain(struct compiler *c, unsigned field, struct join *join)
{
    struct image_block block = {0};
    struct image_index index;
    uint64_t *wild = wild_words(c, field);
    bool done;

    image_block_add(&block, IMAGE_LINE, IMAGE_LINE); /* so that no offset is 0 */
    uint32_t none = image_block_add(&block, IMAGE_EMPTY_SET, IMAGE_LINE);

    done = wild && !block.failed && build_index(c, field, &block, none, &index);
    if (done && !join_add(join, &index, &block, &wild)) {
        done = build_index(c, field, c->block, c->none, &c->table.index[c->table.count]);
        c->table.count++;
    }
    image_block_fini(&block);
    free(wild);
    return done;
}

static bool build_indexes(struct compiler *c)
{
    struct join join;
    bool done = true;

    join_init(&join, c->table.words, c->table.middles);
    for (unsigned f = 0; done && f < IMAGE_FIELDS; f++) {
        struct changes *changes = &c->changes[f];

        if (!is_asked(c, f))
            continue;
        for (size_t i = 0; i < changes->count; i++)
            changes->at[i].bit = c->drafts[changes->at[i].bit].bit;
        if (f < IMAGE_MAIN_FIELDS) {
            done = build_index(c, f, c->block, c->none, &c->table.index[c->table.count]);
            c->table.count++;
            c->table.mains++;
        } else {
            done = build_plain(c, f, &join);
        }
        free(changes->at);
        *changes = (struct changes){0};
    }
    done = done && join_write(&join, c->block, &c->table) == 0;
    join_fini(&join);
    return done;
}

static void write_wild(struct compiler *c)
{
    uint32_t fields = c->table.count;

    c->table.wild_words =
        image_block_add(c->block, (size_t)c->table.words * fields * sizeof(uint64_t), IMAGE_LINE);
    c->table.wild_middles =
        image_block_add(c->block, (size_t)c->table.middles * fields * sizeof(uint64_t), IMAGE_LINE);
    if (c->block->failed)
        return;
    uint64_t *words = image_block_at(c->block, c->table.wild_words),
             *middles = image_block_at(c->block, c->table.wild_middles);

    for (uint32_t n = 0; n < c->count; n++)
        for (uint32_t i = 0; i < fields; i++) {
            uint32_t bit = c->drafts[n].bit, word = bit / IMAGE_WORD, middle = word / IMAGE_WORD;

            if (c->drafts[n].asked & 1U << c->table.index[i].field)
                continue;
            words[word * fields + i] |= 1ULL << bit % IMAGE_WORD;
            middles[middle * fields + i] |= 1ULL << word % IMAGE_WORD;
        }
}

static bool compiler_init(struct compiler *c)
{
    size_t count = 0;

    for (size_t i = 0; i < c->model->count; i++)
        count += c->model->chains[i]->count;
    if (count > IMAGE_RULES)
        return false;
    c->drafts = malloc((count + 1) * sizeof(*c->drafts));
    c->sorted = malloc((count + 1) * sizeof(*c->sorted));
    c->places = malloc((c->model->count + 1) * sizeof(*c->places));
    if (!c->drafts || !c->sorted || !c->places)
        return false;
    for (unsigned f = 0; f < IMAGE_FIELDS; f++)
        c->changes[f].capacity = count + 1;
    image_block_reserve(c->block, c->block->size + count * RULE_SIZE);
    for (uint32_t i = 0; i < c->model->count; i++)
        c->places[i] = (struct place){c->model->chains[i], i};
    qsort(c->places, c->model->count, sizeof(*c->places), compare_places);
    return true;
}

static void compiler_fini(struct compiler *c)
{
    free(c->drafts);
    free(c->sorted);
    free(c->places);
    image_known_fini(&c->conditions);
    for (unsigned f = 0; f < IMAGE_FIELDS; f++)
        free(c->changes[f].at);
}

/* Offset of the table in the block, or 0. */
static uint32_t compile_table(struct image *image, struct verdict_memory *shared, enum rules_table_type type,
                              uint32_t none)
{
    struct image_block *block = &image->block;
    struct compiler c = {.block = block,
                         .shared = shared,
                         .rules = image->rules,
                         .model = &image->rules->tables[type],
                         .type = type,
                         .none = none};
    uint32_t offset = 0;

    if (compiler_init(&c) && read_rules(&c)) {
        give_bits(&c);
        write_rules(&c);
        write_chains(&c);
        write_counters(&c);
        if (!block->failed && build_indexes(&c)) {
            write_wild(&c);
            c.table.asks = c.asks;
            c.table.late = c.late;
            offset = image_block_add(block, sizeof(c.table), IMAGE_LINE);
            if (!block->failed)
                memcpy(image_block_at(block, offset), &c.table, sizeof(c.table));
        }
    }
    compiler_fini(&c);
    return block->failed ? 0 : offset;
}

static bool compile(struct image *image, struct verdict_memory *shared)
{
    struct image_block *block = &image->block;
    struct image_header header = {
        .magic = IMAGE_MAGIC, .version = IMAGE_VERSION, .family = image->rules->family};

    image_block_add(block, sizeof(header), IMAGE_LINE);
    header.none = image_block_add(block, IMAGE_EMPTY_SET, IMAGE_LINE);
    for (int type = 0; type < RULES_TABLES; type++) {
        if (!image->rules->tables[type].present)
            continue;
        header.tables[type] = compile_table(image, shared, (enum rules_table_type)type, header.none);
        if (!header.tables[type])
            return false;
    }
    image_block_add(block, sizeof(uint64_t), sizeof(uint64_t)); /* to spare: see image_middle_bits */
    if (block->failed)
        return false;
    header.size = block->size;
    memcpy(block->bytes, &header, sizeof(header));
    return true;
}

struct image *image_compile(const struct rules *r)
{
    struct image *image = calloc(1, sizeof(*image));
    struct verdict_memory *shared = verdict_memory_new();

    if (image)
        image->rules = r;
    if (image && (!shared || verdict_memory_learn(shared, r) < 0 || !compile(image, shared)))
        image_free(&image);
    verdict_memory_free(&shared);
    return image;
}

void image_free(struct image **image)
{
    if (!*image)
        return;
    image_block_fini(&(*image)->block);
    free(*image);
    *image = NULL;
}

size_t image_size(const struct image *image)
{
    return image->block.size;
}

uint8_t *image_take(struct image **image)
{
    uint8_t *bytes = (*image)->block.bytes;

    (*image)->block = (struct image_block){0};
    image_free(image);
    return bytes;
}

const uint8_t *image_bytes(const struct image *image)
{
    return image->block.bytes;
}
