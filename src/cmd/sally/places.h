/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_SALLY_PLACES_H
#define SALLY_CMD_SALLY_PLACES_H

#include "base/result.h"

/* Where a person's files lie (XDG base directories): what was set, and what came to be. */
enum place { PLACE_CONFIG, PLACE_STATE };

/* $XDG_CONFIG_HOME/sally/NAME or ~/.config/sally/NAME, likewise of state. The caller's to free; NULL: there is no home, or no memory. */
MUST_USE char *place_of(enum place place, const char *name);
/* The same, and the folder is made. */
MUST_USE char *place_made(enum place place, const char *name);

#endif
