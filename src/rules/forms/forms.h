/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_FORMS_H
#define SALLY_RULES_FORMS_FORMS_H

/*
 * The forms in which people have their rules, besides what iptables-save prints: what `iptables -S` prints, lines of
 * it, listings (`iptables -L`, `ufw show raw`), and scripts of iptables commands. Each is made into the rule model;
 * what a form can't say becomes a condition that is unknown (RULES_MATCH_UNKNOWN), an undeclared policy, or
 * something that stands beside the rules (struct rules_beside), so that no answer says more than the form does.
 * What is in no such form is refused with a line that says what it is and what to run instead. No I/O, and no script
 * is ever run.
 */
#include "base/result.h"
#include "rules/rules.h"

enum form_kind {
    FORM_SAVE,     /* of iptables-save, whole or a fragment */
    FORM_LINES,    /* of iptables -S, or lines of iptables-save without their table */
    FORM_LISTING,  /* of iptables -L, ufw show raw */
    FORM_SCRIPT,   /* of a shell, with iptables commands */
    FORM_NFT_JSON, /* of nft -j list ruleset */
    FORM_NFT,   /* nft's own language, which nft itself has to make into JSON first; is and instead say so */
    FORM_OTHER, /* is and instead say more */
};

struct form {
    enum form_kind kind;
    uint32_t line;       /* that told */
    const char *is;      /* "what `ufw status` prints" */
    const char *instead; /* OTHER: what to do */
};

/* Told by how the lines begin. */
struct form form_of(const char *text, size_t size);

/* The enum packet_family that the text is for, whatever its form; 0: nothing tells. */
uint8_t forms_family(const char *text, size_t size);

/*
 * As rules_read, for each form. Lines of rules are those of text. What was assumed, what was left out, and what the
 * form does not tell is in the rule set's remarks and beside list.
 */
MUST_USE int forms_read(const char *text, size_t size, const char *name, uint8_t family, struct rules **ret,
                        struct rules_error *error);

#endif
