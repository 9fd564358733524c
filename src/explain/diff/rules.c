/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/diff/rules.h"
#include "explain/diff/conditions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW_LONGEST = 200000, /* entries; chains that call chains can grow beyond any measure */
    ROW_DEPTH = 64,
};

/* ---- names ---- */

static void add_interface_name(struct diff_names *names, const char *name)
{
    for (size_t i = 0; i < names->interface_count; i++) {
        if (strcmp(names->interface[i], name) == 0)
            return;
    }
    if (names->interface_count == DIFF_NAMES) {
        names->overflow = true;
        return;
    }
    snprintf(names->interface[names->interface_count++], RULES_INTERFACE, "%.*s", RULES_INTERFACE - 1, name);
}

/* A wildcard is told apart from others by one name that it takes and that is nobody's own. */
static void add_interface_pattern(struct diff_names *names, const struct rules_interface *i)
{
    char name[RULES_INTERFACE + 4];
    if (!i->name[0])
        return;
    snprintf(name, sizeof(name), i->wildcard ? "%.11s9999" : "%s", i->name);
    name[RULES_INTERFACE - 1] = '\0';
    add_interface_name(names, name);
}

void diff_names_collect(struct diff_names *names, const struct rules *r)
{
    if (names->interface_count == 0)
        add_interface_name(names, "another");
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++) {
                add_interface_pattern(names, &chain->rules[i].in);
                add_interface_pattern(names, &chain->rules[i].out);
            }
        }
    }
}

void diff_names_clear(struct diff_names *names)
{
    for (size_t i = 0; i < names->atom_count; i++)
        free(names->atom[i]);
    *names = (struct diff_names){0};
}

/* ---- writing chains out ---- */

struct writer {
    struct diff_row *row;
    const struct rules *other;
    struct diff_names *names;
    enum rules_table_type table;
    bool is_last;   /* no table comes after it */
    bool forwarded; /* routed, and counted down */
    uint32_t next_label;
    uint32_t behind; /* label of the end of the table, where its ACCEPT goes on */
    unsigned depth;
};

/* Takes conditions over. */
static int add_entry(struct writer *w, struct diff_conditions *conditions, const struct diff_entry *what)
{
    struct diff_row *row = w->row;
    if (row->count >= ROW_LONGEST) {
        row->cut = true;
        diff_conditions_clear(conditions);
        return 0;
    }
    if ((row->count & (row->count - 1)) == 0) {
        struct diff_entry *entries =
            reallocarray(row->entries, row->count ? row->count * 2 : 1, sizeof(*entries));
        if (!entries) {
            diff_conditions_clear(conditions);
            return -ENOMEM;
        }
        row->entries = entries;
    }
    struct diff_entry *e = &row->entries[row->count++];
    *e = *what;
    e->table = w->table;
    e->conditions = conditions->list;
    e->count = conditions->count;
    *conditions = (struct diff_conditions){0};
    return 0;
}

static int add_plain(struct writer *w, const struct diff_conditions *prefix, uint8_t action, uint32_t label)
{
    struct diff_conditions conditions = {0};
    struct diff_entry entry = {.action = action, .label = label};
    if (diff_conditions_append(&conditions, prefix) < 0) {
        diff_conditions_clear(&conditions);
        return -ENOMEM;
    }
    return add_entry(w, &conditions, &entry);
}

static int write_chain(struct writer *w, const struct rules_chain *chain,
                       const struct diff_conditions *prefix, uint32_t end);

/* What a rule's target does to a packet's way; -1: nothing. */
static int action_of(const struct writer *w, const struct rules_rule *rule)
{
    const struct rules_target *t = &rule->target;
    switch (t->type) {
    case RULES_TARGET_ACCEPT:
        return w->is_last ? DIFF_ACCEPT : DIFF_LEAVE;
    case RULES_TARGET_DROP:
        return DIFF_DROP;
    case RULES_TARGET_REJECT:
        return DIFF_REJECT;
    case RULES_TARGET_RETURN:
        return DIFF_LEAVE;
    case RULES_TARGET_NOTRACK:
        return DIFF_NOTRACK;
    case RULES_TARGET_CT:
        return t->ct->notrack ? DIFF_NOTRACK : -1;
    case RULES_TARGET_OPAQUE:
        return t->decides ? DIFF_DEPENDS : -1;
    default:
        return rules_target_is_nat(t) ? DIFF_DEPENDS : -1;
    }
}

static void note_changes(struct diff_row *row, const struct rules_rule *rule)
{
    static const uint16_t asks[RULES_MATCH_TYPES] = {
        [RULES_MATCH_MARK] = RULES_CHANGES_MARK,
        [RULES_MATCH_CONNMARK] = RULES_CHANGES_MARK,
        [RULES_MATCH_SET] = RULES_CHANGES_SETS,
        [RULES_MATCH_TTL] = RULES_CHANGES_TTL,
        [RULES_MATCH_HL] = RULES_CHANGES_TTL,
        [RULES_MATCH_TOS] = RULES_CHANGES_TOS,
        [RULES_MATCH_DSCP] = RULES_CHANGES_TOS,
        [RULES_MATCH_TCPMSS] = RULES_CHANGES_TCP,
        [RULES_MATCH_LENGTH] = RULES_CHANGES_TCP,
        [RULES_MATCH_OPAQUE] = UINT16_MAX,
        [RULES_MATCH_U32] = RULES_CHANGES_TTL | RULES_CHANGES_TOS | RULES_CHANGES_TCP,
    };
    const struct rules_target *target = &rule->target;
    row->changes |= rules_target_changes(target) & (uint16_t)~RULES_CHANGES_ADDRESSES;
    for (uint16_t i = 0; i < rule->match_count; i++) {
        const struct rules_match *m = &rule->matches[i];
        row->asks |= asks[m->type];
        if (m->type == RULES_MATCH_TCP && (m->tcp.option || m->tcp.flags_mask))
            row->asks |= RULES_CHANGES_TCP;
    }
}

static int write_rule(struct writer *w, const struct rules_chain *chain, uint32_t number,
                      const struct diff_conditions *prefix, bool either, uint32_t end)
{
    const struct rules_rule *rule = &chain->rules[number - 1];
    struct diff_conditions conditions = {0};
    int error = diff_conditions_append(&conditions, prefix);
    note_changes(w->row, rule);
    if (!error)
        error = diff_conditions_of(w->row->rules, chain, rule, either, w->forwarded, w->names, &conditions);
    if (error) {
        diff_conditions_clear(&conditions);
        return error;
    }
    if (rule->target.type == RULES_TARGET_CHAIN) {
        error = write_chain(w, rule->target.chain, &conditions, w->next_label++);
        if (!error && rule->target.is_goto)
            error = add_plain(w, &conditions, DIFF_LEAVE, end);
        diff_conditions_clear(&conditions);
        return error;
    }
    int action = action_of(w, rule);
    if (action < 0) {
        diff_conditions_clear(&conditions);
        return 0;
    }
    bool is_return = rule->target.type == RULES_TARGET_RETURN;
    struct diff_entry entry = {.action = (uint8_t)action,
                               .label = is_return ? end : w->behind,
                               .chain = chain,
                               .rule = rule,
                               .number = number};
    return add_entry(w, &conditions, &entry);
}

static int write_rules(struct writer *w, const struct rules_chain *chain,
                       const struct diff_conditions *prefix, uint32_t end)
{
    int error = 0;
    for (size_t i = 0; i < chain->count && !error && !w->row->cut; i++) {
        error = write_rule(w, chain, (uint32_t)i + 1, prefix, false, end);
        if (!error && diff_conditions_are_two(&chain->rules[i]))
            error = write_rule(w, chain, (uint32_t)i + 1, prefix, true, end);
    }
    return error;
}

/* A user chain, and behind it the place where its callers go on. */
static int write_chain(struct writer *w, const struct rules_chain *chain,
                       const struct diff_conditions *prefix, uint32_t end)
{
    static const struct diff_conditions none;
    if (w->depth == ROW_DEPTH) {
        w->row->cut = true;
        return 0;
    }
    w->depth++;
    int error = write_rules(w, chain, prefix, end);
    w->depth--;
    return error ? error : add_plain(w, &none, DIFF_MARK, end);
}

/* A built-in chain and its policy. */
static int write_hook(struct writer *w, enum rules_hook hook, const struct diff_conditions *prefix)
{
    static const struct diff_conditions none;
    const struct rules_chain *chain = rules_chain_at(w->row->rules, w->table, hook);
    uint32_t end = w->next_label++;
    int error = chain ? write_rules(w, chain, prefix, end) : 0;
    if (!error)
        error = add_plain(w, &none, DIFF_MARK, end);
    if (error)
        return error;
    enum diff_action action = !chain                               ? DIFF_ACCEPT
                              : chain->undeclared                  ? DIFF_DEPENDS
                              : chain->policy == RULES_POLICY_DROP ? DIFF_DROP
                                                                   : DIFF_ACCEPT;
    struct diff_conditions conditions = {0};
    struct diff_entry policy = {.action = (uint8_t)action, .chain = chain};
    if (!w->is_last && action == DIFF_ACCEPT)
        return 0;
    return add_entry(w, &conditions, &policy);
}

/* Is it met at all? Filter always is, so that there is a last one. Where sources are rewritten the packet has
 * passed. */
static bool is_met(const struct writer *w, const struct order_place *at)
{
    enum rules_table_type table = (enum rules_table_type)at->stop->table;
    if (at->stop->deed == ORDER_NAT && at->hook != RULES_PREROUTING && at->hook != RULES_OUTPUT)
        return false;
    if (at->stop->deed != ORDER_RULES && at->stop->deed != ORDER_NAT)
        return false;
    return table == RULES_FILTER || w->row->rules->tables[table].present || w->other->tables[table].present;
}

static bool is_last_table(const struct writer *w, enum wall_path path, struct order_place place)
{
    while (order_next(path, &place)) {
        if (is_met(w, &place))
            return false;
    }
    return true;
}

static int write_table(struct writer *w, enum wall_path path, const struct order_place *at)
{
    static const struct diff_conditions none;
    struct diff_conditions connections = {0};
    w->table = (enum rules_table_type)at->stop->table;
    w->is_last = is_last_table(w, path, *at);
    w->forwarded = path == WALL_THROUGH && at->hook != RULES_PREROUTING;
    w->behind = w->next_label++;
    int error = at->stop->deed == ORDER_NAT ? diff_conditions_tracked(&connections) : 0;
    if (!error)
        error = write_hook(w, at->hook, &connections);
    diff_conditions_clear(&connections);
    return error || w->is_last ? error : add_plain(w, &none, DIFF_MARK, w->behind);
}

int diff_row_make(const struct rules *r, const struct rules *other, enum wall_path path,
                  struct diff_names *names, struct diff_row *ret)
{
    struct diff_row row = {.rules = r};
    struct writer w = {.row = &row, .other = other, .names = names};
    struct order_place place = {0};
    int error = 0;
    while (!error && order_next(path, &place)) {
        if (is_met(&w, &place))
            error = write_table(&w, path, &place);
    }
    if (error) {
        diff_row_clear(&row);
        return error;
    }
    *ret = row;
    return 0;
}

void diff_row_clear(struct diff_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        for (uint16_t c = 0; c < row->entries[i].count; c++)
            free(row->entries[i].conditions[c].ranges);
        free(row->entries[i].conditions);
        free(row->entries[i].key);
    }
    free(row->entries);
    *row = (struct diff_row){0};
}

/* ---- what is the same ---- */

/* Labels are left out: they number places of one row, and a LEAVE goes to the next MARK of its own. */
static char *key_of(const struct diff_row *row, size_t at)
{
    const struct diff_entry *e = &row->entries[at];
    size_t size = 0;
    char *key = NULL;
    FILE *out = open_memstream(&key, &size);
    if (!out)
        return NULL;
    fprintf(out, "%u", e->action);
    if (e->action == DIFF_DEPENDS && e->rule && e->rule->target.type == RULES_TARGET_OPAQUE)
        fprintf(out, " %s%s", e->rule->target.opaque.name, e->rule->target.opaque.words);
    for (uint16_t i = 0; i < e->count; i++) {
        const struct diff_condition *c = &e->conditions[i];
        fprintf(out, " %u%s%u", c->field, c->inverted ? "!" : "=", c->atom);
        for (uint8_t k = 0; k < c->count; k++)
            fprintf(out, ",%llx%016llx:%llx%016llx", (unsigned long long)(c->ranges[k].first >> 64),
                    (unsigned long long)c->ranges[k].first, (unsigned long long)(c->ranges[k].last >> 64),
                    (unsigned long long)c->ranges[k].last);
        if (c->field >= DIFF_INTERVALS && c->field < DIFF_FIELDS)
            fprintf(out, ",%llx.%llx.%llx.%llx", (unsigned long long)c->bits.word[0],
                    (unsigned long long)c->bits.word[1], (unsigned long long)c->bits.word[2],
                    (unsigned long long)c->bits.word[3]);
    }
    if (fclose(out) != 0) {
        free(key);
        return NULL;
    }
    return key;
}

static int by_key(const void *a, const void *b)
{
    const struct diff_entry *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

int diff_rows_number(struct diff_row *one, struct diff_row *other)
{
    struct diff_row *rows[] = {one, other};
    size_t total = one->count + other->count, n = 0;
    struct diff_entry **all = calloc(total ? total : 1, sizeof(struct diff_entry *));
    if (!all)
        return -ENOMEM;
    for (int r = 0; r < 2; r++) {
        for (size_t i = 0; i < rows[r]->count; i++) {
            rows[r]->entries[i].key = key_of(rows[r], i);
            if (!rows[r]->entries[i].key) {
                free(all);
                return -ENOMEM;
            }
            all[n++] = &rows[r]->entries[i];
        }
    }
    qsort(all, total, sizeof(struct diff_entry *), by_key);
    uint32_t id = 0;
    for (size_t i = 0; i < total; i++) {
        if (i > 0 && strcmp(all[i]->key, all[i - 1]->key) != 0)
            id++;
        all[i]->id = id;
    }
    free(all);
    return 0;
}
