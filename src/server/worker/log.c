/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/log.h"

#include "server/worker/file_error.h"
#include "server/worker/session.h"
#include "server/worker/sink.h"
#include "server/worker/transfer.h"
#include "tls/channel.h"

#include <errno.h>
#include <jansson.h>
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

/* "Sun Nov 22 13:38:59 2026", local time as vsftpd and wu-ftpd have it. */
static const char *timestamp(void)
{
    static _Thread_local char text[32];
    static _Thread_local time_t of;
    time_t t = time(NULL);
    if (t != of) {
        struct tm tm;
        localtime_r(&t, &tm);
        strftime(text, sizeof(text), "%a %b %d %H:%M:%S %Y", &tm);
        of = t;
    }
    return text;
}

/* --- what others chose ------------------------------------------------------------------------------- */

enum {
    SHOWN_MAX = 2 * FILE_PATH_MAX,
};

/* What may not stand in a field, as pairs of a character and what is written in its place. */
static const char in_brackets[] = "[(])\"'"; /* a user, in [...] */
static const char in_quotes[] = "\"'";       /* a path or a password, in "..." */
static const char in_words[] = " _\"'";      /* xferlog's fields, which are split at blanks */

/* How many bytes the control character has that text begins with: C0, DEL; in UTF-8 C1, and the separators of lines and
 * paragraphs (U+2028, U+2029). 0: it begins with another, or is at its end. */
static size_t control_length(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x20 || c[0] == 0x7f)
        return c[0] != 0;
    if (c[0] == 0xc2)
        return c[1] >= 0x80 && c[1] <= 0x9f ? 2 : 0;
    return c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9) ? 3 : 0;
}

/*
 * text as a field of a log shows it: a name that nobody has proven to own must not forge the field's end, a line, or a
 * terminal's commands. out: SHOWN_MAX bytes.
 */
static const char *shown(const char *text, const char *replaced, char *out)
{
    size_t at = 0;
    for (; *text && at + 1 < SHOWN_MAX; text++) {
        size_t control = control_length(text);
        const char *pair = replaced;
        while (*pair && *pair != *text)
            pair += 2;
        if (control > 0)
            out[at++] = replaced == in_words ? '_' : '?';
        else
            out[at++] = *pair ? pair[1] : *text;
        text += control > 1 ? control - 1 : 0;
    }
    out[at] = '\0';
    return out;
}

/* "": nothing; else what follows a line about a failure. */
static const char *reason_of(const char *why, char *out, size_t cap)
{
    out[0] = '\0';
    if (why)
        (void)snprintf(out, cap, ": %s", why);
    return out;
}

/* --- lines ------------------------------------------------------------------------------------------- */

/* One line in vsftpd's own form, to its file or to syslog; whatever others chose was made fit to be shown. What vsftpd
 * calls "pid" tells sessions apart: here their numbers do. */
__attribute__((format(printf, 2, 3))) static void vsftpd_line(const struct session *s, const char *format,
                                                              ...)
{
    char line[2 * SHOWN_MAX + 1024], user[SHOWN_MAX];
    size_t at = 0;
    bool to_syslog = sink_is_wanted(LOG_SINK_SYSLOG);
    enum log_sink sink = to_syslog ? LOG_SINK_SYSLOG : LOG_SINK_VSFTPD;
    if (!sink_is_wanted(sink))
        return;
    if (to_syslog)
        at = (size_t)snprintf(line, sizeof(line), "<%d>sallyd[%d]: ", SYSLOG_FTP_INFO, (int)getpid());
    else
        at =
            (size_t)snprintf(line, sizeof(line), "%s [pid %u] ", timestamp(), s ? s->id : (unsigned)getpid());
    if (s && s->login.user)
        at += (size_t)snprintf(line + at, sizeof(line) - at, "[%.64s] ",
                               shown(s->login.user, in_brackets, user));
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + at, sizeof(line) - at - 1, format, args);
    va_end(args);
    at += n > 0 ? (size_t)n : 0;
    if (at > sizeof(line) - 2)
        at = sizeof(line) - 2;
    line[at] = '\n';
    sink_write(sink, line, at + (sink != LOG_SINK_SYSLOG));
}

/* --- JSON: one object a line, "time", "event", and what belongs to it -------------------------------- */

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
    if (!sink_is_wanted(LOG_SINK_JSON))
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
        json_object_set_new(line, "client", json_string(session_peer_text(s)));
        if (s->login.user)
            json_object_set_new(line, "user", text_of(s->login.user));
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
    sink_write(LOG_SINK_JSON, text, len + 1);
    free(text);
}

/* --- events ------------------------------------------------------------------------------------------ */

void log_connect(const struct session *s)
{
    vsftpd_line(s, "CONNECT: Client \"%s\"", session_peer_text(s));
    json_write(json_line(s, "connect"));
}

void log_tls(const struct session *s)
{
    const struct tls_channel *c = s->control.tls;
    char subject[512], subject_shown[SHOWN_MAX];
    bool has_subject = tls_channel_client(c, subject, sizeof(subject));
    const char *protocol = tls_channel_protocol(c), *cipher = tls_channel_cipher(c);
    if (session_config(s)->debug_ssl || has_subject)
        vsftpd_line(s, "TLS: Client \"%s\", %s %s%s%s%s", session_peer_text(s), protocol, cipher,
                    has_subject ? ", certificate \"" : "",
                    has_subject ? shown(subject, in_quotes, subject_shown) : "", has_subject ? "\"" : "");
    json_t *line = json_line(s, "tls");
    if (line) {
        json_object_set_new(line, "protocol", json_string(protocol));
        json_object_set_new(line, "cipher", json_string(cipher));
        if (has_subject)
            json_object_set_new(line, "certificate", text_of(subject));
    }
    json_write(line);
}

void log_login(const struct session *s, bool ok)
{
    const char *result = ok ? "OK" : "FAIL";
    char password[SHOWN_MAX];
    if (s->login.anonymous && s->login.password)
        vsftpd_line(s, "%s LOGIN: Client \"%s\", anon password \"%.128s\"", result, session_peer_text(s),
                    shown(s->login.password, in_quotes, password));
    else
        vsftpd_line(s, "%s LOGIN: Client \"%s\"", result, session_peer_text(s));
    json_t *line = json_line(s, "login");
    if (line)
        json_object_set_new(line, "ok", json_boolean(ok));
    json_write(line);
}

void log_action(const struct session *s, const char *what, const char *path, const char *detail,
                const char *why)
{
    char path_shown[SHOWN_MAX], detail_shown[SHOWN_MAX], reason[256];
    vsftpd_line(s, "%s %s: Client \"%s\", \"%s%s%s\"%s", why ? "FAIL" : "OK", what, session_peer_text(s),
                shown(path, in_quotes, path_shown), detail ? " " : "",
                detail ? shown(detail, in_quotes, detail_shown) : "", reason_of(why, reason, sizeof(reason)));
    json_t *line = json_line(s, "action");
    if (line) {
        json_object_set_new(line, "action", json_string(what));
        json_object_set_new(line, "ok", json_boolean(!why));
        json_object_set_new(line, "path", text_of(path));
        if (detail)
            json_object_set_new(line, "detail", text_of(detail));
        if (why)
            json_object_set_new(line, "error", json_string(why));
    }
    json_write(line);
}

/* xferlog(5): time, seconds, host, size, name, type, action flag, direction, access mode, user, service,
 * method, id, completion. */
static void xferlog_line(const struct session *s, const struct transfer *t, double seconds, bool ok)
{
    char line[2 * SHOWN_MAX + 512], name[SHOWN_MAX], user[SHOWN_MAX];
    const struct login *l = &s->login;
    const char *who = !l->anonymous ? l->user : l->password && *l->password ? l->password : "?";
    if (!sink_is_wanted(LOG_SINK_XFER) || t->listing || t->kind == TRANSFER_HASH)
        return;
    int n = snprintf(line, sizeof(line) - 1, "%s %llu %s %llu %s %c _ %c %c %.64s ftp 0 * %c", timestamp(),
                     seconds < 1 ? 1ULL : (unsigned long long)(seconds + 0.5), session_peer_text(s),
                     (unsigned long long)atomic_load(&t->moved), shown(t->path, in_words, name),
                     t->ascii ? 'a' : 'b', t->kind == TRANSFER_SEND ? 'o' : 'i',
                     l->grant.kind == LOGIN_ANONYMOUS ? 'a'
                     : l->grant.kind == LOGIN_GUEST   ? 'g'
                                                      : 'r',
                     shown(who, in_words, user), ok ? 'c' : 'i');
    size_t len = (size_t)n < sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;
    line[len] = '\n';
    sink_write(LOG_SINK_XFER, line, len + 1);
}

static const char *transfer_word(const struct transfer *t)
{
    if (t->listing)
        return t->verb;
    if (t->kind == TRANSFER_HASH)
        return "HASH";
    if (t->kind == TRANSFER_SEND)
        return "DOWNLOAD";
    return strcmp(t->verb, "APPE") == 0 ? "APPEND" : "UPLOAD";
}

static const char *why_not(const struct transfer *t)
{
    if (t->why)
        return t->why;
    if (t->broker_died)
        return file_error_text(EPIPE);
    if (t->result == TRANSFER_ABORTED)
        return "aborted";
    if (t->result == TRANSFER_CUT_OFF)
        return t->error == EPIPE ? "TLS ended without close_notify" : "what came is not TLS, or was changed";
    return t->result == TRANSFER_STALLED ? "data_connection_timeout" : file_error_text(t->error);
}

void log_transfer(const struct session *s, const struct transfer *t, bool ok)
{
    double seconds = worker_now() - t->began;
    unsigned long long bytes = atomic_load(&t->moved);
    char path[SHOWN_MAX], reason[256], size[32] = "";
    const char *why = ok ? NULL : why_not(t);
    if (t->listing && ok)
        return;
    xferlog_line(s, t, seconds, ok);
    if (bytes > 0) /* vsftpd leaves a zero out */
        snprintf(size, sizeof(size), " %llu bytes,", bytes);
    vsftpd_line(s, "%s %s: Client \"%s\", \"%s\",%s %.2fKbyte/sec%s", ok ? "OK" : "FAIL", transfer_word(t),
                session_peer_text(s), shown(t->path, in_quotes, path), size,
                (double)bytes / 1024.0 / (seconds > 0.0001 ? seconds : 0.0001),
                reason_of(why, reason, sizeof(reason)));
    json_t *line = json_line(s, "transfer");
    if (line) {
        json_object_set_new(line, "command", json_string(t->verb));
        json_object_set_new(line, "ok", json_boolean(ok));
        json_object_set_new(line, "path", text_of(t->path));
        json_object_set_new(line, "bytes", json_integer((json_int_t)bytes));
        json_object_set_new(line, "offset", json_integer((json_int_t)t->offset));
        json_object_set_new(line, "seconds", json_real(seconds));
        json_object_set_new(line, "type", json_string(t->ascii ? "ascii" : "binary"));
        json_object_set_new(line, "tls", json_boolean(s->data.is_private));
        if (why)
            json_object_set_new(line, "error", json_string(why));
    }
    json_write(line);
}

void log_protocol(const struct session *s, bool is_command, const char *prefix, const char *text)
{
    char text_shown[SHOWN_MAX];
    vsftpd_line(s, "FTP %s: Client \"%s\", \"%s%s\"", is_command ? "command" : "response",
                session_peer_text(s), prefix, shown(text, in_quotes, text_shown));
}

void log_event(const struct session *s, const char *format, ...)
{
    char text[512], text_shown[SHOWN_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)shown(text, in_quotes, text_shown); /* its result is text_shown */
    if (s)
        vsftpd_line(s, "%s: Client \"%s\"", text_shown, session_peer_text(s));
    else
        vsftpd_line(s, "%s", text_shown);
    json_t *line = json_line(s, "event");
    if (line)
        json_object_set_new(line, "text", text_of(text));
    json_write(line);
}
