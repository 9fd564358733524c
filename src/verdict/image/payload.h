/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_PAYLOAD_H
#define SALLY_VERDICT_IMAGE_PAYLOAD_H

#include "rules/model.h"
#include "verdict/image/block.h"
#include "verdict/verdict.h"

/* What the kernel program has to know of a match that is asked itself (CONDITION_CALL), put into the block: its
 * offset, or 0: the program can't carry it out. shared has the tables that rules share by name. family: of the rules. */
uint32_t image_payload_add(struct image_block *block, struct verdict_memory *shared, uint8_t family,
                           const struct rules_match *match);

#endif
