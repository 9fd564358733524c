/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_TELL_PAINT_H
#define SALLY_EXPLAIN_TELL_PAINT_H

/*
 * Lines of a terminal, painted cell by cell and then written out, so that arrows, lanes and words can lie
 * over one another. What stands in rules, captures and file names may be hostile: a control character, a
 * direction override or a broken UTF-8 sequence is painted as its number ("\x1b"), never sent.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum paint_style {
    PAINT_PLAIN,
    PAINT_FAINT,
    PAINT_BOLD,
    PAINT_GOOD,
    PAINT_BAD,
    PAINT_BAD_BOLD,
    PAINT_GOOD_BOLD,
    PAINT_DOUBT,
    PAINT_DOUBT_BOLD,
    PAINT_NOTE,
};

enum { PAINT_WIDEST = 160 };

struct paint {
    FILE *out;
    bool colour, ascii;
    int width; /* of the lines, at most PAINT_WIDEST */
    struct paint_cell {
        uint32_t glyph; /* 0: the right half of a wide one */
        uint8_t style;
    } cells[PAINT_WIDEST];
};

void paint_init(struct paint *p, FILE *out, bool colour, bool ascii, int width);

/* One line: cleared, put together, written without trailing space, and cleared again. Columns are 0...; what
 * lies outside the line is not painted. */
void paint_fill(struct paint *p, int from, int to, uint32_t glyph, enum paint_style style);
/* At most room columns; an ellipsis ends what is cut. Returns the column after it. */
int paint_text(struct paint *p, int column, int room, const char *text, enum paint_style style);
void paint_end_line(struct paint *p);

/* Columns that text takes. */
int paint_columns(const char *text);
/* How many bytes of text fit into room columns, broken at a space if there is one; *ret_next is where the
 * next line begins. At least one character. */
size_t paint_break(const char *text, int room, size_t *ret_next);
/* text in lines between the columns from and p->width. */
void paint_paragraph(struct paint *p, int from, const char *text, enum paint_style style);
/* text on a line that is as long as it must be: to be copied. */
void paint_whole_line(struct paint *p, int from, const char *text, enum paint_style style);

#endif
