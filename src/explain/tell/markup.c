/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/tell/markup.h"
#include "explain/tell/paint.h"
#include "explain/tell/plain.h"

#include <limits.h>

static void put_glyph(uint32_t glyph, FILE *out)
{
    switch (glyph) {
    case '&':
        fputs("&amp;", out);
        break;
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    case '\'':
        fputs("&#39;", out);
        break;
    default:
        plain_put(glyph, out);
    }
}

void markup_text_cut(FILE *out, const char *text, int most)
{
    int columns = 0;
    bool whole = most == INT_MAX || paint_columns(text) <= most;
    while (*text) {
        uint32_t glyphs[PLAIN_MOST];
        int wide, count = plain_next(&text, glyphs, &wide);
        columns += count * wide;
        if (columns > most - !whole) {
            fputs("…", out);
            return;
        }
        for (int i = 0; i < count; i++)
            put_glyph(glyphs[i], out);
    }
}

void markup_text(FILE *out, const char *text)
{
    markup_text_cut(out, text, INT_MAX);
}
