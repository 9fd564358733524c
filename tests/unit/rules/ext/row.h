/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_RULES_ROW_H
#define SALLY_TESTS_RULES_ROW_H

/*
 * What a match or target makes of its words: one rule in a table, read, saved and listed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/language/list.h"
#include "rules/language/names.h"
#include "rules/rules.h"
#include "unit.h"

struct row_case {
    const char *words; /* of a rule, as a file has them */
    const char
        *saved; /* what is saved instead; NULL: the same; begins with '!': the message says what follows */
    const char *listed; /* the end of its line in -L -n; NULL: not looked at */
};

struct row_place {
    uint8_t family;            /* enum packet_family; 0: IPv4 */
    const char *table, *chain; /* NULL: filter, INPUT */
};

static struct rules *row_read(const struct row_place *place, const char *words, struct rules_error *error)
{
    const char *table = place->table ? place->table : "filter",
               *chain = place->chain ? place->chain : "INPUT";
    struct rules *rules = NULL;
    char text[8192];

    snprintf(text, sizeof text, "*%s\n:%s ACCEPT [0:0]\n-A %s %s\nCOMMIT\n", table, chain, chain, words);
    if (rules_read(text, strlen(text), "test", place->family ? place->family : PACKET_IPV4, &rules, error) <
        0)
        return NULL;
    return rules;
}

static enum rules_table_type row_table(const struct row_place *place)
{
    enum rules_table_type table = RULES_FILTER;

    for (int t = 0; place->table && t < RULES_TABLES; t++) {
        if (strcmp(place->table, rules_table_name((enum rules_table_type)t)) == 0)
            table = (enum rules_table_type)t;
    }
    return table;
}

static const struct rules_chain *row_chain(const struct rules *rules, const struct row_place *place)
{
    return rules_chain_find(rules, row_table(place), place->chain ? place->chain : "INPUT");
}

static void row_check_saved(const struct rules *rules, const struct row_place *place,
                            const struct row_case *c)
{
    const struct rules_chain *chain = row_chain(rules, place);
    char *saved = rules_rule_text(rules, chain, &chain->rules[0]);
    const char *end;
    struct rules_error error;
    struct rules *again;

    assert_non_null(saved);
    end = saved + strlen("-A ") + strlen(chain->name);
    assert_string_equal(*end ? end + 1 : end, c->saved ? c->saved : c->words);
    again = row_read(place, end, &error);
    if (again == NULL)
        fail_msg("%s: saved as %s, which can't be read: %s", c->words, saved, error.message);
    assert_true(rules_equal(rules, again));
    rules_free(&again);
    free(saved);
}

static void row_check_listed(const struct rules *rules, const struct row_place *place, const char *listed)
{
    enum rules_table_type table = row_table(place);
    char *text = NULL;
    size_t size = 0, length = strlen(listed);
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(
        rules_list(rules, table, place->chain ? place->chain : "INPUT", 1, RULES_LIST_NUMERIC, out), 0);
    fclose(out);
    assert_true(size > length);
    text[size - 1] = '\0'; /* the newline */
    assert_string_equal(text + size - 1 - length, listed);
    free(text);
}

static void row_check(const struct row_place *place, const struct row_case *c)
{
    struct rules_error error = {0};
    struct rules *rules = row_read(place, c->words, &error);

    if (c->saved && c->saved[0] == '!' && c->saved[1] != ' ') {
        if (rules != NULL)
            fail_msg("%s: was taken", c->words);
        if (strstr(error.message, c->saved + 1) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", c->words, error.message, c->saved + 1);
        assert_int_equal(error.line, 3);
        return;
    }
    if (rules == NULL)
        fail_msg("%s: %s", c->words, error.message);
    row_check_saved(rules, place, c);
    if (c->listed != NULL)
        row_check_listed(rules, place, c->listed);
    rules_free(&rules);
}

static void row_check_all(const struct row_place *place, const struct row_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_check(place, &cases[i]);
}

#endif
