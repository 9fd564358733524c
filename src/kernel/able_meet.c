/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/able_meet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/limits.h"
#include "rules/build.h"
#include "verdict/condition/read.h"

/*
 * The program looks at a rule if the packet's fields want it (verdict/image). So of rules that each ask for a source
 * of their own a packet meets one; it is counted how many rules of a chain one value of a field can meet at most,
 * for the field of which that is fewest. A rule that is met and leads into a chain costs what that costs.
 */

enum {
    FIELDS = 3,                /* source, destination, destination port */
    STEPS_MOST = 1 << 30,      /* counts go no farther */
    FOLLOWED = 4 * WALK_DEPTH, /* chains behind one another, -g and all */
};

/* What is known of a chain. */
struct node {
    const struct rules_chain *chain;
    uint32_t steps; /* 0: not looked at yet */
    uint32_t depth; /* chains that lie open while it is walked, itself counted */
};

struct meeting {
    struct node *nodes; /* sorted by chain */
    size_t count;
    uint8_t family;
    struct able_meeting *ret;
    bool failed;
};

/* A rule begins to be met at a value, or ends to be. */
struct edge {
    struct condition_value at;
    int64_t weight;
};

struct edges {
    struct edge *at;
    size_t count;
    uint64_t wild; /* weight of the rules that don't ask for the field */
};

/* ---- one rule ---- */

struct asked {
    struct condition_value most; /* the greatest address */
    bool has[FIELDS];
    struct condition_value first[FIELDS], last[FIELDS];
};

static void note_range(struct asked *a, unsigned field, struct condition_value first,
                       struct condition_value last)
{
    if (a->has[field])
        return;
    a->has[field] = true;
    a->first[field] = first;
    a->last[field] = last;
}

static void note_list(struct asked *a, unsigned field, const struct condition *c)
{
    struct condition_value first = {0, c->list[0].first}, last = {0, c->list[0].last};

    for (unsigned i = 1; i < c->count; i++) {
        first.low = c->list[i].first < first.low ? c->list[i].first : first.low;
        last.low = c->list[i].last > last.low ? c->list[i].last : last.low;
    }
    note_range(a, field, first, last);
}

/* A condition_visit. Under a mask that is no prefix more is taken than it asks for. */
static bool note_condition(void *arg, const struct condition *c)
{
    static const uint8_t fields[CONDITION_FIELDS] = {
        [CONDITION_SOURCE] = 1, [CONDITION_DESTINATION] = 2, [CONDITION_DESTINATION_PORT] = 3};
    struct asked *a = arg;
    unsigned field = fields[c->field];

    if (!field || c->inverted || c->kind == CONDITION_CALL)
        return true;
    if (c->kind == CONDITION_RANGE)
        note_range(a, field - 1, c->range.first, c->range.last);
    else if (c->kind == CONDITION_LIST)
        note_list(a, field - 1, c);
    else if (c->kind == CONDITION_MASKED)
        note_range(a, field - 1, c->masked.wanted,
                   (struct condition_value){c->masked.wanted.high | (a->most.high & ~c->masked.mask.high),
                                            c->masked.wanted.low | (a->most.low & ~c->masked.mask.low)});
    return true;
}

static struct node *node_of(const struct meeting *m, const struct rules_chain *chain);
static void visit_chain(struct meeting *m, struct node *n, unsigned followed);

static uint32_t weight_of(const struct meeting *m, const struct rules_rule *rule)
{
    if (rule->target.type != RULES_TARGET_CHAIN)
        return 1;
    return 1 + node_of(m, rule->target.chain)->steps;
}

/* ---- one chain ---- */

static int by_value(const void *a, const void *b)
{
    const struct edge *left = a, *right = b;

    if (!condition_value_equal(left->at, right->at))
        return condition_value_less(left->at, right->at) ? -1 : 1;
    return (left->weight > right->weight) - (left->weight < right->weight);
}

static void add_edges(struct edges *e, const struct asked *a, unsigned field, uint32_t weight)
{
    struct condition_value behind = a->last[field];

    if (!a->has[field]) {
        e->wild += weight;
        return;
    }
    e->at[e->count++] = (struct edge){a->first[field], weight};
    if (behind.high == UINT64_MAX && behind.low == UINT64_MAX)
        return;
    behind.low++;
    behind.high += behind.low == 0;
    e->at[e->count++] = (struct edge){behind, -(int64_t)weight};
}

static uint64_t most_of(struct edges *e)
{
    int64_t now = 0, most = 0;

    qsort(e->at, e->count, sizeof(*e->at), by_value);
    for (size_t i = 0; i < e->count; i++) {
        now += e->at[i].weight;
        most = now > most ? now : most;
    }
    return (uint64_t)most + e->wild;
}

/* The most that a packet may meet, by one of the fields; UINT64_MAX: out of memory. */
static uint64_t most_by(const struct meeting *m, const struct rules_chain *chain, unsigned field)
{
    struct edges e = {.at = calloc(2 * chain->count + 1, sizeof(*e.at))};

    if (!e.at)
        return UINT64_MAX;
    for (size_t i = 0; i < chain->count; i++) {
        struct asked asked = {.most = {m->family == PACKET_IPV6 ? UINT64_MAX : 0,
                                       m->family == PACKET_IPV6 ? UINT64_MAX : UINT32_MAX}};
        (void)condition_read(&chain->rules[i], m->family, note_condition, &asked); /* true: not left early */
        add_edges(&e, &asked, field, weight_of(m, &chain->rules[i]));
    }
    uint64_t most = most_of(&e);
    free(e.at);
    return most;
}

static uint32_t steps_of(const struct meeting *m, const struct rules_chain *chain)
{
    uint64_t steps = 0;

    for (size_t i = 0; i < chain->count; i++)
        steps += weight_of(m, &chain->rules[i]);
    for (unsigned field = 0; field < FIELDS && steps >= WALK_STEPS; field++) {
        uint64_t by = most_by(m, chain, field);
        steps = by < steps ? by : steps;
    }
    return steps < STEPS_MOST ? (uint32_t)steps + 1 : STEPS_MOST;
}

/* ---- all of them ---- */

static int by_chain(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t)((const struct node *)a)->chain,
              right = (uintptr_t)((const struct node *)b)->chain;

    return (left > right) - (left < right);
}

static struct node *node_of(const struct meeting *m, const struct rules_chain *chain)
{
    struct node wanted = {.chain = chain};

    return bsearch(&wanted, m->nodes, m->count, sizeof(wanted), by_chain);
}

static void note_beyond(struct meeting *m, const struct rules_chain *chain, const struct rules_rule *rule)
{
    struct able_meeting *ret = m->ret;

    if (ret->count == ret->capacity) {
        unsigned capacity = ret->capacity ? ret->capacity * 2 : 8;
        struct able_beyond *grown = reallocarray(ret->beyond, capacity, sizeof(*grown));
        m->failed |= !grown;
        if (!grown)
            return;
        ret->beyond = grown;
        ret->capacity = capacity;
    }
    ret->beyond[ret->count++] = (struct able_beyond){chain, rule, rule != NULL};
}

/* A jump leaves its own chain open, and -g does not. */
static void visit_jump(struct meeting *m, struct node *n, const struct rules_rule *rule, unsigned followed)
{
    struct node *to = node_of(m, rule->target.chain);

    if (!to->steps && followed < FOLLOWED)
        visit_chain(m, to, followed + 1);
    uint32_t depth = to->depth + !rule->target.is_goto;
    if (!to->steps || (depth > WALK_DEPTH && to->depth <= WALK_DEPTH))
        note_beyond(m, n->chain, rule);
    if (depth > n->depth)
        n->depth = depth;
}

static void visit_chain(struct meeting *m, struct node *n, unsigned followed)
{
    n->depth = 1;
    for (size_t i = 0; i < n->chain->count; i++)
        if (n->chain->rules[i].target.type == RULES_TARGET_CHAIN)
            visit_jump(m, n, &n->chain->rules[i], followed);
    n->steps = steps_of(m, n->chain);
}

int able_meet(const struct rules_table *t, uint8_t family, struct able_meeting *ret)
{
    struct meeting m = {.count = t->count, .family = family, .ret = ret};

    *ret = (struct able_meeting){0};
    m.nodes = calloc(t->count + 1, sizeof(*m.nodes));
    if (!m.nodes)
        return -ENOMEM;
    for (size_t i = 0; i < t->count; i++)
        m.nodes[i].chain = t->chains[i];
    qsort(m.nodes, m.count, sizeof(*m.nodes), by_chain);
    for (size_t i = 0; i < t->count; i++) {
        struct node *n = node_of(&m, t->chains[i]);
        if (t->chains[i]->policy == RULES_POLICY_NONE)
            continue;
        visit_chain(&m, n, 0);
        if (n->steps > WALK_STEPS)
            note_beyond(&m, n->chain, NULL);
    }
    free(m.nodes);
    if (m.failed)
        able_meeting_fini(ret);
    return m.failed ? -ENOMEM : 0;
}

void able_meeting_fini(struct able_meeting *m)
{
    free(m->beyond);
    *m = (struct able_meeting){0};
}
