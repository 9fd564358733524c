/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_DIFF_DIFF_H
#define SALLY_EXPLAIN_DIFF_DIFF_H

#include "base/result.h"
#include "explain/play/settings.h"

/* Flows and FTP sessions whose fate changes from one rule set to another. */
struct diff_change {
    char *
        witness; /* a packet: "INPUT tcp 198.51.100.7:40000 -> 192.168.0.18:22 SYN, NEW", or an FTP session */
    char *scope; /* what changes with it: "tcp to 192.168.0.18 ports 10090:10100" */
    enum wall_fate before, after; /* sessions: PASS works, DROP blocked */
    struct story_rule old_rule, new_rule;
};

struct diff {
    struct diff_change *changes;
    size_t count;
    bool
        complete; /* false: the search was cut short or some of it can't be told: there may be more changes */
    bool unsure;  /* some of it can't be told; notes say why */
    char **notes;
    size_t note_count;
};

/* NULL: out of memory. play gives addresses, kernel and so on for the sessions. */
MUST_USE struct diff *diff_rules(const struct rules *old, const struct rules *new, const struct play *play);
void diff_free(struct diff **d);
MUST_USE int diff_tell_text(const struct diff *d, const struct story_text_options *options, FILE *out);
MUST_USE int diff_tell_json(const struct diff *d, FILE *out);

#endif
