/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "rules/forms/forms.h"

/*
 * Rules in whatever form: reading fails with a clean message in a line of the text, or gives a rule set that can be
 * saved and read again, whose rules have lines of the text, and whose remarks hold nothing that a terminal obeys.
 */

static uint32_t count_lines(const uint8_t *data, size_t size)
{
    uint32_t lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    return lines;
}

static void check_text(const char *text)
{
    for (const char *p = text; *p; p++)
        MUST((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_error(const struct rules_error *error, uint32_t lines)
{
    MUST(error->line >= 1 && error->line <= lines && error->column >= 1);
    MUST(memchr(error->message, '\0', sizeof(error->message)));
    MUST(error->message[0]);
    check_text(error->message);
}

static void check_lines(const struct rules *r, uint32_t lines)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++)
                MUST(chain->rules[i].line <= lines);
        }
    }
    for (size_t i = 0; i < r->remark_count; i++)
        check_text(r->remarks[i].text);
    for (size_t i = 0; i < r->beside_count; i++)
        check_text(r->beside[i].what);
}

static void check_round_trip(const struct rules *r)
{
    struct rules *again = NULL;
    struct rules_error error = {0};
    char *text = rules_save(r, NULL, 0);

    int rc = rules_read(text, strlen(text), "again", r->family, &again, &error);
    if (rc)
        fprintf(stderr, "%u:%u: %s\n%s", error.line, error.column, error.message, text);
    MUST(rc == 0);
    char *text_again = rules_save(again, NULL, 0);
    MUST(strcmp(text, text_again) == 0);
    free(text);
    free(text_again);
    rules_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules *r = NULL;
    struct rules_error error = {0};
    uint32_t lines = count_lines(data, size);

    int rc = forms_read((const char *)data, size, "fuzz", 0, &r, &error);
    if (rc) {
        MUST(!r);
        MUST(rc == -22);
        check_error(&error, lines);
        return 0;
    }
    check_lines(r, lines);
    check_round_trip(r);
    rules_free(&r);
    return 0;
}
