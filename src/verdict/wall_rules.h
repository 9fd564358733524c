/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_WALL_RULES_H
#define SALLY_VERDICT_WALL_RULES_H

#include "base/result.h"
#include "rules/rules.h"
#include "verdict/order.h"
#include "verdict/verdict.h"

struct image;

/*
 * A rule set as walls walk it: rule by rule where a trace is wanted, else by its image, which is compiled
 * once walking rule by rule has cost so much that this pays. Walls of the same rules share one.
 */
struct wall_rules {
    struct rules *model; /* only written to when count is set */
    bool count;
    bool rewrites[RULES_TABLES]; /* has a target that sends packets elsewhere */
    bool has_nat;  /* any chain of NAT at all: then the kernel maps connections, be it to themselves */
    bool sockmark; /* has a match that gives the packet the mark of its socket */
    const struct rules_beside *rewriter,
        *dropper;        /* the first beside them that may do such, or drop; or NULL */
    struct order order;  /* of tables and of nft's chains */
    struct image *image; /* NULL: not compiled */
    uint64_t spent;      /* rules that were asked where the image would have done */
    uint64_t price;      /* from so many on it is compiled */
};

/* r must outlive it and not be changed meanwhile. NULL: out of memory. */
MUST_USE struct wall_rules *wall_rules_new(const struct rules *r);
void wall_rules_free(struct wall_rules **r);
const struct rules *wall_rules_model(const struct wall_rules *r);
/* What of a packet any of them may write: enum nft_write. */
uint32_t wall_rules_writes(const struct wall_rules *r);
/* What a table says of a packet. Tells trace, if there is one. */
void wall_rules_walk(struct wall_rules *r, enum rules_table_type table, const struct verdict_packet *p,
                     struct verdict_memory *memory, const struct verdict_trace *trace, struct verdict *ret);

#endif
