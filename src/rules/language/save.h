/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_SAVE_H
#define SALLY_RULES_LANGUAGE_SAVE_H

#include <stdio.h>

#include "rules/rules.h"

enum save_rule_flag {
    SAVE_RULE_BEFORE = 1 << 0, /* "[packets:bytes] " before it, as iptables-save -c */
    SAVE_RULE_INSIDE = 1 << 1, /* "-c packets bytes" in it, as iptables -v -S */
};

/* "-A CHAIN ...", without a newline. */
void save_rule(FILE *out, uint8_t family, const struct rules_chain *chain, const struct rules_rule *rule,
               unsigned flags);
/* As iptables -S: chain NULL: all; number 0: all of it, else one rule without a head. flags:
 * SAVE_RULE_INSIDE. */
void save_rule_list(FILE *out, uint8_t family, const struct rules_table *t, const struct rules_chain *chain,
                    uint32_t number, unsigned flags);

#endif
