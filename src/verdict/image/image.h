/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_IMAGE_H
#define SALLY_VERDICT_IMAGE_IMAGE_H

#include "base/result.h"
#include "verdict/verdict.h"

/*
 * A rule set compiled into one flat, versioned block without pointers (offsets from its start), which user
 * space and, later, the kernel programs walk: per-field classifiers that map a header field to a class, a
 * bit-vector of rules per class; the verdict is the first bit of their intersection whose residual matches
 * hold. After Lakshman and Stiliadis, "High-speed policy-based packet forwarding" (SIGCOMM 1998), and
 * Baboescu and Varghese, "Scalable packet classification" (SIGCOMM 2001).
 */
struct image;

/* NULL: out of memory, or more than IMAGE_RULES rules in a table. r must outlive the image: verdicts point
 * into it. */
enum { IMAGE_RULES = 200000 };
MUST_USE struct image *image_compile(const struct rules *r);
void image_free(struct image **image);
size_t image_size(const struct image *image);          /* bytes of the flat block */
const uint8_t *image_bytes(const struct image *image); /* the block itself, see format.h */

/*
 * A packet's addresses and ports, looked up ahead of the walk. In a burst: first image_look_ahead for all
 * packets, which also fetches what the walk will look at into the cache without waiting for it, then the
 * walks. It pays for packets that begin a connection; most others are decided before their addresses are
 * asked for.
 */
struct image_ahead {
    const struct image *image; /* NULL: nothing has been looked up */
    uint32_t sets[4];
};

void image_look_ahead(const struct image *image, enum rules_table_type table, const struct packet *packet,
                      struct image_ahead *ret);

/* As linear_walk says, without trace and counting. ahead: of this packet and table, or NULL. */
void image_walk(const struct image *image, enum rules_table_type table, const struct verdict_packet *p,
                struct verdict_memory *memory, const struct image_ahead *ahead, struct verdict *ret);

#endif
