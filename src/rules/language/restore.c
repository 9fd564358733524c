/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "rules/language/read.h"

/* With what the file prints going to a new string. */
int rules_restore(struct rules *r, const char *text, size_t size, const char *name,
                  const struct rules_restore *how, struct rules_outcome *ret_outcome,
                  struct rules_error *error)
{
    const struct read_source source = {.text = text, .name = name, .size = size};
    struct rules_outcome outcome = {0};
    size_t printed;
    FILE *out = open_memstream(&outcome.output, &printed);

    if (!out)
        return -ENOMEM;
    int rc = read_onto(r, &source, how, out, &outcome, error);
    if (fclose(out) != 0 && rc == 0)
        rc = -ENOMEM;
    if (rc) {
        free(outcome.output);
        outcome.output = NULL;
    }
    *ret_outcome = outcome;
    return rc;
}
