/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_VERBOSE_H
#define SALLY_RULES_LANGUAGE_VERBOSE_H

#include <stdio.h>

#include "rules/model.h"

/* The line that iptables prints for a rule that -v -A, -I, -D, -R or -C is about. */
void verbose_rule(FILE *out, uint8_t family, const struct rules_rule *rule);

#endif
