/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_SCRIPT_COMMAND_H
#define SALLY_RULES_FORMS_SCRIPT_COMMAND_H

#include "rules/forms/notes.h"
#include "rules/shell/shell.h"

/*
 * A command of iptables that a script calls, carried out on the rules: what of it is not known becomes a condition that
 * is unknown, or, where no rule can hold that, is told as lost.
 */

enum { SCRIPT_WHY = 200 };

/* Which line made the rules of these serials. */
struct script_origin {
    uint32_t serial, line;
};

struct script { /* what came of it so far */
    struct rules *r;
    struct form_notes *notes;
    struct script_origin *origins;
    size_t origin_count, origin_capacity;
    uint32_t commands, others; /* of iptables in this family, and in the other */
    uint32_t unread;           /* commands that can't be read */
    bool flushed, gave_up, lost;
    unsigned back_ends; /* 1: legacy, 2: nft were named */
    bool is_vague;      /* rules that are unknown were made */
    int error;          /* -ENOMEM */
};

/* What is not followed, so that anything may stand beside the rules. */
void script_lose(struct script *s, uint32_t line, const char *what);
/* Returns how the command exits; UNSURE, too, once more was called than is looked at. Sets s->error when out of
 * memory. */
enum shell_status script_command(struct script *s, const struct shell_call *call);

#endif
