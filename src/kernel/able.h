/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_ABLE_H
#define SALLY_KERNEL_ABLE_H

/*
 * Which rules the kernel program carries out. Asked before rules are loaded, so that none is loaded as something
 * else: what the program can't do is refused with the rule's name, and what it does less of than the rule says is
 * told. No I/O.
 *
 * What it knows is one table (able_rows.h), from which sallywall(8) has its list too.
 */
#include <stdio.h>

#include "base/result.h"
#include "rules/model.h"
#include "verdict/image/image.h"
#include "verdict/sets/sets.h"

/* What is to be had besides the program itself. */
struct able_terms {
    bool rejects;             /* REJECT's answers can be sent; else it acts as DROP */
    bool listens;             /* somebody takes what LOG and NFLOG say */
    const struct sets *sets;  /* those whose members will be loaded; NULL: none */
    const uint64_t *standing; /* those that are loaded already, by sets_id */
    size_t standing_count;
};

/* One rule, or a chain. All of it is borrowed until the call returns. */
struct able_note {
    bool refused; /* else it is carried out, but less than it says */
    enum rules_table_type table;
    const struct rules_chain *chain;
    uint32_t number;    /* of the rule in its chain, 1...; 0: it is the chain that is meant */
    const char *rule;   /* as iptables-save writes it; number 0: "" */
    const char *what;   /* of it: "-m physdev"; "" if that is all of it */
    const char *why;    /* a clause */
    const char *remedy; /* what to do: a clause in the imperative */
};

typedef void able_tell(void *arg, const struct able_note *note);

/*
 * Tells a note for each rule of r that is not carried out as it says, and for what no packet could be followed
 * through. image is compiled from r. 0: they may be loaded; -EOPNOTSUPP: at least one is refused; -ENOMEM.
 */
MUST_USE int able_check(const struct rules *r, const struct image *image, const struct able_terms *terms,
                        able_tell *tell, void *arg);

/* A note as a person reads it, with a newline at the end of each of its two lines. */
void able_note_print(FILE *out, const struct able_note *note);

#endif
