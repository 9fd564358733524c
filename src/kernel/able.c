/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/able.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/able_meet.h"
#include "kernel/able_rows.h"
#include "rules/ext/extension.h"
#include "rules/rules.h"
#include "verdict/image/places.h"

struct check {
    const struct rules *rules;
    const uint8_t *image;
    const struct able_terms *terms;
    able_tell *tell;
    void *arg;
    int result;
    /* Where it is. */
    enum rules_table_type table;
    const struct rules_chain *chain;
    const struct rules_rule *rule; /* NULL: of the chain */
    uint32_t number;
    const struct image_rule **numbered; /* of the chain */
};

/* ---- telling ---- */

static void tell_exception(struct check *c, const struct able_exception *e, const char *what, const char *why)
{
    char *text = c->rule ? rules_rule_text(c->rules, c->chain, c->rule) : NULL;
    struct able_note note = {.refused = !e->less,
                             .table = c->table,
                             .chain = c->chain,
                             .number = c->number,
                             .rule = text ? text : "",
                             .what = what,
                             .why = why,
                             .remedy = e->remedy};

    if (c->rule && !text) {
        c->result = -ENOMEM;
        return;
    }
    c->tell(c->arg, &note);
    free(text);
    if (note.refused && c->result == 0)
        c->result = -EOPNOTSUPP;
}

void able_note_print(FILE *out, const struct able_note *note)
{
    const char *table = rules_table_name(note->table);

    fprintf(out, "table %s, chain %s", table, note->chain->name);
    if (note->number)
        fprintf(out, ", rule %u: %s", note->number, note->rule);
    fprintf(out, "\n    %s: %s%s%s; %s\n", note->refused ? "refused" : "note", note->what,
            note->what[0] ? ": " : "", note->why, note->remedy);
}

/* ---- the image's word on a match ---- */

static const struct image_table *table_of(const struct check *c)
{
    uint32_t offset = ((const struct image_header *)c->image)->tables[c->table];

    return (const struct image_table *)(c->image + offset);
}

/* The chain's rules by their numbers, the caller's; NULL: out of memory. */
static const struct image_rule **number_rules(const struct check *c, uint32_t chain)
{
    const struct image_table *table = table_of(c);
    const struct image_chain *one = (const struct image_chain *)(c->image + table->chains) + chain;
    const struct image_rule *rules = (const struct image_rule *)(c->image + table->rules);
    const struct image_rule **ret = calloc(c->chain->count + 1, sizeof(*ret));

    for (uint32_t bit = one->first; ret && bit < one->end; bit++)
        if (rules[bit].number <= c->chain->count) /* 0: room between rules */
            ret[rules[bit].number] = &rules[bit];
    return ret;
}

static bool is_empty(const struct check *c, unsigned match)
{
    const struct image_rule *rule = c->numbered[c->number];

    for (uint32_t i = 0; i < rule->count; i++) {
        const struct condition *one = image_rule_condition(c->image, rule, i);
        if (one->kind == CONDITION_CALL && one->match == match && !one->payload)
            return true;
    }
    return false;
}

/* ---- a rule ---- */

/* name: of the match or target behind option, "-m" or "-j". */
static void try_row(struct check *c, const struct able_row *row, const struct able_case *one,
                    const char *option, const char *name, const char *why)
{
    char what[64];

    for (unsigned i = 0; i < ABLE_EXCEPTIONS && row->exceptions[i].remedy; i++) {
        const struct able_exception *e = &row->exceptions[i];

        if (e->applies && !e->applies(one))
            continue;
        snprintf(what, sizeof what, "%s %s", option, name);
        tell_exception(c, e, what, e->why ? e->why : why);
        return;
    }
}

static void check_match(struct check *c, unsigned i)
{
    const struct rules_match *match = &c->rule->matches[i];
    struct able_case one = {.rules = c->rules,
                            .table = c->table,
                            .rule = c->rule,
                            .match = match,
                            .empty = is_empty(c, i),
                            .terms = c->terms};
    const char *name =
        match->type == RULES_MATCH_OPAQUE ? match->opaque.name : rules_match_row(match->type)->name;

    try_row(c, &able_matches[match->type], &one, "-m", name,
            match->type == RULES_MATCH_UNKNOWN ? match->unknown : "");
}

static void check_target(struct check *c)
{
    const struct rules_target *target = &c->rule->target;
    struct able_case one = {
        .rules = c->rules, .table = c->table, .rule = c->rule, .target = target, .terms = c->terms};
    const char *name = able_target_word(target->type);

    if (!name)
        name =
            target->type == RULES_TARGET_OPAQUE ? target->opaque.name : rules_target_row(target->type)->name;
    try_row(c, &able_targets[target->type], &one, "-j", name, "");
}

static void check_rule(struct check *c, uint32_t number)
{
    const struct able_exception *table = able_table(c->table);

    c->rule = &c->chain->rules[number - 1];
    c->number = number;
    if (table) {
        tell_exception(c, table, "", table->why);
        return;
    }
    for (unsigned i = 0; i < c->rule->match_count; i++)
        check_match(c, i);
    check_target(c);
}

/* ---- a chain ---- */

static void check_policy(struct check *c)
{
    static const struct able_exception
        drops = {.remedy = "set its policy with iptables beside the wall, and ACCEPT here"},
        undeclared = {.remedy =
                          "add the chain's line with its policy to the file, such as :INPUT ACCEPT [0:0]"};
    const struct able_exception *table = able_table(c->table);

    c->rule = NULL;
    c->number = 0;
    if (table && c->chain->policy == RULES_POLICY_DROP)
        tell_exception(c, &drops, "policy DROP", table->why);
    if (!table && c->chain->undeclared)
        tell_exception(c, &undeclared, "its policy",
                       "the file has its table and not the chain, so that its policy is not known");
}

/* What no packet can be followed through. */
static void check_meeting(struct check *c, const struct rules_table *t)
{
    static const struct able_exception deep = {.remedy =
                                                   "jump less deep, or use -g where nothing comes back"},
                                       many = {.remedy = "order rules into chains by address or port"};
    struct able_meeting m;

    if (able_meet(t, c->rules->family, &m) < 0) {
        c->result = -ENOMEM;
        return;
    }
    for (unsigned i = 0; i < m.count; i++) {
        c->chain = m.beyond[i].chain;
        c->rule = m.beyond[i].is_deep ? m.beyond[i].rule : NULL;
        c->number = c->rule ? (uint32_t)(c->rule - c->chain->rules) + 1 : 0;
        if (m.beyond[i].is_deep)
            tell_exception(c, &deep, "", "it leads more than 16 chains deep, and such packets are dropped");
        else
            tell_exception(c, &many, "",
                           "a packet may meet more than 8,192 rules from here on, and is dropped then");
    }
    able_meeting_fini(&m);
}

static void check_chain(struct check *c, uint32_t index)
{
    check_policy(c);
    c->numbered = number_rules(c, index);
    if (!c->numbered)
        c->result = -ENOMEM;
    for (uint32_t n = 1; c->numbered && n <= c->chain->count; n++)
        check_rule(c, n);
    free(c->numbered);
    c->numbered = NULL;
}

static void check_table(struct check *c)
{
    const struct rules_table *t = &c->rules->tables[c->table];

    for (uint32_t i = 0; i < t->count; i++) {
        c->chain = t->chains[i];
        check_chain(c, i);
    }
    if (!able_table(c->table))
        check_meeting(c, t);
}

int able_check(const struct rules *r, const struct image *image, const struct able_terms *terms,
               able_tell *tell, void *arg)
{
    struct check c = {
        .rules = r, .image = image_bytes(image), .terms = terms, .tell = tell, .arg = arg, .result = 0};

    for (unsigned type = 0; type < RULES_TABLES; type++) {
        c.table = (enum rules_table_type)type;
        if (r->tables[type].present)
            check_table(&c);
    }
    return c.result;
}
