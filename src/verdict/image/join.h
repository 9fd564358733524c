/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_JOIN_H
#define SALLY_VERDICT_IMAGE_JOIN_H

#include "base/result.h"
#include "verdict/image/block.h"
#include "verdict/image/format.h"

/*
 * Joins fields with few classes: for each combination of their classes a vector of the rules that want it
 * lies ready. (Cross-producting, after Srinivasan, Varghese, Suri and Waldvogel, "Fast and scalable layer
 * four switching", SIGCOMM 1998, but of the small fields only and as far as IMAGE_JOINED bytes.)
 */
enum { JOIN_CLASSES = 64 }; /* of a field; with more it is not joined */

struct join_field {
    struct image_index index; /* its offsets are in a block of its own */
    struct image_block block;
    uint64_t *wild; /* leaf words of the rules that don't ask for it */
    uint32_t classes;
    uint32_t sets[JOIN_CLASSES]; /* by class */
};

struct join {
    struct join_field fields[IMAGE_FIELDS];
    unsigned count;
    uint32_t combinations, words, middles;
};

void join_init(struct join *j, uint32_t words, uint32_t middles);
void join_fini(struct join *j);
/* Takes index, in *block (which is emptied), and wild, if there is still room. false: there is not. */
MUST_USE bool join_add(struct join *j, const struct image_index *index, struct image_block *block,
                       uint64_t **wild);
/* Writes indexes and vectors into block and into *table what concerns them. 0 or -ENOMEM. */
MUST_USE int join_write(const struct join *j, struct image_block *block, struct image_table *table);

#endif
