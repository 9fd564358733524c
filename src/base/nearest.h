/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BASE_NEAREST_H
#define SALLY_BASE_NEAREST_H

#include <stddef.h>

/*
 * The one of count names that word is most likely a misspelling of, or NULL if none is near: at most one edit
 * for every three bytes of word, and always at least one. An edit inserts, drops or replaces a byte, or swaps
 * two neighbours; ASCII case does not count. Of equally near names the first is taken. Names over 63 bytes
 * are passed over.
 */
const char *nearest_name(const char *word, const char *const *names, size_t count);

#endif
