/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_SNAPSHOT_H
#define SALLY_CMD_WALL_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "host/snapshot.h"

/* Writes a snapshot of this machine, that is of this network namespace, into a new text; nothing is changed. Sections are
 * numbered by bits (1 << enum snapshot_section): those in without are left out; *ret_missing are those that could not be
 * had and without which answers may be unknown. 0 or -ENOMEM. */
MUST_USE int snapshot_take(uint32_t without, char **ret_text, size_t *ret_size, uint32_t *ret_missing);

#endif
