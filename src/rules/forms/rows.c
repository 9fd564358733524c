/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/rows.h"

#include <string.h>

#include "packet/packet.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

void rows_begin(struct rows *r, const char *text, size_t size)
{
    *r = (struct rows){.at = text, .end = text + size};
}

bool rows_next(struct rows *r)
{
    if (r->at == r->end)
        return false;
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    const char *stop = newline ? newline : r->end;

    r->whole = r->text = r->at;
    r->whole_size = (size_t)(stop - r->at);
    r->at = newline ? newline + 1 : r->end;
    r->number++;
    while (r->text < stop && is_blank(*r->text))
        r->text++;
    while (stop > r->text && is_blank(stop[-1]))
        stop--;
    r->size = (size_t)(stop - r->text);
    return true;
}

bool row_begins(const struct rows *r, const char *what)
{
    size_t size = strlen(what);

    return r->size >= size && memcmp(r->text, what, size) == 0;
}

bool row_holds(const struct rows *r, const char *what)
{
    return r->size && memmem(r->text, r->size, what, strlen(what));
}

const char *row_word(const char **at, const char *end, size_t *ret_size)
{
    const char *word = *at;

    while (word < end && is_blank(*word))
        word++;
    const char *stop = word;
    while (stop < end && !is_blank(*stop))
        stop++;
    *at = stop;
    *ret_size = (size_t)(stop - word);
    return word < stop ? word : NULL;
}

bool word_is(const char *word, size_t size, const char *what)
{
    return word && size == strlen(what) && memcmp(word, what, size) == 0;
}

/* ---- prompts ---- */

/* "iptables", "/usr/sbin/ip6tables-nft-save". */
static bool is_iptables(const char *word, size_t size, struct prompt *ret)
{
    static const char *const back_ends[] = {"", "-nft", "-legacy"};
    const char *slash = memrchr(word, '/', size), *end = word + size;

    word = slash ? slash + 1 : word;
    size = (size_t)(end - word);
    if (size < 8 || (memcmp(word, "iptables", 8) != 0 && (size < 9 || memcmp(word, "ip6tables", 9) != 0)))
        return false;
    ret->family = word[2] == '6' ? PACKET_IPV6 : PACKET_IPV4;
    word += word[2] == '6' ? 9 : 8;
    size = (size_t)(end - word);
    ret->saves = size >= 5 && memcmp(end - 5, "-save", 5) == 0;
    size -= ret->saves ? 5 : 0;
    for (unsigned i = 0; i < 3; i++) {
        if (word_is(word, size, back_ends[i]))
            return true;
    }
    return false;
}

/* -nvL and its like. */
static bool are_letters(const char *word, size_t size)
{
    return size > 1 && word[0] == '-' && word[1] != '-';
}

static void read_options(const char *at, const char *end, struct prompt *ret)
{
    const char *word;
    size_t size;

    while ((word = row_word(&at, end, &size))) {
        if (word_is(word, size, "-t") || word_is(word, size, "--table"))
            ret->table = row_word(&at, end, &ret->table_size);
        else if (word_is(word, size, "--list"))
            ret->command = 'L';
        else if (word_is(word, size, "--list-rules"))
            ret->command = 'S';
        else if (are_letters(word, size) && memchr(word, 'L', size))
            ret->command = 'L';
        else if (are_letters(word, size) && memchr(word, 'S', size))
            ret->command = 'S';
    }
}

bool row_is_prompt(const struct rows *r, struct prompt *ret)
{
    const char *at = r->text, *end = r->text + r->size, *word;
    size_t size;
    unsigned before = 0;

    *ret = (struct prompt){0};
    while ((word = row_word(&at, end, &size)) && before++ < 6) {
        if (is_iptables(word, size, ret)) {
            read_options(at, end, ret);
            return ret->saves || ret->command;
        }
    }
    return false;
}
