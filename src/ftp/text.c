/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/text.h"

#include "base/bounded.h"

#include <string.h>

bool ftp_is_digit(char c)
{
    return bounded_is_digit((uint8_t)c);
}

bool ftp_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool ftp_is_ascii(char c)
{
    return (uint8_t)c < 0x80;
}

struct ftp_text ftp_text_from(struct ftp_text t, size_t from)
{
    return from < t.len ? (struct ftp_text){t.at + from, t.len - from} : (struct ftp_text){t.at + t.len, 0};
}

struct ftp_text ftp_text_take(struct ftp_text *rest, char c)
{
    const char *found = memchr(rest->at, c, rest->len);
    struct ftp_text t = {rest->at, found ? (size_t)(found - rest->at) : rest->len};
    *rest = ftp_text_from(*rest, t.len + 1);
    return t;
}

bool ftp_text_begins(struct ftp_text t, const char *word)
{
    size_t at = 0;
    for (; *word && *word != ' '; word++, at++) {
        if (at == t.len)
            return false;
        if (*word != '*') {
            if (bounded_upper((uint8_t)t.at[at]) != bounded_upper((uint8_t)*word))
                return false;
            continue;
        }
        if (ftp_is_ascii(t.at[at]))
            return false;
        while (at + 1 < t.len && !ftp_is_ascii(t.at[at + 1]))
            at++;
    }
    return true;
}

bool ftp_text_is(struct ftp_text t, const char *word)
{
    return t.len == strlen(word) && ftp_text_begins(t, word);
}

bool ftp_text_number(struct ftp_text t, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    if (t.len == 0)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        unsigned digit = (uint8_t)t.at[i] - (unsigned)'0';
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret = value;
    return true;
}

/* At most so many digits; how many there were. */
static size_t read_digits(struct ftp_text t, size_t most, unsigned *ret)
{
    size_t len = 0;
    for (*ret = 0; len < most && len < t.len && ftp_is_digit(t.at[len]); len++)
        *ret = *ret * 10 + (unsigned)(t.at[len] - '0');
    return len;
}

size_t ftp_text_form(struct ftp_text t, const char *form, unsigned *ret)
{
    size_t at = 0;
    for (; *form; form++) {
        if (*form == 'Y' || *form == 'N') {
            size_t len = read_digits(ftp_text_from(t, at), *form == 'Y' ? 4 : 2, ret++);
            if (len == 0 || (*form == 'Y' && len < 4))
                return 0;
            at += len;
        } else if (at < t.len && (t.at[at] == *form || (*form == '-' && t.at[at] == '/'))) {
            at++;
        } else {
            return 0;
        }
    }
    return at < t.len && ftp_is_digit(t.at[at]) ? 0 : at;
}

bool ftp_text_fits(struct ftp_text t, const char *form, unsigned *ret)
{
    size_t len = ftp_text_form(t, form, ret);
    return len > 0 && len == t.len;
}

struct ftp_words ftp_text_split(struct ftp_text t)
{
    struct ftp_words w = {.count = 0};
    for (size_t i = 0; w.count < sizeof(w.word) / sizeof(w.word[0]); w.count++) {
        while (i < t.len && ftp_is_blank(t.at[i]))
            i++;
        size_t begin = i;
        while (i < t.len && !ftp_is_blank(t.at[i]))
            i++;
        if (i == begin)
            break;
        w.word[w.count] = (struct ftp_text){t.at + begin, i - begin};
    }
    return w;
}
