/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_EXT_EXTENSION_H
#define SALLY_RULES_EXT_EXTENSION_H

/*
 * What a match or a target brings to the language: its name, its options, how they are read and printed. One
 * const row (struct rules_extension) each, in this room; the rows are listed once, in extension.c.
 *
 * A row works on its payload ("data"): the member of the union in struct rules_match or struct rules_target
 * that belongs to its type, e.g. struct rules_match_ttl *. With heap > 0 the union holds a pointer and the
 * core allocates, copies and frees that many bytes; otherwise data points at the union member itself. The
 * payload is zeroed before start. As long as it holds no pointers and
 * the unused bytes of its strings stay zero, the core copies and compares it as bytes and free, copy and
 * equal are NULL.
 *
 * An option says where in the payload its argument lies and how that is read and printed; field.c reads, saves
 * and lists by that. What is special to a row is code: a value of its own, finish, save or list.
 *
 * The core finds the option (abbreviations, aliases), refuses a `!` where the option takes none, an option
 * given twice, excluded or missing ones; a row only sees words that are its own.
 */
#include <stdio.h>

#include "base/result.h"
#include "rules/rules.h"

enum rules_families {
    RULES_BOTH, /* the default of a row */
    RULES_IPV4_ONLY,
    RULES_IPV6_ONLY,
};

enum rules_option_flag {
    RULES_ARGUMENT = 1 << 0, /* takes a word */
    RULES_INVERTS = 1 << 1,  /* `!` may stand before it */
    RULES_NEEDED = 1 << 2,   /* must be given; is always printed */
    RULES_REPEATS = 1 << 3,  /* may be given more than once */
    RULES_SHOWN = 1 << 4,    /* is always printed */
    RULES_LISTED = 1 << 5,   /* is always listed */
};

struct rules_parse;
struct rules_print;
struct rules_option;

/* Bytes of the payload. size 0: of the whole. */
struct rules_place {
    uint16_t at, size;
};

/* What being given does to the payload, and how printing knows of it: the bits of mask of an unsigned number are
 * value. mask 0: nothing. */
struct rules_sign {
    struct rules_place place;
    uint32_t value, mask;
};

/* A kind of argument. at: its place in the payload. */
struct rules_value {
    /* Fills in the default; NULL: zero, or the option's standard. */
    void (*start)(uint8_t family, void *at);
    /* The word into its place, which holds the default. 0, or what rules_fail returned, or -ENOMEM. A second word
     * is fetched by rules_next_word. */
    int (*read)(struct rules_parse *p, const char *word, void *at);
    /* As iptables-save and -L print it, without a space before it. print NULL: another option prints it; list
     * NULL: as print. */
    void (*print)(FILE *out, const void *at, const struct rules_print *how);
    void (*list)(FILE *out, const void *at, const struct rules_print *how);
};

struct rules_name {
    const char *name;
    uint32_t value; /* in a set: its bit */
};

/* The words that an argument is chosen from. */
struct rules_names {
    const struct rules_name *list; /* of several for one value, the first is printed */
    uint8_t count;
    bool exact;        /* case counts */
    bool cut;          /* the first that begins so is meant as well */
    const char *kind;  /* what it is, for messages: "a state" */
    const char *empty; /* what is expected, if a set may not be empty */
};

struct rules_option {
    const char *name;  /* "dport", without dashes; the first row of an id is the name used in messages */
    uint8_t id;        /* 0..31 in its extension; aliases share one */
    uint8_t flags;     /* enum rules_option_flag */
    uint32_t excludes; /* bits 1 << id: may not be given with these (saying it on one side is enough) */
    uint32_t
        requires; /* bits 1 << id: all of these must be given too */

    /* An alias says nothing more: the row of its id that does speaks for it and is printed. Printed is what its
     * signs call given or, without signs, an argument that is not the default. */
    const struct rules_value *value; /* NULL: takes no argument, and signs are all */
    struct rules_place at;           /* of the argument */
    struct rules_sign given;
    struct rules_sign inverted;      /* beside given or, in the same place, instead of it */
    uint64_t least, most;            /* of a number; most 0: what its place can hold */
    uint32_t standard;               /* the number that is not given */
    const struct rules_names *names; /* of a choice or a set */
    /* What -L prints before the argument: in parentheses what stands there if it is inverted, or after a bar if
     * not; "": it is not listed; NULL: as saved, without dashes. */
    const char *listed;
};

/* Where reading stands; the first argument of all that reads. Rows use family, table, rule, given and inverted,
 * and fail through rules_fail. */
struct rules_parse {
    uint8_t family;                    /* enum packet_family */
    uint8_t table;                     /* enum rules_table_type */
    bool inverted;                     /* in read: "!" stood before the option */
    uint32_t given;                    /* in read: bits 1 << id given before it; in finish: all */
    const struct rules_rule *rule;     /* as far as it is read; in finish its header is whole */
    const struct rules_option *option; /* in read: what is read */
    const char *name;                  /* in read: what the line calls it, for messages; else NULL */
    struct rules_error *error;
    struct rules_words *words; /* of the line; private to the core */
};

struct rules_print {
    uint8_t family;
    bool numeric;                      /* -n: no names of ports; only for list */
    const struct rules_rule *rule;     /* whose part is printed */
    const struct rules_option *option; /* in a value: whose it is */
    bool inverted;                     /* in a value: the option is */
};

struct rules_extension {
    const char *name;                   /* after -m or -j */
    const char *alias;                  /* or NULL */
    const struct rules_option *options; /* NULL: none */
    const uint8_t
        *order; /* indices of the options in the order of printing, all that are printed; NULL: theirs */
    uint8_t option_count, order_count;
    uint8_t type;     /* enum rules_match_type or rules_target_type */
    uint8_t families; /* enum rules_families */
    uint8_t protocol; /* the rule must say `-p` this, not inverted (as the kernel demands); 0: any */
    uint8_t tables;   /* bits 1 << enum rules_table_type where it may stand; 0: in all */
    uint8_t hooks;    /* bits 1 << enum rules_hook it may be reached from; 0: from all */
    /* Where hooks depend on the options: the same bits for this payload; NULL: they don't. hooks is not 0. */
    uint8_t (*reach)(const void *data);
    uint16_t heap;       /* bytes of the payload behind a pointer; 0: it lies in the union */
    uint32_t one_of;     /* bits 1 << id: one of these must be given; 0: any option */
    const char *lacking; /* the message if none is; NULL: none need be */

    /* Fills in defaults that no value fills in; may be NULL. Cannot fail. */
    void (*start)(void *data);
    /* Last check, all options and the rule's header read; may be NULL. 0, or what rules_fail returned, or -ENOMEM. */
    int (*finish)(struct rules_parse *p, void *data);
    /* Opaque rows only: takes each word as it comes, options with their dashes, "!" too. */
    int (*word)(struct rules_parse *p, const char *word, void *data);

    /* As iptables-save prints what stands after "-m NAME" or "-j NAME", a space before each option; NULL: by the
     * options. */
    void (*save)(FILE *out, const void *data, const struct rules_print *how);
    /* As iptables -L prints it at the end of the line, a space before it; NULL: heading, and by the options. */
    void (*list)(FILE *out, const void *data, const struct rules_print *how);
    const char *heading; /* NULL: none */

    void (*free)(void *data); /* what it points to; not data itself */
    int (*copy)(void *data);  /* data is a bytewise copy: owns what it points to; or -ENOMEM,
                                 then what it points to is still another's */
    bool (*equal)(const void *a, const void *b);
};

/* ---- what the core does with a row, whatever it is (field.c) ---- */

/* The defaults of a new payload. */
void rules_extension_start(const struct rules_extension *row, uint8_t family, void *data);
/* Takes an option, word "" if it has no argument, into the payload. 0; -EINVAL with p->error; -ENOMEM. */
MUST_USE int rules_extension_read(const struct rules_extension *row, struct rules_parse *p,
                                  const struct rules_option *o, const char *word, bool inverted, void *data);
MUST_USE int rules_extension_finish(const struct rules_extension *row, struct rules_parse *p, void *data);
void rules_extension_save(FILE *out, const struct rules_extension *row, const void *data,
                          const struct rules_print *how);
void rules_extension_list(FILE *out, const struct rules_extension *row, const void *data,
                          const struct rules_print *how);

/* ---- the registry (extension.c) ---- */

/* The row of a type, never NULL; of RULES_TARGET_NONE, ACCEPT, DROP, RETURN and CHAIN: NULL. OPAQUE: the one
 * row that reads and prints all of them. */
const struct rules_extension *rules_match_row(uint8_t type);
const struct rules_extension *rules_target_row(uint8_t type);
/* Is it for rules of this family? */
bool rules_families_serve(uint8_t families, uint8_t family);
/* By the name (or alias) after -m or -j, in a family; NULL: none (the core then says what is near). */
const struct rules_extension *rules_match_named(const char *name, uint8_t family);
const struct rules_extension *rules_target_named(const char *name, uint8_t family);
/* ACCEPT, DROP, RETURN or QUEUE: what libiptc lets no chain be called, for -j takes it for a verdict. */
bool rules_is_verdict(const char *name);

/* An extension of iptables whose words are only kept. The tables are ext/opaque.c's; each ends with a NULL
 * name. */
struct rules_opaque_name {
    const char *name;
    uint8_t families;
    bool decides;     /* targets: ends the walk */
    uint8_t tables;   /* targets: bits 1 << enum rules_table_type where it may stand; 0: in all */
    uint8_t hooks;    /* targets: bits 1 << enum rules_hook it may be reached from; 0: from all */
    uint16_t changes; /* targets: enum rules_change */
};
extern const struct rules_opaque_name rules_opaque_matches[], rules_opaque_targets[];

/* ---- rows: their types, and what they are called in the file that holds them ---- */

#define RULES_MATCHES(X)                                                                                     \
    X(TCP, tcp), X(UDP, udp), X(ICMP, icmp), X(ICMP6, icmp6), X(STATE, state), X(CONNTRACK, conntrack),      \
        X(MULTIPORT, multiport), X(IPRANGE, iprange), X(LIMIT, limit), X(HASHLIMIT, hashlimit),              \
        X(CONNLIMIT, connlimit), X(RECENT, recent), X(MAC, mac), X(MARK, mark), X(CONNMARK, connmark),       \
        X(COMMENT, comment), X(ADDRTYPE, addrtype), X(HELPER, helper), X(LENGTH, length), X(TTL, ttl),       \
        X(HL, hl), X(TOS, tos), X(DSCP, dscp), X(PKTTYPE, pkttype), X(STATISTIC, statistic), X(TIME, time),  \
        X(TCPMSS, tcpmss), X(U32, u32), X(SET, set), X(PHYSDEV, physdev), X(OWNER, owner),                   \
        X(IPV6HEADER, ipv6header), X(RPFILTER, rpfilter), X(UNKNOWN, unknown), X(OPAQUE, opaque)
#define RULES_TARGETS(X)                                                                                     \
    X(REJECT, reject), X(LOG, log), X(NFLOG, nflog), X(MARK, mark), X(CONNMARK, connmark), X(CT, ct),        \
        X(NOTRACK, notrack), X(DNAT, dnat), X(SNAT, snat), X(REDIRECT, redirect), X(MASQUERADE, masquerade), \
        X(NETMAP, netmap), X(TTL, ttl), X(HL, hl), X(TOS, tos), X(DSCP, dscp), X(TCPMSS, tcpmss),            \
        X(SET, set), X(OPAQUE, opaque)

#define RULES_MATCH_ROW(type, row)  rules_match_##row
#define RULES_TARGET_ROW(type, row) rules_target_##row
extern const struct rules_extension RULES_MATCHES(RULES_MATCH_ROW), RULES_TARGETS(RULES_TARGET_ROW);

#endif
