/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_DIFF_SCOPE_H
#define SALLY_EXPLAIN_DIFF_SCOPE_H

#include "base/result.h"
#include "explain/diff/region.h"

/*
 * Regions put together again, for people: the search cuts "all but 192.168.0.1" in two halves. A scope is a
 * region whose number fields may be several intervals.
 */
enum { DIFF_PIECES = 8 };

struct diff_scope {
    struct diff_interval piece[DIFF_INTERVALS][DIFF_PIECES]; /* sorted, apart from one another */
    uint8_t pieces[DIFF_INTERVALS];
    struct diff_bits bits[DIFF_BITMAPS];
    struct diff_bits holds, fails;
    bool untracked;
};

void diff_scope_of(const struct diff_region *region, bool untracked, struct diff_scope *ret);
/* If the two together are a scope, makes *to that and says true. */
bool diff_scope_join(struct diff_scope *to, const struct diff_scope *other);
/* "tcp to 192.168.0.18 ports 10090:10100, NEW". A new string, or NULL. */
MUST_USE char *diff_scope_text(const struct diff_scope *scope, uint8_t family, enum wall_path path,
                               const struct diff_names *names);

#endif
