/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_FORGET_H
#define SALLY_KERNEL_FORGET_H

#include "kernel/standing.h"

/*
 * Removes what rules remembered that no longer count: what limits of their images have counted, lists of recent and
 * tables of hashlimit that no rule names any more. rules are those that count now for their family. What can't be
 * removed does no harm but for its room.
 */
void standing_forget(struct kernel_wall *wall, const struct rules *rules);

#endif
