/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/build.h"
#include "rules/language/words.h"

/*
 * What the kernel checks when a table is committed (mark_source_chains in net/ipv4/netfilter/ip_tables.c): it
 * walks from each hook through all jumps; a chain that is entered again before it was left is a loop, and
 * what a hook reaches must be allowed there. What nothing reaches is not looked at.
 */
struct frame {
    size_t chain, rule;
};

struct walk {
    const struct rules_table *t;
    const char *file;
    struct rules_error *error;
    enum rules_table_type table;
    enum rules_hook hook;
    uint8_t *done; /* bits of hooks, per chain */
    bool *entered; /* per chain */
    struct frame *stack;
    size_t depth;
};

static size_t chain_index(const struct rules_table *t, const struct rules_chain *chain)
{
    size_t low = 0, high = t->count;

    while (low < high && t->chains[low]->policy != RULES_POLICY_NONE)
        low++;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(t->chains[middle]->name, chain->name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool rules_rule_is_final(const struct rules_rule *rule)
{
    return !rule->match_count && !rule->protocol && !rule->fragment && !rule->in.name[0] &&
           !rule->in.inverted && !rule->out.name[0] && !rule->out.inverted &&
           rules_network_is_any(&rule->source) && rules_network_is_any(&rule->destination) &&
           (rule->target.type == RULES_TARGET_ACCEPT || rule->target.type == RULES_TARGET_DROP ||
            rule->target.type == RULES_TARGET_RETURN);
}

static int fail_loop(struct walk *w, size_t chain, const struct rules_rule *rule)
{
    char path[256] = "";
    size_t first = 0, used = 0;

    while (w->stack[first].chain != chain)
        first++;
    for (size_t i = first; i < w->depth && used < sizeof(path) - RULES_NAME - 4; i++)
        used += (size_t)snprintf(path + used, sizeof(path) - used, "%s -> ",
                                 w->t->chains[w->stack[i].chain]->name);
    const char *name = w->t->chains[chain]->name;
    return rules_fail_at(w->error, w->file, w->file ? rule->line : 0, 1,
                         "the chain %s of the table %s leads back to itself (%s%s), which the kernel refuses",
                         name, rules_table_name(w->table), path, name);
}

static int fail_hook(struct walk *w, const struct rules_rule *rule, const struct rules_extension *row,
                     bool is_target)
{
    return rules_fail_at(w->error, w->file, w->file ? rule->line : 0, 1,
                         "%s %s does not work on packets of %s, and the chain %s is reached from there",
                         is_target ? "-j" : "-m", row->word ? rule->target.opaque.name : row->name,
                         rules_hook_name(w->hook), w->t->chains[w->stack[w->depth - 1].chain]->name);
}

static bool row_serves_hook(const struct rules_extension *row, const void *data, enum rules_hook hook)
{
    uint8_t hooks = row->reach ? row->reach(data) : row->hooks; /* 0: all */

    return !hooks || (hooks & (1U << hook));
}

static int check_hooks(struct walk *w, const struct rules_rule *rule)
{
    const struct rules_extension *row = rules_target_row(rule->target.type);

    if (row && !row_serves_hook(row, rules_target_data(&rule->target), w->hook))
        return fail_hook(w, rule, row, true);
    for (unsigned i = 0; i < rule->match_count; i++) {
        row = rules_match_row(rule->matches[i].type);
        if (!row_serves_hook(row, rules_match_data(&rule->matches[i]), w->hook))
            return fail_hook(w, rule, row, false);
    }
    return 0;
}

static void enter(struct walk *w, size_t chain)
{
    w->stack[w->depth++] = (struct frame){.chain = chain, .rule = 0};
    w->entered[chain] = true;
    w->done[chain] |= (uint8_t)(1U << w->hook);
}

static int step(struct walk *w)
{
    struct frame *frame = &w->stack[w->depth - 1];
    const struct rules_chain *chain = w->t->chains[frame->chain];

    if (frame->rule == chain->count) {
        w->entered[frame->chain] = false;
        w->depth--;
        return 0;
    }
    const struct rules_rule *rule = &chain->rules[frame->rule++];
    int rc = check_hooks(w, rule);
    if (rc)
        return rc;
    if (rules_rule_is_final(rule))
        frame->rule = chain->count;
    if (rule->target.type != RULES_TARGET_CHAIN)
        return 0;
    size_t next = chain_index(w->t, rule->target.chain);
    if (w->entered[next])
        return fail_loop(w, next, rule);
    if (!(w->done[next] & (1U << w->hook)))
        enter(w, next);
    return 0;
}

int rules_table_check(const struct rules_table *t, enum rules_table_type table, const char *file,
                      struct rules_error *error)
{
    struct walk w = {.t = t, .table = table, .file = file, .error = error};
    enum rules_hook hooks[RULES_BUILTINS];
    unsigned count = rules_table_hooks(table, hooks);
    int rc = -ENOMEM;

    w.done = calloc(t->count + 1, sizeof(*w.done));
    w.entered = calloc(t->count + 1, sizeof(*w.entered));
    w.stack = calloc(t->count + 1, sizeof(*w.stack));
    if (w.done && w.entered && w.stack) {
        rc = 0;
        for (unsigned i = 0; i < count && rc == 0; i++) {
            w.hook = hooks[i];
            enter(&w, i);
            while (w.depth && rc == 0)
                rc = step(&w);
        }
    }
    free(w.done);
    free(w.entered);
    free(w.stack);
    return rc;
}

bool rules_rule_needs_check(const struct rules_rule *rule)
{
    const struct rules_extension *row = rules_target_row(rule->target.type);

    if (rule->target.type == RULES_TARGET_CHAIN || (row && row->hooks))
        return true;
    for (unsigned i = 0; i < rule->match_count; i++) {
        if (rules_match_row(rule->matches[i].type)->hooks)
            return true;
    }
    return false;
}
