/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "rules/language/read_line.h"
#include "rules/language/run.h"

/* Runs the line with what it prints going to a new string. */
static int run_printing(struct rules *r, struct line *line, struct rules_words *words,
                        struct rules_outcome *outcome, struct rules_error *error)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -ENOMEM;
    int rc = line_run(r, line, words, true, out, &outcome->changed, &outcome->status, error);
    if (fclose(out) != 0 && rc == 0)
        rc = -ENOMEM;
    if (rc == 0 && size) {
        outcome->output = text;
        return 0;
    }
    free(text);
    return rc;
}

int rules_command(struct rules *r, int argc, const char *const *argv, struct rules_outcome *ret_outcome,
                  struct rules_error *error)
{
    struct rules_outcome outcome = {0};
    struct rules_words *words = malloc(sizeof(*words));
    struct line line;

    if (!words)
        return -ENOMEM;
    int rc = words_take(words, argc, argv, error);
    if (rc == 0)
        rc = line_read(r, RULES_TABLES, words, &line, error);
    if (rc == 0) {
        if (!(line.flags & LINE_OTHER_FAMILY)) /* else it is for the other program */
            rc = run_printing(r, &line, words, &outcome, error);
        line_fini(&line);
        if (rc == -EINVAL && outcome.status == 1)
            rc = 0;
    }
    free(words);
    if (rc == 0)
        *ret_outcome = outcome;
    return rc;
}

void rules_command_look(enum packet_family family, int argc, const char *const *argv, struct rules_look *ret)
{
    struct rules *none = rules_new(family);
    struct rules_words *words = malloc(sizeof(*words));
    struct rules_error error;
    struct line line = {.table = RULES_FILTER};

    if (none && words && words_take(words, argc, argv, &error) == 0 &&
        line_read(none, RULES_TABLES, words, &line, &error) == 0)
        line_fini(&line);
    bool lists = line.command == LINE_LIST || line.command == LINE_LIST_RULES;
    *ret = (struct rules_look){.table = line.table,
                               .waits = line.waits,
                               .seconds = line.seconds,
                               .lists = lists && !(line.flags & LINE_ZEROES)};
    free(words);
    rules_free(&none);
}
