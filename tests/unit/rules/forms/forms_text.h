/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_FORMS_TEXT_H
#define SALLY_TESTS_FORMS_TEXT_H

/* Rules in any form, for tests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/forms/forms.h"

/* Must be readable. */
static inline struct rules *form_read(const char *text, uint8_t family)
{
    struct rules_error error = {0};
    struct rules *r = NULL;

    if (forms_read(text, strlen(text), "test", family, &r, &error))
        fail_msg("%u:%u: %s\n%s", error.line, error.column, error.message, text);
    return r;
}

/* Must be refused in that line, with a message that holds all of what. */
static inline void form_refused(const char *text, uint32_t line, const char *what)
{
    struct rules_error error = {0};
    struct rules *r = NULL;

    assert_int_equal(forms_read(text, strlen(text), "test", 0, &r, &error), -22);
    assert_null(r);
    if (error.line != line || !strstr(error.message, what))
        fail_msg("expected %u: ...%s..., found %u: %s", line, what, error.line, error.message);
}

/* The rules of a table, "-A ..." lines with a policy before them where one is DROP; "?" if nobody said it. */
static inline char *form_table(const struct rules *r, enum rules_table_type type)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    for (size_t i = 0; i < r->tables[type].count; i++) {
        const struct rules_chain *chain = r->tables[type].chains[i];
        if (chain->undeclared || chain->policy == RULES_POLICY_DROP)
            fprintf(out, "-P %s %s\n", chain->name, chain->undeclared ? "?" : "DROP");
    }
    for (size_t i = 0; i < r->tables[type].count; i++) {
        const struct rules_chain *chain = r->tables[type].chains[i];
        for (size_t k = 0; k < chain->count; k++) {
            char *rule = rules_rule_text(r, chain, &chain->rules[k]);
            fprintf(out, "%s\n", rule);
            free(rule);
        }
    }
    fclose(out);
    return text;
}

static inline void form_is(const char *text, uint8_t family, enum rules_table_type type, const char *expected)
{
    struct rules *r = form_read(text, family);
    char *table = form_table(r, type);

    assert_string_equal(table, expected);
    free(table);
    rules_free(&r);
}

static inline bool form_remarks(const struct rules *r, const char *what)
{
    for (size_t i = 0; i < r->remark_count; i++) {
        if (strstr(r->remarks[i].text, what))
            return true;
    }
    return false;
}

static inline bool form_beside(const struct rules *r, const char *what)
{
    for (size_t i = 0; i < r->beside_count; i++) {
        if (strstr(r->beside[i].what, what))
            return true;
    }
    return false;
}

#endif
