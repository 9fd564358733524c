/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_IMAGE_COUNTS_H
#define SALLY_TESTS_ORACLE_IMAGE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "rules/model.h"

/* What the kernel program counts: an element for each bit of the image's filter, then of its raw. */

/* How many elements; at least one, for a map has that. */
uint32_t image_counts_size(const uint8_t *image);
/* Gives each rule of rules, which the image was compiled from, what was counted for its bit. */
void image_counts_read(const uint8_t *image, const struct rules_counters *counts, struct rules *rules);

#endif
