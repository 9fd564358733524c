/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

/* A rule file: whatever it says, reading it fails with a clean message or gives a rule set that is the same
 * after it was saved and read again, and whose second text is the first. */

static void check_error(const struct rules_error *error)
{
    MUST(error->line >= 1 && error->column >= 1);
    MUST(memchr(error->message, '\0', sizeof(error->message)));
    MUST(error->message[0]);
    for (const char *p = error->message; *p; p++)
        MUST((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_copy(const struct rules *r, const char *text)
{
    struct rules *copy = rules_copy(r);

    MUST(rules_equal(r, copy));
    char *again = rules_save(copy, NULL, RULES_SAVE_COUNTERS);
    MUST(strcmp(text, again) == 0);
    free(again);
    rules_free(&copy);
}

static void check_round_trip(const struct rules *r)
{
    struct rules *again = NULL;
    struct rules_error error = {0};
    char *text = rules_save(r, NULL, RULES_SAVE_COUNTERS);

    int rc = rules_read(text, strlen(text), "again", r->family, &again, &error);
    if (rc)
        fprintf(stderr, "%u:%u: %s\n%s", error.line, error.column, error.message, text);
    MUST(rc == 0);
    char *text_again = rules_save(again, NULL, RULES_SAVE_COUNTERS);
    if (!rules_equal(r, again) || strcmp(text, text_again) != 0)
        fprintf(stderr, "%s----\n%s", text, text_again);
    MUST(strcmp(text, text_again) == 0);
    MUST(rules_equal(r, again));
    check_copy(r, text);
    free(text);
    free(text_again);
    rules_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules *r = NULL;
    struct rules_error error = {0};

    if (rules_read((const char *)data, size, "fuzz", 0, &r, &error)) {
        MUST(!r);
        check_error(&error);
        return 0;
    }
    check_round_trip(r);
    rules_free(&r);
    return 0;
}
