/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/near/near.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/near/search.h"
#include "explain/near/words.h"

struct context {
    const struct story *story;
    const struct rules *r;
    const struct verdict_packet *p;
    size_t port_rules;
};

/* ---- which are worth telling ---- */

static uint32_t number_of(struct near_place at)
{
    return at.rule ? (uint32_t)(at.rule - at.chain->rules) + 1 : 0;
}

/* Did the rule let an earlier packet of the same story through? Then it is there for that. */
static bool serves_others(const struct context *c, const struct near_found *f)
{
    uint32_t number = number_of(f->at);
    for (size_t i = 0; i + 1 < c->story->step_count; i++) {
        const struct story_step *step = &c->story->steps[i];
        if (step->fate == WALL_PASS && step->rule.number == number && step->rule.chain &&
            strcmp(step->rule.chain, f->at.chain->name) == 0 &&
            strcmp(step->rule.table, rules_table_name(f->table)) == 0)
            return true;
    }
    return false;
}

/* What a machine sends by itself and what comes to it have little in common. */
static bool is_output(const struct context *c, const struct near_found *f)
{
    return c->p->hook == RULES_OUTPUT || strcmp(f->at.chain->name, "OUTPUT") == 0;
}

static bool is_told(const struct context *c, const struct near_found *f, size_t told)
{
    bool by_port = f->kind == STORY_NEAR_BUT && f->asked.fails_port;
    bool is_aside = f->kind == STORY_NEAR_TABLE || (f->kind == STORY_NEAR_HOOK && is_output(c, f));
    if (is_aside && told)
        return false;
    if (f->is_another_port && (c->port_rules > 1 || told))
        return false;
    return !by_port || f->asked.holds_state || !serves_others(c, f);
}

/* Less is nearer. */
static int distance(const struct near_found *f)
{
    static const int kinds[] = {
        [STORY_NEAR_BUT] = 0,       [STORY_NEAR_BEHIND] = 5, [STORY_NEAR_LED] = 3,
        [STORY_NEAR_UNREACHED] = 6, [STORY_NEAR_HOOK] = 20,  [STORY_NEAR_TABLE] = 24,
    };
    int specific = f->asked.specific < 8 ? (int)f->asked.specific : 8;
    return kinds[f->kind] + 10 * (int)f->asked.fails - specific + (f->is_another_port ? 20 : 0);
}

static int by_distance(const void *a, const void *b)
{
    const struct near_found *x = a, *y = b;
    int dx = distance(x), dy = distance(y);
    if (dx != dy)
        return dx < dy ? -1 : 1;
    return (x->at.rule > y->at.rule) - (x->at.rule < y->at.rule);
}

/* ---- telling them ---- */

static int quote(struct story_rule *ret, const struct context *c, enum rules_table_type table,
                 struct near_place at)
{
    return story_rule_quote(ret, c->r, table, at.chain, at.rule, number_of(at));
}

/* The conditions that do not hold: of the rule, or of the jump that leads to it. Those of one match are said
 * once. */
static int quote_conditions(struct story_near *near, const struct context *c, const struct near_found *f)
{
    const struct rules_rule *rule = f->kind == STORY_NEAR_LED ? f->other.rule : f->at.rule;
    if (f->kind != STORY_NEAR_BUT && f->kind != STORY_NEAR_LED)
        return 0;
    near->but = calloc(NEAR_FAILS, sizeof(*near->but));
    if (!near->but)
        return -ENOMEM;
    for (unsigned i = 0; i < f->asked.fails && i < NEAR_FAILS; i++) {
        char *words = near_condition_words(c->r, rule, &f->asked.failing[i]);
        if (!words)
            return -ENOMEM;
        if (i > 0 && strcmp(words, near->but[0]) == 0)
            free(words);
        else
            near->but[near->but_count++] = words;
    }
    return 0;
}

static const char *target_name(const struct near_found *f)
{
    if (!f->other.rule)
        return "policy";
    switch (f->other.rule->target.type) {
    case RULES_TARGET_REJECT:
        return "REJECT";
    case RULES_TARGET_RETURN:
        return "RETURN";
    default:
        return "DROP";
    }
}

static int fill(struct story_near *near, const struct context *c, const struct near_found *f)
{
    near->kind = f->kind;
    int error = quote(&near->rule, c, f->table, f->at);
    if (!error)
        error = quote(&near->other, c, f->other_table, f->other);
    if (!error)
        error = quote_conditions(near, c, f);
    if (error)
        return error;
    near->text = near_clause(near, target_name(f), rules_hook_name(c->p->hook));
    return near->text ? 0 : -ENOMEM;
}

int near_add(struct story_step *step, struct story_near *near, int error)
{
    struct story_near *all = error ? NULL : reallocarray(step->near, step->near_count + 1, sizeof(*all));
    if (!all) {
        story_near_clear(near);
        return -ENOMEM;
    }
    step->near = all;
    all[step->near_count++] = *near;
    return 0;
}

int near_find(struct story *story, const struct rules *r, enum rules_table_type table,
              const struct verdict_packet *p, const struct verdict *v)
{
    struct near_finds *finds = malloc(sizeof(*finds));
    if (!finds)
        return -ENOMEM;
    int error = near_search(r, table, p, v, finds);
    struct context c = {.story = story, .r = r, .p = p, .port_rules = finds->port_rules};
    struct story_step *step = &story->steps[story->step_count - 1];
    if (!error)
        qsort(finds->found, finds->count, sizeof(*finds->found), by_distance);
    for (size_t i = 0; i < finds->count && !error && step->near_count < NEAR_TOLD; i++) {
        struct story_near near = {0};
        if (is_told(&c, &finds->found[i], step->near_count))
            error = near_add(step, &near, fill(&near, &c, &finds->found[i]));
    }
    free(finds);
    return error;
}
