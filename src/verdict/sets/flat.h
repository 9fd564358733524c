/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_SETS_FLAT_H
#define SALLY_VERDICT_SETS_FLAT_H

/*
 * Sets as the kernel program asks them (member.h): flat members for its maps. No I/O.
 */
#include "verdict/sets/member.h"
#include "verdict/sets/sets.h"

/* Is there a set of that name? */
bool sets_has(const struct sets *s, const char *name);
/* Can the kernel program tell whether a packet is in the set that match names, as match asks it? */
bool sets_is_flat(const struct sets *s, const struct rules_match_set *match);

/* Is told the head and then, one by one, the members of each set. false ends that. */
struct sets_visitor {
    void *arg;
    bool (*head)(void *arg, uint64_t id, const struct sets_head *head);
    bool (*member)(void *arg, uint64_t id, const struct sets_member_key *member, bool nomatch);
};

/*
 * Tells every set that can be told; those that can't are left out (sets_is_flat). A member's version and a head's
 * are 0: whoever stores them numbers them. 0; -ENOMEM; -ECANCELED: the visitor ended it.
 */
MUST_USE int sets_each_flat(const struct sets *s, const struct sets_visitor *visitor);

#endif
