/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_FORMS_H
#define SALLY_EXPLAIN_REPLAY_FORMS_H

#include "base/result.h"

#include <stddef.h>
#include <stdint.h>

enum { FORMS_PEEK = 512 }; /* bytes by which they are told apart */

/* Why a file that begins with these bytes is no capture that is read here, and the command that makes one of
 * it; one line, a new string. NULL: out of memory. */
MUST_USE char *forms_refuse(const char *name, const uint8_t *bytes, size_t size);

#endif
