/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/texts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "rules/build.h"

/* ---- the order ---- */

enum { POLICIES = RULES_TABLES * RULES_BUILTINS };

/* Built-in chains come first in their table, and stay. */
static uint32_t policy_key(int table, size_t chain)
{
    return (uint32_t)table * RULES_BUILTINS + (uint32_t)chain;
}

uint32_t texts_keys(const struct rules *r)
{
    return POLICIES + r->next_serial;
}

uint32_t texts_each(const struct rules *r, void (*visit)(void *arg, const struct texts_place *place),
                    void *arg)
{
    uint32_t index = 0;

    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            struct rules_chain *chain = r->tables[t].chains[c];
            bool has_policy = chain->policy != RULES_POLICY_NONE;

            if (visit && has_policy)
                visit(arg, &(struct texts_place){chain, NULL, index, policy_key(t, c)});
            index += has_policy;
            for (size_t i = 0; visit && i < chain->count; i++)
                visit(arg, &(struct texts_place){chain, &chain->rules[i], index + (uint32_t)i,
                                                 POLICIES + chain->rules[i].serial});
            index += (uint32_t)chain->count + chain->unread;
        }
    }
    return index;
}

/* ---- an element ---- */

int texts_write(const struct rules *r, const uint32_t *numbers, uint32_t serial, uint8_t **ret,
                size_t *ret_size)
{
    char *text = rules_save(r, NULL, 0);
    struct kernel_text head = {
        .magic = KERNEL_TEXT_MAGIC, .serial = serial, .count = texts_each(r, NULL, NULL)};
    size_t numbered = sizeof(head) + head.count * sizeof(*numbers);

    if (!text)
        return -ENOMEM;
    head.size = (uint32_t)strlen(text);
    *ret_size = numbered + head.size;
    *ret = malloc(*ret_size);
    if (*ret) {
        memcpy(*ret, &head, sizeof(head));
        if (head.count)
            memcpy(*ret + sizeof(head), numbers, head.count * sizeof(*numbers));
        memcpy(*ret + numbered, text, head.size);
    }
    free(text);
    return *ret ? 0 : -ENOMEM;
}

static int refuse(struct rules_error *error, const char *what)
{
    *error = (struct rules_error){0};
    strcpy(error->message, what);
    return -EINVAL;
}

int texts_read(const uint8_t *element, size_t size, uint8_t family, uint32_t but, struct rules **ret,
               const uint32_t **ret_numbers, uint32_t *ret_serial, struct rules_error *error)
{
    struct kernel_text head;
    struct rules *r;

    if (size < sizeof(head))
        return refuse(error, "the wall's text is cut off");
    memcpy(&head, element, sizeof(head));
    if (!head.magic)
        return -ENODATA;
    if (head.magic != KERNEL_TEXT_MAGIC || head.count > size / sizeof(uint32_t) ||
        sizeof(head) + (uint64_t)head.count * sizeof(uint32_t) + head.size > size)
        return refuse(error, "the wall's text is not one that this sallywall writes");
    const uint32_t *numbers = (const uint32_t *)(const void *)(element + sizeof(head));
    int rc =
        rules_read_but(but, (const char *)(numbers + head.count), head.size, "the wall", family, &r, error);
    if (rc)
        return rc;
    if (texts_each(r, NULL, NULL) != head.count) {
        rules_free(&r);
        return refuse(error, "the wall's text has not the counters that belong to its rules");
    }
    *ret = r;
    *ret_numbers = numbers;
    *ret_serial = head.serial;
    return 0;
}

/* ---- which rules are which ---- */

/* A rule of the set before, under its text and how many such were before it. */
struct known {
    char *text;
    uint32_t index;
    UT_hash_handle hh;
};

/* How many of a text were there so far. */
struct count {
    char *text;
    uint32_t count;
    UT_hash_handle hh;
};

static char *place_text(const struct rules *r, const struct texts_place *place)
{
    char *rule = place->rule ? rules_rule_text(r, place->chain, place->rule) : strdup(place->chain->name),
         *text;

    if (!rule || asprintf(&text, "%s %c %s", rules_table_name((enum rules_table_type)place->chain->table),
                          place->rule ? 'r' : 'p', rule) < 0)
        text = NULL;
    free(rule);
    return text;
}

/* The text with its number among equal ones; NULL: out of memory. */
static char *numbered_text(struct count **counts, const struct rules *r, const struct texts_place *place)
{
    char *text = place_text(r, place), *numbered = NULL;
    struct count *count = NULL;

    if (!text)
        return NULL;
    HASH_FIND_STR(*counts, text, count);
    if (!count) {
        count = calloc(1, sizeof(*count));
        if (!count) {
            free(text);
            return NULL;
        }
        count->text = text;
        HASH_ADD_KEYPTR(hh, *counts, count->text, strlen(count->text), count);
        text = NULL;
    }
    if (asprintf(&numbered, "%u %s", count->count++, count->text) < 0)
        numbered = NULL;
    free(text);
    return numbered;
}

struct matching {
    const struct rules *rules;
    struct known **known;
    struct count *counts;
    uint32_t *ret;
    bool failed;
};

static void free_counts(struct count **counts)
{
    struct count *count, *next;

    HASH_ITER(hh, *counts, count, next) {
        HASH_DEL(*counts, count);
        free(count->text);
        free(count);
    }
}

static void learn_place(void *arg, const struct texts_place *place)
{
    struct matching *m = arg;
    struct known *known = calloc(1, sizeof(*known));

    if (known)
        known->text = numbered_text(&m->counts, m->rules, place);
    if (!known || !known->text) {
        free(known);
        m->failed = true;
        return;
    }
    known->index = place->index;
    HASH_ADD_KEYPTR(hh, *m->known, known->text, strlen(known->text), known);
}

static void match_place(void *arg, const struct texts_place *place)
{
    struct matching *m = arg;
    char *text = numbered_text(&m->counts, m->rules, place);
    struct known *known = NULL;

    if (!text) {
        m->failed = true;
        return;
    }
    HASH_FIND_STR(*m->known, text, known);
    m->ret[place->index] = known ? known->index : (uint32_t)TEXTS_NEW;
    free(text);
}

static void free_known(struct known **all)
{
    struct known *known, *next;

    HASH_ITER(hh, *all, known, next) {
        HASH_DEL(*all, known);
        free(known->text);
        free(known);
    }
}

int texts_match(const struct rules *before, const struct rules *next, uint32_t *ret)
{
    struct known *known = NULL;
    struct matching learn = {.rules = before, .known = &known},
                    match = {.rules = next, .known = &known, .ret = ret};

    texts_each(before, learn_place, &learn);
    if (!learn.failed)
        texts_each(next, match_place, &match);
    free_counts(&learn.counts);
    free_counts(&match.counts);
    free_known(&known);
    return learn.failed || match.failed ? -ENOMEM : 0;
}
