/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_IMAGE_PRIVATE_H
#define SALLY_VERDICT_IMAGE_PRIVATE_H

#include "verdict/image/block.h"
#include "verdict/image/image.h"

/* What the block leaves out: conditions and targets that only code can judge stand in the model. */
struct image {
    struct image_block block;
    const struct rules *rules;
};

#endif
