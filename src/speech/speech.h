/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SPEECH_SPEECH_H
#define SALLY_SPEECH_SPEECH_H

#include <stddef.h>

/*
 * What is said to people of an FTP session: one vocabulary, of the client's log, its failures, and what may be their cause.
 * Engines name a phrase and give its words; whoever talks to a person asks for the text, in the person's language (gettext(3), domain
 * "sallyport": setlocale and textdomain are the program's).
 */
enum speech_phrase {
#define SPEECH(name, text) SPEECH_##name,
#include "speech/phrases.h"
#undef SPEECH
    SPEECH_PHRASES
};

enum {
    SPEECH_WORDS = 4,   /* that a phrase may have */
    SPEECH_TEXT = 1024, /* bytes of a text that is long enough for any whose words are short */
};

/* words: as many as the phrase asks for, or NULL if none; control characters in them are shown as ^X, for they may be
 * a server's. Into out, cut to cap. Returns out. */
char *speech_text(enum speech_phrase phrase, const char *const words[], char *out, size_t cap);

/* Its name in phrases.h, which stays the same in all languages. */
const char *speech_name(enum speech_phrase phrase);
/* How many words it has. */
unsigned speech_words(enum speech_phrase phrase);

#endif
