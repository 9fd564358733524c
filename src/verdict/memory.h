/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MEMORY_H
#define SALLY_VERDICT_MEMORY_H

/*
 * What matches remember, as the modules of the kernel do: one hash table of entries for all of them, and a
 * list of the named tables of hashlimit and recent. Entries are made when a packet first needs them and live
 * until the memory is freed, their table forgets them (recent: the oldest of 100; hashlimit: expired), or,
 * for connlimit, none of their connections lives.
 */
#include "base/result.h"
#include "verdict/match/hashlimit.h"
#include "verdict/match/recent.h"
#include "verdict/verdict.h"

enum memory_kind {
    MEMORY_LIMIT,
    MEMORY_STATISTIC,
    MEMORY_CONNLIMIT,
    MEMORY_HASHLIMIT,
    MEMORY_RECENT,
    MEMORY_NFT_LIMIT,
    MEMORY_NFT_QUOTA,
    MEMORY_NFT_COUNT, /* has connections, as CONNLIMIT */
    MEMORY_NFT_SET,   /* how many elements rules have added */
    MEMORY_NFT_ELEMENT,
    MEMORY_SET_MEMBER, /* of an ipset, which rules have touched */
};

struct memory_key {
    uint32_t kind;         /* enum memory_kind */
    uint32_t owner, index; /* serial of the rule and index of the match; or number of the table and 0 */
    struct packet_address address[2];
    uint16_t port[2];
};

struct memory_stamps { /* recent: when an address was seen */
    uint64_t *at;      /* ring of the table's stamps jiffies */
    struct recent_ring ring;
    uint8_t ttl;
};

struct memory_connections { /* connlimit: those that asked */
    struct track_tuple *tuples;
    uint32_t count, capacity;
};

struct memory_entry {
    struct memory_entry *chain;         /* same hash */
    struct memory_entry *older, *newer; /* of a table of recent, by last change */
    struct memory_key key;
    bool tainted; /* changed or not, nobody knows: its answers are unknown */
    bool
        guessed; /* more or fewer packets than these may draw from it in reality: when it is empty is unknown */
    union {
        struct limit_bucket limit;
        struct hashlimit_bucket bucket;
        struct memory_stamps stamps;
        struct memory_connections connections;
        uint32_t counter;
        struct {
            uint64_t tokens, last; /* ns */
        } bucket_of_nft;
        struct {
            uint64_t least, most; /* bytes that have come */
        } quota;
        struct { /* of a set of nft's or ipset's, that rules have touched */
            bool is_deleted;
            bool is_limited;     /* it has a limit of its own, which each packet that finds it draws from */
            uint64_t expires_ms; /* 0: never */
        } element;
    };
};

/* One of hashlimit's or recent's, known by its name. */
struct memory_table {
    struct memory_table *next;
    uint32_t kind, number;
    char name[256];
    bool tainted;
    uint32_t count;
    uint64_t swept;                         /* hashlimit: jiffies of the last collection */
    struct rules_match_hashlimit hashlimit; /* of the first rule that named it */
    struct packet_address mask;             /* recent: likewise */
    uint32_t stamps;                        /* recent: power of two */
    struct memory_entry *oldest, *newest;   /* recent */
};

/* The entry, or NULL. */
struct memory_entry *memory_find(const struct verdict_memory *m, const struct memory_key *key);
/* A new one, zeroed but for its key. NULL: out of memory. */
MUST_USE struct memory_entry *memory_add(struct verdict_memory *m, const struct memory_key *key);
void memory_remove(struct verdict_memory *m, struct memory_entry **entry);
/* Is anything of that kind remembered? */
bool memory_has(const struct verdict_memory *m, enum memory_kind kind);
/* Removes every entry of a kind and owner that forget says so of. */
void memory_sweep(struct verdict_memory *m, enum memory_kind kind, uint32_t owner,
                  bool (*forget)(const void *arg, struct memory_entry *entry), const void *arg);
/* Is it about to grow, so that sweeping it pays? */
bool memory_is_due(const struct verdict_memory *m);
/* The table that a hashlimit or recent match names, made if need be. NULL: out of memory. */
struct memory_table *memory_table_of(struct verdict_memory *m, const struct rules_match *match);
size_t memory_count(const struct verdict_memory *m);

#endif
