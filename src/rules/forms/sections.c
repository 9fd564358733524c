/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/sections.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rules/forms/names.h"
#include "rules/forms/unseen.h"
#include "rules/language/words.h"

enum { SECTIONS_MOST = 64 };

#define HOOK(name) (1u << RULES_##name)

/* ---- collecting ---- */

void sections_begin(struct sections *s, int table, uint32_t line)
{
    struct section *last = s->count ? &s->list[s->count - 1] : NULL;

    if (last && !last->has_rules && !last->has_chains) { /* nothing was said in it yet */
        last->table = table;
        last->line = line;
        return;
    }
    if (s->count == SECTIONS_MOST)
        return; /* what is too much is refused as a chain that is declared twice */
    struct section *list = reallocarray(s->list, s->count + 1, sizeof(*list));
    s->failed |= !list;
    if (!list)
        return;
    s->list = list;
    list[s->count++] = (struct section){.table = table, .last_hook = -1, .line = line};
}

static struct section_item *add_item(struct sections *s, uint32_t line)
{
    if (!s->count)
        sections_begin(s, NAMES_NO_TABLE, line);
    if (s->item_count == s->item_capacity) {
        size_t capacity = s->item_capacity ? 2 * s->item_capacity : 64;
        struct section_item *items = reallocarray(s->items, capacity, sizeof(*items));
        s->failed |= !items;
        if (!items)
            return NULL;
        s->items = items;
        s->item_capacity = capacity;
    }
    struct section_item *item = &s->items[s->item_count++];
    *item = (struct section_item){.line = line, .section = (uint16_t)(s->count ? s->count - 1 : 0)};
    return item;
}

static char *copy(struct sections *s, const char *text)
{
    char *copied = text ? strdup(text) : NULL;

    s->failed |= text && !copied;
    return copied;
}

void sections_chain(struct sections *s, uint32_t line, const char *chain, const char *policy)
{
    int hook = strcmp(policy, "-") == 0 ? -1 : names_hook(chain);
    struct section *last = s->count ? &s->list[s->count - 1] : NULL;

    if (last && hook >= 0 && ((last->has_rules && !s->interleaved) || hook <= last->last_hook) &&
        (last->table == NAMES_NO_TABLE || last->declared >> hook & 1))
        sections_begin(s, NAMES_NO_TABLE, line);
    struct section_item *item = add_item(s, line);
    if (!item || s->failed)
        return;
    last = &s->list[s->count - 1];
    last->has_chains = true;
    if (hook >= 0) {
        last->declared |= (uint8_t)(1u << hook);
        last->last_hook = hook;
    }
    item->chain = copy(s, chain);
    item->policy = copy(s, policy);
}

static void look_at_target(struct section *s, const char *target)
{
    static const struct {
        const char *name;
        char of;
    } known[] = {{"DNAT", 'n'},     {"SNAT", 'n'},   {"MASQUERADE", 'n'}, {"REDIRECT", 'n'},
                 {"NETMAP", 'n'},   {"CT", 'r'},     {"NOTRACK", 'r'},    {"MARK", 'm'},
                 {"TPROXY", 'm'},   {"TOS", 'm'},    {"DSCP", 'm'},       {"TTL", 'm'},
                 {"HL", 'm'},       {"HMARK", 'm'},  {"CLASSIFY", 'm'},   {"TCPMSS", 'm'},
                 {"CHECKSUM", 'm'}, {"SECMARK", 's'}};

    for (size_t i = 0; target && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, target) != 0)
            continue;
        s->translates |= known[i].of == 'n';
        s->tracks |= known[i].of == 'r';
        s->marks |= known[i].of == 'm';
        s->labels |= known[i].of == 's';
    }
}

void sections_rule(struct sections *s, uint32_t line, const char *chain, const char *words,
                   const char *target, const char *instead)
{
    struct section_item *item = add_item(s, line);
    int hook = names_hook(chain);

    if (!item || s->failed)
        return;
    struct section *last = &s->list[s->count - 1];
    last->has_rules = true;
    if (hook >= 0)
        last->used |= (uint8_t)(1u << hook);
    look_at_target(last, target);
    item->chain = copy(s, chain);
    item->words = copy(s, words);
    item->target = copy(s, target);
    item->instead = copy(s, instead);
}

void sections_command(struct sections *s, uint32_t line, const char *words)
{
    struct section_item *item = add_item(s, line);

    if (!item || s->failed)
        return;
    s->list[s->count - 1].has_rules = true;
    item->is_command = true;
    item->words = copy(s, words);
}

void sections_fini(struct sections *s)
{
    for (size_t i = 0; i < s->item_count; i++) {
        struct section_item *item = &s->items[i];
        free(item->chain);
        free(item->policy);
        free(item->words);
        free(item->target);
        free(item->instead);
    }
    free(s->items);
    free(s->list);
    *s = (struct sections){0};
}

/* ---- which table ---- */

/* security has the chains of filter, and is told by its targets alone. */
static const char *table_of(const struct section *s)
{
    unsigned hooks = s->declared | s->used, early = HOOK(PREROUTING), late = HOOK(POSTROUTING);

    if (hooks & (early | late) && hooks & HOOK(FORWARD))
        return "mangle";
    if (s->declared & late || (s->declared & early && s->declared & HOOK(INPUT)))
        return s->marks && !s->translates ? "mangle" : "nat";
    if (s->declared & early && s->declared & HOOK(OUTPUT))
        return "raw";
    if (s->translates || s->tracks || (s->marks && hooks & (early | late)))
        return s->translates ? "nat" : s->tracks ? "raw" : "mangle";
    return hooks & (early | late) ? NULL : s->labels ? "security" : "filter";
}

static int tell_tables(struct sections *s, const char *name, struct rules_error *error)
{
    for (size_t i = 0; i < s->count; i++) {
        struct section *section = &s->list[i];
        const char *table = section->table == NAMES_NO_TABLE ? table_of(section) : NULL;
        if (section->table != NAMES_NO_TABLE)
            continue;
        if (table)
            section->table = names_table(table, strlen(table));
        if (section->table == NAMES_NO_TABLE)
            return rules_fail_at(
                error, name, section->line, 1,
                "which table these rules are of is not said: they may be of nat, mangle or raw. Write "
                "*TABLE in a line above them, or take what iptables-save prints");
    }
    return 0;
}

static int refuse_double(const struct sections *s, const char *name, struct rules_error *error)
{
    for (size_t i = 0; i < s->count; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct section *a = &s->list[k], *b = &s->list[i];
            if (a->table == b->table && a->declared & b->declared)
                return rules_fail_at(
                    error, name, b->line, 1,
                    "the table %s begins for the second time (before: line %" PRIu32
                    "); is this of two machines, or of iptables and ip6tables? Give one at a time",
                    rules_table_name((enum rules_table_type)b->table), a->line);
        }
    }
    return 0;
}

/* ---- making text ---- */

struct making {
    const struct sections *s;
    int table;
    uint8_t family;
    struct names declared, has_rules; /* users' chains */
    struct form_notes *notes;
    struct made *made;
};

static bool is_here(const struct making *m, const struct section_item *item)
{
    return m->s->list[item->section].table == m->table;
}

static void learn_names(struct making *m)
{
    for (size_t i = 0; i < m->s->item_count; i++) {
        const struct section_item *item = &m->s->items[i];
        if (!is_here(m, item) || item->is_command || names_hook(item->chain) >= 0)
            continue;
        names_add(item->policy ? &m->declared : &m->has_rules, item->chain);
    }
    names_sort(&m->declared);
    names_sort(&m->has_rules);
}

static void make_declared(struct making *m)
{
    for (size_t i = 0; i < m->s->item_count; i++) {
        const struct section_item *item = &m->s->items[i];
        if (is_here(m, item) && item->policy)
            made_line(m->made, item->line, ":%s %s [0:0]", item->chain, item->policy);
    }
}

/* Chains that rules are in or jump to, and that nothing declares. */
static void make_undeclared(struct making *m)
{
    struct names made = {0};

    for (size_t i = 0; i < m->s->item_count; i++) {
        const struct section_item *item = &m->s->items[i];
        const char *const wanted[] = {item->policy || item->is_command ? NULL : item->chain,
                                      item->target && !is_target(item->target, m->family) ? item->target
                                                                                          : NULL};
        if (!is_here(m, item))
            continue;
        for (unsigned k = 0; k < 2; k++) {
            if (wanted[k] && names_hook(wanted[k]) < 0 && !names_has(&m->declared, wanted[k]))
                names_add(&made, wanted[k]);
        }
    }
    names_sort(&made);
    for (size_t i = 0; i < made.count; i++) {
        bool told = names_has(&m->has_rules, made.list[i]);
        if (i && strcmp(made.list[i], made.list[i - 1]) == 0)
            continue;
        made_line(m->made, 0, ":%s - [0:0]", made.list[i]);
        if (!told)
            unseen_chain(m->made, made.list[i]);
    }
    m->notes->failed |= made.failed;
    names_fini(&made);
}

static void make_rules(struct making *m)
{
    for (size_t i = 0; i < m->s->item_count; i++) {
        const struct section_item *item = &m->s->items[i];
        const struct unseen_rule rule = {item->chain, item->words, item->target};
        if (!is_here(m, item) || item->policy)
            continue;
        if (item->is_command)
            made_line(m->made, item->line, "%s", item->words);
        else if (!item->instead || unseen_is_readable((enum rules_table_type)m->table, m->family, &rule))
            made_line(m->made, item->line, "-A %s %s", item->chain, item->words);
        else
            unseen_instead(m->made, item->line, item->chain, item->instead);
    }
}

static void make_table(struct making *m)
{
    learn_names(m);
    made_line(m->made, 0, "*%s", rules_table_name((enum rules_table_type)m->table));
    make_declared(m);
    make_undeclared(m);
    make_rules(m);
    made_line(m->made, 0, "COMMIT");
    m->notes->failed |= m->declared.failed || m->has_rules.failed;
    names_fini(&m->declared);
    names_fini(&m->has_rules);
}

/* One table at a time is what these forms show, and what the others do is nobody's guess. security hardly ever has
 * rules, and is not missed. */
static void tell_missing(unsigned seen, struct form_notes *notes)
{
    static const enum rules_table_type tables[] = {RULES_FILTER, RULES_RAW, RULES_MANGLE, RULES_NAT};
    char names[64] = "";
    unsigned left = 0, told = 0;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        left += !(seen >> tables[i] & 1);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (seen >> tables[i] & 1)
            continue;
        told++;
        strcat(names, told == 1 ? "" : told == left ? " and " : ", ");
        strcat(names, rules_table_name(tables[i]));
    }
    if (left)
        notes_add(notes, NOTE_REWRITES, 0, "iptables-save", "rules in the table%s %s (not shown here)",
                  left == 1 ? "" : "s", names);
}

int sections_make(struct sections *s, const char *name, uint8_t family, struct form_notes *notes,
                  struct made *made, struct rules_error *error)
{
    unsigned seen = 0;
    int rc = s->failed ? -ENOMEM : tell_tables(s, name, error);

    if (rc == 0)
        rc = refuse_double(s, name, error);
    for (size_t i = 0; i < s->count && rc == 0; i++) {
        struct making m = {.s = s, .table = s->list[i].table, .family = family, .notes = notes, .made = made};
        if (seen >> m.table & 1)
            continue;
        seen |= 1u << m.table;
        make_table(&m);
    }
    if (rc == 0)
        tell_missing(seen, notes);
    return rc == 0 && notes->failed ? -ENOMEM : rc;
}
