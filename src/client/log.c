/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void client_say(const struct client *c, enum client_event_kind kind, enum speech_phrase phrase,
                const char *const words[])
{
    c->ears.hear(c->ears.arg, kind, phrase, words);
}

static enum speech_phrase phrase_of(int error)
{
    switch (-error) {
    case ETIMEDOUT:
        return SPEECH_TIMED_OUT;
    case ECONNREFUSED:
        return SPEECH_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return SPEECH_RESET;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EACCES:
        return SPEECH_PROHIBITED;
    case ECANCELED:
        return SPEECH_CANCELED;
    default:
        return SPEECH_SYSTEM;
    }
}

const char *client_error_text(int error, int patience, char *out, size_t cap)
{
    char seconds[16];
    bool is_time = error == -ETIMEDOUT;

    snprintf(seconds, sizeof(seconds), "%d", (patience + 999) / 1000);
    return speech_text(
        phrase_of(error),
        (const char *const[SPEECH_WORDS]){is_time ? seconds : speech_of(strerror(-error)), "", "", ""}, out,
        cap);
}

enum client_result client_fail(const struct client *c, enum client_result result, int error, int patience)
{
    char text[SPEECH_TEXT];

    client_error_text(error, patience, text, sizeof(text));
    SAY(c, CLIENT_ERROR, VERBATIM, text);
    return error == -ECANCELED ? CLIENT_CANCELED : error == -ENOMEM ? CLIENT_FAILED : result;
}

enum client_result client_local(const struct client *c, const char *name, int error)
{
    SAY(c, CLIENT_ERROR, LOCAL_FAILED, name, speech_of(strerror(error)));
    return CLIENT_LOCAL_FAILED;
}
