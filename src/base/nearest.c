/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

enum {
    NAME_MAX_BYTES = 63,
};

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
    unsigned char x = (unsigned char)a, y = (unsigned char)b;
    if (x >= 'A' && x <= 'Z')
        x = (unsigned char)(x + 32);
    if (y >= 'A' && y <= 'Z')
        y = (unsigned char)(y + 32);
    return x == y;
}

/* Damerau-Levenshtein distance in its restricted form (no edit inside a swapped pair), three rows at a time.
 */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][NAME_MAX_BYTES + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned replaced = above[j - 1] + !same_letter(a[i - 1], b[j - 1]);
            row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        unsigned *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

const char *nearest_name(const char *word, const char *const *names, size_t count)
{
    size_t len = strnlen(word, NAME_MAX_BYTES + 1);
    const char *nearest = NULL;
    if (len == 0 || len > NAME_MAX_BYTES)
        return NULL;
    unsigned limit = len < 6 ? 1 : (unsigned)(len / 3);
    for (size_t i = 0; i < count; i++) {
        size_t name_len = strnlen(names[i], NAME_MAX_BYTES + 1);
        size_t difference = name_len > len ? name_len - len : len - name_len;
        if (name_len > NAME_MAX_BYTES || difference > limit) /* each byte more or less is an edit */
            continue;
        unsigned distance = edit_distance(word, len, names[i], name_len);
        if (distance <= limit && (!nearest || distance < limit)) {
            nearest = names[i];
            limit = distance;
        }
    }
    return nearest;
}
