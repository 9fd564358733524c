/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_NOTES_H
#define SALLY_RULES_FORMS_NOTES_H

#include "base/result.h"
#include "rules/rules.h"

/* What a reader has to say about a text besides its rules, until there is a rule set to say it of. */

enum form_note_kind {
    NOTE_REMARK,   /* bears on no answer, or was taken for granted and is told */
    NOTE_DROPS,    /* stands beside the rules: may drop, whatever they say */
    NOTE_REWRITES, /* may change anything */
};

enum { NOTES_MOST = 64 }; /* of a text; those of remarks beyond are counted only */

struct form_note {
    enum form_note_kind kind;
    uint32_t line; /* 0: of no line */
    char *text;
    const char *command; /* that would tell; static; NULL for remarks */
};

struct form_notes {
    struct form_note list[NOTES_MOST];
    size_t count;
    uint32_t left_out; /* remarks for which there was no room */
    bool failed;       /* out of memory */
};

/* The same text is noted once. command is static. */
__attribute__((format(printf, 5, 6))) void notes_add(struct form_notes *n, enum form_note_kind kind,
                                                     uint32_t line, const char *command, const char *format,
                                                     ...);
/* Into the rule set; 0 or -ENOMEM. */
MUST_USE int notes_give(const struct form_notes *n, struct rules *r);
void notes_fini(struct form_notes *n);

/* A line that iptables-save, -S or -L put in because it could not show something. false: it is no such line. */
MUST_USE bool notes_take_warning(struct form_notes *n, const char *line, size_t size, uint32_t number);

#endif
