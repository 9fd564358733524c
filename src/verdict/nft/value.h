/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_NFT_VALUE_H
#define SALLY_VERDICT_NFT_VALUE_H

/*
 * What nft's expressions are for a packet, as nf_tables has them in its registers: net/netfilter/nft_payload.c, nft_meta.c,
 * nft_ct.c, nft_fib.c, nft_exthdr.c, nft_bitwise.c, nft_lookup.c. Of each bit it is known whether it is known. A value that is
 * absent (NFT_BREAK) ends the rule that asks for it, whatever it compares it with.
 */
#include "rules/nft/nft.h"
#include "verdict/verdict.h"

struct nft_part {
    nft_number value;
    nft_number hidden; /* bits that are not known; 0 in value */
    bool excludes;     /* whatever it is, it is not excluded */
    nft_number excluded;
};

struct nft_value {
    enum verdict_answer absent; /* UNKNOWN: it is not known whether it is */
    const char *because; /* of what is hidden, or maybe absent: a phrase that lives as long as the rules */
    uint8_t count;
    struct nft_part part[NFT_PARTS];
};

/* What an evaluation may look at. */
struct nft_world {
    const struct verdict_packet *p;
    struct verdict_memory *memory;
};

void nft_evaluate(const struct nft_expr *e, const struct nft_world *w, struct nft_value *ret);

/* Is the value from first to last, over all that it may be? */
enum verdict_answer nft_part_within(const struct nft_part *part, nft_number first, nft_number last);
/* As numbers: not known are those of bits, which are absent or not as is said. */
void nft_be(struct nft_value *ret, nft_number value);
void nft_be_hidden(struct nft_value *ret, uint16_t bits, const char *because);
void nft_be_absent(struct nft_value *ret);

/* ---- fields (field.c, fib.c) ---- */

/* Has it a header of TCP that can be read? */
bool nft_has_tcp(const struct verdict_packet *p);
void nft_field_value(const struct nft_expr *e, const struct verdict_packet *p, struct nft_value *ret);
void nft_raw_value(const struct nft_expr *e, const struct verdict_packet *p, struct nft_value *ret);
void nft_fib_value(const struct nft_expr *e, const struct verdict_packet *p, struct nft_value *ret);

/* ---- sets (set.c) ---- */

/* Which element has key. YES: *ret is that, if it is not one that was added meanwhile (NULL); UNKNOWN: *ret_because says why,
 * or is left alone if key itself does. */
enum verdict_answer nft_lookup(const struct nft_set *set, const struct nft_value *key,
                               const struct nft_world *w, const struct nft_element **ret,
                               const char **ret_because);
/* Has the element that key? Only what it is written as. */
enum verdict_answer nft_element_has(const struct nft_element *e, const struct nft_value *key);

#endif
