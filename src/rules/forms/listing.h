/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_LISTING_H
#define SALLY_RULES_FORMS_LISTING_H

#include <stdio.h>

#include "rules/forms/rows.h"
#include "rules/forms/sections.h"

/*
 * What `iptables -L` prints, with and without -n, -v, -x and --line-numbers; `ufw show raw`, which is listings with
 * heads. A listing is made for people: without -v it shows no interfaces, without -n it has names in place of addresses, and some
 * matches it shows in part. What is not shown becomes an unknown condition.
 */
MUST_USE int listing_read(const char *text, size_t size, const char *name, uint8_t family, struct sections *s,
                          struct form_notes *notes, struct rules_error *error);

/* One rule of a listing. Borrowed. */
struct listed {
    char target[64];   /* "" : none */
    char protocol[24]; /* "tcp", "6", "!17", "all" */
    bool is_ipv6;
    const char *tail, *end; /* behind the columns: matches and what the target takes */
};

/* The tail as options: what its matches are, and what the target takes ("-j TARGET" included), each with a blank before
 * it. A part that can't be read is told as an unknown condition. false: the target's part can't be read, and nothing
 * was written to target. */
MUST_USE bool listing_tail(const struct listed *l, FILE *matches, FILE *target);
/* "-m unknown --because ...", a blank before it; text is hostile. */
void listing_unknown(FILE *out, const char *before, const char *text, size_t size, const char *after);

#endif
