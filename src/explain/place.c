/* SPDX-License-Identifier: BSD-2-Clause */
/* Where rules stand: in words, in the model, and by which jumps they are reached. */
#include "explain/make.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The table that a sentence names; NULL: filter goes without saying. */
static const char *named_table(const struct story_rule *rule)
{
    return rule->table && strcmp(rule->table, "filter") != 0 ? rule->table : NULL;
}

char *story_place(const struct story_rule *rule)
{
    const char *table = named_table(rule), *chain = rule->chain ? rule->chain : SAID(NO_CHAIN);
    if (rule->number == 0)
        return table ? PHRASE(PLACE_POLICY_IN, chain, table) : PHRASE(PLACE_POLICY, chain);
    const char *number = NUMBER(rule->number);
    return table ? PHRASE(PLACE_RULE_IN, number, chain, table) : PHRASE(PLACE_RULE, number, chain);
}

char *story_place_short(const struct story_rule *rule)
{
    const char *table = named_table(rule), *space = table ? " " : "";
    const char *chain = rule->chain ? rule->chain : SAID(NO_CHAIN);
    if (rule->number != 0)
        return story_format("%s%s%s %u", table ? table : "", space, chain, rule->number);
    char *whole = story_format("%s%s%s", table ? table : "", space, chain);
    char *text = PHRASE(PLACE_SHORT_POLICY, whole);
    free(whole);
    return text;
}

bool story_rule_equal(const struct story_rule *a, const struct story_rule *b)
{
    return a->number == b->number && same_text(a->chain, b->chain) && same_text(a->table, b->table);
}

const struct rules_rule *story_rule_find(const struct rules *r, const struct story_rule *rule)
{
    if (!rule->chain || !rule->table || rule->number == 0)
        return NULL;
    for (int t = 0; t < RULES_TABLES; t++) {
        if (strcmp(rules_table_name((enum rules_table_type)t), rule->table) != 0)
            continue;
        const struct rules_chain *chain = rules_chain_find(r, (enum rules_table_type)t, rule->chain);
        return chain && rule->number <= chain->count ? &chain->rules[rule->number - 1] : NULL;
    }
    return NULL;
}

/* ---- jumps ---- */

/* Does what was looked at lead into chain of table? */
static bool leads_to(const struct story_looked *looked, const struct rules *r, const struct story_rule *to)
{
    const struct rules_rule *rule = looked->answer == VERDICT_NO ? NULL : story_rule_find(r, &looked->rule);
    return rule && rule->target.type == RULES_TARGET_CHAIN && same_text(looked->rule.table, to->table) &&
           strcmp(rule->target.chain->name, to->chain) == 0;
}

/* Which of the first count rules that were looked at led to the chain that to is in; count: none. */
static size_t find_jump(const struct story_step *step, const struct rules *r, size_t count,
                        const struct story_rule *to)
{
    for (size_t i = count; i-- > 0;) {
        if (leads_to(&step->looked[i], r, to))
            return i;
    }
    return count;
}

static int copy_quote(struct story_rule *ret, const struct story_rule *from)
{
    struct story_rule copy = {.number = from->number,
                              .line = from->line,
                              .table = strdup(from->table),
                              .chain = strdup(from->chain),
                              .text = strdup(from->text)};
    if (!copy.table || !copy.chain || !copy.text) {
        story_rule_clear(&copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

static int add_first(struct story_step *step, const struct story_rule *rule)
{
    struct story_rule *jumps = reallocarray(step->jumps, step->jump_count + 1, sizeof(*jumps));
    if (!jumps)
        return -ENOMEM;
    step->jumps = jumps;
    struct story_rule copy;
    int error = copy_quote(&copy, rule);
    if (error)
        return error;
    memmove(jumps + 1, jumps, step->jump_count * sizeof(*jumps));
    jumps[0] = copy;
    step->jump_count++;
    return 0;
}

int story_jumps_quote(struct story_step *step, const struct rules *r)
{
    const struct story_rule *to = &step->rule;
    size_t at = step->looked_count;
    if (!to->chain || to->number == 0)
        return 0;
    while (at > 0 && !story_rule_equal(&step->looked[at - 1].rule, to))
        at--;
    while (at > 0) {
        size_t jump = find_jump(step, r, at, to);
        if (jump == at)
            break;
        int error = add_first(step, &step->looked[jump].rule);
        if (error)
            return error;
        to = &step->looked[jump].rule;
        at = jump;
    }
    return 0;
}
