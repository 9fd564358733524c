/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_CONDITION_READ_H
#define SALLY_VERDICT_CONDITION_READ_H

#include "rules/model.h"
#include "verdict/condition/condition.h"

/*
 * Tells visit all that rule asks, of a rule set of family, in the order in which the kernel asks: the header
 * (ipt_do_table, ip6t_do_table), then match after match. What holds for every packet is not told. false: visit
 * ended it.
 */
bool condition_read(const struct rules_rule *rule, uint8_t family, condition_visit *visit, void *arg);

#endif
