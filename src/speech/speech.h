/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SPEECH_SPEECH_H
#define SALLY_SPEECH_SPEECH_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is said to people of an FTP session: one vocabulary, of the client's log, its failures, what may be their cause, and what a
 * firewall has to do with it. Engines name a phrase and give its words; the text is in the language that the program has chosen, which is
 * English until it does. Catalogues (po/ in the sources) are part of the program: doc/decisions/0040-speech.md says why.
 */
enum speech_phrase {
#define SPEECH(name, text) SPEECH_##name,
#include "speech/phrases.h"
#undef SPEECH
    SPEECH_PHRASES
};

enum {
    SPEECH_WORDS = 8,   /* that a phrase may have */
    SPEECH_TEXT = 1024, /* bytes of a text that is long enough for any whose words are short */
    SPEECH_NUMBER = 24, /* bytes of any number */
};

/* ---- which language: the process's ---- */

/* "ko", "ko_KR.UTF-8", "en"...; C and POSIX are English. False: there is no catalogue for it, and nothing changes. */
MUST_USE bool speech_speak(const char *language);
/* That of the environment, by gettext(3)'s rules: LC_ALL, LC_MESSAGES or LANG, before which LANGUAGE comes unless that is C. */
void speech_speak_locale(void);
/* Its name in two letters: "en", "ko". */
const char *speech_language(void);

/* ---- texts ---- */

/* words: as many as the phrase asks for, or NULL if none; control characters in them are shown as ^X, for they may be
 * a server's. Into out, cut to cap. Returns out. */
char *speech_text(enum speech_phrase phrase, const char *const words[], char *out, size_t cap);

/* A new string, and whole; the words stand in it as they are, for who makes all text harmless where it is shown. NULL: out of memory, or
 * one of the words is NULL, since it was. */
MUST_USE char *speech_new(enum speech_phrase phrase, size_t count, const char *const words[]);
#define SPEECH_LIST(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
/* The same in English, whatever is spoken: for what must not hang on it, such as an order. */
MUST_USE char *speech_english(enum speech_phrase phrase, size_t count, const char *const words[]);
/* PHRASE(PLACE_RULE, "3", "INPUT"): speech_new of SPEECH_PLACE_RULE. */
#define PHRASE(name, ...)                                                                                    \
    speech_new(SPEECH_##name, sizeof(SPEECH_LIST(__VA_ARGS__)) / sizeof(char *) - 1, SPEECH_LIST(__VA_ARGS__))

/* Of a phrase that has no words. */
const char *speech_plain(enum speech_phrase phrase);
#define SAID(name) speech_plain(SPEECH_##name)

/* A text that is the English of a phrase without words, in the language that is spoken; any other as it is. For who has it from a room
 * that knows nothing of languages. */
const char *speech_of(const char *english);

/* A number as a word, into out. Returns out. */
const char *speech_number(uint64_t number, char out[SPEECH_NUMBER]);
/* The same, until the end of the block. */
#define NUMBER(number) speech_number(number, (char[SPEECH_NUMBER]){""})

/* Its name in phrases.h, which stays the same in all languages. */
const char *speech_name(enum speech_phrase phrase);
/* How many words it has. */
unsigned speech_words(enum speech_phrase phrase);

#endif
