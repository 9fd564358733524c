/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_ORDER_H
#define SALLY_VERDICT_ORDER_H

/*
 * The order in which a packet meets what netfilter has: hook by hook along its path, and at each hook by
 * priority. Nothing else says what comes before what: iptables' tables are rows in order.c, and nft's base chains come
 * where their rule set says.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "rules/model.h"

struct nft_chain;

enum wall_path {
    WALL_IN,      /* to this machine: PREROUTING, INPUT */
    WALL_OUT,     /* from this machine: OUTPUT, POSTROUTING */
    WALL_THROUGH, /* routed: PREROUTING, FORWARD, POSTROUTING */
    WALL_LOOP,    /* from this machine to itself, by lo: OUTPUT, POSTROUTING, then PREROUTING, INPUT */
    WALL_PATHS
};

enum order_deed {
    ORDER_RULES,     /* a table's rules are asked */
    ORDER_NAT,       /* likewise, but only the first packet of a connection is theirs */
    ORDER_CONNTRACK, /* which connection is it, and in what state? */
    ORDER_CONFIRM,   /* the helper reads the packet, and a new connection enters the table */
    ORDER_NFT,       /* a base chain of nft's */
    ORDER_NFT_NAT,   /* likewise, of type nat: as ORDER_NAT */
};

enum { ORDER_PRIORITY_CONNTRACK = -200 };

/* What is done at each of some hooks. */
struct order_stop {
    int32_t priority; /* the kernel's: less is earlier */
    uint8_t hooks;    /* bits 1 << enum rules_hook */
    uint8_t deed;     /* enum order_deed */
    uint8_t table;    /* RULES: enum rules_table_type */
    int32_t rank; /* of those that stand in the kernel's NAT hook, which has one priority: less is earlier */
    const struct nft_chain *chain; /* NFT */
    bool other;                    /* RULES, NAT: of the other back end's rules */
    uint32_t writes;               /* enum nft_write: what its rules may change */
    uint32_t rivals; /* likewise, of those at the same hook, priority and rank: which is first is not known */
};

/* All of them, sorted. */
struct order {
    struct order_stop *stops;
    size_t count;
};

/* Where a packet stands; all zero: before everything. */
struct order_place {
    const struct order_stop *stop;
    enum rules_hook hook;
    uint8_t hooks; /* of the path that it has come to */
};

/* Do both stand at one place, so that it is not known which is first? At a hook that they share. */
static inline bool order_is_same_place(const struct order_stop *a, const struct order_stop *b)
{
    return a->priority == b->priority && a->rank == b->rank;
}

/* Those of iptables' tables and of nft's base chains in rules. false: out of memory. */
MUST_USE bool order_init(struct order *o, const struct rules *rules);
void order_fini(struct order *o);

/* Goes on to the next place of the path. false: there is none, the packet is through. */
bool order_next(enum wall_path path, struct order_place *place);
/* The same of an order that order_init made. */
bool order_next_of(const struct order *o, enum wall_path path, struct order_place *place);
/* At which hook of the path a table is met first. */
enum rules_hook order_hook(enum wall_path path, enum rules_table_type table);

#endif
