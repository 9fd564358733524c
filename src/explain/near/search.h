/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_NEAR_SEARCH_H
#define SALLY_EXPLAIN_NEAR_SEARCH_H

#include "base/result.h"
#include "explain/near/ask.h"
#include "explain/story.h"

enum { NEAR_FOUND = 64 };

struct near_place {
    const struct rules_chain *chain;
    const struct rules_rule *rule; /* NULL: the chain's policy */
};

struct near_found {
    enum story_near_kind kind;
    enum rules_table_type table;
    struct near_place at;
    enum rules_table_type other_table;
    struct near_place other; /* as story_near's */
    struct near_asked asked; /* BUT: of the rule; LED: of the jump; else what holds of the rule */
    bool is_another_port;    /* BUT: near only if no other rule accepts a port */
};

struct near_finds {
    struct near_found found[NEAR_FOUND];
    size_t count;
    size_t port_rules; /* that accept a port and were met on the way */
};

/* Everything near in r, unranked: p as it came to table, which said v. 0 or -ENOMEM. */
MUST_USE int near_search(const struct rules *r, enum rules_table_type table, const struct verdict_packet *p,
                         const struct verdict *v, struct near_finds *ret);

#endif
