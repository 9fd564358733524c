/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_MEMBERS_H
#define SALLY_CMD_WALL_MEMBERS_H

#include "rules/model.h"
#include "verdict/sets/sets.h"

/* Does a rule ask for a set's members? r NULL: none. */
bool members_are_asked(const struct rules *r);
/* The sets of this network namespace as ipset has them now; the caller's. 0 and *ret, which is NULL if there are
 * none or there is no ipset; or -errno, and then what is wrong has been said. */
MUST_USE int members_read(struct sets **ret);

#endif
