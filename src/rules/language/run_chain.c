/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/run_chain.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

struct rules_words *run_blame(struct run *run)
{
    return words_at(run->words, run->line->chain_word);
}

int run_fail_number(struct run *run)
{
    size_t count = run->chain->count;

    return words_fail(run_blame(run), run->error, "there is no rule %u in the chain %s, which has %zu",
                      run->line->number, run->chain->name, count);
}

/* -v tells of what is done; on failure it is thrown away. */
void run_tell(struct run *run, const char *format, ...)
{
    va_list args;

    if (!run->out || !(run->line->flags & LINE_VERBOSE))
        return;
    va_start(args, format);
    vfprintf(run->out, format, args);
    va_end(args);
}

int run_flush(struct run *run)
{
    for (size_t i = 0; i < run->t->count; i++) {
        if (run->chain && run->chain != run->t->chains[i])
            continue;
        run_tell(run, "Flushing chain `%s'\n", run->t->chains[i]->name);
        rules_chain_flush(run->t->chains[i]);
    }
    run->changed = true;
    return 0;
}

void run_zero_counters(struct run *run)
{
    for (size_t i = 0; i < run->t->count; i++) {
        struct rules_chain *chain = run->t->chains[i];
        if (run->chain && run->chain != chain)
            continue;
        run_tell(run, "Zeroing chain `%s'\n", chain->name);
        chain->counters = (struct rules_counters){0};
        for (size_t j = 0; j < chain->count; j++)
            chain->rules[j].counters = (struct rules_counters){0};
    }
    run->changed = true;
}

int run_zero(struct run *run)
{
    uint32_t number = run->line->number;

    if (!number) {
        run_zero_counters(run);
        return 0;
    }
    if (number > run->chain->count)
        return run_fail_number(run);
    run->chain->rules[number - 1].counters = (struct rules_counters){0};
    run->changed = true;
    return 0;
}

int run_new(struct run *run)
{
    struct rules_chain *chain;

    if (run->t->count >= RULES_CHAINS_MAX)
        return words_fail(run_blame(run), run->error, "more than %d chains in the table %s", RULES_CHAINS_MAX,
                          rules_table_name(run->line->table));
    int rc = rules_chain_make(run->t, run->line->chain, &chain);
    if (rc == -EEXIST)
        return words_fail(run_blame(run), run->error, "there is a chain %s in the table %s already",
                          run->line->chain, rules_table_name(run->line->table));
    run->changed = rc == 0;
    return rc;
}

int run_rename(struct run *run)
{
    if (run->chain->policy != RULES_POLICY_NONE)
        return words_fail(run_blame(run), run->error, "%s is a built-in chain and keeps its name",
                          run->chain->name);
    int rc = rules_chain_rename(run->t, run->chain, run->line->argument);
    if (rc == -EEXIST)
        return words_fail(run_blame(run), run->error, "there is a chain %s in the table %s already",
                          run->line->argument, rules_table_name(run->line->table));
    run->changed = rc == 0;
    return rc;
}

static int check_deletable(struct run *run, const struct rules_chain *chain, uint32_t references)
{
    if (chain->policy != RULES_POLICY_NONE)
        return words_fail(run_blame(run), run->error, "%s is a built-in chain and cannot be deleted",
                          chain->name);
    if (references)
        return words_fail(
            run_blame(run), run->error,
            "the chain %s is in use: %u rule%s to it; delete %s first (iptables: Too many links)",
            chain->name, references, references == 1 ? " jumps" : "s jump", references == 1 ? "it" : "them");
    if (chain->count)
        return words_fail(
            run_blame(run), run->error,
            "the chain %s is not empty: it has %zu rule%s; flush it first (iptables: Directory not empty)",
            chain->name, chain->count, chain->count == 1 ? "" : "s");
    return 0;
}

/* All of users' chains must be empty, and so none is referred to but from built-in ones. */
static int delete_all_chains(struct run *run)
{
    struct rules_table *t = run->t;
    size_t kept = 0;

    for (size_t i = 0; i < t->count; i++) {
        if (t->chains[i]->policy != RULES_POLICY_NONE) {
            kept++;
            continue;
        }
        /* references are counted only where a chain has them at all: from rules of built-in chains */
        int rc = check_deletable(run, t->chains[i], 0);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < kept; i++) {
        for (size_t j = 0; j < t->chains[i]->count; j++) {
            const struct rules_target *target = &t->chains[i]->rules[j].target;
            if (target->type == RULES_TARGET_CHAIN)
                return check_deletable(run, target->chain, rules_chain_references(t, target->chain));
        }
    }
    for (size_t i = kept; i < t->count; i++)
        run_tell(run, "Deleting chain `%s'\n", t->chains[i]->name);
    while (t->count > kept)
        rules_chain_remove(t, t->chains[t->count - 1]);
    run->changed = true;
    return 0;
}

int run_delete_chain(struct run *run)
{
    if (!run->chain)
        return delete_all_chains(run);
    int rc = check_deletable(run, run->chain, rules_chain_references(run->t, run->chain));
    if (rc)
        return rc;
    run_tell(run, "Deleting chain `%s'\n", run->chain->name);
    rules_chain_remove(run->t, run->chain);
    run->changed = true;
    return 0;
}

int run_policy(struct run *run)
{
    const char *policy = run->line->argument;

    if (run->chain->policy == RULES_POLICY_NONE)
        return words_fail(run_blame(run), run->error,
                          "%s is a chain of a user; only built-in chains have a policy", run->chain->name);
    if (strcmp(policy, "ACCEPT") != 0 && strcmp(policy, "DROP") != 0) {
        run->words->current = run->line->chain_word + 1;
        return words_fail(run->words, run->error, "\"%s\" is not a policy; expected ACCEPT or DROP", policy);
    }
    run->chain->policy = policy[0] == 'A' ? RULES_POLICY_ACCEPT : RULES_POLICY_DROP;
    run->chain->undeclared = false;
    run->chain->counters = run->line->counters;
    run->changed = true;
    return 0;
}
