/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_TOLD = 8 };

/* ---- chains that nothing reaches ---- */

struct reached {
    const struct rules_chain *chain;
    bool is;
};

struct looking {
    struct reached *chains; /* by address */
    size_t count;
    const struct rules_chain **left; /* reached, and not yet looked into */
    size_t left_count;
};

static int compare(const void *a, const void *b)
{
    const struct reached *x = a, *y = b;
    uintptr_t p = (uintptr_t)x->chain, q = (uintptr_t)y->chain;

    return p < q ? -1 : p > q;
}

static void reach(struct looking *l, const struct rules_chain *chain)
{
    struct reached key = {.chain = chain};
    struct reached *found = bsearch(&key, l->chains, l->count, sizeof(key), compare);

    if (!found || found->is)
        return;
    found->is = true;
    l->left[l->left_count++] = chain;
}

static void follow(struct looking *l)
{
    while (l->left_count) {
        const struct rules_chain *chain = l->left[--l->left_count];
        for (size_t i = 0; i < chain->count; i++) {
            if (chain->rules[i].target.type == RULES_TARGET_CHAIN)
                reach(l, chain->rules[i].target.chain);
        }
    }
}

static void tell_unreached(const struct looking *l, const struct rules_table *t, enum rules_table_type type,
                           struct form_notes *notes)
{
    char names[NAMES_TOLD * (RULES_NAME + 2) + 32] = "";
    size_t count = 0, used = 0;

    for (size_t i = 0; i < t->count; i++) {
        struct reached key = {.chain = t->chains[i]};
        const struct reached *found = bsearch(&key, l->chains, l->count, sizeof(key), compare);
        if (found->is)
            continue;
        if (count++ < NAMES_TOLD)
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
                                     t->chains[i]->name);
    }
    if (count > NAMES_TOLD)
        snprintf(names + used, sizeof(names) - used, " and %zu more", count - NAMES_TOLD);
    if (count)
        notes_add(notes, NOTE_REMARK, 0, NULL,
                  "Nothing reaches %s of the table %s, so that what %s in %s decides nothing: %s.",
                  count == 1 ? "a chain" : "some chains", rules_table_name(type),
                  count == 1 ? "is" : "stands", count == 1 ? "it" : "them", names);
}

static int look_at_chains(const struct rules_table *t, enum rules_table_type type, struct form_notes *notes)
{
    struct looking l = {.count = t->count};

    if (!t->count)
        return 0;
    l.chains = calloc(t->count, sizeof(*l.chains));
    l.left = calloc(t->count, sizeof(*l.left));
    if (!l.chains || !l.left) {
        free(l.chains);
        free(l.left);
        return -ENOMEM;
    }
    for (size_t i = 0; i < t->count; i++)
        l.chains[i].chain = t->chains[i];
    qsort(l.chains, l.count, sizeof(*l.chains), compare);
    for (size_t i = 0; i < t->count; i++) {
        if (t->chains[i]->policy != RULES_POLICY_NONE)
            reach(&l, t->chains[i]);
    }
    follow(&l);
    tell_unreached(&l, t, type, notes);
    free(l.chains);
    free(l.left);
    return 0;
}

/* ---- ranges that go down ---- */

struct range {
    const char *of; /* NULL: there is none */
    uint32_t first, last;
};

static struct range range_of(const char *of, const struct rules_range16 *r, bool inverted)
{
    return (struct range){inverted || r->first <= r->last ? NULL : of, r->first, r->last};
}

static struct range either(struct range a, struct range b)
{
    return a.of ? a : b;
}

/* A range of the match in which nothing is. */
static struct range find_down(const struct rules_match *m)
{
    const struct rules_match_conntrack *ct = m->conntrack;

    switch (m->type) {
    case RULES_MATCH_TCP:
    case RULES_MATCH_UDP:
        return either(range_of("ports", &m->tcp.source, m->tcp.source_inverted),
                      range_of("ports", &m->tcp.destination, m->tcp.destination_inverted));
    case RULES_MATCH_LENGTH:
        return range_of("lengths", &m->length.bytes, m->length.inverted);
    case RULES_MATCH_CONNTRACK:
        return either(either(range_of("ports", &ct->origsrc_port, ct->inverted & RULES_CT_ORIGSRCPORT),
                             range_of("ports", &ct->origdst_port, ct->inverted & RULES_CT_ORIGDSTPORT)),
                      either(range_of("ports", &ct->replsrc_port, ct->inverted & RULES_CT_REPLSRCPORT),
                             range_of("ports", &ct->repldst_port, ct->inverted & RULES_CT_REPLDSTPORT)));
    default:
        return (struct range){0};
    }
}

static void look_at_ranges(const struct rules_chain *chain, struct form_notes *notes)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct rules_rule *rule = &chain->rules[i];
        for (uint16_t m = 0; m < rule->match_count; m++) {
            struct range down = find_down(&rule->matches[m]);
            if (down.of)
                notes_add(notes, NOTE_REMARK, rule->line, NULL,
                          "Rule %zu of %s (line %" PRIu32 ") asks for %s %" PRIu32 ":%" PRIu32
                          ", a range that goes down: it never matches.",
                          i + 1, chain->name, rule->line, down.of, down.first, down.last);
        }
    }
}

int look_at_rules(const struct rules *r, struct form_notes *notes)
{
    int rc = 0;

    for (unsigned t = 0; t < RULES_TABLES && rc == 0; t++) {
        const struct rules_table *table = &r->tables[t];
        rc = look_at_chains(table, (enum rules_table_type)t, notes);
        for (size_t c = 0; c < table->count; c++)
            look_at_ranges(table->chains[c], notes);
    }
    return rc;
}
