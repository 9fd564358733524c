/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_OUTPUT_H
#define SALLY_SERVER_WORKER_OUTPUT_H

#include "server/worker/session.h"

/*
 * Replies (RFC 959 section 4.2). What one callback says to a session gathers in one buffer that the process has and goes
 * out in one send, when the session is settled; only what the socket does not take costs the session memory of its own.
 * Replies to different events must not travel together: output_flush between them.
 */

/* One line, or one of several. Text follows printf; a newline in it (of a file name) is sent as NUL, see ftp/line.h, and
 * 0xff doubled, as telnet wants it. Dropped if the session has ended. */
__attribute__((format(printf, 3, 4))) void reply(struct session *s, int code, const char *format, ...);
__attribute__((format(printf, 3, 4))) void reply_more(struct session *s, int code, const char *format, ...);
/* A line within a multi-line reply, without a code: a blank goes before it. */
__attribute__((format(printf, 2, 3))) void reply_within(struct session *s, const char *format, ...);
/* Many lines of free text under one code, as message files are sent: each "230-text". */
void reply_text(struct session *s, int code, const char *text, size_t len);
/* What a request for files that failed is answered (file_error.h). */
void reply_file_error(struct session *s, uint32_t error, int code, const char *words);

/* Sends what was gathered; what the socket does not take becomes that session's backlog. */
void output_flush(void);
/* Forgets whatever is still to be sent to s. */
void output_drop(struct session *s);
/* The client does not read its replies: take no further command from it. */
bool output_is_blocked(const struct session *s);

#endif
