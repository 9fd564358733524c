/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_EXT_RATE_H
#define SALLY_RULES_EXT_RATE_H

#include "base/result.h"
#include "rules/ext/extension.h"

/* Rates in packets a time, as -m limit and -m hashlimit write them: "5", "5/s", "3/minute", "7/h", "1/day". A
 * rate is kept as the time for one packet, in units of 1/scale of a second, rounded down as iptables does. */

/* 0 and the time and how many seconds the rate's unit has, or rules_fail's -EINVAL. */
MUST_USE int rules_rate_parse(struct rules_parse *p, const char *word, uint32_t scale, uint64_t *ret_time,
                              uint32_t *ret_unit);
/* "5/min": in the unit that iptables finds best. Returns the seconds of that unit. */
uint32_t rules_rate_print(FILE *out, uint64_t time, uint32_t scale);

#endif
