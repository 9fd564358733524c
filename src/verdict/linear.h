/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_LINEAR_H
#define SALLY_VERDICT_LINEAR_H

#include "verdict/effect.h"
#include "verdict/match/match.h"
#include "verdict/verdict.h"
#include "verdict/ways.h"

/*
 * Walks the built-in chain of p->hook in table, rule by rule, as ipt_do_table does
 * (net/ipv4/netfilter/ip_tables.c): jumps, gotos, RETURN, policies. Rules before the deciding one have had
 * their side effects (counters, marks, limits). When a rule is UNKNOWN both ways are followed; if they agree
 * the answer is known all the same. At most VERDICT_DEPTH nested chains and VERDICT_WORK rules looked at; a
 * walk that needs more DEPENDS. trace may be NULL. Counters in the model are counted (packets by 1, bytes by
 * packet->length) when count is set, where it is known that the kernel would have.
 */
enum { VERDICT_DEPTH = 64, VERDICT_WORK = 1 << 20 };

void linear_walk(struct rules *r, enum rules_table_type table, const struct verdict_packet *p,
                 struct verdict_memory *memory, bool count, const struct verdict_trace *trace,
                 struct verdict *ret);

/*
 * The walk's parts, for the walk of the image, which does by itself only what is certain.
 */

void linear_state_init(struct effect_state *s, const struct verdict_packet *p);
/* What a target does that lets the packet go on; NONE of LOG, NFLOG and the like. */
void linear_effect_read(const struct rules_target *target, struct effect *ret);
/* effect_apply, and the packet's view as rules behind it see it. */
void linear_state_apply(struct effect_state *s, const struct effect *e);
/* ACCEPT, DROP, REJECT, or DEPENDS because of an extension whose verdict we don't know; -1: the walk goes on.
 */
int linear_target_code(const struct rules_target *target);
/* What a built-in chain does at its end; DEPENDS because of LINEAR_NO_POLICY: its file does not say. */
#define LINEAR_NO_POLICY "what that chain holds, which these rules don't say"
enum verdict_code linear_policy(const struct rules_chain *chain);
/* The verdict of a walk in which everything was certain. rule NULL: by chain's policy, which gives the code;
 * chain NULL: there is none, and code is what is done then. */
void linear_state_conclude(const struct effect_state *s, enum verdict_code code,
                           const struct rules_chain *chain, const struct rules_rule *rule,
                           struct verdict *ret);
/* The same of a walk of which some things were not certain, with what it did to the packet. */
void linear_ways_conclude(const struct ways *w, struct verdict *ret);
/* The same of a walk in which no rule has changed the packet. */
void linear_conclude(const struct verdict_packet *p, enum verdict_code code, const struct rules_chain *chain,
                     const struct rules_rule *rule, struct verdict *ret);

/* Where a walk stands: the innermost chain last; next is the index of the rule that is looked at next in it.
 */
struct linear_place {
    const struct rules_chain *chain;
    size_t next;
};

/* Goes on from places (depth of them, 1...VERDICT_DEPTH) to the verdict; what was before has been certain.
 * builtin: whose policy decides at the end (after a goto out of it that is not the first of places). first:
 * what the next rule has answered; NULL: it has not been asked. */
void linear_resume(const struct effect_state *s, const struct rules_chain *builtin,
                   const struct linear_place *places, unsigned depth, const struct match_answer *first,
                   struct verdict_memory *memory, bool count, const struct verdict_trace *trace,
                   struct verdict *ret);

#endif
