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
/* The same, the caller's to free; the image is no more. */
MUST_USE uint8_t *image_take(struct image **image);

/* As linear_walk says, without trace and counting. */
void image_walk(const struct image *image, enum rules_table_type table, const struct verdict_packet *p,
                struct verdict_memory *memory, struct verdict *ret);

#endif
