/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_MATCH_H
#define SALLY_VERDICT_MATCH_MATCH_H

#include "verdict/condition/condition.h"
#include "verdict/verdict.h"

/*
 * A rule asked of a packet, condition after condition (verdict/condition), as ipt_do_table and the kernel's
 * matches ask: the first NO ends it. After an UNKNOWN one those that remember are asked in doubt
 * (verdict_memory_doubt). HOTDROP behind an UNKNOWN one is UNKNOWN, and hotdrop is set: if the rule is asked
 * that far, the packet is dropped.
 */
struct match_answer {
    enum verdict_answer answer;
    const char *because; /* UNKNOWN: what is asked that we don't know ("the owner of a socket"); else NULL */
    bool hotdrop;
};

struct match_answer match_rule(const struct rules_rule *rule, const struct verdict_packet *p,
                               struct verdict_memory *memory);

/* The same of those of its conditions (count of them, as condition_read tells them of rule) that are in left:
 * bit i is condition i, those from the 64th on are always asked. They lie at base[offsets[i]]. For the compiled image, which
 * knows that the others hold. */
struct match_answer match_conditions(const struct rules_rule *rule, const uint8_t *base,
                                     const uint32_t *offsets, uint32_t count, uint64_t left,
                                     const struct verdict_packet *p, struct verdict_memory *memory);

/* What we are not told of a packet when a field (enum condition_field) is hidden: a static phrase. */
const char *match_hidden(uint8_t field);

/* Of the match behind a condition of the kind CALL. May it be asked out of turn? Not if it remembers what it was
 * asked, or is known only sometimes. */
bool match_is_stateless(const struct rules_match *match);
/* Does it read the transport header, and drop a packet that has none? */
bool match_reads_transport(const struct rules_match *match);

#endif
