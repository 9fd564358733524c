/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Replies on their way out. What one callback says to a session gathers in one buffer that the process has
 * and goes out in one send at the end of the callback; only what the socket does not take costs the session
 * memory of its own.
 */
#include "server/worker/output.h"

#include "server/worker/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct {
    struct session *owner;
    size_t len;
    char bytes[16 * 1024];
} pending;

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    (void)what;
    if (evbuffer_write(s->backlog, fd) < 0 && errno != EAGAIN)
        session_end(s);
    else if (evbuffer_get_length(s->backlog) == 0)
        output_drop(s);
    session_settle(s);
}

/* Keeps what the socket did not take. */
static void keep(struct session *s, const char *bytes, size_t len)
{
    if (!s->backlog) {
        s->backlog = evbuffer_new();
        s->writable = event_new(worker.base, s->fd, EV_WRITE | EV_PERSIST, on_writable, s);
        if (!s->backlog || !s->writable || event_add(s->writable, NULL) < 0) {
            session_end(s);
            return;
        }
    }
    if (evbuffer_add(s->backlog, bytes, len) < 0)
        session_end(s);
}

void output_flush(void)
{
    struct session *s = pending.owner;
    size_t len = pending.len, sent = 0;
    pending.owner = NULL;
    pending.len = 0;
    if (!s || len == 0 || s->fd < 0)
        return;
    if (!s->backlog) {
        ssize_t n = send(s->fd, pending.bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
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
    if (s->writable)
        event_free(s->writable);
    if (s->backlog)
        evbuffer_free(s->backlog);
    s->writable = NULL;
    s->backlog = NULL;
}

bool output_is_blocked(const struct session *s)
{
    return s->backlog != NULL;
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
    char line[FILE_PATH_MAX + 512];
    int head = snprintf(line, sizeof(line), "%s", prefix);
    int n = vsnprintf(line + head, sizeof(line) - 2 - (size_t)head, format, args);
    size_t len = (size_t)head + (n < 0 ? 0 : (size_t)n);
    if (len > sizeof(line) - 3)
        len = sizeof(line) - 3;
    for (size_t i = (size_t)head; i < len; i++) {
        if (line[i] == '\n')
            line[i] = '\0';
        else if (line[i] == '\r')
            line[i] = '?';
    }
    if (session_config(s)->log_ftp_protocol)
        log_protocol(s, false, line, len);
    line[len] = '\r';
    line[len + 1] = '\n';
    put(s, line, len + 2);
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
