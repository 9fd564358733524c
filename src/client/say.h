/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_SAY_H
#define SALLY_CLIENT_SAY_H

#include "client/client.h"

/* Says to who listens what has happened. words: SPEECH_WORDS of them. */
void client_say(const struct client *c, enum client_event_kind kind, enum speech_phrase phrase,
                const char *const words[]);
#define SAY(c, kind, phrase, ...)                                                                            \
    client_say((c), (kind), SPEECH_##phrase, (const char *const[SPEECH_WORDS]){__VA_ARGS__})
/* Says why a call of channel.h failed, and returns result; CLIENT_CANCELED where it was called off. */
enum client_result client_fail(const struct client *c, enum client_result result, int error, int patience);
/* Says what a system call said of a file of this machine; error: errno. Returns CLIENT_LOCAL_FAILED. */
enum client_result client_local(const struct client *c, const char *name, int error);

#endif
