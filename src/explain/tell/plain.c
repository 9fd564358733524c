/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/tell/plain.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    BROKEN = 0x110000, /* added to a byte that is not UTF-8 */
};

/* The character at *text, which is moved behind it; a byte that begins none is BROKEN + byte. */
static uint32_t take_character(const char **text)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const uint8_t *at = (const uint8_t *)*text;
    for (int more = 0; more < 4; more++) {
        if ((at[0] & forms[more].mask) != forms[more].lead)
            continue;
        uint32_t c = at[0] & (uint8_t)~forms[more].mask;
        int i = 1;
        for (; i <= more && (at[i] & 0xc0) == 0x80; i++)
            c = c << 6 | (at[i] & 0x3f);
        if (i <= more || c < forms[more].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            break;
        *text += more + 1;
        return c;
    }
    *text += 1;
    return BROKEN + at[0];
}

/* Would it do something to a terminal, or to the order of what is read, instead of being seen? */
static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c >= BROKEN || c == 0x061c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           c == 0xfeff || (c & 0xfffe) == 0xfffe;
}

/* Columns of a character, without asking the locale: 0 for combining marks, 2 for East Asian wide ones
 * (Unicode Standard Annex 11, the blocks that matter). */
static int character_width(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        int width;
    } blocks[] = {
        {0x0300, 0x036f, 0}, {0x1100, 0x115f, 2},   {0x1ab0, 0x1aff, 0},   {0x1dc0, 0x1dff, 0},
        {0x20d0, 0x20ff, 0}, {0x2e80, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},
        {0xfe00, 0xfe0f, 0}, {0xfe20, 0xfe2f, 0},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},
        {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
    };
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        if (c >= blocks[i].first && c <= blocks[i].last)
            return blocks[i].width;
    }
    return 1;
}

size_t plain_run(const char *text)
{
    size_t size = 0;
    while (text[size] >= 0x20 && text[size] < 0x7f)
        size++;
    return size;
}

int plain_next(const char **text, uint32_t glyphs[PLAIN_MOST], int *ret_wide)
{
    uint32_t c = take_character(text);
    *ret_wide = 1;
    if (is_harmful(c)) {
        char number[13];
        uint32_t value = c >= BROKEN ? c - BROKEN : c;
        int size = snprintf(number, sizeof(number), value < 0x100 ? "\\x%02x" : "\\u%04x", value);
        for (int i = 0; i < size; i++)
            glyphs[i] = (uint8_t)number[i];
        return size;
    }
    glyphs[0] = c;
    *ret_wide = character_width(c);
    return *ret_wide > 0; /* a combining mark has no cell of its own */
}

void plain_put(uint32_t c, FILE *out)
{
    if (c < 0x80) {
        fputc((int)c, out);
    } else if (c < 0x800) {
        fputc((int)(0xc0 | c >> 6), out);
        fputc((int)(0x80 | (c & 0x3f)), out);
    } else if (c < 0x10000) {
        fputc((int)(0xe0 | c >> 12), out);
        fputc((int)(0x80 | (c >> 6 & 0x3f)), out);
        fputc((int)(0x80 | (c & 0x3f)), out);
    } else {
        fputc((int)(0xf0 | c >> 18), out);
        fputc((int)(0x80 | (c >> 12 & 0x3f)), out);
        fputc((int)(0x80 | (c >> 6 & 0x3f)), out);
        fputc((int)(0x80 | (c & 0x3f)), out);
    }
}
