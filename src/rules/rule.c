/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/build.h"

/*
 * One rule's memory. A payload lies in the union of its match or target, or behind the pointer there if the
 * row says heap; the union's members all begin at its start, so one pointer to it serves for each.
 */

static void *payload(const struct rules_extension *row, const void *place)
{
    void *const *pointer = place;

    return row->heap ? *pointer : (void *)(uintptr_t)place;
}

static void *match_place(const struct rules_match *m)
{
    return (void *)(uintptr_t)&m->tcp;
}

static void *target_place(const struct rules_target *t)
{
    return (void *)(uintptr_t)&t->chain;
}

enum {
    MATCH_INLINE = sizeof(struct rules_match) - offsetof(struct rules_match, tcp),
    TARGET_INLINE = sizeof(struct rules_target) - offsetof(struct rules_target, chain),
};

void *rules_match_data(const struct rules_match *m)
{
    return payload(rules_match_row(m->type), match_place(m));
}

void *rules_target_data(const struct rules_target *t)
{
    const struct rules_extension *row = rules_target_row(t->type);

    return row ? payload(row, target_place(t)) : NULL;
}

static int payload_init(const struct rules_extension *row, const struct rules_parse *p, void *place)
{
    if (row->heap) {
        void *data = calloc(1, row->heap);
        if (!data)
            return -ENOMEM;
        *(void **)place = data;
    }
    rules_extension_start(row, p->family, payload(row, place));
    return 0;
}

static void payload_fini(const struct rules_extension *row, void *place)
{
    void *data = payload(row, place);

    if (row->free)
        row->free(data);
    if (row->heap)
        free(data);
}

/* place holds a bytewise copy; on failure it owns nothing. */
static int payload_copy(const struct rules_extension *row, void *place)
{
    if (row->heap) {
        void *data = malloc(row->heap);
        if (!data)
            return -ENOMEM;
        memcpy(data, *(void **)place, row->heap);
        *(void **)place = data;
    }
    if (row->copy && row->copy(payload(row, place))) {
        if (row->heap)
            free(*(void **)place);
        return -ENOMEM;
    }
    return 0;
}

static bool payload_equal(const struct rules_extension *row, const void *a, const void *b, size_t inline_size)
{
    const void *x = payload(row, a), *y = payload(row, b);

    if (row->equal)
        return row->equal(x, y);
    return memcmp(x, y, row->heap ? row->heap : inline_size) == 0;
}

int rules_match_init(const struct rules_extension *row, const struct rules_parse *p, struct rules_match *ret)
{
    struct rules_match m;

    memset(&m, 0, sizeof(m));
    m.type = row->type;
    if (payload_init(row, p, match_place(&m)))
        return -ENOMEM;
    memcpy(ret, &m, sizeof(m));
    return 0;
}

int rules_target_init(const struct rules_extension *row, const struct rules_parse *p,
                      struct rules_target *ret)
{
    struct rules_target t;

    memset(&t, 0, sizeof(t));
    t.type = row->type;
    if (payload_init(row, p, target_place(&t)))
        return -ENOMEM;
    memcpy(ret, &t, sizeof(t));
    return 0;
}

void rules_match_fini(struct rules_match *m)
{
    payload_fini(rules_match_row(m->type), match_place(m));
}

int rules_rule_add_match(struct rules_rule *rule, struct rules_match *match)
{
    uint16_t count = rule->match_count;

    if ((count & (count - 1)) == 0) { /* full at each power of two */
        struct rules_match *grown = realloc(rule->matches, (count ? count * 2U : 1U) * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        rule->matches = grown;
    }
    memcpy(&rule->matches[rule->match_count++], match, sizeof(*match));
    return 0;
}

void rules_rule_fini(struct rules_rule *rule)
{
    const struct rules_extension *row = rules_target_row(rule->target.type);

    for (unsigned i = 0; i < rule->match_count; i++)
        rules_match_fini(&rule->matches[i]);
    if (row)
        payload_fini(row, target_place(&rule->target));
    free(rule->matches);
    memset(rule, 0, sizeof(*rule));
}

int rules_rule_copy(const struct rules_rule *from, struct rules_rule *ret)
{
    struct rules_rule rule = *from;
    const struct rules_extension *row = rules_target_row(from->target.type);

    rule.matches = NULL;
    rule.match_count = 0;
    memset(&rule.target, 0, sizeof(rule.target));
    for (unsigned i = 0; i < from->match_count; i++) {
        struct rules_match m;
        memcpy(&m, &from->matches[i], sizeof(m));
        if (payload_copy(rules_match_row(m.type), match_place(&m)))
            goto fail;
        if (rules_rule_add_match(&rule, &m)) {
            rules_match_fini(&m);
            goto fail;
        }
    }
    memcpy(&rule.target, &from->target, sizeof(rule.target));
    if (row && payload_copy(row, target_place(&rule.target))) {
        memset(&rule.target, 0, sizeof(rule.target));
        goto fail;
    }
    *ret = rule;
    return 0;
fail:
    rules_rule_fini(&rule);
    return -ENOMEM;
}

static bool network_equal(const struct rules_network *a, const struct rules_network *b)
{
    return a->inverted == b->inverted && packet_address_equal(&a->address, &b->address) &&
           packet_address_equal(&a->mask, &b->mask);
}

static bool interface_equal(const struct rules_interface *a, const struct rules_interface *b)
{
    return a->inverted == b->inverted && a->wildcard == b->wildcard && strcmp(a->name, b->name) == 0;
}

static bool target_equal(const struct rules_target *a, const struct rules_target *b)
{
    const struct rules_extension *row = rules_target_row(a->type);

    if (a->type != b->type || a->is_goto != b->is_goto || a->decides != b->decides)
        return false;
    if (a->type == RULES_TARGET_CHAIN)
        return strcmp(a->chain->name, b->chain->name) == 0;
    return !row || payload_equal(row, target_place(a), target_place(b), TARGET_INLINE);
}

bool rules_rule_equal(const struct rules_rule *a, const struct rules_rule *b)
{
    if (!network_equal(&a->source, &b->source) || !network_equal(&a->destination, &b->destination) ||
        !interface_equal(&a->in, &b->in) || !interface_equal(&a->out, &b->out) ||
        a->protocol != b->protocol || a->protocol_inverted != b->protocol_inverted ||
        a->fragment != b->fragment || a->fragment_inverted != b->fragment_inverted ||
        a->match_count != b->match_count)
        return false;
    for (unsigned i = 0; i < a->match_count; i++) {
        const struct rules_match *x = &a->matches[i], *y = &b->matches[i];
        if (x->type != y->type ||
            !payload_equal(rules_match_row(x->type), match_place(x), match_place(y), MATCH_INLINE))
            return false;
    }
    return target_equal(&a->target, &b->target);
}
