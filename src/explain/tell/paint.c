/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/tell/paint.h"
#include "explain/tell/plain.h"

#include <string.h>

enum { ELLIPSIS = 0x2026 };

/* ---- cells ---- */

static void clear(struct paint *p)
{
    for (int i = 0; i < PAINT_WIDEST; i++)
        p->cells[i] = (struct paint_cell){.glyph = ' '};
}

void paint_init(struct paint *p, FILE *out, bool colour, bool ascii, int width)
{
    *p = (struct paint){.out = out, .colour = colour, .ascii = ascii, .width = width};
    if (p->width > PAINT_WIDEST)
        p->width = PAINT_WIDEST;
    clear(p);
}

static void set_cell(struct paint *p, int column, uint32_t glyph, enum paint_style style)
{
    if (column >= 0 && column < p->width)
        p->cells[column] = (struct paint_cell){.glyph = glyph, .style = (uint8_t)style};
}

void paint_fill(struct paint *p, int from, int to, uint32_t glyph, enum paint_style style)
{
    for (int i = from; i < to; i++)
        set_cell(p, i, glyph, style);
}

int paint_columns(const char *text)
{
    int columns = 0;
    while (*text) {
        uint32_t glyphs[PLAIN_MOST];
        int wide, count = plain_next(&text, glyphs, &wide);
        columns += count * wide;
    }
    return columns;
}

int paint_text(struct paint *p, int column, int room, const char *text, enum paint_style style)
{
    int end = column + room;
    bool whole = paint_columns(text) <= room;
    if (room <= 0)
        return column;
    while (*text) {
        uint32_t glyphs[PLAIN_MOST];
        int wide, count = plain_next(&text, glyphs, &wide);
        if (column + count * wide > end - !whole) {
            set_cell(p, column, ELLIPSIS, style);
            return column + 1;
        }
        for (int i = 0; i < count; i++, column += wide) {
            set_cell(p, column, glyphs[i], style);
            if (wide == 2)
                set_cell(p, column + 1, 0, style);
        }
    }
    return column;
}

/* ---- lines ---- */

static uint32_t to_ascii(uint32_t c)
{
    static const struct {
        uint32_t glyph;
        char ascii;
    } table[] = {
        {L'─', '-'}, {L'═', '='}, {L'╌', '.'}, {L'│', '|'}, {L'║', '#'}, {L'├', '|'}, {L'┤', '|'},
        {L'╞', '|'}, {L'╡', '|'}, {L'╫', '#'}, {L'╬', '#'}, {L'▶', '>'}, {L'◀', '<'}, {L'✗', 'X'},
        {L'✓', '*'}, {L'·', '-'}, {L'…', '~'}, {L'→', '>'}, {L'⋮', ':'}, {L'━', '='},
    };
    if (c < 0x80)
        return c;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].glyph == c)
            return (uint8_t)table[i].ascii;
    }
    return '?';
}

static void put_style(const struct paint *p, enum paint_style style)
{
    static const char *const codes[] = {
        [PAINT_PLAIN] = "\033[0m",          [PAINT_FAINT] = "\033[0;2m",  [PAINT_BOLD] = "\033[0;1m",
        [PAINT_GOOD] = "\033[0;32m",        [PAINT_BAD] = "\033[0;31m",   [PAINT_BAD_BOLD] = "\033[0;1;31m",
        [PAINT_GOOD_BOLD] = "\033[0;1;32m", [PAINT_DOUBT] = "\033[0;33m", [PAINT_DOUBT_BOLD] = "\033[0;1;33m",
        [PAINT_NOTE] = "\033[0;36m",
    };
    if (p->colour)
        fputs(codes[style], p->out);
}

static void put_glyph(const struct paint *p, uint32_t glyph)
{
    plain_put(p->ascii ? to_ascii(glyph) : glyph, p->out);
}

void paint_end_line(struct paint *p)
{
    int end = p->width;
    enum paint_style style = PAINT_PLAIN;
    while (end > 0 && p->cells[end - 1].glyph == ' ')
        end--;
    for (int i = 0; i < end; i++) {
        const struct paint_cell *cell = &p->cells[i];
        if (cell->glyph == 0)
            continue;
        if (cell->style != style && cell->glyph != ' ')
            put_style(p, style = cell->style);
        put_glyph(p, cell->glyph);
    }
    if (style != PAINT_PLAIN)
        put_style(p, PAINT_PLAIN);
    fputc('\n', p->out);
    clear(p);
}

size_t paint_break(const char *text, int room, size_t *ret_next)
{
    const char *at = text, *space = NULL;
    int columns = 0;
    while (*at) {
        const char *next = at;
        uint32_t glyphs[PLAIN_MOST];
        int wide, count = plain_next(&next, glyphs, &wide);
        if (*at == ' ')
            space = at;
        columns += count * wide;
        if (columns > room && at > text)
            break;
        at = next;
    }
    if (*at && space && space > text && *at != ' ')
        at = space;
    *ret_next = (size_t)(at - text) + strspn(at, " ");
    return (size_t)(at - text);
}

void paint_paragraph(struct paint *p, int from, const char *text, enum paint_style style)
{
    do {
        char line[PAINT_WIDEST * 4 + 1];
        size_t next, size = paint_break(text, p->width - from, &next);
        snprintf(line, sizeof(line), "%.*s", (int)size, text);
        paint_text(p, from, p->width - from, line, style);
        paint_end_line(p);
        text += next;
    } while (*text);
}

void paint_whole_line(struct paint *p, int from, const char *text, enum paint_style style)
{
    fprintf(p->out, "%*s", from, "");
    if (style != PAINT_PLAIN)
        put_style(p, style);
    while (*text) {
        uint32_t glyphs[PLAIN_MOST];
        size_t run = plain_run(text);
        fwrite(text, 1, run, p->out);
        text += run;
        int wide, count = *text ? plain_next(&text, glyphs, &wide) : 0;
        for (int i = 0; i < count; i++)
            put_glyph(p, glyphs[i]);
    }
    if (style != PAINT_PLAIN)
        put_style(p, PAINT_PLAIN);
    fputc('\n', p->out);
}
