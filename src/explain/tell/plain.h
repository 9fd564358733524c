/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_TELL_PLAIN_H
#define SALLY_EXPLAIN_TELL_PLAIN_H

/*
 * Text from rules, wires and file names, made harmless character by character: a control character, a
 * direction override, or a byte that is not UTF-8 becomes its number in words ("\x1b").
 */
#include <stdint.h>
#include <stdio.h>

enum { PLAIN_MOST = 12 }; /* glyphs that one character may become */

/* What to show for the character at *text, which is moved behind it. Returns how many glyphs (0 for a
 * combining mark), and the columns of each on a terminal (1 or 2). */
int plain_next(const char **text, uint32_t glyphs[PLAIN_MOST], int *ret_wide);
/* How many bytes at the beginning of text are characters that are shown as they are, a column each. */
size_t plain_run(const char *text);

/* One glyph as UTF-8. */
void plain_put(uint32_t glyph, FILE *out);

#endif
