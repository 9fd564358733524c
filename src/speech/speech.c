/* SPDX-License-Identifier: BSD-2-Clause */
#include "speech/speech.h"
#include "speech/language.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const phrases[] = {
#define SPEECH(name, text) [SPEECH_##name] = text,
#include "speech/phrases.h"
#undef SPEECH
};

static const char *const names[] = {
#define SPEECH(name, text) [SPEECH_##name] = #name,
#include "speech/phrases.h"
#undef SPEECH
};

const char *speech_name(enum speech_phrase phrase)
{
    return names[phrase];
}

unsigned speech_words(enum speech_phrase phrase)
{
    unsigned count = 0;

    for (const char *at = phrases[phrase]; (at = strchr(at, '%')); at++)
        if (at[1] >= '1' && at[1] <= '0' + SPEECH_WORDS && at[2] == '$' && count < (unsigned)(at[1] - '0'))
            count = (unsigned)(at[1] - '0');
    return count;
}

/* As it is spoken. */
static const char *text_of(enum speech_phrase phrase)
{
    const char *const *catalogue = speech_catalogue();
    const char *text = catalogue ? catalogue[phrase] : NULL;

    return text ? text : phrases[phrase];
}

/* ---- words into their places ---- */

struct line {
    char *out;
    size_t cap, size; /* size: what it would have, as snprintf(3) counts */
};

static void add(struct line *l, const char *text, size_t size)
{
    if (l->size < l->cap) {
        size_t room = l->cap - l->size;
        memcpy(l->out + l->size, text, size < room ? size : room);
    }
    l->size += size;
}

/* The word that stands at text, "%2$s": 1. -1: none does. */
static int word_at(const char *text)
{
    if (text[0] != '%' || text[1] < '1' || text[1] > '0' + SPEECH_WORDS || text[2] != '$' || text[3] != 's')
        return -1;
    return text[1] - '1';
}

/* A translation can't do more than put words in another order: nothing else in it is special. How many bytes it takes without the NUL;
 * out is as long as cap allows. */
static size_t expand(const char *text, const char *const words[], char *out, size_t cap)
{
    struct line l = {.out = out, .cap = cap ? cap - 1 : 0};

    while (*text) {
        int word = word_at(text);
        if (word >= 0)
            add(&l, words[word], strlen(words[word]));
        else
            add(&l, text, 1);
        text += word >= 0 ? 4 : 1;
    }
    if (cap)
        out[l.size < l.cap ? l.size : l.cap] = '\0';
    return l.size;
}

/* No word of a server's may move the cursor, or look like a line of ours. */
static void show(const char *word, char *out, size_t cap)
{
    size_t n = 0;

    for (; *word && n + 5 < cap; word++) {
        unsigned char c = (unsigned char)*word, next = (unsigned char)word[1];
        if (c == 0xc2 && next >= 0x80 && next < 0xa0) { /* the other half of them: ESC and a letter in one */
            memcpy(out + n, "M-^", 3);
            n += 3;
            c = (unsigned char)((next & 0x1f) | 64);
            word++;
        } else if (c < 32 || c == 127) {
            out[n++] = '^';
            c ^= 64;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
}

char *speech_text(enum speech_phrase phrase, const char *const words[], char *out, size_t cap)
{
    char shown[SPEECH_WORDS][SPEECH_TEXT];
    const char *list[SPEECH_WORDS];
    unsigned count = words ? speech_words(phrase) : 0;

    for (unsigned i = 0; i < SPEECH_WORDS; i++) {
        list[i] = i < count ? shown[i] : "";
        if (i < count)
            show(words[i], shown[i], sizeof(shown[i]));
    }
    expand(text_of(phrase), list, out, cap);
    return out;
}

static char *expand_new(const char *text, size_t count, const char *const words[])
{
    const char *list[SPEECH_WORDS];

    for (size_t i = 0; i < SPEECH_WORDS; i++) {
        list[i] = i < count ? words[i] : "";
        if (!list[i])
            return NULL;
    }
    size_t size = expand(text, list, NULL, 0) + 1;
    char *made = malloc(size);
    if (made)
        expand(text, list, made, size);
    return made;
}

char *speech_new(enum speech_phrase phrase, size_t count, const char *const words[])
{
    return expand_new(text_of(phrase), count, words);
}

char *speech_english(enum speech_phrase phrase, size_t count, const char *const words[])
{
    return expand_new(phrases[phrase], count, words);
}

const char *speech_plain(enum speech_phrase phrase)
{
    return text_of(phrase);
}

const char *speech_of(const char *english)
{
    for (unsigned i = 0; speech_catalogue() && i < SPEECH_PHRASES; i++) {
        if (strcmp(phrases[i], english) == 0)
            return text_of((enum speech_phrase)i);
    }
    return english;
}

const char *speech_number(uint64_t number, char out[SPEECH_NUMBER])
{
    snprintf(out, SPEECH_NUMBER, "%" PRIu64, number);
    return out;
}
