/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_DIFF_RULES_H
#define SALLY_EXPLAIN_DIFF_RULES_H

#include "base/result.h"
#include "explain/diff/region.h"

/*
 * What a packet meets on a path, in one row: the tables in the wall's order (order.h), user chains written
 * out where they are called, policies last. An entry that does something does it to packets that meet all its
 * conditions.
 */
enum diff_action {
    /* What ends the way is the packet's fate. */
    DIFF_ACCEPT = WALL_PASS, /* of the last table; that of others is a LEAVE */
    DIFF_DROP = WALL_DROP,
    DIFF_REJECT = WALL_REJECT,
    DIFF_DEPENDS =
        WALL_UNKNOWN, /* can't be told; what follows counts all the same, since rules may let it pass */
    DIFF_LEAVE, /* goes on behind the next MARK of the same label: RETURN, the end of a goto, ACCEPT before the last table */
    DIFF_MARK, /* no rule: a place to go on at */
    DIFF_NOTRACK,
};

struct diff_entry {
    struct diff_condition *conditions; /* owned */
    uint16_t count;
    uint8_t action; /* enum diff_action */
    uint32_t label;
    uint32_t id; /* the same for entries that ask and do the same, in either rule set */
    enum rules_table_type table;
    const struct rules_chain *chain;
    const struct rules_rule *rule; /* NULL: the policy */
    uint32_t number;
    char *key; /* owned; what id is made from */
};

struct diff_row {
    const struct rules *rules;
    struct diff_entry *entries;
    size_t count;
    bool cut;         /* too long to be written out */
    uint16_t changes; /* enum rules_change: what rules set... */
    uint16_t asks;    /* ...and what rules ask of that; what one makes of the other is not followed */
};

/* Adds the names that a rule set uses. */
void diff_names_collect(struct diff_names *names, const struct rules *r);
void diff_names_clear(struct diff_names *names);
/* other: what it is to be compared with, so that both rows have the same tables. 0 or -ENOMEM. */
MUST_USE int diff_row_make(const struct rules *r, const struct rules *other, enum wall_path path,
                           struct diff_names *names, struct diff_row *ret);
void diff_row_clear(struct diff_row *row);
/* Numbers the entries of two rows. 0 or -ENOMEM. */
int diff_rows_number(struct diff_row *one, struct diff_row *other);

#endif
