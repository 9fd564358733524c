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
    char shown[SPEECH_WORDS][SPEECH_TEXT];
    const char *text = phrases[phrase];
    unsigned count = words ? speech_words(phrase) : 0;

    for (unsigned i = 0; i < SPEECH_WORDS; i++)
        show(i < count ? words[i] : "", shown[i], sizeof(shown[i]));
    snprintf(out, cap, gettext(text), shown[0], shown[1], shown[2], shown[3]);
    return out;
}
