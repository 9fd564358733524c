/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_BESIDE_H
#define SALLY_RULES_FORMS_BESIDE_H

#include "base/result.h"
#include "rules/rules.h"

/* Notes in r (struct rules_beside) what acts on packets of its family besides the rules of iptables, as
 * `nft list ruleset` prints it, with handles (-a) or without: tables with a base chain, and chains that nft hooked into
 * tables of iptables'. has_iptables: r has what iptables-nft-save shows; else tables of its names are as all others. 0 or
 * -ENOMEM. */
MUST_USE int beside_nft(struct rules *r, const char *text, size_t size, bool has_iptables);

/* Of what iptables-save prints (with counters or without): could its rules stop or change a packet? Empty tables let
 * everything pass. */
bool beside_holds_rules(const char *text, size_t size);
/* Are there rules in a table that can do more than let pass and stop? */
bool beside_holds_rewriting_rules(const char *text, size_t size);

#endif
