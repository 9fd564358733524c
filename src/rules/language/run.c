/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "rules/language/list.h"
#include "rules/language/run_chain.h"
#include "rules/language/save.h"
#include "rules/language/verbose.h"

enum {
    NEAR_MAX = 4096,
};

static int fail_no_chain(struct run *run)
{
    const char *names[NEAR_MAX];
    const char *table = rules_table_name(run->line->table);
    size_t count = 0;

    for (; count < run->t->count && count < NEAR_MAX; count++)
        names[count] = run->t->chains[count]->name;
    const char *near = nearest_name(run->line->chain, names, count);
    return words_fail(run_blame(run), run->error, "there is no chain \"%s\" in the table %s%s%s%s",
                      run->line->chain, table, near ? "; did you mean " : "", near ? near : "",
                      near ? "?" : "");
}

static void tell_rules(struct run *run)
{
    struct line *line = run->line;
    struct rules_rule rule = line->rule; /* borrows its parts */

    if (!run->out || !(line->flags & LINE_VERBOSE))
        return;
    for (size_t i = 0; i < line->source_count; i++) {
        for (size_t j = 0; j < line->destination_count; j++) {
            rule.source = line->sources[i];
            rule.destination = line->destinations[j];
            verbose_rule(run->out, run->r->family, &rule);
        }
    }
}

/* ---- rules ---- */

/* The rule for source i and destination j, in *ret. The last one takes the line's own parts. */
static int make_rule(struct run *run, size_t i, size_t j, struct rules_rule *ret)
{
    struct line *line = run->line;
    bool last = i + 1 == line->source_count && j + 1 == line->destination_count;

    if (last) {
        *ret = line->rule;
        memset(&line->rule, 0, sizeof(line->rule));
    } else if (rules_rule_copy(&line->rule, ret)) {
        return -ENOMEM;
    }
    ret->source = line->sources[i];
    ret->destination = line->destinations[j];
    return 0;
}

static size_t rules_of_line(const struct line *line)
{
    return line->source_count * line->destination_count;
}

static int check_room(struct run *run)
{
    if (run->chain->count + rules_of_line(run->line) > RULES_MAX)
        return words_fail(run_blame(run), run->error, "more than %d rules in the chain %s", RULES_MAX,
                          run->chain->name);
    return 0;
}

/* Puts the line's rules before rules[at]; with -I each goes before those of it that came earlier, as in
 * iptables. */
static int insert_rules(struct run *run, size_t at, bool forward)
{
    struct line *line = run->line;
    struct rules_rule rule;
    size_t done = 0;
    int rc = 0;

    for (size_t i = 0; i < line->source_count && rc == 0; i++) {
        for (size_t j = 0; j < line->destination_count && rc == 0; j++) {
            rc = make_rule(run, i, j, &rule);
            if (rc)
                break;
            rule.serial = run->r->next_serial;
            rc = rules_chain_insert(run->chain, forward ? at + done : at, &rule);
            if (rc) {
                rules_rule_fini(&rule);
                break;
            }
            run->r->next_serial++;
            done++;
        }
    }
    if (rc == 0 && run->check && rules_rule_needs_check(&run->chain->rules[at]))
        rc = rules_table_check(run->t, line->table, NULL, run->error);
    for (; rc && done; done--)
        rules_chain_delete(run->chain, at);
    run->changed = rc == 0;
    return rc;
}

static int run_append(struct run *run)
{
    int rc = check_room(run);

    return rc ? rc : insert_rules(run, run->chain->count, true);
}

static int run_insert(struct run *run)
{
    size_t at = run->line->number ? run->line->number - 1 : 0;

    if (at > run->chain->count)
        return run_fail_number(run);
    int rc = check_room(run);
    return rc ? rc : insert_rules(run, at, false);
}

static int run_replace(struct run *run)
{
    size_t at = run->line->number - 1;
    struct rules_rule old, rule;

    if (at >= run->chain->count)
        return run_fail_number(run);
    int rc = make_rule(run, 0, 0, &rule);
    if (rc)
        return rc;
    old = run->chain->rules[at];
    rule.serial = run->r->next_serial;
    run->chain->rules[at] = rule;
    if (run->check && (rules_rule_needs_check(&rule) || rules_rule_is_final(&old)))
        rc = rules_table_check(run->t, run->line->table, NULL, run->error);
    if (rc) {
        run->chain->rules[at] = old;
        rules_rule_fini(&rule);
        return rc;
    }
    run->r->next_serial++;
    rules_rule_fini(&old);
    run->changed = true;
    return 0;
}

static int fail_no_rule(struct run *run)
{
    return words_fail(run_blame(run), run->error, "the chain %s has no such rule", run->chain->name);
}

/* The first rule that is equal; count: none. */
static size_t find_rule(struct run *run, const struct rules_rule *rule)
{
    size_t at = 0;

    while (at < run->chain->count && !rules_rule_equal(&run->chain->rules[at], rule))
        at++;
    return at;
}

static int run_check(struct run *run)
{
    struct line *line = run->line;
    struct rules_rule rule = line->rule; /* borrows its parts */

    for (size_t i = 0; i < line->source_count; i++) {
        for (size_t j = 0; j < line->destination_count; j++) {
            rule.source = line->sources[i];
            rule.destination = line->destinations[j];
            if (find_rule(run, &rule) == run->chain->count)
                return fail_no_rule(run);
        }
    }
    return 0;
}

/* Would taking the marked rules out of the chain uncover a loop? A rule that ends the walk hides what is
 * behind it. */
static int check_without(struct run *run, const bool *gone)
{
    struct rules_chain *chain = run->chain;
    struct rules_rule *all = chain->rules;
    size_t count = chain->count, kept = 0;
    bool uncovers = false;

    for (size_t i = 0; i < count; i++)
        uncovers |= gone[i] && rules_rule_is_final(&all[i]);
    if (!run->check || !uncovers)
        return 0;
    struct rules_rule *left = calloc(count, sizeof(*left));
    if (!left)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (!gone[i])
            left[kept++] = all[i];
    }
    chain->rules = left;
    chain->count = kept;
    int rc = rules_table_check(run->t, run->line->table, NULL, run->error);
    chain->rules = all;
    chain->count = count;
    free(left);
    return rc;
}

static int remove_rules(struct run *run, const bool *gone)
{
    struct rules_chain *chain = run->chain;
    size_t kept = 0;
    int rc = check_without(run, gone);

    if (rc)
        return rc;
    for (size_t i = 0; i < chain->count; i++) {
        if (gone[i])
            rules_rule_fini(&chain->rules[i]);
        else if (kept++ != i)
            chain->rules[kept - 1] = chain->rules[i];
    }
    chain->count = kept;
    run->changed = true;
    return 0;
}

/* Marks the first rule that is equal and not marked yet; false: none. */
static bool mark_rule(const struct rules_chain *chain, const struct rules_rule *rule, bool *gone)
{
    for (size_t at = 0; at < chain->count; at++) {
        if (!gone[at] && rules_rule_equal(&chain->rules[at], rule)) {
            gone[at] = true;
            return true;
        }
    }
    return false;
}

/* All rules of the line go, or none. */
static int run_delete(struct run *run)
{
    struct line *line = run->line;
    struct rules_rule rule = line->rule; /* borrows its parts */
    bool *gone = calloc(run->chain->count + 1, sizeof(*gone));
    int rc = 0;

    if (!gone)
        return -ENOMEM;
    for (size_t n = 0; n < rules_of_line(line) && rc == 0; n++) {
        rule.source = line->sources[n / line->destination_count];
        rule.destination = line->destinations[n % line->destination_count];
        if (!mark_rule(run->chain, &rule, gone))
            rc = fail_no_rule(run);
    }
    if (rc == 0)
        rc = remove_rules(run, gone);
    free(gone);
    return rc;
}

static int run_delete_number(struct run *run)
{
    if (run->line->number > run->chain->count)
        return run_fail_number(run);
    bool *gone = calloc(run->chain->count, sizeof(*gone));
    if (!gone)
        return -ENOMEM;
    gone[run->line->number - 1] = true;
    int rc = remove_rules(run, gone);
    free(gone);
    return rc;
}

/* ---- printing ---- */

static int run_list(struct run *run)
{
    unsigned flags = 0;

    if (run->line->flags & LINE_NUMERIC)
        flags |= RULES_LIST_NUMERIC;
    if (run->line->flags & LINE_VERBOSE)
        flags |= RULES_LIST_VERBOSE;
    if (run->line->flags & LINE_EXACT)
        flags |= RULES_LIST_EXACT;
    if (run->line->flags & LINE_NUMBERS)
        flags |= RULES_LIST_NUMBERS;
    /* a number past the end prints nothing and is no mistake, as in iptables */
    int rc = rules_list(run->r, run->line->table, run->line->chain, run->line->number, flags, run->out);
    if (rc && rc != -ERANGE)
        return rc;
    if (run->line->flags & LINE_ZEROES)
        run_zero_counters(run);
    return 0;
}

static int run_list_rules(struct run *run)
{
    save_rule_list(run->out, run->r->family, run->t, run->chain, run->line->number,
                   run->line->flags & LINE_VERBOSE ? SAVE_RULE_INSIDE : 0);
    if (run->line->flags & LINE_ZEROES)
        run_zero_counters(run);
    return 0;
}

/* ---- dispatch ---- */

static const struct {
    int (*run)(struct run *run);
    bool prints;
    bool new_chain; /* chain is not there yet */
} commands[LINE_COMMANDS] = {
    [LINE_APPEND] = {run_append, false, false}, [LINE_CHECK] = {run_check, true, false},
    [LINE_DELETE] = {run_delete, false, false}, [LINE_DELETE_NUMBER] = {run_delete_number, false, false},
    [LINE_INSERT] = {run_insert, false, false}, [LINE_REPLACE] = {run_replace, false, false},
    [LINE_LIST] = {run_list, true, false},      [LINE_LIST_RULES] = {run_list_rules, true, false},
    [LINE_FLUSH] = {run_flush, false, false},   [LINE_ZERO] = {run_zero, false, false},
    [LINE_NEW] = {run_new, false, true},        [LINE_DELETE_CHAIN] = {run_delete_chain, false, false},
    [LINE_RENAME] = {run_rename, false, false}, [LINE_POLICY] = {run_policy, false, false},
};

int line_run(struct rules *r, struct line *line, struct rules_words *words, bool check, FILE *out,
             bool *ret_changed, int *ret_status, struct rules_error *error)
{
    struct rules_table *t = &r->tables[line->table];
    struct run run = {
        .r = r, .t = t, .line = line, .words = words, .error = error, .out = out, .check = check};
    bool was_present = t->present;

    *ret_status = 1;
    if (commands[line->command].prints && !out) {
        *ret_status = 2;
        words->current = 0;
        return words_fail(words, error, "this command changes nothing; it has no place in a file");
    }
    if (rules_table_make(r, line->table))
        return -ENOMEM;
    int rc = 0;
    if (line->chain && !commands[line->command].new_chain) {
        run.chain = rules_table_chain(t, line->chain);
        if (!run.chain)
            rc = fail_no_chain(&run);
    }
    if (rc == 0) {
        tell_rules(&run);
        rc = commands[line->command].run(&run);
    }
    if (!was_present && (rc || !run.changed))
        rules_table_fini(t); /* the last of order, which counts only present ones */
    *ret_changed = rc == 0 && run.changed;
    if (rc == 0)
        *ret_status = 0;
    return rc;
}
