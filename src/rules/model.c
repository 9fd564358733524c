/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/build.h"
#include "rules/nft/nft.h"

/* ---- tables and hooks ---- */

static const char *const table_names[RULES_TABLES] = {
    [RULES_FILTER] = "filter", [RULES_RAW] = "raw",           [RULES_MANGLE] = "mangle",
    [RULES_NAT] = "nat",       [RULES_SECURITY] = "security",
};
static const char *const hook_names[RULES_HOOKS] = {
    [RULES_PREROUTING] = "PREROUTING",   [RULES_INPUT] = "INPUT",
    [RULES_FORWARD] = "FORWARD",         [RULES_OUTPUT] = "OUTPUT",
    [RULES_POSTROUTING] = "POSTROUTING",
};
static const struct {
    uint8_t count;
    enum rules_hook hooks[RULES_BUILTINS];
} builtins[RULES_TABLES] = {
    [RULES_FILTER] = {3, {RULES_INPUT, RULES_FORWARD, RULES_OUTPUT}},
    [RULES_RAW] = {2, {RULES_PREROUTING, RULES_OUTPUT}},
    [RULES_MANGLE] = {5, {RULES_PREROUTING, RULES_INPUT, RULES_FORWARD, RULES_OUTPUT, RULES_POSTROUTING}},
    [RULES_NAT] = {4, {RULES_PREROUTING, RULES_INPUT, RULES_OUTPUT, RULES_POSTROUTING}},
    [RULES_SECURITY] = {3, {RULES_INPUT, RULES_FORWARD, RULES_OUTPUT}},
};

const char *rules_table_name(enum rules_table_type table)
{
    return table_names[table];
}

const char *rules_hook_name(enum rules_hook hook)
{
    return hook_names[hook];
}

uint16_t rules_target_changes(const struct rules_target *target)
{
    switch (target->type) {
    case RULES_TARGET_MARK:
    case RULES_TARGET_CONNMARK:
        return RULES_CHANGES_MARK;
    case RULES_TARGET_TTL:
    case RULES_TARGET_HL:
        return RULES_CHANGES_TTL;
    case RULES_TARGET_TOS:
    case RULES_TARGET_DSCP:
        return RULES_CHANGES_TOS;
    case RULES_TARGET_TCPMSS:
        return RULES_CHANGES_TCP;
    case RULES_TARGET_SET:
        return (uint16_t)(RULES_CHANGES_SETS | (target->set->map_mark ? RULES_CHANGES_MARK : 0));
    case RULES_TARGET_OPAQUE:
        return target->opaque.changes;
    default:
        return rules_target_is_nat(target) ? RULES_CHANGES_ADDRESSES : 0;
    }
}

bool rules_table_find(const char *name, enum rules_table_type *ret)
{
    for (unsigned i = 0; i < RULES_TABLES; i++) {
        if (strcmp(name, table_names[i]) == 0) {
            *ret = (enum rules_table_type)i;
            return true;
        }
    }
    return false;
}

unsigned rules_table_hooks(enum rules_table_type table, enum rules_hook ret[RULES_BUILTINS])
{
    memcpy(ret, builtins[table].hooks, sizeof(builtins[table].hooks));
    return builtins[table].count;
}

static void chain_free(struct rules_chain *chain)
{
    rules_chain_flush(chain);
    free(chain->rules);
    free(chain);
}

void rules_table_clear(struct rules_table *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->count; i++) {
        if (t->chains[i]->policy != RULES_POLICY_NONE) {
            rules_chain_flush(t->chains[i]);
            t->chains[kept++] = t->chains[i];
        } else {
            chain_free(t->chains[i]);
        }
    }
    t->count = kept;
}

void rules_table_fini(struct rules_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        chain_free(t->chains[i]);
    free(t->chains);
    memset(t, 0, sizeof(*t));
}

static int table_insert(struct rules_table *t, size_t at, struct rules_chain *chain)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 8;
        struct rules_chain **chains = realloc(t->chains, capacity * sizeof(struct rules_chain *));
        if (!chains)
            return -ENOMEM;
        t->chains = chains;
        t->capacity = capacity;
    }
    memmove(&t->chains[at + 1], &t->chains[at], (t->count - at) * sizeof(struct rules_chain *));
    t->chains[at] = chain;
    t->count++;
    return 0;
}

int rules_table_make(struct rules *r, enum rules_table_type table)
{
    struct rules_table *t = &r->tables[table];
    unsigned order = 0;

    if (t->present)
        return 0;
    for (unsigned i = 0; i < builtins[table].count; i++) {
        struct rules_chain *chain = calloc(1, sizeof(*chain));
        if (!chain || table_insert(t, i, chain)) {
            free(chain);
            rules_table_fini(t);
            return -ENOMEM;
        }
        strcpy(chain->name, hook_names[builtins[table].hooks[i]]);
        chain->policy = RULES_POLICY_ACCEPT;
        chain->table = (uint8_t)table;
    }
    for (unsigned i = 0; i < RULES_TABLES; i++)
        order += r->tables[i].present;
    r->order[order] = (uint8_t)table;
    t->present = true;
    return 0;
}

/* ---- chains ---- */

static size_t table_builtins(const struct rules_table *t)
{
    size_t count = 0;

    while (count < t->count && t->chains[count]->policy != RULES_POLICY_NONE)
        count++;
    return count;
}

/* The place among the users' chains where name is or belongs. */
static size_t table_place(const struct rules_table *t, const char *name)
{
    size_t low = table_builtins(t), high = t->count;

    if (high > low && strcmp(t->chains[high - 1]->name, name) < 0) /* files have them in order */
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(t->chains[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct rules_chain *rules_table_chain(const struct rules_table *t, const char *name)
{
    size_t builtin = table_builtins(t);

    for (size_t i = 0; i < builtin; i++) {
        if (strcmp(t->chains[i]->name, name) == 0)
            return t->chains[i];
    }
    size_t at = table_place(t, name);
    return at < t->count && strcmp(t->chains[at]->name, name) == 0 ? t->chains[at] : NULL;
}

struct rules_chain *rules_chain_find(const struct rules *r, enum rules_table_type table, const char *name)
{
    return rules_table_chain(&r->tables[table], name);
}

struct rules_chain *rules_chain_at(const struct rules *r, enum rules_table_type table, enum rules_hook hook)
{
    const struct rules_table *t = &r->tables[table];

    for (unsigned i = 0; t->present && i < builtins[table].count; i++) {
        if (builtins[table].hooks[i] == hook)
            return t->chains[i];
    }
    return NULL;
}

int rules_chain_make(struct rules_table *t, const char *name, struct rules_chain **ret)
{
    if (rules_table_chain(t, name))
        return -EEXIST;
    struct rules_chain *chain = calloc(1, sizeof(*chain));
    if (!chain || table_insert(t, table_place(t, name), chain)) {
        free(chain);
        return -ENOMEM;
    }
    chain->table = t->chains[0]->table; /* built-in chains come first */
    strncpy(chain->name, name, RULES_NAME - 1);
    *ret = chain;
    return 0;
}

static void table_take_out(struct rules_table *t, const struct rules_chain *chain)
{
    size_t at = 0;

    while (t->chains[at] != chain)
        at++;
    t->count--;
    memmove(&t->chains[at], &t->chains[at + 1], (t->count - at) * sizeof(struct rules_chain *));
}

void rules_chain_remove(struct rules_table *t, struct rules_chain *chain)
{
    table_take_out(t, chain);
    chain_free(chain);
}

int rules_chain_rename(struct rules_table *t, struct rules_chain *chain, const char *name)
{
    if (rules_table_chain(t, name))
        return -EEXIST;
    table_take_out(t, chain);
    memset(chain->name, 0, sizeof(chain->name));
    strncpy(chain->name, name, RULES_NAME - 1);
    return table_insert(t, table_place(t, name), chain); /* there is room: one was taken out */
}

uint32_t rules_chain_references(const struct rules_table *t, const struct rules_chain *chain)
{
    uint32_t references = 0;

    for (size_t i = 0; i < t->count; i++) {
        for (size_t j = 0; j < t->chains[i]->count; j++) {
            const struct rules_target *target = &t->chains[i]->rules[j].target;
            references += target->type == RULES_TARGET_CHAIN && target->chain == chain;
        }
    }
    return references;
}

void rules_chain_flush(struct rules_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        rules_rule_fini(&chain->rules[i]);
    chain->count = chain->unread = 0;
}

enum { LONG = 1024 }; /* in long chains more room is better: rules are large, and are copied when it ends */

int rules_chain_insert(struct rules_chain *chain, size_t index, struct rules_rule *rule)
{
    if (chain->count == chain->capacity) {
        size_t capacity = chain->capacity ? chain->capacity * (chain->capacity < LONG ? 2 : 4) : 4;
        struct rules_rule *rules = realloc(chain->rules, capacity * sizeof(*rules));
        if (!rules)
            return -ENOMEM;
        chain->rules = rules;
        chain->capacity = capacity;
    }
    memmove(&chain->rules[index + 1], &chain->rules[index], (chain->count - index) * sizeof(*rule));
    chain->rules[index] = *rule;
    chain->count++;
    memset(rule, 0, sizeof(*rule));
    return 0;
}

void rules_chain_delete(struct rules_chain *chain, size_t index)
{
    rules_rule_fini(&chain->rules[index]);
    chain->count--;
    memmove(&chain->rules[index], &chain->rules[index + 1],
            (chain->count - index) * sizeof(struct rules_rule));
}

/* ---- rule sets ---- */

struct rules *rules_new(enum packet_family family)
{
    struct rules *r = calloc(1, sizeof(*r));

    if (r) {
        r->family = (uint8_t)family;
        r->next_serial = 1;
    }
    return r;
}

void rules_beside_clear(struct rules *r)
{
    for (size_t i = 0; i < r->beside_count; i++) {
        free(r->beside[i].what);
        free(r->beside[i].command);
    }
    free(r->beside);
    r->beside = NULL;
    r->beside_count = 0;
}

void rules_free(struct rules **r)
{
    if (!*r)
        return;
    for (unsigned i = 0; i < RULES_TABLES; i++)
        rules_table_fini(&(*r)->tables[i]);
    for (size_t i = 0; i < (*r)->comment_count; i++)
        free((*r)->comments[i].text);
    free((*r)->comments);
    rules_beside_clear(*r);
    for (size_t i = 0; i < (*r)->remark_count; i++)
        free((*r)->remarks[i].text);
    free((*r)->remarks);
    nft_release(&(*r)->nft);
    if ((*r)->other)
        rules_free(&(*r)->other);
    free(*r);
    *r = NULL;
}

int rules_comment_add(struct rules *r, const char *text, size_t size, int before, uint32_t serial)
{
    struct rules_comment comment = {.before = (int8_t)before, .serial = serial};
    size_t count = r->comment_count;

    if ((count & (count - 1)) == 0) { /* full at each power of two */
        struct rules_comment *grown = realloc(r->comments, (count ? count * 2 : 1) * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        r->comments = grown;
    }
    comment.text = strndup(text, size);
    if (!comment.text)
        return -ENOMEM;
    r->comments[r->comment_count++] = comment;
    return 0;
}

int rules_remark_add(struct rules *r, const char *text, uint32_t line)
{
    struct rules_remark *grown = reallocarray(r->remarks, r->remark_count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    r->remarks = grown;
    grown[r->remark_count] = (struct rules_remark){.text = strdup(text), .line = line};
    if (!grown[r->remark_count].text)
        return -ENOMEM;
    r->remark_count++;
    return 0;
}

int rules_beside_add(struct rules *r, const char *what, const char *command, bool rewrites)
{
    struct rules_beside *grown = reallocarray(r->beside, r->beside_count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    r->beside = grown;
    struct rules_beside one = {.what = strdup(what), .command = strdup(command), .rewrites = rewrites};
    if (!one.what || !one.command) {
        free(one.what);
        free(one.command);
        return -ENOMEM;
    }
    grown[r->beside_count++] = one;
    return 0;
}

static int chain_copy(const struct rules_chain *from, struct rules_chain *to)
{
    to->policy = from->policy;
    to->table = from->table;
    to->undeclared = from->undeclared;
    to->counters = from->counters;
    to->rules = calloc(from->count ? from->count : 1, sizeof(struct rules_rule));
    if (!to->rules)
        return -ENOMEM;
    to->capacity = from->count ? from->count : 1;
    for (size_t i = 0; i < from->count; i++) {
        if (rules_rule_copy(&from->rules[i], &to->rules[i]))
            return -ENOMEM;
        to->count++;
    }
    return 0;
}

/* Jumps of copied rules still go to the chains of the original; both tables hold them at the same places. */
static void table_aim(struct rules_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        for (size_t j = 0; j < t->chains[i]->count; j++) {
            struct rules_target *target = &t->chains[i]->rules[j].target;
            if (target->type == RULES_TARGET_CHAIN)
                target->chain = rules_table_chain(t, target->chain->name);
        }
    }
}

/* Into an empty table; out of memory it stays empty. */
static int table_copy(const struct rules_table *from, struct rules_table *to)
{
    for (size_t i = 0; i < from->count; i++) {
        struct rules_chain *chain = calloc(1, sizeof(*chain));
        if (!chain || table_insert(to, i, chain)) {
            free(chain);
            rules_table_fini(to);
            return -ENOMEM;
        }
        memcpy(chain->name, from->chains[i]->name, sizeof(chain->name));
        if (chain_copy(from->chains[i], chain)) {
            rules_table_fini(to);
            return -ENOMEM;
        }
    }
    to->present = from->present;
    table_aim(to);
    return 0;
}

static int copy_texts(const struct rules *from, struct rules *to)
{
    int error = 0;

    for (size_t i = 0; i < from->comment_count && !error; i++) {
        const struct rules_comment *c = &from->comments[i];
        error = rules_comment_add(to, c->text, strlen(c->text), c->before, c->serial);
    }
    for (size_t i = 0; i < from->beside_count && !error; i++)
        error = rules_beside_add(to, from->beside[i].what, from->beside[i].command, from->beside[i].rewrites);
    for (size_t i = 0; i < from->remark_count && !error; i++)
        error = rules_remark_add(to, from->remarks[i].text, from->remarks[i].line);
    return error;
}

struct rules *rules_copy(const struct rules *r)
{
    struct rules *copy = rules_new(r->family);

    if (!copy)
        return NULL;
    memcpy(copy->order, r->order, sizeof(copy->order));
    copy->next_serial = r->next_serial;
    copy->nft = nft_hold(r->nft);
    copy->back_end = r->back_end;
    copy->is_legacy_beside = r->is_legacy_beside;
    if (r->other && !(copy->other = rules_copy(r->other))) {
        rules_free(&copy);
        return NULL;
    }
    for (unsigned i = 0; i < RULES_TABLES; i++) {
        if (table_copy(&r->tables[i], &copy->tables[i])) {
            rules_free(&copy);
            return NULL;
        }
    }
    if (copy_texts(r, copy))
        rules_free(&copy);
    return copy;
}

/* ---- equality ---- */

static bool chain_equal(const struct rules_chain *a, const struct rules_chain *b)
{
    if (strcmp(a->name, b->name) != 0 || a->policy != b->policy || a->undeclared != b->undeclared ||
        a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!rules_rule_equal(&a->rules[i], &b->rules[i]))
            return false;
    }
    return true;
}

static bool table_equal(const struct rules_table *a, const struct rules_table *b)
{
    if (a->present != b->present || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!chain_equal(a->chains[i], b->chains[i]))
            return false;
    }
    return true;
}

bool rules_pass_all(const struct rules *r)
{
    if (nft_is_met(r->nft, r->family) || (r->other && !rules_pass_all(r->other)))
        return false;
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t i = 0; i < r->tables[t].count; i++) {
            const struct rules_chain *chain = r->tables[t].chains[i];
            if (chain->policy == RULES_POLICY_DROP || (chain->policy == RULES_POLICY_ACCEPT && chain->count))
                return false;
        }
    }
    return true;
}

bool rules_table_equal(const struct rules *a, const struct rules *b, enum rules_table_type table)
{
    return table_equal(&a->tables[table], &b->tables[table]);
}

static bool beside_equal(const struct rules *a, const struct rules *b)
{
    if (a->beside_count != b->beside_count)
        return false;
    for (size_t i = 0; i < a->beside_count; i++) {
        if (strcmp(a->beside[i].what, b->beside[i].what) != 0)
            return false;
    }
    return true;
}

/* Comments mean nothing. */
bool rules_equal(const struct rules *a, const struct rules *b)
{
    if (a->family != b->family)
        return false;
    for (unsigned i = 0; i < RULES_TABLES; i++) {
        if (!table_equal(&a->tables[i], &b->tables[i]))
            return false;
    }
    if (!a->other != !b->other || (a->other && !rules_equal(a->other, b->other)))
        return false;
    return nft_equal(a->nft, b->nft) && beside_equal(a, b);
}

void rules_put_other(struct rules *r, struct rules **other, const char *back_end)
{
    struct rules *o = *other;

    o->back_end = back_end;

    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < o->tables[t].count; c++) {
            struct rules_chain *chain = o->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++) {
                chain->rules[i].serial += RULES_OTHER_SERIALS;
                chain->rules[i].line = 0;
            }
        }
    }
    if (r->other)
        rules_free(&r->other);
    r->other = o;
    *other = NULL;
}

bool rules_has_chain(const struct rules *r, const struct rules_chain *chain)
{
    const struct rules_table *table = &r->tables[chain->table];

    for (size_t i = 0; i < table->count; i++) {
        if (table->chains[i] == chain)
            return true;
    }
    return false;
}
