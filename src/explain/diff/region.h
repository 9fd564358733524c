/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_DIFF_REGION_H
#define SALLY_EXPLAIN_DIFF_REGION_H

/*
 * Sets of packets, as a product of one set per field. Numbers (addresses, ports...) are held as an interval,
 * what has at most 256 values as a bitmap. What a rule asks that is no field (limit, recent, a set, the owner
 * of a socket...) is an atom: it holds, or doesn't, or both are possible; the same words mean the same atom.
 */
#include "base/result.h"
#include "packet/build.h"
#include "rules/rules.h"
#include "verdict/wall.h"

typedef unsigned __int128 diff_number;

enum diff_field {
    DIFF_SOURCE,
    DIFF_DESTINATION,
    DIFF_SOURCE_PORT,
    DIFF_DESTINATION_PORT,
    DIFF_ICMP, /* type << 8 | code */
    DIFF_LENGTH,
    DIFF_INTERVALS,
    DIFF_PROTOCOL = DIFF_INTERVALS,
    DIFF_STATE, /* bit n: 1 << n of enum rules_state */
    DIFF_FLAGS,
    DIFF_IN, /* by index in struct diff_names */
    DIFF_OUT,
    DIFF_FRAGMENT, /* bit 1: a later fragment */
    DIFF_TTL,
    DIFF_TOS,
    DIFF_FIELDS,
    DIFF_ATOM = DIFF_FIELDS,
    DIFF_BITMAPS = DIFF_FIELDS - DIFF_INTERVALS,
};

struct diff_bits {
    uint64_t word[4];
};

struct diff_interval {
    diff_number first, last;
};

enum { DIFF_RANGES = RULES_PORTS };

/* One thing that a rule asks: the field is in one of the ranges, or in bits; or the atom holds. */
struct diff_condition {
    uint8_t field; /* enum diff_field */
    bool inverted;
    uint8_t atom, count;
    struct diff_interval *ranges; /* owned; count of them */
    struct diff_bits bits;
};

struct diff_region {
    struct diff_interval interval[DIFF_INTERVALS];
    struct diff_bits bits[DIFF_BITMAPS];
    struct diff_bits holds, fails; /* atoms */
};

/* Interface names that tell all that the rules can tell apart, and the words of atoms. */
enum { DIFF_NAMES = 128, DIFF_ATOMS = 256 };
struct diff_names {
    char interface[DIFF_NAMES][RULES_INTERFACE]; /* the first is one that no rule names */
    size_t interface_count;
    char *atom[DIFF_ATOMS]; /* owned */
    size_t atom_count;
    bool overflow; /* there were more */
};

static inline bool diff_bits_has(const struct diff_bits *b, unsigned n)
{
    return b->word[n / 64] >> (n % 64) & 1;
}
static inline void diff_bits_set(struct diff_bits *b, unsigned n)
{
    b->word[n / 64] |= (uint64_t)1 << (n % 64);
}

/* Everything that can come through a hook. */
void diff_region_all(struct diff_region *ret, uint8_t family, enum wall_path path,
                     const struct diff_names *names);
/* Does each packet of region (YES), or none (NO), or some (UNKNOWN) meet the condition? untracked: the state
 * is UNTRACKED, whatever the region says. */
enum verdict_answer diff_condition_ask(const struct diff_condition *c, const struct diff_region *region,
                                       bool untracked);
/* Cuts region in two along a condition that only some of it meets. */
void diff_region_split(const struct diff_region *region, const struct diff_condition *c,
                       struct diff_region *ret_one, struct diff_region *ret_other);

/* A packet of the region that can really come about, as near to client and server as the region allows. */
struct diff_witness {
    struct packet_recipe recipe;
    uint16_t length; /* of the packet at least, bytes */
    enum track_state state;
    const char *in, *out;          /* "": does not matter */
    bool says_ttl, says_tos;       /* others would fare otherwise */
    struct diff_bits holds, fails; /* atoms, which can't be seen in the packet */
    bool has_atoms;
};
/* false: no packet of the region can come about (a NEW connection that begins with a RST...). */
MUST_USE bool diff_region_witness(const struct diff_region *region, uint8_t family, enum wall_path path,
                                  bool untracked, const struct diff_names *names,
                                  const struct packet_address *client, const struct packet_address *server,
                                  struct diff_witness *ret);
/* The packet itself, in buffer. 0, or a negative errno: it can't be built. */
MUST_USE int diff_witness_build(const struct diff_witness *w, uint8_t buffer[PACKET_LONGEST],
                                struct packet *ret);
diff_number diff_number_of(const struct packet_address *a, uint8_t family);
struct packet_address diff_address_of(diff_number n, uint8_t family);

#endif
