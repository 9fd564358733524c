/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_WAYS_H
#define SALLY_VERDICT_WAYS_H

/*
 * All ways at once that rules leave open which are UNKNOWN, in time that grows as the rules do: a rule that is UNKNOWN and
 * would decide notes its verdict as a possible outcome, and the walk goes on behind it; a chain that is maybe entered is
 * walked, and the walk goes on behind the jump with what both ways have in common. At the end it is known, if all outcomes agree,
 * and else depends on the rule that opened another one.
 *
 * Who walks (linear.c: iptables' rules, nft/walk.c: nft's) says what he meets; this keeps account.
 */
#include "verdict/effect.h"
#include "verdict/verdict.h"

enum { WAY_CODES = VERDICT_DEPENDS + 1 };

/* How a way ends. */
struct way_end {
    enum verdict_code code;
    struct way_place at;
    const char *because; /* of an UNKNOWN rule, and of DEPENDS */
    bool hotdrop;
    struct nat_order nat; /* ACCEPT */
};

struct way_outcome {
    bool possible;
    bool differs; /* ends of this code that ask for different NAT */
    struct way_end end;
    struct way_place culprit; /* the UNKNOWN rule that opened the way; none: it is certain */
};

struct ways {
    struct effect_state state; /* what all ways that are still walked have in common */
    struct verdict_help help;  /* likewise */
    bool maybe;                /* the walk is in a part that is maybe not reached... */
    bool ended;                /* ...or behind one that has maybe ended it */
    struct way_place doubt;    /* the rule that made it so */
    const char *because;
    struct way_place first; /* the first UNKNOWN rule that changed anything */
    const char *first_because;
    struct way_place hops; /* the rule that has written the TTL last, maybe */
    struct way_outcome outcomes[WAY_CODES];
    enum verdict_code last; /* outcome of the way on which no UNKNOWN rule matched */
    bool concluded;
    struct effect_state result; /* what all outcomes have in common */
    struct verdict_help result_help;
};

/* Ways that have left a chain by UNKNOWN rules, joined where it was entered. */
struct way_fall {
    bool fell;
    struct effect_state state;
    struct verdict_help help;
};

enum way { WAY_ENDED, WAY_FELL }; /* FELL: maybe, or certainly, back to the chain before */

static inline bool ways_are_uncertain(const struct ways *w)
{
    return w->maybe || w->ended;
}

/* What the walk does now has in common with what it had at before. */
void ways_join(struct ways *w, const struct effect_state *before, const struct verdict_help *help);
/* The walk ends here, if it has come here. */
enum way ways_end(struct ways *w, const struct way_end *end);
/* It maybe ends here, and goes on. */
void ways_maybe_end(struct ways *w, const struct way_end *end);
/* From here on it is uncertain which way is walked. */
void ways_doubt(struct ways *w, const struct way_place *at, const char *because);
/* Some ways leave the chain here, with what the walk has now; it goes on as it was before, which is uncertain until the
 * chain's end. */
void ways_fall(struct ways *w, struct way_fall *fall, const struct effect_state *before,
               const struct verdict_help *help);
/* A chain's end: back to where it was entered, when maybe was as it was then. */
enum way ways_leave(struct ways *w, enum way way, bool maybe, const struct way_fall *fall);
/* All ways have ended: as this, with what w->result and result_help have in common. */
struct way_end ways_conclude(const struct ways *w);

#endif
