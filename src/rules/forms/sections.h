/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FORMS_SECTIONS_H
#define SALLY_RULES_FORMS_SECTIONS_H

#include "rules/forms/made.h"
#include "rules/forms/notes.h"

/*
 * Policies, chains and rules of a form that does not say which table they are of: what `iptables -S` or -L prints of
 * one table, or of several, one after the other. A section is what is of one table; which, its built-in chains tell,
 * and if they don't, its targets.
 */
/* What a section has to say, in the order in which it was said. */
struct section_item {
    uint32_t line;
    uint16_t section;
    char *chain;
    char *policy; /* "ACCEPT"; "-": it is a user's; NULL: a rule */
    char *words;  /* of a rule, all behind "-A CHAIN "; of a command of another kind, all of it */
    char *target; /* of a rule; NULL: none */
    bool is_command;
    char *
        instead; /* "" or words of a rule if words can't be read, each in a line: what is surely not more certain */
};

struct section {
    int table;        /* enum rules_table_type; NAMES_NO_TABLE: not said */
    uint8_t declared; /* bits 1 << enum rules_hook: built-in chains that have a policy */
    uint8_t used;     /* those that rules are in */
    int last_hook;    /* the last that was declared; -1: none */
    bool has_rules, has_chains;
    bool translates, marks; /* targets that are of nat, mangle */
    bool tracks;            /* of raw */
    bool labels;            /* of security */
    uint32_t line;
};

struct sections {
    struct section *list;
    size_t count;
    struct section_item *items;
    size_t item_count, item_capacity;
    bool
        interleaved; /* rules stand behind the head of their chain, as in listings; else behind all of them */
    bool failed;     /* out of memory */
};

/* What follows is of another section, of this table (or NAMES_NO_TABLE). */
void sections_begin(struct sections *s, int table, uint32_t line);
/* A chain with its policy, or "-". Begins a section by itself where one of `iptables -S` must begin. */
void sections_chain(struct sections *s, uint32_t line, const char *chain, const char *policy);
/* words, target and instead are copied; target and instead may be NULL. */
void sections_rule(struct sections *s, uint32_t line, const char *chain, const char *words,
                   const char *target, const char *instead);
/* A command of iptables-restore that is neither. */
void sections_command(struct sections *s, uint32_t line, const char *words);

/* As text of iptables-save, with what is not told: built-in chains stay undeclared, chains that rules jump to and that
 * are not there may do anything. 0; -EINVAL with *error; -ENOMEM. */
MUST_USE int sections_make(struct sections *s, const char *name, uint8_t family, struct form_notes *notes,
                           struct made *made, struct rules_error *error);
void sections_fini(struct sections *s);

#endif
