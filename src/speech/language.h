/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SPEECH_LANGUAGE_H
#define SALLY_SPEECH_LANGUAGE_H

/* Which language is spoken (speech.h has the choosing): its texts by phrase, NULL where it has none. NULL: English, which the phrases
 * themselves are in. */
const char *const *speech_catalogue(void);

#endif
