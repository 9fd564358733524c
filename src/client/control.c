/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void client_drop(struct client *c)
{
    channel_free(&c->control);
    ftp_lines_clear(&c->lines);
}

bool client_replied(const struct client *c, int hundred)
{
    return c->reply.code / 100 == hundred / 100;
}

/* The next line of the control channel, without its end. */
static enum client_result read_line(struct client *c, char line[FTP_LINE_MAX + 1])
{
    char bytes[4096];
    size_t len, taken, read = 0;

    for (;;) {
        enum ftp_line_result found = ftp_lines_next(&c->lines, line, &len);
        if (found == FTP_LINE)
            return CLIENT_OK;
        if (found == FTP_LINE_OVERLONG || read > 2 * FTP_LINE_MAX) { /* or it has no end */
            snprintf(bytes, sizeof(bytes), "%d", FTP_LINE_MAX);
            SAY(c, CLIENT_ERROR, REPLY_TOO_LONG, bytes);
            return CLIENT_FAILED;
        }
        ssize_t n = channel_read(c->control, bytes, sizeof(bytes));
        if (n == 0 || n == -EPIPE) {
            c->opening.error = -EPIPE;
            SAY(c, CLIENT_ERROR, CLOSED_EARLY);
            return CLIENT_NO_CONNECTION;
        }
        if (n < 0) {
            c->opening.error = (int)n;
            return client_fail(c, CLIENT_NO_CONNECTION, (int)n, c->limits.patience);
        }
        read += (size_t)n;
        if (ftp_lines_feed(&c->lines, bytes, (size_t)n, &taken) < 0 || taken < (size_t)n)
            return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    }
}

static enum client_result refuse_reply(struct client *c, enum ftp_reply_state state)
{
    char most[16];

    snprintf(most, sizeof(most), "%d", FTP_REPLY_MOST);
    if (state == FTP_REPLY_NONE)
        SAY(c, CLIENT_ERROR, REPLY_UNREADABLE);
    else if (state == FTP_REPLY_TOO_LONG)
        SAY(c, CLIENT_ERROR, REPLY_TOO_LONG, most);
    else
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    return CLIENT_FAILED;
}

enum client_result client_hear(struct client *c)
{
    char line[FTP_LINE_MAX + 1];
    enum ftp_reply_state state = FTP_REPLY_MORE;
    enum client_result r = CLIENT_OK;

    ftp_reply_clear(&c->reply);
    while (!r && state == FTP_REPLY_MORE) {
        r = read_line(c, line);
        if (r)
            break;
        SAY(c, CLIENT_RESPONSE, VERBATIM, line);
        state = ftp_reply_add(&c->reply, line);
        if (state != FTP_REPLY_MORE && state != FTP_REPLY_WHOLE)
            r = refuse_reply(c, state);
    }
    if (r)
        client_drop(c); /* what comes next could be the answer to anything */
    return r;
}

/* A line end in a name would begin another command. */
static bool is_one_line(const char *text)
{
    return !strpbrk(text, "\r\n");
}

enum client_result client_command(struct client *c, const char *verb, const char *argument)
{
    bool is_secret = strcasecmp(verb, "PASS") == 0 || strcasecmp(verb, "ACCT") == 0;
    char *line = NULL, *shown = NULL, *named = NULL;
    enum client_result r = CLIENT_FAILED;
    int error;

    if (!c->control)
        return CLIENT_NO_CONNECTION;
    if (argument && !is_one_line(argument)) {
        SAY(c, CLIENT_ERROR, LOCAL_FAILED, is_secret ? verb : argument, speech_of(strerror(EILSEQ)));
        return CLIENT_LOCAL_FAILED;
    }
    named = argument && !is_secret ? client_name_out(c, argument) : NULL;
    if (argument && !is_secret && !named)
        return client_local(c, argument, errno);
    if (asprintf(&line, "%s%s%s\r\n", verb, argument ? " " : "",
                 named      ? named
                 : argument ? argument
                            : "") < 0)
        line = NULL;
    else if (asprintf(&shown, "%s%s%s", verb, argument ? " " : "",
                      is_secret  ? "****"
                      : argument ? argument
                                 : "") < 0)
        shown = NULL;
    if (!line || !shown) {
        r = client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
        goto out;
    }
    SAY(c, CLIENT_COMMAND, VERBATIM, shown);
    error = channel_write(c->control, line, strlen(line));
    r = error ? client_fail(c, CLIENT_NO_CONNECTION, error, c->limits.patience) : client_hear(c);
    if (error) {
        c->opening.error = error;
        client_drop(c);
    }
out:
    if (line)
        explicit_bzero(line, strlen(line));
    free(line);
    free(shown);
    free(named);
    return r;
}

enum client_result client_refused(struct client *c, enum client_result result, enum speech_phrase phrase,
                                  const char *of)
{
    char *last = ftp_reply_last_line(&c->reply);

    if (!last)
        return client_fail(c, CLIENT_FAILED, -ENOMEM, 0);
    if (c->reply.code == 421) {
        SAY(c, CLIENT_ERROR, TOO_MANY, last);
        client_drop(c);
        result = CLIENT_BUSY;
    } else {
        client_say(c, CLIENT_ERROR, phrase, (const char *const[SPEECH_WORDS]){of, last, "", ""});
    }
    free(last);
    return result;
}

enum client_result client_do(struct client *c, const char *verb, const char *argument)
{
    enum client_result r = client_command(c, verb, argument);

    if (r || client_replied(c, 200) || client_replied(c, 300))
        return r;
    return client_refused(c, CLIENT_REMOTE_REFUSED, SPEECH_REMOTE_REFUSED, argument ? argument : verb);
}

enum client_result client_try(struct client *c, const char *verb, const char *argument, bool *ret_done)
{
    enum client_result r = client_command(c, verb, argument);

    *ret_done = !r && (client_replied(c, 200) || client_replied(c, 300));
    return r;
}

enum client_result client_where(struct client *c, char *ret, size_t cap)
{
    enum client_result r = client_do(c, "PWD", NULL);
    char raw[FTP_LINE_MAX], *name;
    size_t len;

    if (r)
        return r;
    if (!ftp_reply_path(&c->reply, raw, sizeof(raw)))
        return client_refused(c, CLIENT_FAILED, SPEECH_REPLY_UNEXPECTED, "PWD");
    name = client_name_in(c, raw, strlen(raw), &len);
    snprintf(ret, cap, "%s", name ? name : raw);
    free(name);
    return CLIENT_OK;
}
