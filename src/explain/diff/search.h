/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_DIFF_SEARCH_H
#define SALLY_EXPLAIN_DIFF_SEARCH_H

#include "base/result.h"
#include "explain/diff/rules.h"
#include "explain/diff/scope.h"

/*
 * Which packets fare differently in two rows? Regions are cut along what single rules ask, first along rules
 * that only one row has: as soon as what is left of both rows is the same, nothing in the region can differ.
 * So the work follows the difference, not the size, of the rule sets.
 */
enum { DIFF_SCOPES = 24 };

/* Packets that one rule decided before and another decides now, with another fate. */
struct diff_find {
    const struct diff_entry *old, *new;
    struct diff_witness witness;
    struct diff_scope scope[DIFF_SCOPES];
    size_t scopes;
    bool has_more; /* than these scopes */
};

struct diff_search {
    const struct diff_row *old, *new;
    enum wall_path path;
    uint8_t family;
    const struct diff_names *names;
    const struct packet_address *client, *server;
    /* found */
    struct diff_find *finds;
    size_t count;
    bool cut; /* given up before the end */
    const struct diff_entry
        *unsure; /* the first found that can't be told, and behind which the rows differ; or NULL */
    const struct rules *unsure_rules; /* it is of these */
    uint64_t work;
};

/* Fills in finds. 0 or -ENOMEM. */
MUST_USE int diff_search_run(struct diff_search *s);
void diff_search_clear(struct diff_search *s);

#endif
