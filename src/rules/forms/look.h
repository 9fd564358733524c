/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_LOOK_H
#define SALLY_RULES_FORMS_LOOK_H

#include "rules/forms/notes.h"

/* Remarks about what stands in a rule set to no effect: chains that nothing reaches, ranges that go down. 0 or
 * -ENOMEM. */
MUST_USE int look_at_rules(const struct rules *r, struct form_notes *notes);

#endif
