/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/save.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rules/build.h"
#include "rules/language/names.h"
#include "rules/language/print.h"

static const char *const policy_names[] = {
    [RULES_POLICY_NONE] = "-", [RULES_POLICY_ACCEPT] = "ACCEPT", [RULES_POLICY_DROP] = "DROP"};

/* ---- a rule ---- */

static void save_network(FILE *out, uint8_t family, const char *option, const struct rules_network *n)
{
    if (rules_network_is_any(n))
        return;
    rules_put(out, n->inverted ? " !" : "");
    rules_put(out, option);
    rules_print_address(out, family, &n->address);
    if (rules_mask_prefix(family, &n->mask) == (family == PACKET_IPV6 ? 128 : 32))
        rules_put(out, family == PACKET_IPV6 ? "/128" : "/32");
    else
        rules_print_mask(out, family, &n->mask);
}

static void save_interface(FILE *out, const char *option, const struct rules_interface *i)
{
    if (!i->name[0] && !i->wildcard)
        return;
    rules_put(out, i->inverted ? " !" : "");
    rules_put(out, option);
    rules_print_interface(out, i);
}

static void save_header(FILE *out, uint8_t family, const struct rules_rule *rule)
{
    save_network(out, family, " -s ", &rule->source);
    save_network(out, family, " -d ", &rule->destination);
    save_interface(out, " -i ", &rule->in);
    save_interface(out, " -o ", &rule->out);
    if (rule->protocol) {
        const char *name = rules_protocol_name(rule->protocol);
        rules_put(out, rule->protocol_inverted ? " ! -p " : " -p ");
        if (name)
            rules_put(out, name);
        else
            rules_put_number(out, rule->protocol);
    }
    if (rule->fragment)
        rules_put(out, rule->fragment_inverted ? " ! -f" : " -f");
}

static void save_target(FILE *out, const struct rules_target *target, const struct rules_print *how)
{
    static const char *const verdicts[] = {
        [RULES_TARGET_ACCEPT] = "ACCEPT", [RULES_TARGET_DROP] = "DROP", [RULES_TARGET_RETURN] = "RETURN"};
    const struct rules_extension *row = rules_target_row(target->type);

    if (target->type == RULES_TARGET_NONE)
        return;
    if (target->type == RULES_TARGET_CHAIN) {
        rules_put(out, target->is_goto ? " -g " : " -j ");
        rules_put(out, target->chain->name);
    } else if (!row) {
        rules_put(out, " -j ");
        rules_put(out, verdicts[target->type]);
    } else {
        rules_put(out, " -j ");
        rules_put(out, row->word ? target->opaque.name : row->name);
        rules_extension_save(out, row, rules_target_data(target), how);
    }
}

void save_rule(FILE *out, uint8_t family, const struct rules_chain *chain, const struct rules_rule *rule,
               unsigned flags)
{
    struct rules_print how = {.family = family, .numeric = true, .rule = rule};

    if (flags & SAVE_RULE_BEFORE)
        fprintf(out, "[%" PRIu64 ":%" PRIu64 "] ", rule->counters.packets, rule->counters.bytes);
    rules_put(out, "-A ");
    rules_put(out, chain->name);
    save_header(out, family, rule);
    for (unsigned i = 0; i < rule->match_count; i++) {
        const struct rules_match *m = &rule->matches[i];
        const struct rules_extension *row = rules_match_row(m->type);
        rules_put(out, " -m ");
        rules_put(out, row->word ? m->opaque.name : row->name);
        rules_extension_save(out, row, rules_match_data(m), &how);
    }
    if (flags & SAVE_RULE_INSIDE)
        fprintf(out, " -c %" PRIu64 " %" PRIu64, rule->counters.packets, rule->counters.bytes);
    save_target(out, &rule->target, &how);
}

char *rules_rule_text(const struct rules *r, const struct rules_chain *chain, const struct rules_rule *rule)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    save_rule(out, r->family, chain, rule, 0);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- iptables -S ---- */

static void list_head(FILE *out, const struct rules_chain *chain, unsigned flags)
{
    if (chain->policy == RULES_POLICY_NONE) {
        fprintf(out, "-N %s\n", chain->name);
        return;
    }
    fprintf(out, "-P %s %s", chain->name, policy_names[chain->policy]);
    if (flags & SAVE_RULE_INSIDE)
        fprintf(out, " -c %" PRIu64 " %" PRIu64, chain->counters.packets, chain->counters.bytes);
    putc_unlocked('\n', out);
}

void save_rule_list(FILE *out, uint8_t family, const struct rules_table *t, const struct rules_chain *chain,
                    uint32_t number, unsigned flags)
{
    for (size_t i = 0; i < t->count && !number; i++) {
        if (!chain || t->chains[i] == chain)
            list_head(out, t->chains[i], flags);
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct rules_chain *c = t->chains[i];
        for (size_t j = 0; (!chain || c == chain) && j < c->count; j++) {
            if (number && j + 1 != number)
                continue;
            save_rule(out, family, c, &c->rules[j], flags);
            putc_unlocked('\n', out);
        }
    }
}

/* ---- iptables-save ---- */

/* Comments that stand before rules, by the rule's serial; of equal ones in the order they were read. */
struct remarks {
    const struct rules_comment **list;
    size_t count;
};

static int compare_remarks(const void *a, const void *b)
{
    const struct rules_comment *x = *(const struct rules_comment *const *)a;
    const struct rules_comment *y = *(const struct rules_comment *const *)b;

    if (x->serial != y->serial)
        return x->serial < y->serial ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int remarks_collect(const struct rules *r, enum rules_table_type table, unsigned flags,
                           struct remarks *ret)
{
    ret->count = 0;
    ret->list = NULL;
    if (flags & RULES_SAVE_NO_COMMENTS)
        return 0;
    for (size_t i = 0; i < r->comment_count; i++)
        ret->count += r->comments[i].serial && r->comments[i].before == (int8_t)table;
    if (!ret->count)
        return 0;
    ret->list = calloc(ret->count, sizeof(*ret->list));
    if (!ret->list)
        return -1;
    ret->count = 0;
    for (size_t i = 0; i < r->comment_count; i++) {
        if (r->comments[i].serial && r->comments[i].before == (int8_t)table)
            ret->list[ret->count++] = &r->comments[i];
    }
    qsort(ret->list, ret->count, sizeof(*ret->list), compare_remarks);
    return 0;
}

static size_t remarks_find(const struct remarks *remarks, uint32_t serial)
{
    size_t low = 0, high = remarks->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (remarks->list[middle]->serial < serial)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remarks_print(FILE *out, const struct remarks *remarks, uint32_t serial)
{
    for (size_t i = remarks_find(remarks, serial); i < remarks->count && remarks->list[i]->serial == serial;
         i++)
        fputs(remarks->list[i]->text, out);
}

static int compare_serials(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* A comment outlives the rule it stood before: it then stands before the table. */
static int remarks_print_orphans(FILE *out, const struct rules_table *t, const struct remarks *remarks)
{
    uint32_t *serials;
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++)
        count += t->chains[i]->count;
    serials = calloc(count + 1, sizeof(*serials));
    if (!serials)
        return -1;
    count = 0;
    for (size_t i = 0; i < t->count; i++) {
        for (size_t j = 0; j < t->chains[i]->count; j++)
            serials[count++] = t->chains[i]->rules[j].serial;
    }
    qsort(serials, count, sizeof(*serials), compare_serials);
    for (size_t i = 0; i < remarks->count; i++) {
        if (!bsearch(&remarks->list[i]->serial, serials, count, sizeof(*serials), compare_serials))
            fputs(remarks->list[i]->text, out);
    }
    free(serials);
    return 0;
}

/* What its file did not declare is not declared by saving it. */
static void save_chain_head(FILE *out, const struct rules_chain *chain)
{
    if (chain->undeclared)
        return;
    fprintf(out, ":%s %s [%" PRIu64 ":%" PRIu64 "]\n", chain->name, policy_names[chain->policy],
            chain->counters.packets, chain->counters.bytes);
}

static int save_table(FILE *out, const struct rules *r, enum rules_table_type table, unsigned flags)
{
    const struct rules_table *t = &r->tables[table];
    struct remarks remarks;
    unsigned rule_flags = flags & RULES_SAVE_COUNTERS ? SAVE_RULE_BEFORE : 0;

    for (size_t i = 0; i < r->comment_count && !(flags & RULES_SAVE_NO_COMMENTS); i++) {
        const struct rules_comment *c = &r->comments[i];

        if (c->before == (int8_t)table && !c->serial)
            fputs(c->text, out);
    }
    if (remarks_collect(r, table, flags, &remarks))
        return -1;
    if (remarks.count && remarks_print_orphans(out, t, &remarks)) {
        free(remarks.list);
        return -1;
    }
    fprintf(out, "*%s\n", rules_table_name(table));
    for (size_t i = 0; i < t->count; i++)
        save_chain_head(out, t->chains[i]);
    for (size_t i = 0; i < t->count; i++) {
        for (size_t j = 0; j < t->chains[i]->count; j++) {
            const struct rules_rule *rule = &t->chains[i]->rules[j];
            if (remarks.count)
                remarks_print(out, &remarks, rule->serial);
            save_rule(out, r->family, t->chains[i], rule, rule_flags);
            putc_unlocked('\n', out);
        }
    }
    fputs("COMMIT\n", out);
    free(remarks.list);
    return 0;
}

static int save_all(FILE *out, const struct rules *r, unsigned flags)
{
    unsigned present = 0;

    for (unsigned i = 0; i < RULES_TABLES; i++)
        present += r->tables[i].present;
    for (unsigned i = 0; i < present; i++) {
        if (save_table(out, r, (enum rules_table_type)r->order[i], flags))
            return -1;
    }
    for (size_t i = 0; i < r->comment_count && !(flags & RULES_SAVE_NO_COMMENTS); i++) {
        if (r->comments[i].before == RULES_TABLES)
            fputs(r->comments[i].text, out);
    }
    return 0;
}

/* A table that is not there is printed as the empty one that iptables would make. */
static int save_absent(FILE *out, const struct rules *r, enum rules_table_type table, unsigned flags)
{
    struct rules *empty = rules_new((enum packet_family)r->family);
    int rc = empty ? rules_table_make(empty, table) : -1;

    if (rc == 0)
        rc = save_table(out, empty, table, flags);
    rules_free(&empty);
    return rc;
}

static int save_one(FILE *out, const struct rules *r, const char *name, unsigned flags)
{
    enum rules_table_type table;

    if (!rules_table_find(name, &table))
        return 0;
    if (!r->tables[table].present)
        return save_absent(out, r, table, flags);
    return save_table(out, r, table, flags);
}

char *rules_save(const struct rules *r, const char *table, unsigned flags)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    int rc = table ? save_one(out, r, table, flags) : save_all(out, r, flags);
    if (fclose(out) == 0 && rc == 0)
        return text;
    free(text);
    return NULL;
}
