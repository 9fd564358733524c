/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_READ_H
#define SALLY_RULES_LANGUAGE_READ_H

#include <stdio.h>

#include "base/result.h"
#include "rules/rules.h"

struct read_source {
    const char *text, *name;
    size_t size;
};

/* Carries the file out on r, which is of no use after a failure. Prints to out. 0; -EINVAL with *error, and ret->status
 * says what iptables-restore would exit with; -ENOMEM. Of ret only changed and status are set. */
MUST_USE int read_onto(struct rules *r, const struct read_source *source, const struct rules_restore *how,
                       FILE *out, struct rules_outcome *ret, struct rules_error *error);

#endif
