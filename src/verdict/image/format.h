/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_FORMAT_H
#define SALLY_VERDICT_IMAGE_FORMAT_H

/*
 * The flat block of an image: what lies where. Freestanding, so that kernel programs can read it: no pointers
 * (every "offset" counts bytes from the start of the block), no recursion, every loop bounded by a constant.
 *
 * A table's rules are bits. A chain's are one contiguous range of them, but not in the order of the chain:
 * rules that ask for the same fields, and of those for the same values, lie side by side, so that a word of
 * 64 bits is rarely touched by a packet that none of its rules wants. image_rule.number keeps the order.
 *
 * For each field an index finds the set of the rules that ask for it and want the packet's value. Sets are
 * sparse: a top word says which middle words are there, a middle word which leaf words (Baboescu and Varghese
 * call this aggregation; the levels of 64 bound it to 262,144 rules). Rules that don't ask for a field are in
 * none of its sets but in two dense arrays, the wild ones, which all packets share and which therefore stay
 * in the nearest cache.
 *
 * Fields with few classes of values (protocol, state...) are joined as far as that stays small: for each
 * combination of their classes a whole vector lies ready, wild rules included. An index of such a field
 * gives, in place of a set's offset, a number of bytes; their sum is where the vector lies.
 */
#include <stdint.h>

enum image_limits {
    IMAGE_MAGIC = 0x4d495053, /* "SPIM" */
    IMAGE_VERSION = 4,
    IMAGE_WORD = 64,        /* rules a leaf word, leaf words a middle word, middle words a set */
    IMAGE_LEVELS = 6,       /* of a tree with 16 keys a node */
    IMAGE_NODE = 16,        /* keys in a node of that tree: one cache line */
    IMAGE_HALVINGS = 24,    /* that find a place in a 128-bit index */
    IMAGE_SLOTS = 128,      /* in the hash of a 128-bit index; a power of 2 */
    IMAGE_PAGE = 256,       /* entries in a page of the 16-bit index */
    IMAGE_NONE = -1,        /* no such chain, as uint32_t */
    IMAGE_CONDITIONS = 64,  /* of a rule that residual can tell apart; those behind are always asked */
    IMAGE_DENSE = 4,        /* with so many middle words or fewer, every set has all of them */
    IMAGE_JOINED = 1 << 18, /* bytes that the joined vectors may take */
    IMAGE_SHARED = 128,     /* tables that rules share by name, as far as the kernel program has them */
};

/* The main fields come first: those that take some looking up. The others have few values. */
enum image_field {
    IMAGE_SOURCE,
    IMAGE_DESTINATION,
    IMAGE_DESTINATION_PORT, /* ICMP: type << 8 | code */
    IMAGE_SOURCE_PORT,
    IMAGE_MAIN_FIELDS,
    IMAGE_PROTOCOL = IMAGE_MAIN_FIELDS,
    IMAGE_STATE, /* enum track_state */
    IMAGE_IN,
    IMAGE_OUT,
    IMAGE_FLAGS, /* TCP */
    IMAGE_FIELDS
};

/* How an index looks its field up. */
enum image_kind {
    IMAGE_KEY8,   /* keys: one table of 256 sets */
    IMAGE_KEY16,  /* keys: 256 offsets of pages of 256 sets */
    IMAGE_KEY32,  /* keys: struct image_leaf[], lower bounds of intervals; over them a tree of levels */
    IMAGE_KEY128, /* keys: lower bounds of intervals, sorted; two words each. Then uint32_t[IMAGE_SLOTS]: by
                     hash of a bound its place, for values that are a bound themselves, as names of interfaces
                     mostly are */
};

struct image_index {
    uint8_t field, kind, levels;
    uint32_t count; /* intervals */
    uint32_t keys;  /* offset */
    uint32_t sets;  /* offset of uint32_t[count], offsets of struct image_set; KEY128 */
    struct {
        uint32_t keys; /* offset; of KEY32 as int32_t with the sign bit flipped, so that signed comparison
                          sorts them */
        uint32_t count;
    } level[IMAGE_LEVELS - 1]; /* those above the leaves, the root first */
};

/* A node of the lowest level of a tree, beside what it leads to. The last one is filled up with its last set,
 * under keys that compare as the greatest value. */
struct image_leaf {
    int32_t keys[IMAGE_NODE];
    uint32_t sets[IMAGE_NODE];
};

struct image_middle {
    uint64_t words;  /* which of its 64 leaf words have bits */
    uint64_t leaves; /* offset of the first of them */
};

struct image_set {
    uint64_t top; /* which middle words follow; in a dense table all do */
    struct image_middle middle[];
};

enum { IMAGE_EMPTY_SET = sizeof(struct image_set) + IMAGE_DENSE * sizeof(struct image_middle) };

enum image_action {
    IMAGE_CONTINUE, /* no target, or one that acts elsewhere (LOG) */
    IMAGE_ACCEPT,
    IMAGE_DROP,
    IMAGE_REJECT,
    IMAGE_RETURN,
    IMAGE_JUMP,
    IMAGE_GOTO,
    IMAGE_TARGET, /* MARK, CONNMARK, CT...: has an effect and goes on, or is not known */
};

enum image_rule_flag {
    IMAGE_RESIDUAL = 1 << 0, /* some conditions are not in the sets */
    IMAGE_FINAL = 1 << 1,    /* if its bit is set, no later rule of its chain is looked at */
    IMAGE_IDLE = 1 << 2,     /* nothing to judge and nothing to do but counting and logging */
    IMAGE_RESET = 1 << 3,    /* REJECT by a reset */
    IMAGE_LOGS = 1 << 4,     /* LOG, NFLOG */
};

struct image_rule {
    uint32_t number; /* in its chain, 1... */
    union {
        uint32_t chain;  /* JUMP, GOTO: where to */
        uint32_t effect; /* TARGET: offset of struct effect */
        uint32_t with;   /* REJECT: how (rules_reject_name) */
    };
    uint32_t
        conditions; /* offset of uint32_t[]: offsets of struct condition, all that it asks. Rules that ask the
                            same share one */
    uint16_t count; /* of them */
    uint8_t flags;  /* enum image_rule_flag */
    uint8_t action; /* enum image_action */
    uint64_t residual; /* bit i: condition i is not in the sets */
};

struct image_chain {
    uint32_t first, plain_end, end; /* bits; those before plain_end ask for no main field */
    uint32_t first_main;            /* smallest number of a rule that asks for one; IMAGE_NONE if none does */
    uint32_t last_plain;            /* greatest number of a rule that does not; 0 if all do */
    uint32_t policy;                /* enum rules_policy */
};

struct image_table {
    uint32_t words, middles; /* leaf and middle words of a whole vector */
    uint32_t rules;          /* offset of struct image_rule[], by bit */
    uint32_t chains;         /* offset of struct image_chain[], in the model's order */
    uint32_t chain_count;
    uint32_t counters;   /* offset of uint32_t[words * IMAGE_WORD + chain_count]: by bit, then of the chains'
                            policies, which counter of the kernel program is theirs */
    uint32_t builtin[5]; /* chain of a hook, or IMAGE_NONE */
    uint32_t asks;       /* enum verdict_ignorance: interfaces that rules ask for */
    uint32_t late; /* bit f: no use of enum image_field f for packets without a sound transport header */
    uint8_t count, mains,
        joins; /* fields that have sets; how many of them, coming first, are main ones; joined ones */
    uint32_t wild_middles, wild_words; /* offsets of uint64_t[middles][count], uint64_t[words][count] */
    uint32_t joined;                   /* offset of vectors: uint64_t[middles], then uint64_t[words] */
    struct image_index index[IMAGE_FIELDS], join[IMAGE_FIELDS];
};

struct image_header {
    uint32_t magic;
    uint16_t version;
    uint8_t family;
    uint64_t size;
    uint32_t serial;    /* the loader's: what limits of other images have counted is not this one's */
    uint32_t none;      /* offset of a set without rules */
    uint32_t tables[5]; /* offset, by enum rules_table_type; 0: absent */
};

#endif
