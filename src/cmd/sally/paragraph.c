/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/sally/paragraph.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { WIDTH = 80 };

unsigned paragraph_width(void)
{
    struct winsize size = {0};

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : WIDTH;
}

static unsigned columns_of(const char *text, size_t len)
{
    mbstate_t state = {0};
    unsigned columns = 0;

    while (len > 0) {
        wchar_t c;
        size_t n = mbrtowc(&c, text, len, &state);
        bool is_text = n > 0 && n <= len;
        int wide = is_text ? wcwidth(c) : 1;
        columns += wide > 0 ? (unsigned)wide : 0;
        if (!is_text)
            state = (mbstate_t){0};
        text += is_text ? n : 1;
        len -= is_text ? n : 1;
    }
    return columns;
}

unsigned paragraph_columns(const char *text)
{
    return columns_of(text, strlen(text));
}

void paragraph_cell(const char *text, unsigned columns)
{
    fputs(text, stdout);
    for (unsigned used = paragraph_columns(text); used < columns; used++)
        putchar(' ');
}

void paragraph_print(const char *first, const char *text, unsigned width)
{
    unsigned indent = paragraph_columns(first), used = indent;
    bool begins = true;

    fputs(first, stdout);
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        unsigned columns = columns_of(text, len);
        if (!begins && used + 1 + columns > width) {
            printf("\n%*s", (int)indent, "");
            used = indent;
            begins = true;
        }
        printf("%s%.*s", begins ? "" : " ", (int)len, text);
        used += columns + !begins;
        begins = false;
        text += len;
    }
    putchar('\n');
}
