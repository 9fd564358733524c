/* SPDX-License-Identifier: BSD-2-Clause */
/* A transfer as one line: NAME [#####     ]  45%  1.2 MB/s  0:09, whose parts go one by one as the terminal gets narrow. */
#include "cmd/sally/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

enum { BAR = 16, NAME_LEAST = 8 };

static void amount(double n, char *out, size_t cap)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    unsigned u = 0;

    while (n >= 1000 && u + 1 < sizeof(units) / sizeof(units[0])) {
        n /= 1000;
        u++;
    }
    snprintf(out, cap, u == 0 || n >= 100 ? "%.0f %s" : "%.1f %s", n, units[u]);
}

static void duration(double seconds, char *out, size_t cap)
{
    unsigned s = seconds > 3599999 ? 3599999 : (unsigned)(seconds + 0.5);

    if (s >= 3600)
        snprintf(out, cap, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, cap, "%u:%02u", s / 60, s % 60);
}

/* As much of name as fits into columns (Hangul takes two each), from its end, and blanks behind it. What is no text of this
 * language, or moves the cursor, is a '?'. Returns the bytes written. */
static size_t put_name(const char *name, unsigned columns, char *out, size_t cap)
{
    wchar_t text[512];
    size_t count = 0, from = 0, n = 0;
    unsigned used = 0;
    mbstate_t state = {0};

    while (*name && count < sizeof(text) / sizeof(text[0])) {
        size_t len = mbrtowc(&text[count], name, MB_CUR_MAX, &state);
        if (len == 0 || len == (size_t)-1 || len == (size_t)-2 || wcwidth(text[count]) < 0) {
            text[count] = L'?';
            len = len == 0 || len > MB_CUR_MAX ? 1 : len;
            state = (mbstate_t){0};
        }
        used += (unsigned)wcwidth(text[count++]);
        name += len;
    }
    while (used > columns && from < count)
        used -= (unsigned)wcwidth(text[from++]);
    state = (mbstate_t){0};
    for (size_t i = from; i < count && n + MB_CUR_MAX < cap; i++) {
        size_t len = wcrtomb(out + n, text[i], &state);
        n += len == (size_t)-1 ? 0 : len;
    }
    while (used++ < columns && n + 1 < cap)
        out[n++] = ' ';
    out[n] = '\0';
    return n;
}

void bar_text(const char *name, uint64_t bytes, uint64_t total, double rate, unsigned width, char *out,
              size_t cap)
{
    bool has_total = total != UINT64_MAX && total > 0;
    double part = has_total ? (double)(bytes < total ? bytes : total) / (double)total : 0;
    char moved[32], speed[48] = "", left[32] = "", bar[32] = "", percent[8] = "", tail[160];
    unsigned filled = (unsigned)(part * (double)BAR), length;

    amount((double)bytes, moved, sizeof(moved));
    if (has_total)
        snprintf(percent, sizeof(percent), " %3u%%", (unsigned)(part * 100));
    if (rate > 0) {
        amount(rate, speed + 2, sizeof(speed) - 4);
        memcpy(speed, "  ", 2);
        strcat(speed, "/s");
    }
    if (has_total && rate > 0) {
        left[0] = left[1] = ' ';
        duration((double)(total - (bytes < total ? bytes : total)) / rate, left + 2, sizeof(left) - 2);
    }
    if (has_total)
        snprintf(bar, sizeof(bar), " [%-*.*s]", BAR, (int)filled, "################");
    /* What is least missed goes first. */
    char *const parts[] = {bar, left, moved, speed};
    for (unsigned gone = 0;; gone++) {
        snprintf(tail, sizeof(tail), "%s%s  %s%s%s", bar, percent, moved, speed, left);
        length = (unsigned)strlen(tail);
        if (length + NAME_LEAST <= width || gone == sizeof(parts) / sizeof(parts[0]))
            break;
        *parts[gone] = '\0';
    }
    if (length >= width) {
        put_name(name, width, out, cap);
        return;
    }
    size_t n = put_name(name, width - length, out, cap);
    snprintf(out + n, cap - n, "%s", tail);
}
