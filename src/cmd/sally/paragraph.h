/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_SALLY_PARAGRAPH_H
#define SALLY_CMD_SALLY_PARAGRAPH_H

/* Text on standard output, in the columns of a terminal. */

/* Columns of the terminal; 80 where there is none. */
unsigned paragraph_width(void);
/* Columns that a text takes: Hangul two a letter. */
unsigned paragraph_columns(const char *text);
/* A text and blanks behind it, so many columns in all. */
void paragraph_cell(const char *text, unsigned columns);
/* A paragraph, broken between words; its first line begins with first, the others with as many blanks. */
void paragraph_print(const char *first, const char *text, unsigned width);

#endif
