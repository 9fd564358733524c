/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_LIST_H
#define SALLY_RULES_LANGUAGE_LIST_H

#include <stdio.h>

#include "base/result.h"
#include "rules/model.h"

/*
 * The listing of a table as `iptables -L` prints it. Protocols are named also when everything else is
 * numeric, as iptables printed up to 1.8.7.
 */
enum rules_list_flag {
    RULES_LIST_NUMERIC = 1 << 0, /* -n: addresses and ports as numbers */
    RULES_LIST_VERBOSE = 1 << 1, /* -v: counters and interfaces */
    RULES_LIST_EXACT = 1 << 2,   /* -x: counters without K, M, G */
    RULES_LIST_NUMBERS = 1 << 3, /* --line-numbers */
};

/*
 * Prints a table, or only chain if it is not NULL, or only the rule of that number in it if number is not 0
 * (then without a head). An absent table is printed as the empty one that iptables would make.
 * 0; -ENOENT: no such chain; -ERANGE: no rule of that number (nothing is printed then); -ENOMEM.
 */
MUST_USE int rules_list(const struct rules *r, enum rules_table_type table, const char *chain,
                        uint32_t number, unsigned flags, FILE *out);

#endif
