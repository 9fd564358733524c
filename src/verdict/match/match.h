/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_MATCH_H
#define SALLY_VERDICT_MATCH_MATCH_H

#include "verdict/verdict.h"

/*
 * One match of a rule against a packet, as its kernel module (net/netfilter/xt_*.c) decides. serial and index
 * (of the match in its rule) key what it remembers in memory. *ret_because on UNKNOWN: what is asked that we
 * don't know ("the owner of a socket"), else untouched.
 */
enum verdict_answer match_evaluate(const struct rules_match *match, const struct verdict_packet *p,
                                   struct verdict_memory *memory, uint32_t serial, uint16_t index,
                                   const char **ret_because);

/* Header and all matches, in order, as ipt_do_table asks them: the first NO ends it. After an UNKNOWN one
 * those that remember are asked in doubt (verdict_memory_doubt). HOTDROP behind an UNKNOWN one is UNKNOWN,
 * and *ret_hotdrop (else untouched) is set: if the rule is asked that far, the packet is dropped. */
enum verdict_answer match_rule(const struct rules_rule *rule, const struct verdict_packet *p,
                               struct verdict_memory *memory, const char **ret_because, bool *ret_hotdrop);

/* The same, of a rule of which it is known that the rest holds: header asks its own conditions, bit i of
 * matches_left match i; matches from the 65th on are always asked. For the compiled image. */
enum verdict_answer match_rest(const struct rules_rule *rule, bool header, uint64_t matches_left,
                               const struct verdict_packet *p, struct verdict_memory *memory,
                               const char **ret_because, bool *ret_hotdrop);

/* The rule's own conditions: addresses, interfaces, protocol, fragment. */
enum verdict_answer match_header(const struct rules_rule *rule, const struct verdict_packet *p,
                                 const char **ret_because);

/* Does the answer depend on nothing but the packet and its state (so that it may be compiled into a
 * classifier)? */
bool match_is_stateless(const struct rules_match *match);

#endif
