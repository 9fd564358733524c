/* SPDX-License-Identifier: BSD-2-Clause */
#include "speech/speech.h"

#include <libintl.h>
#include <stdio.h>
#include <string.h>

static const char *const phrases[] = {
#define SPEECH(name, text) [SPEECH_##name] = text,
#include "speech/phrases.h"
#undef SPEECH
};

/* No word of a server's may move the cursor, or look like a line of ours. */
static void show(const char *word, char *out, size_t cap)
{
    size_t n = 0;

    for (; *word && n + 3 < cap; word++) {
        unsigned char c = (unsigned char)*word;
        if (c < 32 || c == 127) {
            out[n++] = '^';
            c ^= 64;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
}

char *speech_text(enum speech_phrase phrase, const char *const words[], char *out, size_t cap)
{
    char shown[SPEECH_WORDS][SPEECH_TEXT] = {""};
    const char *text = phrases[phrase];

    /* A phrase has as many words as its last %N$s says; behind that nothing is read. */
    for (size_t i = 0; words && i < SPEECH_WORDS; i++) {
        char mark[] = {'%', (char)('1' + i), '$', '\0'};
        if (strstr(text, mark))
            show(words[i], shown[i], sizeof(shown[i]));
    }
    snprintf(out, cap, gettext(text), shown[0], shown[1], shown[2], shown[3]);
    return out;
}
