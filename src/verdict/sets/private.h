/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_SETS_PRIVATE_H
#define SALLY_VERDICT_SETS_PRIVATE_H

/* Between read.c, which reads the text, and sets.c, which asks. */
#include "base/result.h"
#include "verdict/sets/member.h"
#include "verdict/sets/sets.h"

struct sets_type {
    const char *name;
    const char *parts;
};

struct sets_part {
    union {
        struct {
            struct packet_address first, last;
        } address;
        struct {
            uint16_t first, last;
            uint8_t protocol;
        } port;
        struct {
            char name[RULES_INTERFACE];
            bool wildcard, physical;
        } interface;
        struct {
            uint8_t address[6];
            bool any; /* bitmap:ip,mac: not given, then the first packet's is taken */
        } mac;
        uint32_t mark;
        uint32_t set; /* index */
    };
};

struct sets_member {
    struct sets_part part[SETS_PARTS];
    bool nomatch;
};

struct sets_set {
    char name[RULES_NAME];
    const struct sets_type *type;
    uint8_t family;             /* 0: of any */
    struct packet_address mask; /* netmask or bitmask: what of an address counts */
    uint32_t mark_mask;
    bool has_timeout;             /* its members end */
    uint32_t timeout_s;           /* of those that say no other; 0: for good */
    struct sets_member *members;  /* sorted by their first address, if they have one first */
    struct packet_address *reach; /* then also: the last address that members 0...i hold */
    size_t count, capacity;
    uint8_t longest[SETS_PARTS]; /* prefix that a member has in a part that is a network; 0: there are none */
    uint32_t most;               /* of a hash: so many members have room */
    bool makes_room;             /* forceadd: if there is none, some member goes for a new one */
};

struct sets {
    struct sets_set *sets;
    size_t count, capacity;
};

/* sets.c. NULL: there is none of that name. */
struct sets_set *sets_find(const struct sets *s, const char *name);

/* parts.c. Words are size bytes without NUL; false: the word is none of these. */
MUST_USE bool sets_number_read(const char *word, size_t size, uint32_t most, uint32_t *ret);
MUST_USE bool sets_address_read(const struct sets_set *set, const char *word, size_t size,
                                struct packet_address *ret);
/* A part of an element, of any kind but SETS_SET. */
MUST_USE bool sets_part_read(const struct sets_set *set, char kind, const char *word, size_t size,
                             struct sets_part *ret);
/* What is expected where a part could not be read. */
const char *sets_part_expected(char kind);
/* Which is the lower address: as memcmp. */
int sets_compare(const struct packet_address *a, const struct packet_address *b);
/* Widens both ends of part to the block of that prefix around them. */
void sets_block_make(struct sets_part *part, unsigned prefix, unsigned bits);
/* Length of the prefix of the largest block around address within the range: ipset cuts ranges into such blocks. */
unsigned sets_block_prefix(const struct sets_part *part, const struct packet_address *address, unsigned bits);

#endif
