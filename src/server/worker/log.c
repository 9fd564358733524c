/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/log.h"

#include "server/worker/session.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SYSLOG_FTP_INFO = 11 * 8 + 6, /* RFC 5424 section 6.2.1: facility ftp, severity informational */
    SYSLOG_FTP_NOTICE = 11 * 8 + 5,
};

static int sinks[LOG_SINK_COUNT] = {-1, -1, -1, -1};

/* A pipe, a socket or a terminal: a reader that does not read must not stop the server. */
static bool may_block[LOG_SINK_COUNT];
static unsigned long long lost[LOG_SINK_COUNT];

void log_set_sink(enum log_sink sink, int fd)
{
    if (sinks[sink] >= 0)
        close(sinks[sink]);
    sinks[sink] = fd;
    may_block[sink] = fd >= 0 && lseek(fd, 0, SEEK_CUR) < 0;
}

/* One line, whole or not at all: a pipe that has room at all takes PIPE_BUF bytes without blocking (pipe(7)).
 */
static void write_whole(enum log_sink sink, const char *line, size_t len)
{
    struct pollfd room = {.fd = sinks[sink], .events = POLLOUT};
    if (may_block[sink] && (len > PIPE_BUF || poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT))) {
        lost[sink]++;
        return;
    }
    (void)!write(sinks[sink], line, len);
}

unsigned long long log_lost(void)
{
    unsigned long long sum = 0;
    for (size_t i = 0; i < LOG_SINK_COUNT; i++)
        sum += lost[i];
    return sum;
}

/* "Sun Nov 22 13:38:59 2026", local time as vsftpd and wu-ftpd have it. */
static const char *timestamp(void)
{
    static char text[32];
    static time_t of;
    time_t t = time(NULL);
    if (t != of) {
        struct tm tm;
        localtime_r(&t, &tm);
        strftime(text, sizeof(text), "%a %b %d %H:%M:%S %Y", &tm);
        of = t;
    }
    return text;
}

/* Control characters in names must not forge lines or drive a terminal. */
static void clean(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            text[i] = '?';
    }
}

static void write_line(enum log_sink sink, char *line, size_t len)
{
    clean(line, len);
    line[len] = '\n';
    write_whole(sink, line, len + (sink != LOG_SINK_SYSLOG));
}

/* One line in vsftpd's own form, to its file or to syslog. What vsftpd calls "pid" tells sessions apart: here
 * their numbers do. */
__attribute__((format(printf, 2, 3))) static void vsftpd_line(const struct session *s, const char *format,
                                                              ...)
{
    char line[FILE_PATH_MAX * 2 + 512];
    size_t at = 0;
    bool to_syslog = sinks[LOG_SINK_SYSLOG] >= 0;
    enum log_sink sink = to_syslog ? LOG_SINK_SYSLOG : LOG_SINK_VSFTPD;
    if (sinks[sink] < 0)
        return;
    if (to_syslog)
        at = (size_t)snprintf(line, sizeof(line), "<%d>sallyd[%d]: ", SYSLOG_FTP_INFO, (int)getpid());
    else
        at =
            (size_t)snprintf(line, sizeof(line), "%s [pid %u] ", timestamp(), s ? s->id : (unsigned)getpid());
    if (s && s->user)
        at += (size_t)snprintf(line + at, sizeof(line) - at, "[%.64s] ", s->user);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + at, sizeof(line) - at, format, args);
    va_end(args);
    at += n > 0 ? (size_t)n : 0;
    write_line(sink, line, at < sizeof(line) - 1 ? at : sizeof(line) - 2);
}

/* --- JSON: one object a line, "time", "event", and what belongs to it ---------------------------------- */

static json_t *text_of(const char *bytes)
{
    json_t *text = json_string(bytes);
    if (text)
        return text;
    /* not UTF-8: what a name can't say, its bytes as Latin-1 can */
    char wide[2 * FILE_PATH_MAX];
    size_t at = 0;
    for (; *bytes && at + 2 < sizeof(wide); bytes++) {
        unsigned char c = (unsigned char)*bytes;
        if (c >= 0x80)
            wide[at++] = (char)(0xc0 | c >> 6);
        wide[at++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    return json_stringn(wide, at);
}

static json_t *json_line(const struct session *s, const char *event)
{
    struct timespec now;
    struct tm tm;
    char time_text[40];
    if (sinks[LOG_SINK_JSON] < 0)
        return NULL;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(time_text + n, sizeof(time_text) - n, ".%03ldZ", now.tv_nsec / 1000000);
    json_t *line = json_object();
    json_object_set_new(line, "time", json_string(time_text));
    json_object_set_new(line, "event", json_string(event));
    if (s) {
        json_object_set_new(line, "session", json_integer(s->id));
        json_object_set_new(line, "client", json_string(s->peer_text));
        if (s->user)
            json_object_set_new(line, "user", text_of(s->user));
    }
    return line;
}

static void json_write(json_t *line)
{
    if (!line)
        return;
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (!text)
        return;
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the NUL, so that one write is one line */
    write_whole(LOG_SINK_JSON, text, len + 1);
    free(text);
}

/* --- events ----------------------------------------------------------------------------------------- */

void log_connect(const struct session *s)
{
    vsftpd_line(s, "CONNECT: Client \"%s\"", s->peer_text);
    json_write(json_line(s, "connect"));
}

void log_login(const struct session *s, bool ok)
{
    const char *result = ok ? "OK" : "FAIL";
    if (s->anonymous && s->password)
        vsftpd_line(s, "%s LOGIN: Client \"%s\", anon password \"%.128s\"", result, s->peer_text,
                    s->password);
    else
        vsftpd_line(s, "%s LOGIN: Client \"%s\"", result, s->peer_text);
    json_t *line = json_line(s, "login");
    if (line)
        json_object_set_new(line, "ok", json_boolean(ok));
    json_write(line);
}

void log_action(const struct session *s, const char *what, bool ok, const char *path, const char *detail)
{
    vsftpd_line(s, "%s %s: Client \"%s\", \"%s%s%s\"", ok ? "OK" : "FAIL", what, s->peer_text, path,
                detail ? " " : "", detail ? detail : "");
    json_t *line = json_line(s, "action");
    if (line) {
        json_object_set_new(line, "action", json_string(what));
        json_object_set_new(line, "ok", json_boolean(ok));
        json_object_set_new(line, "path", text_of(path));
        if (detail)
            json_object_set_new(line, "detail", text_of(detail));
    }
    json_write(line);
}

/* xferlog(5): time, seconds, host, size, name, type, action flag, direction, access mode, user, service,
 * method, id, completion. */
static void xferlog_line(const struct session *s, const struct transfer *t, double seconds, bool ok)
{
    char line[FILE_PATH_MAX + 512], name[FILE_PATH_MAX];
    if (sinks[LOG_SINK_XFER] < 0 || t->listing || t->kind == TRANSFER_HASH)
        return;
    snprintf(name, sizeof(name), "%s", t->path);
    for (char *c = name; *c; c++) { /* fields are split at blanks: wu-ftpd and vsftpd write '_' */
        if (*c == ' ' || (unsigned char)*c < 0x20)
            *c = '_';
    }
    int n =
        snprintf(line, sizeof(line) - 1, "%s %llu %s %llu %s %c _ %c %c %.64s ftp 0 * %c", timestamp(),
                 seconds < 1 ? 1ULL : (unsigned long long)(seconds + 0.5), s->peer_text,
                 (unsigned long long)atomic_load(&t->moved), name, t->ascii ? 'a' : 'b',
                 t->kind == TRANSFER_SEND ? 'o' : 'i',
                 s->grant.kind == LOGIN_ANONYMOUS ? 'a'
                 : s->grant.kind == LOGIN_GUEST   ? 'g'
                                                  : 'r',
                 s->anonymous ? (s->password && *s->password ? s->password : "?") : s->user, ok ? 'c' : 'i');
    write_line(LOG_SINK_XFER, line, (size_t)n < sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2);
}

void log_transfer(const struct session *s, const struct transfer *t, bool ok)
{
    double seconds = worker_now() - t->began;
    unsigned long long bytes = atomic_load(&t->moved);
    if (t->listing)
        return;
    const char *what = t->kind == TRANSFER_HASH       ? "HASH"
                       : t->kind == TRANSFER_SEND     ? "DOWNLOAD"
                       : strcmp(t->verb, "APPE") == 0 ? "APPEND"
                                                      : "UPLOAD";
    xferlog_line(s, t, seconds, ok);
    char size[32] = "";
    if (bytes > 0) /* vsftpd leaves a zero out */
        snprintf(size, sizeof(size), " %llu bytes,", bytes);
    vsftpd_line(s, "%s %s: Client \"%s\", \"%s\",%s %.2fKbyte/sec", ok ? "OK" : "FAIL", what, s->peer_text,
                t->path, size, (double)bytes / 1024.0 / (seconds > 0.0001 ? seconds : 0.0001));
    json_t *line = json_line(s, "transfer");
    if (line) {
        json_object_set_new(line, "command", json_string(t->verb));
        json_object_set_new(line, "ok", json_boolean(ok));
        json_object_set_new(line, "path", text_of(t->path));
        json_object_set_new(line, "bytes", json_integer((json_int_t)bytes));
        json_object_set_new(line, "offset", json_integer((json_int_t)t->offset));
        json_object_set_new(line, "seconds", json_real(seconds));
        json_object_set_new(line, "type", json_string(t->ascii ? "ascii" : "binary"));
        if (!ok && t->error)
            json_object_set_new(line, "error", json_string(strerror(t->error)));
    }
    json_write(line);
}

void log_protocol(const struct session *s, bool is_command, const char *text, size_t len)
{
    vsftpd_line(s, "FTP %s: Client \"%s\", \"%.*s\"", is_command ? "command" : "response", s->peer_text,
                (int)len, text);
}

void log_event(const struct session *s, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (s)
        vsftpd_line(s, "%s: Client \"%s\"", text, s->peer_text);
    else
        vsftpd_line(s, "%s", text);
    json_t *line = json_line(s, "event");
    if (line)
        json_object_set_new(line, "text", text_of(text));
    json_write(line);
}
