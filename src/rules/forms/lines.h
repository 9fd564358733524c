/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_LINES_H
#define SALLY_RULES_FORMS_LINES_H

#include "rules/forms/sections.h"

/* What `iptables -S` prints, and lines of iptables-save or iptables-restore without their table. 0; -EINVAL with
 * *error; -ENOMEM. */
MUST_USE int lines_read(const char *text, size_t size, const char *name, uint8_t family, struct sections *s,
                        struct rules_error *error);

#endif
