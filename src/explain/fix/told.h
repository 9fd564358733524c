/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_TOLD_H
#define SALLY_EXPLAIN_FIX_TOLD_H

#include "base/result.h"
#include "explain/fix/attempt.h"
#include "explain/fix/expose.h"

/* What a fix that works is called, from what it did, and what it exposes. New strings; NULL: out of memory. */
MUST_USE char *fix_title(const struct fix_attempt *a);
/* The same in English whatever is spoken: of fixes that expose and change as much, which comes first. */
MUST_USE char *fix_order(const struct fix_attempt *a);
MUST_USE char *fix_exposes(const struct fix_attempt *a, const struct fix_exposure *e);
/* By which fixes are ranked. */
uint64_t fix_exposed_ports(const struct fix_exposure *e);

#endif
