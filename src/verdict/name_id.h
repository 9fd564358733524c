/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_NAME_ID_H
#define SALLY_VERDICT_NAME_ID_H

/* By what something with a name is known to who does not know names. Freestanding. */
#include "rules/model.h"

/* FNV-1a of the name, begun with family: 0 for what both families share. */
static inline uint64_t name_id(uint8_t family, const char *name)
{
    uint64_t id = (UINT64_C(0xcbf29ce484222325) ^ family) * UINT64_C(0x100000001b3);

    for (unsigned i = 0; i < RULES_NAME && name[i]; i++)
        id = (id ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
    return id;
}

#endif
