/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_SUIT_H
#define SALLY_CMD_WALL_SUIT_H

/* Rules of a file, made to suit the wall that stands. */
#include "base/result.h"
#include "rules/rules.h"
#include "track/native/tracker.h"

/* How a wall tracks and helps unless it is told otherwise. */
void suit_track(struct track_config *ret);

/* Built-in chains that a file does not have are what they are at the beginning, and accept. */
void suit_declare(struct rules *r);

/* What would count after file was restored onto before, as iptables-restore does it: tables that the file does not have,
 * and policies of built-in chains that it does not declare, stay. The caller's; NULL: out of memory. */
MUST_USE struct rules *suit_complete(const struct rules *before, const struct rules *file);

/* Does the kernel program carry them out? What it does less of than they say is told on standard error, too. 0,
 * or -1 and told. */
MUST_USE int suit_check(const char *command, const struct rules *r);

#endif
