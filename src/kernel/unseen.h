/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_UNSEEN_H
#define SALLY_KERNEL_UNSEEN_H

#include "base/result.h"
#include "kernel/load.h"

/*
 * No wall of this network namespace was found where walls are kept: does none stand? The kernel is asked, which has the
 * programs of all walls of the machine; it does not tell of which namespace they are, so that with one that is not seen
 * a wall's place in this one is tried, too. root: where walls are kept, or negative: nothing is there. -ENOENT: none
 * stands here, as *error says already; -ENOMEDIUM: that is not known, and *error says why not.
 */
MUST_USE int unseen_check(int root, struct kernel_error *error);

#endif
