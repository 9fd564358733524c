/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_NEAR_WORDS_H
#define SALLY_EXPLAIN_NEAR_WORDS_H

#include "base/result.h"
#include "explain/near/ask.h"
#include "explain/story.h"

/* What rule of r asks by a condition, as iptables-save has it: "-s 0.0.0.0/32", "! --dport 80", "-m state --state
 * NEW". NULL: out of memory. */
MUST_USE char *near_condition_words(const struct rules *r, const struct rules_rule *rule,
                                    const struct condition *c);

/* near->text, from all else of it. What decided is called by its target where near stands BEHIND it: "the DROP".
 * hook: that the packet passes. NULL: out of memory. */
MUST_USE char *near_clause(const struct story_near *near, const char *target, const char *hook);

#endif
