/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/output.h"

#include "server/worker/file_error.h"
#include "server/worker/log.h"
#include "tls/channel.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    PIECE_BYTES = 16 * 1024, /* one record of TLS */
};

static _Thread_local struct {
    struct session *owner;
    size_t len;
    char bytes[PIECE_BYTES];
} pending;

static void free_backlog(struct session *s)
{
    if (s->control.writable)
        event_free(s->control.writable);
    if (s->control.backlog)
        evbuffer_free(s->control.backlog);
    s->control.writable = NULL;
    s->control.backlog = NULL;
}

/* As many as go at once, or -errno. */
static ssize_t write_some(const struct session *s, const void *bytes, size_t len)
{
    if (s->control.tls)
        return tls_channel_write(s->control.tls, bytes, len);
    ssize_t n = send(s->control.fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

/* In pieces that are no shorter when they are tried again, as TLS wants them. */
static ssize_t write_backlog(struct session *s)
{
    struct evbuffer *b = s->control.backlog;
    ssize_t n = 1;
    while (n > 0 && evbuffer_get_length(b) > 0) {
        size_t len = evbuffer_get_length(b) < PIECE_BYTES ? evbuffer_get_length(b) : PIECE_BYTES;
        const unsigned char *bytes = evbuffer_pullup(b, (ssize_t)len);
        n = bytes ? write_some(s, bytes, len) : -ENOMEM;
        if (n > 0 && evbuffer_drain(b, (size_t)n) < 0)
            n = -ENOMEM;
    }
    return n;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    (void)fd;
    (void)what;
    ssize_t n = write_backlog(s);
    if (n < 0 && n != -EAGAIN && n != -EINTR) {
        free_backlog(s); /* nobody is there to be told */
        session_end(s);
    } else if (evbuffer_get_length(s->control.backlog) == 0)
        free_backlog(s);
    session_changed(s);
}

/* Keeps what the socket did not take. */
static void keep(struct session *s, const char *bytes, size_t len)
{
    if (!s->control.backlog) {
        s->control.backlog = evbuffer_new();
        s->control.writable = event_new(worker.base, s->control.fd, EV_WRITE | EV_PERSIST, on_writable, s);
        if (!s->control.backlog || !s->control.writable || event_add(s->control.writable, NULL) < 0) {
            session_end(s);
            return;
        }
    }
    if (evbuffer_add(s->control.backlog, bytes, len) < 0)
        session_end(s);
}

void output_flush(void)
{
    struct session *s = pending.owner;
    size_t len = pending.len, sent = 0;
    pending.owner = NULL;
    pending.len = 0;
    if (!s || len == 0 || s->control.fd < 0)
        return;
    if (!s->control.backlog) {
        ssize_t n = write_some(s, pending.bytes, len);
        if (n < 0 && n != -EAGAIN && n != -EINTR) {
            session_end(s);
            return;
        }
        sent = n > 0 ? (size_t)n : 0;
    }
    if (sent < len)
        keep(s, pending.bytes + sent, len - sent);
}

void output_drop(struct session *s)
{
    if (pending.owner == s)
        pending.owner = NULL, pending.len = 0;
    free_backlog(s);
}

bool output_is_blocked(const struct session *s)
{
    return s->control.backlog != NULL;
}

static void put(struct session *s, const char *bytes, size_t len)
{
    while (len > 0) {
        if (pending.owner != s || pending.len == sizeof(pending.bytes)) {
            output_flush();
            pending.owner = s;
        }
        size_t room = sizeof(pending.bytes) - pending.len, n = len < room ? len : room;
        memcpy(pending.bytes + pending.len, bytes, n);
        pending.len += n;
        bytes += n;
        len -= n;
    }
}

/* One line, formatted, safe on the wire: names with line ends must not forge replies. */
static void put_line(struct session *s, const char *prefix, const char *format, va_list args)
{
    char text[3 * FILE_PATH_MAX], line[2 * sizeof(text) + 16];
    if (s->ended || s->control.handshake) /* a handshake is no place for words in the clear */
        return;
    int n = vsnprintf(text, sizeof(text), format, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    size_t at = (size_t)snprintf(line, sizeof(line), "%s", prefix);
    for (size_t i = 0; i < len; i++) {
        line[at++] = text[i] == '\n' ? '\0' : text[i] == '\r' ? '?' : text[i];
        if (text[i] == '\xff') /* telnet's IAC, RFC 854: doubled it is a byte */
            line[at++] = text[i];
    }
    if (session_config(s)->log_ftp_protocol)
        log_protocol(s, false, prefix, text);
    line[at++] = '\r';
    line[at++] = '\n';
    put(s, line, at);
    session_changed(s);
}

#define REPLY(prefix_format, code)                                                                           \
    do {                                                                                                     \
        char prefix[16];                                                                                     \
        va_list args;                                                                                        \
        snprintf(prefix, sizeof(prefix), prefix_format, code);                                               \
        va_start(args, format);                                                                              \
        put_line(s, prefix, format, args);                                                                   \
        va_end(args);                                                                                        \
    } while (0)

void reply(struct session *s, int code, const char *format, ...)
{
    REPLY("%d ", code);
}

void reply_more(struct session *s, int code, const char *format, ...)
{
    REPLY("%d-", code);
}

void reply_within(struct session *s, const char *format, ...)
{
    REPLY("%s", " ");
}

void reply_text(struct session *s, int code, const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        size_t shown = n > 0 && text[n - 1] == '\r' ? n - 1 : n;
        reply_more(s, code, "%.*s", (int)(shown < FILE_PATH_MAX ? shown : FILE_PATH_MAX), text);
        n += end ? 1 : 0;
        text += n;
        len -= n;
    }
}

void reply_file_error(struct session *s, uint32_t error, int code, const char *words)
{
    char text[160];
    code = file_error_answer((int)error, code, words, text, sizeof(text));
    reply(s, code, "%s", text);
}
