/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_NFT_NFT_H
#define SALLY_RULES_NFT_NFT_H

/*
 * The rule model of nftables: what `nft -j list ruleset` prints (libnftables-json(5)). A rule set is read whole, never
 * changed, and shared by who holds it. Everything in it lies in its own memory; names and texts are NUL-terminated.
 *
 * Values are numbers, whatever they stand for: addresses and names of interfaces with their first byte heaviest,
 * so that prefixes and names with a common beginning are ranges. What joins several (a concatenation) is a list of such
 * numbers. What is not understood stays as what it is called (NFT_EXPR_UNKNOWN, NFT_DO_UNKNOWN): it is unknown when it
 * decides.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "rules/nft/table.h"
#include "rules/rules.h"

enum nft_limits {
    NFT_PARTS = 16, /* of a concatenation; nf_tables has 64 bytes for it, and each takes 4 at least */
    NFT_DEPTH = 24, /* expressions inside one another */
    NFT_MOST_OBJECTS = 1 << 20, /* tables, chains, rules, sets and the like */
    NFT_MOST_NODES = 1 << 23,   /* expressions, statements and elements of sets */
};

/* ---- expressions ---- */

enum nft_expr_kind {
    NFT_EXPR_UNKNOWN, /* not evaluated; text says what it is */
    NFT_EXPR_VALUE,   /* from first to last, which mostly are the same */
    NFT_EXPR_ANY,     /* "*" */
    NFT_EXPR_LIST,    /* values one beside the other: of flags, all their bits */
    NFT_EXPR_CONCAT,
    NFT_EXPR_SET,   /* a set's elements: named, or written here */
    NFT_EXPR_MAP,   /* what a map has for key */
    NFT_EXPR_FIELD, /* of the packet, its connection or the world: field */
    NFT_EXPR_RAW,   /* bits of the packet */
    NFT_EXPR_FIB,
    NFT_EXPR_BINARY, /* left operator right */
    NFT_EXPR_SURE,   /* text reads like chance, and has one outcome: value.first */
    NFT_EXPR_OBJECT, /* what a map of objects has: text is its name */
};

enum nft_shape {
    NFT_SHAPE_ONE,
    NFT_SHAPE_RANGE,
    NFT_SHAPE_PREFIX,
    NFT_SHAPE_WILDCARD
}; /* as it is written */
enum nft_operator { NFT_AND, NFT_OR, NFT_XOR, NFT_LEFT, NFT_RIGHT };
enum nft_fib_flag {
    NFT_FIB_SADDR = 1 << 0,
    NFT_FIB_DADDR = 1 << 1,
    NFT_FIB_MARK = 1 << 2,
    NFT_FIB_IIF = 1 << 3,
    NFT_FIB_OIF = 1 << 4,
};
enum nft_fib_result { NFT_FIB_OUT, NFT_FIB_OUT_NAME, NFT_FIB_TYPE };
enum nft_direction { NFT_DIRECTION_NONE, NFT_DIRECTION_ORIGINAL, NFT_DIRECTION_REPLY };

struct nft_object;

struct nft_expr {
    uint8_t kind;                /* enum nft_expr_kind */
    uint8_t type;                /* enum nft_type */
    uint16_t bits;               /* of its value; 0: not known */
    const struct nft_expr *next; /* beside it in a list or concatenation */
    const char *text;            /* UNKNOWN, SURE, OBJECT: its name; else NULL */
    const char *because;         /* UNKNOWN: "numgen, which is not evaluated" */
    union {
        struct {
            nft_number first, last;
            uint8_t shape;  /* enum nft_shape */
            uint8_t length; /* PREFIX: bits; WILDCARD: bytes before '*' */
        } value;
        struct {
            const struct nft_expr *first;
            uint32_t count;
        } parts; /* LIST, CONCAT */
        const struct nft_set *set;
        struct {
            const struct nft_expr *key;
            const struct nft_set *set;
        } map;
        struct {
            const struct nft_field *row;
            uint8_t direction; /* enum nft_direction */
        } field;
        struct {
            uint8_t base;    /* enum nft_base */
            uint16_t offset; /* bits */
        } raw;
        struct {
            uint8_t result; /* enum nft_fib_result */
            uint8_t flags;  /* enum nft_fib_flag */
        } fib;
        struct {
            uint8_t operation; /* enum nft_operator */
            const struct nft_expr *left, *right;
        } binary;
        const struct nft_object *object; /* NULL: there is none of that name */
    };
};

/* ---- sets and objects ---- */

enum nft_code { NFT_ACCEPT, NFT_DROP, NFT_CONTINUE, NFT_RETURN, NFT_JUMP, NFT_GOTO };

struct nft_verdict {
    uint8_t code;                  /* enum nft_code */
    const struct nft_chain *chain; /* JUMP, GOTO; NULL: no such chain */
    const char *name;              /* that chain's, as it is written */
};

struct nft_element {
    const struct nft_expr *key;
    const struct nft_expr *data;       /* of a map */
    const struct nft_verdict *verdict; /* of a verdict map */
    const char *comment;               /* or NULL */
    uint64_t timeout_s, expires_s;     /* 0: none */
    bool is_limited;                   /* it has a limit, quota or count of its own */
};

enum nft_set_flag {
    NFT_SET_CONSTANT = 1 << 0,
    NFT_SET_INTERVAL = 1 << 1,
    NFT_SET_TIMEOUT = 1 << 2,
    NFT_SET_DYNAMIC = 1 << 3,
    NFT_SET_FILLED = 1 << 4, /* some rule adds to it or deletes from it */
};

struct nft_set {
    const struct nft_table *table;
    const char *name; /* NULL: written where it is asked for */
    uint32_t number;  /* of the rule set's sets, from 0 */
    uint8_t flags;    /* enum nft_set_flag */
    bool is_map, is_verdict_map;
    uint32_t size; /* at most so many elements; 0: not said */
    uint64_t timeout_s;
    uint8_t types[NFT_PARTS]; /* enum nft_type of the key's parts */
    uint8_t type_count;
    uint8_t data_types[NFT_PARTS];
    uint8_t data_type_count;
    const struct nft_element *elements;
    size_t count;
    const struct nft_statement *statements; /* of each element that is added */
};

enum nft_object_kind {
    NFT_OBJECT_COUNTER,
    NFT_OBJECT_QUOTA,
    NFT_OBJECT_LIMIT,
    NFT_OBJECT_HELPER,
    NFT_OBJECT_TIMEOUT,
    NFT_OBJECT_EXPECTATION,
    NFT_OBJECT_SYNPROXY,
    NFT_OBJECT_FLOWTABLE,
    NFT_OBJECT_OTHER, /* secmark, tunnel... */
};

struct nft_limit {
    uint64_t rate, per_s;
    uint32_t burst;
    bool over, by_bytes;
    const char *rate_unit, *burst_unit, *per; /* as written: "mbytes", "minute" */
    uint64_t written_rate, written_burst;
};

struct nft_quota {
    uint64_t bytes, used;
    bool over;
    uint64_t written;
    const char *unit;
};

struct nft_object {
    uint8_t kind; /* enum nft_object_kind */
    const struct nft_table *table;
    const char *name;
    uint32_t number; /* of the rule set's objects, from 0 */
    union {
        struct nft_limit limit;
        struct nft_quota quota;
        struct {
            const char *type; /* "ftp" */
            uint8_t protocol; /* enum packet_protocol */
            bool for_ipv4, for_ipv6;
        } helper;
    };
};

/* ---- statements, rules, chains, tables ---- */

enum nft_do {
    NFT_DO_UNKNOWN, /* not evaluated: name says what it is */
    NFT_DO_MATCH,
    NFT_DO_VERDICT,
    NFT_DO_VMAP,
    NFT_DO_COUNTER,
    NFT_DO_LOG,
    NFT_DO_LIMIT,
    NFT_DO_QUOTA,
    NFT_DO_COUNT, /* ct count */
    NFT_DO_REJECT,
    NFT_DO_NOTRACK,
    NFT_DO_SET_FIELD, /* meta, ct or payload gets a value */
    NFT_DO_HELPER,
    NFT_DO_NAT,
    NFT_DO_SET, /* add, update, delete */
};

enum nft_comparison {
    NFT_EQUAL,
    NFT_UNEQUAL,
    NFT_LESS,
    NFT_LESS_EQUAL,
    NFT_MORE,
    NFT_MORE_EQUAL,
    NFT_ANY_OF,
    NFT_NONE_OF
};
enum nft_set_deed { NFT_SET_ADD, NFT_SET_UPDATE, NFT_SET_DELETE };
enum nft_reject { NFT_REJECT_ICMPX, NFT_REJECT_ICMP, NFT_REJECT_ICMPV6, NFT_REJECT_RESET };
enum nft_nat { NFT_SNAT, NFT_DNAT, NFT_MASQUERADE, NFT_REDIRECT };
enum nft_nat_flag {
    NFT_NAT_RANDOM = 1 << 0,
    NFT_NAT_FULLY_RANDOM = 1 << 1,
    NFT_NAT_PERSISTENT = 1 << 2,
    NFT_NAT_PREFIX = 1 << 3,
};

struct nft_statement {
    uint8_t kind; /* enum nft_do */
    const struct nft_statement *next;
    const char *name;                /* UNKNOWN: "queue"; an object's, where one is named; else NULL */
    const struct nft_object *object; /* that; NULL: it was not found */
    union {
        struct {
            uint8_t comparison; /* enum nft_comparison */
            bool
                mask_last; /* flags under a mask as nft before 1.1 writes them: "tcp flags syn / syn | ack" */
            const struct nft_expr *left, *right;
        } match;
        struct nft_verdict verdict;
        struct {
            const struct nft_expr *key;
            const struct nft_set *set;
        } vmap;
        struct {
            bool shows; /* its numbers are written */
            uint64_t packets, bytes;
        } counter;
        struct {
            const char *prefix, *level, *flags;
            bool has_group, has_snaplen, has_threshold;
            uint32_t group, snaplen, threshold;
        } log;
        struct nft_limit limit;
        struct nft_quota quota;
        struct {
            uint32_t most;
            bool over;
        } count;
        struct {
            uint8_t with;                /* enum nft_reject */
            const struct nft_expr *code; /* or NULL */
        } reject;
        struct {
            const struct nft_expr *key, *value;
        } field;
        struct {
            const struct nft_expr *by; /* a map of helpers, where none is named */
        } helper;
        struct {
            uint8_t kind;   /* enum nft_nat */
            uint8_t family; /* enum packet_family; 0: either */
            bool says_family;
            uint8_t flags;                         /* enum nft_nat_flag */
            const struct nft_expr *address, *port; /* or NULL */
        } nat;
        struct {
            uint8_t deed; /* enum nft_set_deed */
            const struct nft_set *set;
            const struct nft_expr *key;
            uint64_t timeout_s;                     /* 0: the set's */
            const struct nft_statement *statements; /* each element's own */
            const char *meter;                      /* name, if it is written as a meter */
        } set;
        struct {
            bool ends;     /* it may end the walk (queue, tproxy...), else it goes on (dup, nftrace...) */
            bool rewrites; /* it may change addresses, marks or how the packet is tracked */
            const char *because; /* "queue, which is not evaluated" */
            bool matches;        /* it asks something: the rule maybe ends here */
            bool whole;          /* name is all that is written */
        } unknown;
    };
};

struct nft_rule {
    const struct nft_chain *chain;
    uint64_t handle;
    const char *comment; /* or NULL */
    const struct nft_statement *statements;
    uint32_t number; /* in its chain, 1... */
    uint32_t serial; /* unique in its rule set: keys what limits and counts remember */
};

enum nft_chain_type { NFT_CHAIN_REGULAR, NFT_CHAIN_FILTER, NFT_CHAIN_NAT, NFT_CHAIN_ROUTE, NFT_CHAIN_OTHER };

/* What its rules, and those of chains that they lead to, may do to a packet that goes on. */
enum nft_write {
    NFT_WRITES_MARK = 1 << 0,
    NFT_WRITES_CONNMARK = 1 << 1,
    NFT_WRITES_TRACKING = 1 << 2, /* notrack, zone, helper */
    NFT_WRITES_SETS = 1 << 3,
    NFT_WRITES_TTL = 1 << 4,
    NFT_WRITES_TOS = 1 << 5,
    NFT_WRITES_TCP = 1 << 6,
    NFT_WRITES_ADDRESSES = 1 << 7, /* or sends it elsewhere */
};

struct nft_chain {
    const struct nft_table *table;
    const char *name;
    uint64_t handle;
    uint8_t type; /* enum nft_chain_type */
    uint8_t hook; /* enum rules_hook; RULES_HOOKS: another (ingress, egress) */
    bool drops;   /* its policy */
    int32_t priority;
    const char *type_name, *hook_name, *device; /* as written; NULL of regular ones */
    const struct nft_rule *const *rules;        /* rule number n is rules[n - 1] */
    size_t count;
    uint32_t writes; /* enum nft_write */
    bool stops;      /* a rule or policy that drops, rejects or is unknown */
    uint8_t
        iptables_table; /* enum rules_table_type: by its table's name and its own it is that of iptables-nft; or
                               RULES_TABLES */
};

enum nft_family { NFT_IP, NFT_IP6, NFT_INET, NFT_ARP, NFT_BRIDGE, NFT_NETDEV };

struct nft_table {
    uint8_t family; /* enum nft_family */
    const char *name;
    uint64_t handle;
    bool dormant;
    bool is_1_1; /* printed by nft 1.1 or later, which has more names for priorities */
    bool
        unsure; /* it has a flag, and which one is not said: nft 1.0.6 prints a word of something else in its place */
};

struct nft_ruleset {
    const struct nft_table *const *tables;
    size_t table_count;
    const struct nft_chain *const *chains; /* of all tables, in the order in which they were read */
    size_t chain_count;
    const struct nft_set *const *sets; /* likewise; those that are written in rules among them */
    size_t set_count;
    const struct nft_object *const *objects;
    size_t object_count;
    uint32_t rule_count; /* serials are less */
    const char *version; /* of nft: "1.0.6"; or NULL */
    const char *source;  /* the text that it was read from */
    size_t source_size;
    uint32_t
        skips; /* 1 << enum rules_table_type: of those iptables_table the rules are known by iptables-save */
    struct nft_memory *memory;
    uint32_t holders;
};

/*
 * Reads what `nft -j list ruleset` prints, of size bytes. name is for messages and is borrowed by *error. 0 and *ret, which
 * has one holder; -EINVAL with *error, of which line and column are those of JSON's grammar; -ENOMEM.
 */
MUST_USE int nft_read(const char *text, size_t size, const char *name, struct nft_ruleset **ret,
                      struct rules_error *error);
/* Could text be that? By its beginning. */
bool nft_is_json(const char *text, size_t size);

/* One holder more; not for several threads. */
struct nft_ruleset *nft_hold(struct nft_ruleset *n);
/* One less; the last one frees it. */
void nft_release(struct nft_ruleset **n);

/* "inet" */
const char *nft_family_name(enum nft_family family);
/* Is the chain met by packets of a family (enum packet_family) that go through this machine: a base chain of ip, ip6 or inet
 * at one of the five hooks, of a table that is not dormant? maybe: it can't be told whether the table is. */
bool nft_chain_is_maybe_met(const struct nft_chain *chain, uint8_t family);
bool nft_chain_is_met(const struct nft_chain *chain, uint8_t family);
/* Is any chain of the rule set, but for those that it skips? */
bool nft_is_met(const struct nft_ruleset *n, uint8_t family);
bool nft_table_is_met(const struct nft_ruleset *n, const struct nft_table *table, uint8_t family);

/* Tells all ports, and ranges of them, that rules and sets speak of. false: some rule asks for ports in another way (under a mask,
 * by raw bits, by chance), so that these do not tell all. NULL: none. */
typedef void nft_on_ports(void *arg, uint16_t first, uint16_t last);
bool nft_ports(const struct nft_ruleset *n, nft_on_ports *told, void *arg);

/* Do both hold the same chains, rules and sets, whatever their handles and counters? NULL: none. */
bool nft_equal(const struct nft_ruleset *a, const struct nft_ruleset *b);

/* Printing, as `nft list ruleset` does; new strings, or NULL: out of memory. */

/* A rule without its handle: "tcp dport 21 drop comment \"no FTP\"" */
MUST_USE char *nft_rule_text(const struct nft_rule *rule);
/* What a rule's match asks: "ip saddr 192.0.2.0/24" */
MUST_USE char *nft_match_text(const struct nft_statement *match);
/* A base chain's head: "type filter hook input priority filter; policy drop;" */
MUST_USE char *nft_chain_text(const struct nft_chain *chain);

#endif
